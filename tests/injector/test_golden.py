"""The golden pairs: what stands in a file, and what it is after injection or why it is refused.

Each pair is gone through four ways: by `cdefence inject`, a second time, back by `cdefence uninject`, and by the
webhook, whose patch must make the very same pod.  `CDEFENCE_GOLDEN=write pytest tests/injector` writes them anew.
"""

import base64
import json
import re

import pytest

from injector import offline, patch, review
from injector.recipe import Recipe
from injector.tree import Object
from injector.workloads import TEMPLATES, Found, find
from injector.yaml_edit import Document
from tests.injector.pods import NAMES, found, source
from tests.kit.golden import FOLDER, check_golden

RECIPE = Recipe(image="registry.example/cdefence:1.2.3", version="1.2.3")

REFUSED = {
    *("bad-annotations", "bad-record", "host-network", "istio-injected"),
    *("linkerd-injected", "no-scope", "reserved", "windows"),
}
UNTOUCHED = {"opted-out"}
REWORDED = {
    "anchors": "what shared a text has one of its own",
    "probe-tcp": "a comment on the line of a port that was replaced is gone",
}
"""After inject and uninject all others are the very bytes they were; these say the same in other words."""


def test_there_are_enough_of_them():
    assert len(NAMES) - len(REFUSED) >= 25
    assert set(NAMES) >= REFUSED | UNTOUCHED


def test_every_kind_of_workload_is_among_them():
    seen = {kind for name in NAMES for kind in re.findall(r"\bkind: *(\w+)", source(name))}
    assert {kind for _, kind in TEMPLATES} <= seen


def test_no_golden_file_is_left_over():
    kept = {path.name for path in (FOLDER / "inject").iterdir() if path.is_file()} - {"annotations.md"}
    assert kept == {f"{name}.refused.txt" if name in REFUSED else f"{name}.yaml" for name in NAMES}


@pytest.mark.parametrize("name", sorted(set(NAMES) - REFUSED))
def test_inject(name):
    report = offline.inject(source(name), RECIPE)
    assert report.problems == []
    notes = "".join(f"# {note}\n" for note in report.notes)
    check_golden(f"inject/{name}.yaml", notes + report.text)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refuse(name):
    report = offline.inject(source(name), RECIPE)
    check_golden(f"inject/{name}.refused.txt", "".join(f"{problem}\n" for problem in report.problems))


@pytest.mark.parametrize("name", sorted(set(NAMES) - REFUSED))
def test_twice_is_once(name):
    once = offline.inject(source(name), RECIPE).text
    again = offline.inject(once, RECIPE)
    assert (again.text, again.changed) == (once, 0)


@pytest.mark.parametrize("name", sorted(set(NAMES) - REFUSED))
def test_a_new_version_replaces_the_old(name):
    old = offline.inject(source(name), Recipe(image="registry.example/cdefence:0", version="0")).text
    new, fresh = (found(offline.inject(text, RECIPE).text) for text in (old, source(name)))
    assert [each.pod for each in new] == [each.pod for each in fresh]


@pytest.mark.parametrize("name", sorted(set(NAMES) - REFUSED))
def test_uninject_undoes_it(name):
    back = offline.uninject(offline.inject(source(name), RECIPE).text).text
    assert [each.pod for each in found(back)] == [each.pod for each in found(source(name))]
    assert (back != source(name)) == (name in REWORDED)


@pytest.mark.parametrize("name", sorted(set(NAMES) - UNTOUCHED))
def test_the_webhook_says_the_same(name):
    wanted = found(offline.inject(source(name), RECIPE).text) if name not in REFUSED else []
    for place, each in enumerate(found(source(name))):
        response = json.loads(review.answer(admission(each), RECIPE).body)["response"]
        if name in REFUSED:
            assert not response["allowed"]
            golden = (FOLDER / "inject" / f"{name}.refused.txt").read_text("utf-8")
            prefix = f"{each.label}: "
            assert response["status"]["message"] == golden.replace(prefix, "").rstrip("\n")
        else:
            assert response["allowed"]
            assert patched(each.pod, response) == wanted[place].pod


def admission(each: Found) -> bytes:
    """What the API server would send."""
    request = {
        "uid": "0b4bd3b0",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "operation": "CREATE",
        "namespace": each.namespace,
        "object": each.pod,
    }
    whole = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    return json.dumps(whole).encode()


def patched(pod: Object, response: Object) -> object:
    """What the API server makes of the pod."""
    if "patch" not in response:
        return pod
    assert response["patchType"] == "JSONPatch"
    return patch.apply(pod, json.loads(base64.b64decode(str(response["patch"]))))


def test_a_golden_pod_reads_as_what_it_is():
    """The helper of the other tests: a list has two pods, one of which is left alone."""
    document = Document(source("list")).value
    assert isinstance(document, dict)
    assert [each.label for each in find(document)] == ["Pod shop/one", "Pod shop/two"]
