"""What `cdefence check` makes of a cluster: one change to a cluster in order, and the findings that it makes."""

import base64
import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from injector import preflight, report, trial
from injector.certs import Lives, created
from injector.facts import Asked, Facts
from injector.kube import KubeError
from injector.report import Finding, Level
from injector.tree import Node, Object

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ABSENT = KubeError(404, "NotFound", "not found")
FORBIDDEN = KubeError(403, "Forbidden", "user cannot list this")


def _node(name: str = "n1", **info: str) -> Object:
    said: Object = {
        "operatingSystem": "linux",
        "architecture": "amd64",
        "kubeletVersion": "v1.34.4",
        "kernelVersion": "6.1.0-18-amd64",
        "containerRuntimeVersion": "containerd://1.7.1",
    }
    ready: Object = {"type": "Ready", "status": "True"}
    return {"metadata": {"name": name}, "status": {"nodeInfo": said | dict(info), "conditions": [ready]}}


def _named(name: str) -> Object:
    return {"metadata": {"name": name}}


def _namespace(name: str, **labels: str) -> Object:
    return {"metadata": {"name": name, "labels": dict({"cdefence.io/injection": "enabled"} | labels)}}


def _policy(name: str, image: str = "cdefence:1") -> Object:
    variables: list[Node] = [
        {"name": "image", "expression": f"'{image}'"},
        {"name": "otherImages", "expression": "''"},
    ]
    return {"metadata": {"name": name}, "spec": {"variables": variables}}


def _binding(policy: str, action: str = "Deny") -> Object:
    return {"metadata": {"name": policy}, "spec": {"policyName": policy, "validationActions": [action]}}


def _slice(service: str, ready: bool = True) -> Object:
    labels: Object = {"kubernetes.io/service-name": service}
    return {"metadata": {"labels": labels}, "endpoints": [{"conditions": {"ready": ready}}]}


def _deployment(ready: int = 2, image: str = "cdefence:1") -> Object:
    template: Object = {"spec": {"containers": [{"image": image}]}}
    return {"spec": {"replicas": 2, "template": template}, "status": {"readyReplicas": ready}}


def _webhook(bundle: bytes, failure: str = "Fail") -> Object:
    config: Object = {"caBundle": base64.b64encode(bundle).decode()}
    return {"webhooks": [{"name": "injector.cdefence.io", "failurePolicy": failure, "clientConfig": config}]}


def _config_map(text: str, key: str = "policy.yaml") -> Object:
    return {"metadata": {"name": "cdefence-policy"}, "data": {key: text}}


CA = created(("x",), NOW, Lives()).ca_bundle
OLD_CA = created(("x",), NOW - timedelta(days=4000), Lives()).ca_bundle

IN_ORDER = Facts(
    version={"gitVersion": "v1.34.4"},
    nodes=[_node()],
    namespaces=[_namespace("payments"), _named("default")],
    policies=[_policy(name) for name in preflight.GUARD],
    bindings=[_binding(name) for name in preflight.GUARD],
    parameters={"data": {"image": "cdefence:1"}},
    deployment=_deployment(),
    webhook=_webhook(CA),
    slices=[_slice("cdefence-webhook"), _slice("cdefence-scopes")],
    lease={"spec": {"holderIdentity": "one"}},
    policy=_config_map("apiVersion: cdefence.io/v1\nkind: Policy\n"),
    cilium=ABSENT,
)
BEFORE = replace(
    IN_ORDER, parameters=ABSENT, deployment=ABSENT, webhook=ABSENT, policies=[], bindings=[], slices=[]
)


def _worse(facts: Facts) -> list[tuple[str, str]]:
    """Everything that is not in order, by check and level."""
    return [
        (each.check, each.level.value) for each in preflight.judge(facts, NOW) if each.level is not Level.OK
    ]


def test_a_cluster_in_order() -> None:
    assert _worse(IN_ORDER) == []


def test_a_cluster_before_an_installation_is_no_failure() -> None:
    assert _worse(BEFORE) == [("installation", "skipped")]
    assert report.exit_code(preflight.judge(BEFORE, NOW)) == report.FINE


def _cilium(**data: str) -> Object:
    return {"data": {key.replace("_", "-"): value for key, value in data.items()}}


