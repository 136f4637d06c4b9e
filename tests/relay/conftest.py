"""One room for all tests of the relay, and one sidecar with default settings for those that need nothing else."""

from collections.abc import Iterator

import pytest

from tests.relay.sidecar import Room, Sidecar, room, sidecar


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """The room."""
    folder = tmp_path_factory.mktemp("relay")
    for ancestor in (folder, *folder.parents):
        if ancestor.name.startswith("pytest-"):
            ancestor.chmod(0o755)  # the proxy's user must find its files
    with room(folder / "run") as made:
        yield made


@pytest.fixture(scope="session")
def side(here: Room) -> Iterator[Sidecar]:
    """A sidecar in protect mode with the default policy; the pod is in scope, the outside connected to it."""
    with sidecar(here) as made:
        yield made
