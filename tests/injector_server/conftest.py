"""A real API server for the tests of the controller: one control plane without nodes, for all of them.

One that is up already under this name is used and left alone:
`python -m tests.cluster.bed up --name controller --control-plane-only`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.cluster.bed.bed import Bed
from tests.injector_server.cluster import Cluster
from tests.kit.control_plane import control_plane

NAME = "controller"


@pytest.fixture(scope="package")
def bed() -> Iterator[Bed]:
    """The API server and what belongs to it."""
    with control_plane(NAME) as found:
        yield found


@pytest.fixture(scope="package")
def clean_cluster(bed: Bed) -> Callable[[], AbstractContextManager[Cluster]]:
    """Makes an API server without any trace of cdefence; replicas that are started there end with it."""

    @contextmanager
    def make() -> Iterator[Cluster]:
        each = Cluster(bed)
        each.clean()
        try:
            yield each
        finally:
            each.stop_all()
            each.clean()

    return make
