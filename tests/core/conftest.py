"""What holds for every test of the core."""

from collections.abc import Iterator

import pytest

from tests.kit import script
from tests.kit.effort import DEEP, VARIABLE


@pytest.fixture(autouse=True)
def every_script_is_asserted() -> Iterator[None]:
    """A transcript that nobody asserts proves nothing."""
    script.unasserted()
    yield
    assert script.unasserted() == 0, "a script was not asserted"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long property runs only when asked."""
    for item in items:
        if not DEEP and item.get_closest_marker("deep"):
            item.add_marker(pytest.mark.skip(reason=f"long; run with {VARIABLE}=deep"))
