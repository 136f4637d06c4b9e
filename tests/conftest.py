"""Property tests try the same examples in every run, so that a run says something about a change and not about luck.

New examples are for long runs (`CDEFENCE_EFFORT=deep`) and the fuzzers; what they find becomes a row of a table.  How long
one takes is no matter: a busy machine takes time from it without any defect.
"""

from hypothesis import HealthCheck, settings

from tests.kit.effort import DEEP

settings.register_profile(
    "cdefence",
    derandomize=not DEEP,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("cdefence")
