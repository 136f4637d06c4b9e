"""What is installed works: the controller has the rights it needs, webhook and guard agree, check and status say so."""

import json

import pytest

from tests.kit.waiting import until
from tests.manifests.api import Request
from tests.manifests.installation import ACCOUNT, SAMPLES, SYSTEM, Installation
from tests.manifests.pods import written

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

NAMESPACE = "payments"


@pytest.fixture(scope="module")
def samples(installation: Installation) -> Installation:
    """The sample applications, applied; their pods are created by their controllers, through the webhook and the guard."""
    installation.api.kubectl("apply", "-k", SAMPLES)
    return installation


def test_the_controller_lives_with_its_rights(installation: Installation) -> None:
    """It has done each of its duties as its own service account, and nothing was forbidden."""
    for duty in (("secret", "cdefence-tls"), ("lease", "cdefence-controller")):
        until(lambda duty=duty: bool(installation.get(*duty)), str(duty))
    webhook = installation.get("mutatingwebhookconfiguration", "cdefence-injector")
    until(lambda: _has_bundle(installation), "caBundle is filled in")
    assert webhook["webhooks"][0]["failurePolicy"] == "Fail"
    assert "orbidden" not in installation.log()


def _has_bundle(installation: Installation) -> bool:
    webhook = installation.get("mutatingwebhookconfiguration", "cdefence-injector")
    return bool(webhook["webhooks"][0]["clientConfig"].get("caBundle"))


@pytest.mark.parametrize(
    ("verb", "what", "where"),
    [
        ("create", "tokenreviews.authentication.k8s.io", ""),
        ("create", "events.events.k8s.io", SYSTEM),
        ("create", "events.events.k8s.io", NAMESPACE),
        ("patch", "configmaps/cdefence-ca", NAMESPACE),
        ("get", "secrets/cdefence-tls", SYSTEM),
    ],
)
def test_it_may(installation: Installation, verb: str, what: str, where: str) -> None:
    assert _may(installation, verb, what, where)


@pytest.mark.parametrize(
    ("verb", "what", "where"),
    [
        ("get", "secrets", NAMESPACE),
        ("list", "secrets", SYSTEM),
        ("get", "secrets/other", SYSTEM),
        ("patch", "configmaps/other", NAMESPACE),
        ("create", "pods", NAMESPACE),
        ("patch", "pods", NAMESPACE),
        ("create", "pods/exec", NAMESPACE),
        ("create", "serviceaccounts/token", SYSTEM),
        ("patch", "mutatingwebhookconfigurations/other", ""),
        ("patch", "validatingadmissionpolicies", ""),
        ("patch", "configmaps/cdefence-guard", SYSTEM),
        ("escalate", "clusterroles", ""),
    ],
)
def test_it_may_not(installation: Installation, verb: str, what: str, where: str) -> None:
    assert not _may(installation, verb, what, where)


def _may(installation: Installation, verb: str, what: str, where: str) -> bool:
    plural, _, name = what.partition("/")
    sub = name if name in ("exec", "token") else ""
    resource, _, group = plural.partition(".")
    attributes = {
        "verb": verb,
        "resource": resource,
        "group": group or _GROUPS.get(resource, ""),
        "namespace": where,
    }
    attributes |= {"subresource": sub} if sub else {"name": name}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": f"system:serviceaccount:{SYSTEM}:{ACCOUNT}", "resourceAttributes": attributes},
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return bool(installation.api.ask(Request("POST", path, body)).body["status"]["allowed"])


_GROUPS = {
    "mutatingwebhookconfigurations": "admissionregistration.k8s.io",
    "validatingadmissionpolicies": "admissionregistration.k8s.io",
    "clusterroles": "rbac.authorization.k8s.io",
}


def test_the_ca_is_where_sidecars_look_for_it(samples: Installation) -> None:
    until(lambda: bool(samples.get("configmap", "cdefence-ca", NAMESPACE)), "the CA is published")
    assert samples.get("configmap", "cdefence-ca", "elsewhere") == {}


