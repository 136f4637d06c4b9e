"""What holds for every test of the engines."""

import pytest

from tests.kit.effort import DEEP, VARIABLE


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long property runs only when asked."""
    for item in items:
        if not DEEP and item.get_closest_marker("deep"):
            item.add_marker(pytest.mark.skip(reason=f"long; run with {VARIABLE}=deep"))
