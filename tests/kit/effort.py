"""How hard property tests try: a few examples in every run, many when asked.

    @effort(40)                 # 40 examples; with CDEFENCE_EFFORT=deep fifty times as many
    @given(...)

Tests that are only worth their time in a long run carry `@pytest.mark.deep` and are skipped otherwise (`conftest.py`).
"""

import os
from collections.abc import Callable

from hypothesis import HealthCheck, settings

VARIABLE = "CDEFENCE_EFFORT"
DEEP = os.environ.get(VARIABLE) == "deep"
_FACTOR = 50


def effort[T](examples: int) -> Callable[[T], T]:
    """Hypothesis settings for a test that tries `examples` times."""
    return settings(
        max_examples=examples * (_FACTOR if DEEP else 1),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
