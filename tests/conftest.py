"""Property tests try the same examples in every run, so that a run says something about a change and not about luck.

New examples are for long runs (`CDEFENCE_EFFORT=deep`) and the fuzzers; what they find becomes a row of a table.
"""

from hypothesis import settings

from tests.kit.effort import DEEP

settings.register_profile("cdefence", derandomize=not DEEP, deadline=None, print_blob=True)
settings.load_profile("cdefence")
