"""The guard's variants on a real API server: monitor warns where the guard refuses, strict refuses more."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.kit.waiting import until
from tests.manifests.api import Request
from tests.manifests.attempts import DEVELOPER
from tests.manifests.installation import KUSTOMIZE, Installation
from tests.manifests.pods import RESTRICTED, Change, Json, appended, at, context, inject, pod_context, written

pytestmark = pytest.mark.cluster

NAMESPACE = "variants"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
EVERYBODY = "system:authenticated"


@pytest.fixture(scope="module")
def namespace(installation: Installation) -> Iterator[Installation]:
    """An opted-in namespace of its own, in which everybody may do everything."""
    labels = {"cdefence.io/injection": "enabled"}
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "everybody"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": EVERYBODY}],
        },
    ]
    installation.api.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))
    until(
        lambda: "default" in installation.api.kubectl("get", "sa", "-n", NAMESPACE, "-o", "name"),
        "an account",
    )
    yield installation
    installation.api.kubectl("delete", "clusterrolebinding", "everybody")


def _overlay(folder: Path, component: str) -> Path:
    """The dev overlay with one component, in a copy of the manifests."""
    copy = folder / "kustomize"
    shutil.copytree(KUSTOMIZE, copy)
    file = copy / "overlays/dev/kustomization.yaml"
    file.write_text(f"{file.read_text()}components: [../../components/{component}]\n")
    return file.parent


def _create(installation: Installation, pod: Json) -> tuple[int, str, tuple[str, ...]]:
    done = installation.api.ask(Request("POST", PODS, pod, "dryRun=All"), DEVELOPER)
    return done.status, done.message, done.warnings


def _pod(*changes: Change, scope: str = "in-scope") -> Json:
    pod = written(scope)
    for change in changes:
        change(pod)
    return pod


RESERVED = _pod(context(runAsUser=15001))


def test_monitor_lets_pass_and_warns(namespace: Installation, tmp_path: Path) -> None:
    until(lambda: _create(namespace, RESERVED)[0] == 403, "the guard is in force")
    namespace.api.kubectl("apply", "-k", _overlay(tmp_path, "monitor"))
    try:
        until(lambda: _create(namespace, RESERVED)[0] == 201, "the guard only warns")
        status, _, warnings = _create(namespace, RESERVED)
        assert status == 201
        assert any("15001 is reserved" in warning for warning in warnings), warnings
        code, said = namespace.cdefence("check", "--read-only")
        assert "warns instead of refusing" in said, (code, said)
    finally:
        namespace.apply()
    until(lambda: _create(namespace, RESERVED)[0] == 403, "the guard is in force again")


STRICT = (
    ("as the scope asks", _pod(context(**RESTRICTED)), True),
    ("the user said once, for the pod", _pod(pod_context(runAsUser=10001), context(
        allowPrivilegeEscalation=False, capabilities={"drop": ["ALL"]})), True),
    ("with NET_BIND_SERVICE", _pod(context(**RESTRICTED | {
        "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}})), True),
    ("out of scope, and lax", _pod(scope="out-of-scope"), True),
    ("nothing said", _pod(), False),
    ("the user of the image", _pod(context(allowPrivilegeEscalation=False, capabilities={"drop": ["ALL"]})), False),
    ("root", _pod(context(**RESTRICTED | {"runAsUser": 0, "runAsNonRoot": False})), False),
    ("NET_RAW as the runtime gives it", _pod(context(runAsUser=10001, allowPrivilegeEscalation=False)), False),
    ("setuid programs work", _pod(context(**RESTRICTED | {"allowPrivilegeEscalation": True})), False),
    ("SETUID added", _pod(context(**RESTRICTED | {"capabilities": {"drop": ["ALL"], "add": ["SETUID"]}})), False),
    ("a lax init container", _pod(context(**RESTRICTED), appended(
        "spec.initContainers", {"name": "late", "image": "late:1"})), False),
    ("several lax containers", _pod(at("spec.initContainers", [{"name": "late", "image": "late:1"}])), False),
)  # fmt: skip


def test_strict(namespace: Installation, tmp_path: Path) -> None:
    namespace.api.kubectl("apply", "-k", _overlay(tmp_path, "strict"))
    try:
        until(lambda: _create(namespace, _pod())[0] == 403, "strict is in force")
        outcomes = {title: _create(namespace, pod) for title, pod, _ in STRICT}
        assert {title: status == 201 for title, (status, _, _) in outcomes.items()} == {
            title: allowed for title, _, allowed in STRICT
        }
        assert "app: a container of an in-scope pod has runAsUser" in outcomes["root"][1]
        assert "app, late: " in outcomes["several lax containers"][1]
    finally:
        for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
            namespace.api.kubectl("delete", kind, "cdefence-strict")


def test_a_pod_of_the_controller_is_restricted(namespace: Installation) -> None:
    """Its own namespace enforces Pod Security "restricted"; the Deployment's pods pass it without a warning."""
    template = namespace.get("deployment", "cdefence-controller")["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": template["spec"]}
    done = namespace.api.ask(Request("POST", "/api/v1/namespaces/cdefence-system/pods", pod, "dryRun=All"))
    assert (done.status, done.warnings) == (201, ()), done.message


def test_pods_as_the_injector_makes_them_pass_twice(namespace: Installation) -> None:
    """What went through the injector before goes through it again, and through the guard."""
    image = namespace.get("configmap", "cdefence-guard")["data"]["image"]
    status, message, _ = _create(namespace, inject(_pod(context(**RESTRICTED)), image))
    assert status == 201, message
