"""What `cdefence status` says about pods: a table of pods and their metrics, and the states that follow."""

import math

import pytest

from injector import status
from injector.scrape import read
from injector.status import Expected, PodStatus, Sample, State
from sidecar.core.scopes import PeerClass
from sidecar.ops.exposition import Exposition
from sidecar.ops.metrics import Metrics
from tests.manifests.pods import Json, injected, written

INSIDE = frozenset({"cde"})


def _pod(pod: Json, namespace: str = "cde", ready: bool | None = True, phase: str = "Running") -> Json:
    statuses = [] if ready is None else [{"name": "cdefence-proxy", "ready": ready}]
    pod["metadata"]["namespace"] = namespace
    return pod | {"status": {"phase": phase, "initContainerStatuses": statuses}}


def _labelled() -> Json:
    pod = written(None)
    pod["metadata"]["labels"]["cdefence.io/inject"] = "false"
    return pod


CASES = (
    ("injected and ready", _pod(injected()), State.COVERED),
    ("injected, not ready", _pod(injected(), ready=False), State.NOT_READY),
    ("injected, not started", _pod(injected(), ready=None, phase="Pending"), State.NOT_READY),
    ("never injected", _pod(written()), State.UNPROTECTED),
    ("left out by annotation", _pod(written(inject="false")), State.EXCLUDED),
    ("left out by label", _pod(_labelled()), State.EXCLUDED),
    ("a scope, and nobody opted in", _pod(written(), "default"), State.NOT_OPTED_IN),
    ("injected before the namespace opted out", _pod(injected(), "default"), State.COVERED),
)


@pytest.mark.parametrize(("pod", "state"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_a_pod_says(pod: Json, state: State) -> None:
    (found,) = status.concerned([pod], INSIDE)
    assert found.state is state


@pytest.mark.parametrize(
    "pod",
    [_pod(written(), phase="Succeeded"), _pod(injected(), phase="Failed"), _pod(written(None), "default")],
)
def test_what_is_nobodys_concern(pod: Json) -> None:
    assert list(status.concerned([pod], INSIDE)) == []


COVERED = PodStatus("cde", "a", "in-scope", "protect", State.COVERED, "0.1.0", "cdefence:1")
EXPECTED = Expected("cdefence:1", "abc")

JUDGED = (
    ("in order", Sample("0.1.0", 2.0, "abc"), EXPECTED, State.COVERED),
    ("no metrics", None, EXPECTED, State.UNSEEN),
    ("no map", Sample("0.1.0", math.inf, "abc"), EXPECTED, State.NO_MAP),
    ("an old map", Sample("0.1.0", 31.0, "abc"), EXPECTED, State.NO_MAP),
    ("another policy", Sample("0.1.0", 2.0, "xyz"), EXPECTED, State.OTHER_POLICY),
    ("policy not known to us", Sample("0.1.0", 2.0, "xyz"), Expected("cdefence:1"), State.COVERED),
    ("an old image", Sample("0.0.9", 2.0, "abc"), Expected("cdefence:2", "abc"), State.OUTDATED),
    ("an old image without metrics", None, Expected("cdefence:2", "abc"), State.OUTDATED),
    ("an old image and no map", Sample("0.0.9"), Expected("cdefence:2", "abc"), State.NO_MAP),
)


@pytest.mark.parametrize(
    ("sample", "expected", "state"), [case[1:] for case in JUDGED], ids=[case[0] for case in JUDGED]
)
def test_what_its_metrics_add(sample: Sample | None, expected: Expected, state: State) -> None:
    judged = status.judged(COVERED, sample, expected)
    assert (judged.state, judged.sample) == (state, sample)


def test_metrics_never_make_a_pod_better() -> None:
    for state in State:
        pod = PodStatus("cde", "a", "", "", state)
        good = status.judged(pod, Sample("0.1.0", 0.0, "abc"), Expected("", "abc")).state
        assert good is state


def test_every_state_is_explained_and_reached() -> None:
    reached = {case[2] for case in CASES} | {case[3] for case in JUDGED}
    assert reached == set(State)
    assert all(state.sentence for state in State if state is not State.COVERED)


def test_the_page_of_a_real_sidecar_is_read() -> None:
    metrics = Metrics(clock=lambda: 107.0, version="0.1.0")
    metrics.set_policy("abc")
    metrics.set_scope_map(lambda: {PeerClass.IN_SCOPE: 1}, 0, 100.0)
    page, _ = Exposition(metrics).page("text/plain")
    assert read(page.decode()) == Sample("0.1.0", 7.0, "abc", 0, 0)


def test_a_page_that_is_none() -> None:
    assert read("") == Sample()
    with pytest.raises(ValueError):
        read("<html>not metrics</html>")


def test_the_summary() -> None:
    pods = [
        PodStatus("b", "x", "", "", state)
        for state in (State.COVERED, State.EXCLUDED, State.NO_MAP, State.UNSEEN)
    ]
    pods.append(PodStatus("a", "y", "", "", State.UNPROTECTED))
    assert status.summary(pods) == [("a", "1", "0", "0", "1"), ("b", "4", "2", "1", "1")]


def test_json_has_no_infinity() -> None:
    document = status.document(status.judged(COVERED, Sample("0.1.0"), EXPECTED))
    assert document["state"] == "no-map"
    assert document["sidecar"] == {
        "version": "0.1.0",
        "map_age_s": None,
        "policy": "",
        "blocked": 0,
        "findings": 0,
    }
