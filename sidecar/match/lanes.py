"""Which patterns are scanned together.

What belongs here: the expressions of each database.  What never does: compiling and running them (hs.py).

Hyperscan looks for literals, hundreds as fast as dozens, and runs what follows them only where one was seen.  A few
patterns have none worth the name, stand on every digit or every `@`, and are automata that run all the time.  In one
database with the others each slows down all of them, and two kinds of them slow each other down; one after the other they
cost the sum.
"""

from collections.abc import Sequence
from typing import Final

from dlp_patterns.model import Pattern, PatternError
from sidecar.core.hits import EngineError
from sidecar.core.views.view import Sign
from sidecar.match import compose
from sidecar.match.compiler import Expression

APART: Final = (
    frozenset({"pci/pan", "pci/pan_wrapped", "pci/pan_typographic", "pii/iban"}),
    frozenset({"pii/email", "pii/phone"}),
    frozenset({"pii/us_ssn"}),
)
"""Automata that share a database.  Measured, ns a byte of HTML and of logs: 0.5 and 1.3, 0.2 and 0.3, 0.2 and 1.0; all
in one 2.4 and 2.9."""


def lanes(patterns: Sequence[Pattern], signs: Sequence[Sign]) -> list[list[Expression]]:
    """The expressions of each database that has any; ids are those of hits.  Raises EngineError."""
    by_lane: list[list[Expression]] = [[] for _ in range(len(APART) + 1)]
    try:
        for index, pattern in enumerate(patterns):
            by_lane[_lane(pattern.id)].append(Expression(index, compose.value(pattern)))
        for index, sign in enumerate(signs, len(patterns)):
            by_lane[0].append(Expression(index, compose.sign(sign)))
    except PatternError as error:
        raise EngineError(f"patterns do not compile: {error}") from None
    return [lane for lane in by_lane if lane] or [[]]


def _lane(pattern: str) -> int:
    return next((number for number, those in enumerate(APART, 1) if pattern in those), 0)