CASES: tuple[tuple[str, Facts, list[tuple[str, str]]], ...] = (
    ("old API server", replace(IN_ORDER, version={"gitVersion": "v1.29.8"}), [("API server", "failed")]),
    ("oldest API server", replace(IN_ORDER, version={"gitVersion": "v1.30.0-gke.12"}), []),
    ("odd version", replace(IN_ORDER, version={"gitVersion": "unknown"}), [("API server", "failed")]),
    ("old kubelet", replace(IN_ORDER, nodes=[_node(), _node("n2", kubeletVersion="v1.28.3")]), [("node n2", "failed")]),
    ("old kernel", replace(IN_ORDER, nodes=[_node(kernelVersion="4.19.0")]), [("node n1", "failed")]),
    ("other processor", replace(IN_ORDER, nodes=[_node(architecture="s390x")]), [("node n1", "failed")]),
    ("Windows node", replace(IN_ORDER, nodes=[_node(), _node("w", operatingSystem="windows", kubeletVersion="v1")]),
     [("node w", "warning")]),
    ("no node", replace(IN_ORDER, nodes=[]), [("nodes", "warning")]),
    ("nodes not to be seen", replace(IN_ORDER, nodes=FORBIDDEN), [("nodes", "skipped")]),
    ("no admission policies", replace(BEFORE, policies=ABSENT),
     [("admission policies", "failed"), ("installation", "skipped")]),
    ("Cilium with socket load balancing", replace(IN_ORDER, cilium=_cilium(kube_proxy_replacement="true")),
     [("CNI", "warning")]),
    ("Cilium as it should be", replace(IN_ORDER, cilium=_cilium(
        kube_proxy_replacement="true", bpf_lb_sock_hostns_only="true")), []),
    ("Cilium beside kube-proxy", replace(IN_ORDER, cilium=_cilium(kube_proxy_replacement="false")), []),
    ("Pod Security", replace(IN_ORDER, namespaces=[
        _namespace("payments", **{"pod-security.kubernetes.io/enforce": "baseline"})]), [("namespace payments", "failed")]),
    ("Istio ambient", replace(IN_ORDER, namespaces=[
        _namespace("payments", **{"istio.io/dataplane-mode": "ambient"})]), [("namespace payments", "failed")]),
    ("kube-system opted in", replace(IN_ORDER, namespaces=[_namespace("kube-system")]),
     [("namespace kube-system", "failed")]),
    ("no controller", replace(IN_ORDER, deployment=ABSENT), [("controller", "failed")]),
    ("controller not ready", replace(IN_ORDER, deployment=_deployment(0)), [("controller", "failed")]),
    ("half the controller ready", replace(IN_ORDER, deployment=_deployment(1)), [("controller", "warning")]),
    ("no endpoint", replace(IN_ORDER, slices=[_slice("cdefence-webhook"), _slice("cdefence-scopes", ready=False)]),
     [("Service cdefence-scopes", "failed")]),
    ("guard in part", replace(IN_ORDER, bindings=[_binding(name) for name in preflight.GUARD[1:]]), [("guard", "failed")]),
    ("guard that warns", replace(IN_ORDER, bindings=[_binding(name, "Warn") for name in preflight.GUARD]),
     [("guard", "warning")]),
    ("guard not to be seen", replace(IN_ORDER, bindings=FORBIDDEN), [("guard", "skipped")]),
    ("no parameters", replace(IN_ORDER, parameters=ABSENT), [("image", "failed")]),
    ("the guard accepts another image", replace(IN_ORDER, policies=[_policy(name, "old:1") for name in preflight.GUARD]),
     [("image", "failed")]),
    ("another image", replace(IN_ORDER, deployment=_deployment(image="cdefence:2")), [("image", "warning")]),
    ("no policy, so the default", replace(IN_ORDER, policy=ABSENT), []),
    ("a policy that is refused", replace(IN_ORDER, policy=_config_map("kind: Policy")), [("policy", "failed")]),
    ("a policy under another key", replace(IN_ORDER, policy=_config_map("", "policy.yml")), [("policy", "failed")]),
    ("policy not to be seen", replace(IN_ORDER, policy=FORBIDDEN), [("policy", "skipped")]),
    ("no webhook", replace(IN_ORDER, webhook=ABSENT), [("webhook", "failed")]),
    ("webhook that may fail", replace(IN_ORDER, webhook=_webhook(CA, "Ignore")),
     [("webhook injector.cdefence.io", "warning")]),
    ("no CA", replace(IN_ORDER, webhook=_webhook(b"")), [("webhook injector.cdefence.io", "failed")]),
    ("old CA", replace(IN_ORDER, webhook=_webhook(OLD_CA)), [("webhook injector.cdefence.io", "failed")]),
    ("old and new CA", replace(IN_ORDER, webhook=_webhook(OLD_CA + CA)), []),
)  # fmt: skip


