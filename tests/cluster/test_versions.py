"""The oldest and the newest Kubernetes that cdefence supports: their real control planes start, and admit pods.

Long: each is built from source the first time.  Run with CDEFENCE_EFFORT=deep.
"""

import json
import os

import pytest

from tests.cluster.bed import needs
from tests.cluster.bed.bed import Bed

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "one"},
    "spec": {
        "initContainers": [{"name": "sidecar", "image": "any", "restartPolicy": "Always"}],
        "containers": [{"name": "main", "image": "any"}],
    },
}


@pytest.mark.deep
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("version", ["1.30.14", "1.37.2"])
def test_a_control_plane_of_another_version(version: str) -> None:
    if lack := needs.missing(worker=False, wanted=version):
        pytest.skip(lack)
    bed = Bed.named(f"version-pid{os.getpid()}")
    try:
        bed.up(worker=False, version=version)
        told = bed.run(["kubectl", "version", "-o", "json"])
        assert json.loads(told.stdout)["serverVersion"]["gitVersion"] == f"v{version}"
        bed.apply(json.dumps(POD))
        policies = bed.run(["kubectl", "get", "validatingadmissionpolicies"])
        assert policies.returncode == 0, policies.stderr
    finally:
        bed.down()
