"""Real API servers for the tests of the manifests, without nodes: one for the guard, one for an installation.

One that is up already under its name is used and left alone: `python -m tests.cluster.bed up --name manifests
--control-plane-only`.
"""

from collections.abc import Iterator

import pytest

from tests.cluster.bed import build
from tests.cluster.bed.bed import Bed
from tests.kit.control_plane import control_plane
from tests.manifests.api import Api
from tests.manifests.installation import Installation

NAME = "manifests"


def _api(bed: Bed) -> Api:
    return Api(bed.kubeconfig, build.worker_binaries() / "kubectl")


@pytest.fixture(scope="package")
def api() -> Iterator[Api]:
    """The administrator's API, where the guard is tried."""
    with control_plane(NAME) as bed:
        yield _api(bed)


@pytest.fixture(scope="package")
def installation() -> Iterator[Installation]:
    """A cluster in which the dev overlay is installed and the controller runs, with the rights that it is given."""
    with control_plane(f"{NAME}-install") as bed:
        installed = Installation(bed, _api(bed))
        try:
            installed.up()
            yield installed
        finally:
            installed.down()
