"""The seam between deciding and finding: what `core.inspection` asks of a matching engine.

A *hit* is an unconfirmed regex match: which pattern, and where in the text the engine noticed it.  Engines live in
`sidecar.match` (Hyperscan, and a plain oracle for tests); core only knows these protocols.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from dlp_patterns.model import Pattern

Hit = tuple[int, int]
"""(index into `Matcher.patterns`, offset just behind the match in the text; one further if a boundary byte was needed).

Indices behind the last pattern's are signs of views (`core.views.table.SIGNS`): a sign was seen about there."""


NOBODY: Final[frozenset[int]] = frozenset()
"""No pattern."""


class EngineError(Exception):
    """The engine failed.  The caller denies: an error never means "no findings"."""


class Hold(Protocol):
    """How much of a text's tail could still become a match that must not leave."""

    def __call__(self, tail: bytes) -> int:
        """The number of bytes at the end of `tail` to keep back."""


class Matcher(Protocol):
    """A set of patterns, ready to run."""

    @property
    def patterns(self) -> Sequence[Pattern]:
        """What the indices of hits refer to."""

    @property
    def reach(self) -> int:
        """How many bytes before the end of a hit confirmation may look at."""

    def once(self, text: bytes, without: frozenset[int] = NOBODY) -> Sequence[Hit]:
        """The hits in a complete text; those of the patterns `without` may be missing, which saves time."""

    def more(self, seen: bytes, known: int, without: frozenset[int] = NOBODY) -> Sequence[Hit]:
        """The hits that end behind offset `known` of `seen`, the end of a text that may go on; `without`: as above.

        What is known of the text begins at its beginning, or at least `reach` bytes before `known`.
        """

    def last(self, seen: bytes) -> Sequence[Hit]:
        """The further hits that the end of a text makes, of which `seen` is the end."""

    def hold(self, patterns: frozenset[int]) -> Hold:
        """The tail rule for these patterns."""