def test_every_sample_gets_its_pods(samples: Installation) -> None:
    """Webhook and guard agree about pods of Deployments, a StatefulSet and a Job; elsewhere nothing is changed."""
    wanted = {"checkout": 1, "vault": 2, "gateway": 1, "shop": 1, "ledger": 1, "settlement": 1}
    until(lambda: _pods(samples, NAMESPACE) == wanted, "pods in payments")
    until(lambda: _pods(samples, "elsewhere") == {"stranger": 1}, "a pod elsewhere")
    for pod in _found(samples, NAMESPACE):
        assert [each["name"] for each in pod["spec"]["initContainers"][:2]] == [
            "cdefence-init",
            "cdefence-proxy",
        ]
    (stranger,) = _found(samples, "elsewhere")
    assert [each["name"] for each in stranger["spec"]["initContainers"]] == ["certificate"]


def _found(samples: Installation, namespace: str) -> list[dict[str, dict[str, list[dict[str, str]]]]]:
    listed = samples.api.kubectl("get", "pods", "-n", namespace, "-o", "json")
    pods: list[dict[str, dict[str, list[dict[str, str]]]]] = json.loads(listed)["items"]
    return pods


def _pods(samples: Installation, namespace: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for pod in _found(samples, namespace):
        app = pod["metadata"]["labels"]["app"]  # type: ignore[call-overload]
        counts[app] = counts.get(app, 0) + 1
    return counts


def test_check_finds_what_this_cluster_lacks_and_nothing_else(samples: Installation) -> None:
    """No node, so no pod of the controller and no endpoint; the webhook is reached by its Service's address."""
    code, said = samples.cdefence("check", "-o", "json")
    findings = {each["check"]: each["level"] for each in json.loads(said)["findings"]}
    assert code == 1
    assert {check for check, level in findings.items() if level not in ("ok", "skipped")} == {
        "nodes", "controller", "Service cdefence-webhook", "Service cdefence-scopes",
    }  # fmt: skip
    for check in ("guard", "guard, tried", "webhook, tried", "webhook injector.cdefence.io", "image"):
        assert findings[check] == "ok", said


def test_check_leaves_nothing_behind(samples: Installation) -> None:
    def left() -> bool:
        return "cdefence-check" in samples.api.kubectl("get", "namespaces", "-o", "name")

    until(lambda: not left(), "the namespace of the trial is gone")


def test_check_that_only_looks_makes_nothing(samples: Installation) -> None:
    _, said = samples.cdefence("check", "--read-only", "-o", "json")
    assert not any("tried" in each["check"] for each in json.loads(said)["findings"])


def test_status_counts_every_pod_of_an_opted_in_namespace(samples: Installation) -> None:
    """No kubelet, so no sidecar is ready: each is named, with what to do."""
    code, said = samples.cdefence("status", "-o", "json")
    document = json.loads(said)
    assert code == 1
    assert {pod["state"] for pod in document["pods"] if pod["namespace"] == NAMESPACE} == {"not-ready"}
    assert "elsewhere" not in {pod["namespace"] for pod in document["pods"]}
    assert document["controller"]["leader"] == "the-only-one"


def test_a_pod_by_hand_is_told_what_is_wrong(samples: Installation) -> None:
    """The webhook speaks before the guard: all that is wrong with the annotations, at once."""
    folder = f"/api/v1/namespaces/{NAMESPACE}/pods"
    refused = samples.api.ask(Request("POST", folder, written("in_scope"), "dryRun=All"))
    assert refused.status >= 400
    assert "cdefence.io/pci-scope" in refused.message


def test_without_the_webhook_nothing_starts_unprotected(samples: Installation) -> None:
    """Somebody deletes the webhook: the guard still refuses, and says what to look at; nothing else changes."""
    samples.api.kubectl("delete", "mutatingwebhookconfiguration", "cdefence-injector")
    try:
        folder = f"/api/v1/namespaces/{NAMESPACE}/pods"
        refused = samples.api.ask(Request("POST", folder, written(), "dryRun=All"))
        assert refused.denial is not None, refused.message
        assert refused.denial[0] == "cdefence-sidecar"
        elsewhere = samples.api.ask(
            Request("POST", "/api/v1/namespaces/elsewhere/pods", written(), "dryRun=All")
        )
        assert elsewhere.status == 201
    finally:
        samples.apply()
        until(lambda: _has_bundle(samples), "the webhook can be called again")
