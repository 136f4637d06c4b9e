"""The policy's ConfigMap: a good one is served, a bad one never replaces a good one, and whoever wrote it is told."""

import pytest

from injector.events import Telling
from injector.policy_source import DEFAULT, PolicyMap, PolicySource, policy_map
from sidecar.core.policy_text import parse_policy, version

GOOD = "apiVersion: cdefence.io/v1\nkind: Policy\nmode: monitor\n"
BETTER = "apiVersion: cdefence.io/v1\nkind: Policy\ndlp:\n- {pattern: pci/pan, action: mask}\n"
BAD = "apiVersion: cdefence.io/v1\nkind: Policy\ndlp:\n- {pattern: pci/pin, action: mask}\n- {action: no}\n"


def config(text: str | None, revision: str = "7", *others: str) -> PolicyMap:
    keys = (*others, "policy.yaml") if text is not None else others
    return PolicyMap("u1", "cdefence-system", "cdefence-policy", revision, text, keys)


class Cluster:
    """A source with everything that leaves it."""

    def __init__(self) -> None:
        self.served: list[str] = []
        self.told: list[Telling] = []
        self.source = PolicySource(("pci/pan",), self.served.append, self.told.append, lambda: "2027-04-01")


STORIES = [
    ("none at the start: the default", [None], [DEFAULT], True, 0),
    ("a good one", [GOOD], [GOOD], True, 0),
    ("another", [GOOD, BETTER], [GOOD, BETTER], True, 0),
    ("the same once more is no news", [GOOD, GOOD], [GOOD], True, 0),
    ("a bad one replaces nothing", [GOOD, BAD], [GOOD], False, 1),
    ("a bad one, then a good one", [GOOD, BAD, BETTER], [GOOD, BETTER], True, 1),
    ("a bad one, then the one before", [GOOD, BAD, GOOD], [GOOD], True, 1),
    ("a bad one at the start: none is known", [BAD], [], False, 1),
    ("deleted: the default", [GOOD, None], [GOOD, DEFAULT], True, 0),
    ("bad, then deleted", [GOOD, BAD, None], [GOOD, DEFAULT], True, 1),
]


@pytest.mark.parametrize(("what", "texts", "served", "valid", "refused"), STORIES)
def test_story(what, texts, served, valid, refused):
    cluster = Cluster()
    first, *others = texts
    if first is not None:
        cluster.source.put(config(first))
    cluster.source.synced()
    for text in others:
        if text is None:
            cluster.source.drop(config(GOOD))
        else:
            cluster.source.put(config(text))
    assert cluster.served == served
    state = cluster.source.state
    assert (state.valid, state.refused) == (valid, refused)
    assert state.version == (version(served[-1]) if served else "")


def test_what_the_writer_of_a_bad_one_is_told():
    cluster = Cluster()
    cluster.source.put(config(GOOD))
    cluster.source.put(config(BAD, "8"))
    (telling,) = cluster.told
    assert (telling.about.kind, telling.about.name, telling.about.version) == (
        "ConfigMap",
        "cdefence-policy",
        "8",
    )
    assert (telling.kind.value, telling.reason) == ("Warning", "PolicyRefused")
    assert telling.note == (
        f"refused, policy {version(GOOD)} stays in force: "
        "policy.yaml: dlp[0].pattern: is 'pci/pin', which no pack has; use pci/pan; "
        "policy.yaml: dlp[1].action: is 'no'; use allow, alert, mask or block"
    )


def test_of_an_exception_that_has_ended_the_writer_is_told_and_the_policy_holds():
    cluster = Cluster()
    entry = "{{name: {0}, class: pan, to: node, owner: a, expires: 2027-{1}, reason: migration, why: b}}\n"
    text = f"{GOOD}exceptions:\n- {entry.format('old', '03-31')}- {entry.format('new', '04-01')}"
    cluster.source.put(config(text))
    assert cluster.served == [text]
    (telling,) = cluster.told
    assert (telling.kind.value, telling.reason) == ("Warning", "PolicyExceptionsEnded")
    assert telling.note == "exceptions have ended and are without effect: old; renew or remove them"


@pytest.mark.parametrize(
    ("keys", "note"),
    [
        ((), "has no key policy.yaml, but no key at all; write the policy under policy.yaml"),
        (("policy.yml",), "has no key policy.yaml, but 'policy.yml'; write the policy under policy.yaml"),
    ],
)
def test_a_config_map_without_the_key(keys, note):
    cluster = Cluster()
    cluster.source.put(config(None, "7", *keys))
    assert [telling.note for telling in cluster.told] == [f"refused, no policy is known: {note}"]


def test_no_card_number_is_told():
    cluster = Cluster()
    cluster.source.put(config("apiVersion: cdefence.io/v1\nkind: 4111111111111111\n"))
    assert "411111111111" not in cluster.told[0].note


def test_the_default_is_a_policy_and_allows_nothing_of_its_own():
    policy = parse_policy(DEFAULT, "default").policy
    assert (policy.segmentation, policy.dlp) == ((), ())


@pytest.mark.parametrize(
    ("data", "text", "keys"),
    [
        ({"policy.yaml": GOOD}, GOOD, ("policy.yaml",)),
        ({"policy.yml": GOOD}, None, ("policy.yml",)),
        ({}, None, ()),
        (None, None, ()),
    ],
)
def test_the_facts_of_a_config_map(data, text, keys):
    metadata = {
        "uid": "u1",
        "namespace": "cdefence-system",
        "name": "cdefence-policy",
        "resourceVersion": "7",
    }
    found = policy_map({"metadata": metadata, "data": data})
    assert found == PolicyMap("u1", "cdefence-system", "cdefence-policy", "7", text, keys)
