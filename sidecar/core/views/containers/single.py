"""Compressed files in a text: gzip and bzip2 go by their first bytes, wherever they stand (an upload, a layer)."""

from collections.abc import Callable
from functools import partial
from typing import Final

from sidecar.core.views.containers.member import Bounded, Deflated, Member, Packed
from sidecar.core.views.containers.opener import whole
from sidecar.core.views.view import Sign, Spec


class Single(Packed):
    """Members that each begin with the same bytes."""

    def __init__(self, magic: bytes, make: Callable[[], Member]) -> None:
        super().__init__(self._between)
        self._magic = magic
        self._make = make

    def _between(self) -> bytes | None:
        if not self.seek(self._magic):
            return None
        self.open(self._make())
        return b"\n"


GZIP: Final = Spec(
    "gzip",
    partial(Single, b"\x1f\x8b\x08", Deflated.gzip),
    (Sign(rb"\x1f\x8b\x08[\x00-\x1f]"),),
    16,
    run=True,
    start=whole,
    opens=True,
)
BZIP2: Final = Spec(
    "bzip2",
    partial(Single, b"BZh", Bounded.bzip2),
    (Sign(rb"BZh[1-9]1AY&SY"),),
    0,
    run=True,
    start=whole,
    opens=True,
    cost=60,
)
