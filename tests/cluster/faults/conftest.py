"""cdefence on the cluster of this session, and pods that knock all the time while tests break things."""

from collections.abc import Generator, Iterator

import pytest

from tests.cluster.bed.bed import Bed
from tests.cluster.cluster import Cluster
from tests.cluster.demo import install
from tests.cluster.faults import evidence, routes
from tests.cluster.faults.routes import INSIDE, OUTSIDE
from tests.cluster.faults.scene import Scene, held


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure says what the pods have counted."""
    report = yield
    scenes = [each for each in item.funcargs.values() if isinstance(each, Scene)]
    if report.when == "call" and report.failed and scenes:
        report.sections.append(("what the pods say", evidence.told(scenes[0])))
    return report


@pytest.fixture(scope="package")
def scene(cluster: Cluster, bed: Bed) -> Iterator[Scene]:
    """Installed as the README says, with the pods of `routes` running and knocking."""
    install.install(cluster)
    with (
        cluster.namespace(INSIDE, {"cdefence.io/injection": "enabled"}),
        cluster.namespace(OUTSIDE),
    ):
        cluster.apply(routes.manifest(cluster))
        for namespace in (INSIDE, OUTSIDE):
            cluster.wait("condition=Ready", "pods", "--all", "-n", namespace)
        yield Scene(cluster, bed)


@pytest.fixture(autouse=True)
def nothing_reached_the_sink(scene: Scene) -> Iterator[None]:
    """Whatever a test breaks: the server that nobody may reach has not received a byte, before or meanwhile."""
    yield
    received = scene.received("sink")
    assert (received["received_bytes"], received["pans"]) == (0, 0)


@pytest.fixture
def healthy(scene: Scene) -> None:
    """All is well before something breaks: maps fresh, and every route as it must be."""
    scene.until_fresh("vault", "sink", "checkout", "shop")
    held(scene.watched(5))
