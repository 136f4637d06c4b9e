"""One cache of compiled patterns for all tests of the benchmarks."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled")
    folder.chmod(0o700)
    return folder
