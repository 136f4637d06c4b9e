"""An API server and what belongs to it, without nodes, for the tests of a folder.

What never belongs here: what is installed there.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cluster.bed import build, needs
from tests.cluster.bed.bed import Bed


@contextmanager
def control_plane(name: str) -> Iterator[Bed]:
    """The bed `name` if it is up, which is left alone; else one of this run.  Skips with one line where none can be had."""
    found = Bed.named(name)
    if found.facts is not None:
        yield found
        return
    if lack := needs.missing(worker=False, wanted=build.version()):
        pytest.skip(lack)
    own = Bed.named(f"{name}-pid{os.getpid()}")
    own.up(worker=False)
    try:
        yield own
    finally:
        own.down()
