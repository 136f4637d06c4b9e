"""AdmissionReview: whatever comes in, an answer goes out."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector import mutate, review
from injector.eligible import Reason
from injector.recipe import Recipe
from injector.review import Result, answer
from injector.tree import Object
from tests.injector.pods import annotated, pod

RECIPE = Recipe(image="registry.example/cdefence:1", version="1")


def asked(given: object, **changes: object) -> bytes:
    request = {
        "uid": "705ab4f5",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "operation": "CREATE",
        "namespace": "shop",
        "object": given,
        **changes,
    }
    return json.dumps(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    ).encode()


def response(outcome: review.Outcome) -> Object:
    whole = json.loads(outcome.body)
    assert (whole["apiVersion"], whole["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    got: Object = whole["response"]
    return got


def test_a_pod_is_patched():
    outcome = answer(asked(pod()), RECIPE)
    got = response(outcome)
    assert (outcome.result, outcome.namespace, outcome.pod) == (Result.INJECTED, "shop", "app")
    assert (got["uid"], got["allowed"], got["patchType"]) == ("705ab4f5", True, "JSONPatch")
    assert "warnings" not in got
    assert got["auditAnnotations"] == {
        "decision": "injected",
        "scope": "in-scope",
        "mode": "protect",
        "hash": mutate.earlier(patched(pod(), got)).hash,  # type: ignore[union-attr]
    }


def patched(given: Object, got: Object) -> Object:
    new = review.patch.apply(given, json.loads(base64.b64decode(str(got["patch"]))))
    assert isinstance(new, dict)
    return new


def test_asked_again_there_is_nothing_to_do():
    again = answer(asked(patched(pod(), response(answer(asked(pod()), RECIPE)))), RECIPE)
    assert again.result is Result.UNCHANGED
    assert not {"patch", "patchType"} & response(again).keys()


def test_a_denial_says_everything_that_is_wrong():
    outcome = answer(asked(annotated(mode="x", ipv6="y")), RECIPE)
    got = response(outcome)
    assert (outcome.result, outcome.reason) == (Result.REJECTED, Reason.ANNOTATIONS)
    assert got == {
        "uid": "705ab4f5",
        "allowed": False,
        "status": {
            "code": 403,
            "message": "cdefence.io/mode: is 'x'; use discover, monitor or protect\n"
            "cdefence.io/ipv6: is 'y'; use on or off",
        },
        "auditAnnotations": {"decision": "rejected", "reason": "annotations"},
    }


def test_warnings_are_told():
    got = response(answer(asked(annotated(drain_seconds="99")), RECIPE))
    assert got["warnings"] == [
        "cdefence.io/drain-seconds: 99 is not below terminationGracePeriodSeconds, 30; the pod is killed first"
    ]


def test_a_long_warning_is_cut_by_us():
    name = "a" * 300
    container = {"name": name, "livenessProbe": {"tcpSocket": {"port": "none"}}}
    (warning,) = response(answer(asked(pod(containers=[container])), RECIPE))["warnings"]  # type: ignore[misc]
    assert len(str(warning)) == 256


@pytest.mark.parametrize(
    "changes",
    [
        {"operation": "UPDATE"},
        {"subResource": "ephemeralcontainers"},
        {"kind": {"kind": "Binding"}},
        {"operation": "DELETE"},
    ],
)
def test_what_is_not_the_creation_of_a_pod_is_let_through(changes):
    outcome = answer(asked(pod(), **changes), RECIPE)
    assert (outcome.result, outcome.reason) == (Result.SKIPPED, Reason.NOT_A_POD)
    assert response(outcome)["allowed"] is True


def test_the_request_says_which_namespace_it_is():
    outcome = answer(asked(pod(), namespace="kube-system"), RECIPE)
    assert (outcome.result, outcome.reason) == (Result.SKIPPED, Reason.SYSTEM_NAMESPACE)
    assert response(outcome)["auditAnnotations"] == {"decision": "skipped", "reason": "system_namespace"}


MALFORMED = {
    "nothing": (b"", "the body is no JSON"),
    "no text": (b"\xff\xfe\x00", "the body is no JSON"),
    "a list": (b"[]", "the body is no JSON object"),
    "too deep": (b"[" * 200_000, "the body is no JSON"),
    "another kind": (b'{"kind":"Pod"}', "the body is no AdmissionReview of admission.k8s.io/v1"),
    "the old version": (
        b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1"}',
        "the body is no AdmissionReview of admission.k8s.io/v1",
    ),
    "no uid": (
        b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{}}',
        "the request has no uid",
    ),
    "no request": (
        b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":7}',
        "request: is no mapping; see the Kubernetes API reference",
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_what_cannot_be_read_is_denied(case):
    body, what = MALFORMED[case]
    outcome = answer(body, RECIPE)
    assert outcome.result is Result.MALFORMED
    assert response(outcome) == {
        "uid": "",
        "allowed": False,
        "status": {"code": 400, "message": f"cdefence cannot read this request: {what}"},
    }


def test_what_is_no_pod_is_denied():
    outcome = answer(asked({"spec": {"containers": 1}}), RECIPE)
    got = response(outcome)
    assert outcome.result is Result.MALFORMED
    assert (got["uid"], got["allowed"]) == ("705ab4f5", False)
    assert got["status"] == {
        "code": 422,
        "message": "cdefence cannot read this pod: containers: is no list; see the Kubernetes API reference",
    }


def test_an_error_of_ours_is_a_denial_that_quotes_nothing(monkeypatch):
    def broken(*_: object) -> None:
        raise KeyError("4111111111111111")

    monkeypatch.setattr(mutate, "inject", broken)
    outcome = answer(asked(pod()), RECIPE)
    got = response(outcome)
    assert (outcome.result, outcome.failure.partition(",")[0]) == (Result.FAILED, "KeyError in broken")
    assert got["status"] == {
        "code": 500,
        "message": "cdefence could not decide about this pod, so it is refused; the controller's log says more",
    }
    assert b"4111" not in outcome.body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "app", "ä"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "metadata",
                    "annotations",
                    "spec",
                    "containers",
                    "initContainers",
                    "name",
                    "httpGet",
                    "livenessProbe",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_nothing_that_is_sent_makes_an_error(given):
    outcome = answer(asked(given), RECIPE)
    assert outcome.result is not Result.FAILED
    assert response(outcome)["uid"] == "705ab4f5"


@given(st.binary(max_size=50))
def test_no_bytes_make_an_error(body):
    assert response(answer(body, RECIPE))["allowed"] is False