@pytest.mark.parametrize(("facts", "worse"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_found(facts: Facts, worse: list[tuple[str, str]]) -> None:
    assert _worse(facts) == worse


@pytest.mark.parametrize("facts", [case[1] for case in CASES], ids=[case[0] for case in CASES])
def test_whatever_is_not_in_order_has_a_remedy(facts: Facts) -> None:
    assert all(each.remedy for each in preflight.judge(facts, NOW) if each.level is not Level.OK)


def test_nothing_to_be_seen_is_nothing_found() -> None:
    """Somebody who may read nothing is told so, and no more."""
    hidden: dict[str, Asked[object]] = {name: FORBIDDEN for name in Facts.__slots__ if name != "version"}
    levels = {each.level for each in preflight.judge(replace(IN_ORDER, **hidden), NOW)}  # type: ignore[arg-type]
    assert levels == {Level.OK, Level.SKIPPED}


def test_the_text() -> None:
    findings = [
        Finding("API server", Level.OK, "v1.34.4"),
        Finding("image", Level.FAILED, "is another", "set it"),
    ]
    assert report.as_text(findings).splitlines() == [
        "✔ API server  v1.34.4",
        "✘ image       is another",
        "              → set it",
        "",
        "1 ok, 0 warning, 1 failed, 0 skipped",
    ]
    assert report.exit_code(findings) == report.TROUBLE


# ---- trials ------------------------------------------------------------------------------------------------


def test_one_ready_node_for_each_kernel() -> None:
    lame = copy.deepcopy(_node("lame", kernelVersion="6.6"))
    lame["status"]["conditions"] = []  # type: ignore[index, call-overload]
    nodes = [
        lame,
        _node("a"),
        _node("b"),
        _node("c", kernelVersion="6.12"),
        _node("w", operatingSystem="windows"),
    ]
    assert trial.by_kernel(nodes) == {"6.1.0-18-amd64": "a", "6.12": "c"}


def _state(**state: object) -> Object:
    return {"status": {"initContainerStatuses": [{"state": dict(state)}]}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("pod", "told"),
    [
        (_state(terminated={"exitCode": 2, "reason": "Error", "message": "cdefence net: no nf_tables\n"}),
         ["Error: cdefence net: no nf_tables"]),
        (_state(waiting={"reason": "ErrImageNeverPull", "message": "no image"}), ["ErrImageNeverPull: no image"]),
        (_state(waiting={"reason": "PodInitializing"}), []),
        (_state(terminated={"exitCode": 0, "reason": "Completed"}), []),
        ({"status": {"phase": "Failed", "message": "Pod was rejected"}}, ["Pod was rejected"]),
    ],
)  # fmt: skip
def test_why_a_pod_did_not_end_well(pod: Object, told: list[str]) -> None:
    assert list(trial.reasons(pod)) == told


@pytest.mark.parametrize(
    ("message", "sign"),
    [
        (
            'failed calling webhook "x": tls: failed to verify certificate: x509: unknown authority',
            "caBundle",
        ),
        ('failed calling webhook "x": no endpoints available for service', "no replica"),
        ('failed calling webhook "x": dial tcp 10.96.0.9:443: connect: connection refused', "no replica"),
        ('failed calling webhook "x": context deadline exceeded', "9443"),
        ("denied request: the pod has no sidecar of cdefence", "was not called"),
        ("quota exceeded", "see the message"),
    ],
)
def test_what_to_do_about_a_pod_that_is_not_admitted(message: str, sign: str) -> None:
    assert sign in trial.remedy_for(message)


@pytest.mark.parametrize(
    ("facts", "image", "chosen"),
    [
        (IN_ORDER, "", "cdefence:1"),
        (IN_ORDER, "mine:2", "mine:2"),
        (BEFORE, "", ""),
        (BEFORE, "mine:2", "mine:2"),
    ],
)
def test_the_image_that_kernels_are_tried_with(facts: Facts, image: str, chosen: str) -> None:
    trials = trial.plan(facts, image, installed=preflight.installed(facts))
    assert (trials.image, trials.kernels, trials.admission) == (chosen, bool(chosen), facts is IN_ORDER)
