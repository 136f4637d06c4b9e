"""A real API server for the tests of the manifests: one control plane without nodes, for all of them.

One that is up already under this name is used and left alone: `python -m tests.cluster.bed up --name manifests
--control-plane-only`.
"""

from collections.abc import Iterator

import pytest

from tests.cluster.bed import build, needs
from tests.cluster.bed.bed import Bed
from tests.manifests.api import Api

NAME = "manifests"


@pytest.fixture(scope="session")
def api() -> Iterator[Api]:
    """The administrator's API."""
    bed = Bed.named(NAME)
    found = bed.facts
    if found is None:
        if lack := needs.missing(worker=False, wanted=build.version()):
            pytest.skip(lack)
        bed.up(worker=False)
    try:
        facts = bed.facts
        assert facts is not None
        yield Api(bed.kubeconfig, build.control_binaries(facts.version) / "kubectl")
    finally:
        if found is None:
            bed.down()
