"""Which patterns are scanned together: those that hold a literal in one database, the others apart.

What belongs here: the expressions of each database.  What never does: compiling and running them (hs.py).
"""

from collections.abc import Sequence

from dlp_patterns import regex
from dlp_patterns.model import Pattern, PatternError
from sidecar.core.hits import EngineError
from sidecar.core.views.view import Sign
from sidecar.match import compose
from sidecar.match.compiler import Expression

LEAST = 2
"""Bytes of a literal that every match holds, for a pattern to be found by it."""
ALONE = "pii/us_ssn"
"""An automaton that doubles the cost of the others in their database: 2.0 for 1.0 + 0.5 ns a byte of logs, measured."""


def lanes(patterns: Sequence[Pattern], signs: Sequence[Sign]) -> list[list[Expression]]:
    """The expressions of each database that has any; ids are those of hits.  Raises EngineError."""
    by_literal: list[Expression] = []
    by_automaton: list[Expression] = []
    alone: list[Expression] = []
    texts = [(p.regex, compose.value(p)) for p in patterns]
    texts += [(sign.regex, compose.sign(sign)) for sign in signs]
    try:
        for index, (core, text) in enumerate(texts):
            name = patterns[index].id if index < len(patterns) else ""
            automaton = alone if name == ALONE else by_automaton
            lane = by_literal if regex.literal(core) >= LEAST else automaton
            lane.append(Expression(index, text))
    except PatternError as error:
        raise EngineError(f"patterns do not compile: {error}") from None
    return [lane for lane in (by_literal, by_automaton, alone) if lane] or [[]]
