"""One real cluster for all tests of this folder: a bed of our own, or the user's (`KUBECONFIG` and `CDEFENCE_IMAGE`)."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.bed import needs, teardown
from tests.cluster.bed.bed import Bed
from tests.cluster.bed.errors import BedError
from tests.cluster.cluster import Cluster, foreign, own
from tests.cluster.demo import install
from tests.kit.effort import DEEP, VARIABLE

HERE = Path(__file__).parent
LONGEST_S = 1200
"""The first test also waits for what has to be built: the Kubernetes programs take minutes on a fresh machine."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and "bed" not in item.path.parts:
            item.add_marker(pytest.mark.cluster)
            if not DEEP and item.get_closest_marker("deep"):
                item.add_marker(pytest.mark.skip(reason=f"long; run with {VARIABLE}=deep"))
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(LONGEST_S))


@pytest.fixture(scope="package")
def cluster() -> Iterator[Cluster]:
    """Skips, with one line that says what is missing, where no cluster can be had."""
    try:
        users = foreign()
    except BedError as error:
        pytest.skip(str(error))
    if users:
        yield users
        return
    if lack := needs.missing():
        pytest.skip(lack)
    for places in teardown.stale():
        Bed(places).down()
    bed = Bed.named(f"test-pid{os.getpid()}")
    try:
        yield own(bed)
    finally:
        bed.down()


@pytest.fixture(scope="package")
def bed(cluster: Cluster) -> Bed:
    """The bed itself, for tests that stop its programs or look into its namespaces."""
    if cluster.bed is None:
        pytest.skip("needs the test bed: a user's own cluster is left as it is")
    return cluster.bed


@pytest.fixture(scope="package")
def installed(cluster: Cluster) -> Cluster:
    """The cluster with cdefence installed as README says, and nothing else; it stays for the session."""
    install.install(cluster)
    return cluster


@pytest.fixture(scope="package")
def shop(installed: Cluster) -> Cluster:
    """The same with the sample applications of the demonstration, all of them ready."""
    install.applications(installed)
    return installed
