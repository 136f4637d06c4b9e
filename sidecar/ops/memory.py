"""Memory that building left behind, given back to the machine.

Patterns and policies are built from megabytes that nobody needs a moment later.  The C library keeps them for a next time
that may never come: five of the fifty megabytes of an idle sidecar.

What belongs here: asking for them back.  What never does: what the process keeps (`gc.freeze` and its like).
"""

import ctypes


def give_back() -> None:
    """Ask glibc; a C library that knows no `malloc_trim` keeps what it has."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
