"""Uninstalled, nothing stays that could be in anybody's way; and installing again puts everything back."""

import pytest

from tests.kit.waiting import until
from tests.manifests.api import Request
from tests.manifests.installation import KUSTOMIZE, Installation
from tests.manifests.pods import written

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

NAMESPACE = "was-opted-in"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"


def _status(installation: Installation) -> int:
    return installation.api.ask(Request("POST", PODS, written(), "dryRun=All")).status


def test_uninstall_and_install_again(installation: Installation) -> None:
    api = installation.api
    api.kubectl("create", "namespace", NAMESPACE)
    api.kubectl("label", "namespace", NAMESPACE, "cdefence.io/injection=enabled")
    until(lambda: "default" in api.kubectl("get", "sa", "-n", NAMESPACE, "-o", "name"), "an account")
    until(lambda: _status(installation) == 201, "through webhook and guard")

    installation.down()
    api.kubectl("delete", "-k", KUSTOMIZE / "overlays/dev", timeout=300)
    left = api.kubectl(
        "get", "ns,clusterrole,validatingadmissionpolicy,mutatingwebhookconfiguration", "-o", "name"
    )
    assert "cdefence-" not in left.replace("cdefence-check", "")
    until(lambda: _status(installation) == 201, "a pod starts without sidecar")
    api.kubectl("label", "namespace", NAMESPACE, "cdefence.io/injection-")
    api.kubectl("delete", "namespace", NAMESPACE, timeout=300)

    installation.up()
    until(
        lambda: "cdefence-sidecar" in api.kubectl("get", "validatingadmissionpolicy", "-o", "name"),
        "the guard",
    )
