"""One lab for all end-to-end tests, under a name of its own."""

import os
from collections.abc import Iterator

import pytest

from sidecar.lab.lab import Lab
from tests.e2e.host import host_network, left_of


@pytest.fixture(scope="session")
def host_before() -> dict[str, str]:
    return host_network()


@pytest.fixture(scope="session")
def lab(host_before: dict[str, str]) -> Iterator[Lab]:
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    lab = Lab(f"e2e-{os.getpid()}")
    try:
        lab.up()
        yield lab
    finally:
        lab.down()
        assert left_of(lab) == []
