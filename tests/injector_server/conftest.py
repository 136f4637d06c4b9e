"""A real API server for the tests of the controller: one control plane without nodes, for all of them.

One that is up already under this name is used and left alone:
`python -m tests.cluster.bed up --name controller --control-plane-only`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.cluster.bed import build, needs
from tests.cluster.bed.bed import Bed
from tests.injector_server.cluster import Cluster

NAME = "controller"


@pytest.fixture(scope="session")
def bed() -> Iterator[Bed]:
    """The API server and what belongs to it."""
    found = Bed.named(NAME)
    left_alone = found.facts is not None
    if not left_alone:
        if lack := needs.missing(worker=False, wanted=build.version()):
            pytest.skip(lack)
        found.up(worker=False)
    try:
        yield found
    finally:
        if not left_alone:
            found.down()


@pytest.fixture(scope="session")
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
