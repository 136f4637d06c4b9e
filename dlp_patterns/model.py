"""Patterns as frozen values: an invalid one cannot be constructed.

What belongs here: the nouns (Pattern, Pack, Boundary, Context, Example, Confirmed ...) and the rules that
hold for each of them alone.  What never does: files and YAML (load.py), validators (checks/), the matcher.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from dlp_patterns import fieldname
from dlp_patterns import regex as expressions
from dlp_patterns.errors import PatternError, Problem

if TYPE_CHECKING:
    from dlp_patterns.exact import ExactSet

__all__ = [
    "Boundary",
    "Confidence",
    "Confirmed",
    "Context",
    "DataClass",
    "Evidence",
    "Exact",
    "Example",
    "NonMatch",
    "Pack",
    "Pattern",
    "PatternError",
    "Problem",
    "Severity",
    "Sides",
]

MAX_WIDTH = 256
"""Widest value a pattern may declare, bytes.  It bounds what the proxy holds back of a stream."""

MAX_DISTANCE = 96
"""How far before a value its field's name and other words are looked for, bytes.  Macie: 30 characters, Purview: 300."""

MIN_NO_MATCH = 2
"""Fewest counter-examples of a pattern: what it must *not* find says more about it than what it finds."""

_ID = re.compile(r"[a-z][a-z0-9_]*/[a-z][a-z0-9_]*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Severity(StrEnum):
    """How bad it is when this value crosses the wire in clear."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Evidence(IntEnum):
    """How much a value's own shape and digits say, before anything around it is looked at."""

    WEAK = 1
    """Too many other numbers look like that: it counts only where its surroundings speak for it."""
    SLIGHT = 2
    """Rare as it is, other numbers look like that: it counts where its surroundings do not speak against it."""
    FAIR = 3
    STRONG = 4


class Confidence(IntEnum):
    """How sure a finding is; comparable, so that a policy can ask for *at least*."""

    LIKELY = 1
    CERTAIN = 2


class DataClass(StrEnum):
    """What kind of sensitive data a pattern finds; the policy speaks in these words."""

    PAN = "pan"
    """Primary account numbers and what belongs to them (PCI DSS: cardholder data)."""
    SAD = "sad"
    """Sensitive authentication data: track, card verification code, PIN block (PCI DSS 3.3.1)."""
    PII = "pii"
    SECRET = "secret"  # noqa: S105 - the name of a class


_DIGIT = frozenset(b"0123456789")
_WORD = _DIGIT | frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")


class Boundary(StrEnum):
    """What the byte next to a value must not be.  The edges of the data hold for every boundary."""

    NONE = "none"
    DIGIT = "digit"
    WORD = "word"
    TOKEN = "token"  # noqa: S105 - the name of a boundary: word characters and "-"

    @property
    def outside(self) -> bytes:
        """The bytes that may stand next to the value, as one regex class; empty for NONE."""
        return _OUTSIDE[self]

    @property
    def inside(self) -> frozenset[int]:
        """The bytes that may not."""
        return _INSIDE[self]

    def holds(self, byte: int | None) -> bool:
        """Whether `byte` (None: there is no neighbour) may stand next to the value."""
        return byte is None or byte not in _INSIDE[self]


_INSIDE: dict[Boundary, frozenset[int]] = {
    Boundary.NONE: frozenset(),
    Boundary.DIGIT: _DIGIT,
    Boundary.WORD: _WORD,
    Boundary.TOKEN: _WORD | frozenset(b"-"),
}
_OUTSIDE: dict[Boundary, bytes] = {
    Boundary.NONE: b"",
    Boundary.DIGIT: b"[^0-9]",
    Boundary.WORD: b"[^0-9A-Za-z_]",
    Boundary.TOKEN: b"[^0-9A-Za-z_-]",
}


class Sides(NamedTuple):
    """The boundaries to the left and to the right of a value."""

    left: Boundary
    right: Boundary


@dataclass(frozen=True, slots=True)
class Example:
    """Text in which exactly one value is found: `finds`, or the whole text if that is None."""

    text: bytes
    finds: bytes | None

    def __post_init__(self) -> None:
        if not self.text:
            raise PatternError([Problem("text", "is empty", "write a text that holds the value")])
        if self.finds is not None and (not self.finds or self.finds not in self.text):
            raise PatternError(
                [Problem("finds", "does not occur in text", "copy the value exactly as it stands there")]
            )

    @property
    def value(self) -> bytes:
        """The value that is to be found."""
        return self.text if self.finds is None else self.finds


@dataclass(frozen=True, slots=True)
class NonMatch:
    """Text in which nothing may be found, and why."""

    text: bytes
    why: str

    def __post_init__(self) -> None:
        if not self.text:
            raise PatternError(
                [Problem("text", "is empty", "write a text that looks like a value but is none")]
            )
        if not self.why.strip():
            raise PatternError([Problem("why", "is empty", "say in a few words why this is no value")])


@dataclass(frozen=True, slots=True)
class Context:
    """What the surroundings of a value say about it.

    fields: names of the field it stands in that speak for it; deny: names that speak against it (fieldname.py says how
    names are compared).
    words: lower case ASCII, each a whole word of an identifier: `card` is seen in `card=`, `CARD_NO`,
    `cardNumber` and `debit-card`, not in `discard` or `cardinal`.
    distance: how many bytes before the value the words are looked for.
    required: without a field's name or a word that speaks for it there is no finding.
    """

    words: tuple[bytes, ...] = ()
    distance: int = MAX_DISTANCE
    required: bool = False
    fields: tuple[bytes, ...] = ()
    deny: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        problems = []
        if not all(re.fullmatch(rb"[a-z0-9\x80-\xff]+", word) for word in self.words):
            problems.append(
                Problem(
                    "context.words",
                    "must be words of a-z, 0-9 and letters beyond ASCII",
                    "write lower case words without separators",
                )
            )
        problems += [
            Problem(f"context.{key}", "must be names like card_number", "write a-z, 0-9 and single _")
            for key, names in (("fields", self.fields), ("deny", self.deny))
            if not all(fieldname.is_normal(name) for name in names)
        ]
        if not 1 <= self.distance <= MAX_DISTANCE:
            problems.append(Problem("context.distance", f"must be 1 to {MAX_DISTANCE} bytes", "lower it"))
        if not self.words and not self.fields and (self.required or not self.deny):
            problems.append(Problem("context", "has nothing that speaks for a value", "name fields or words"))
        if problems:
            raise PatternError(problems)

    def seen(self, before: bytes) -> bool:
        """Whether a word stands in the last `distance` bytes of `before`, the bytes before the value."""
        if not self.words:
            return False
        return self._found(before) is not None

    def word(self, before: bytes) -> bytes:
        """The word that `seen` sees, as it is written in the pattern; empty for none."""
        found = self._found(before) if self.words else None
        return found[0].lower() if found else b""

    def _found(self, before: bytes) -> re.Match[bytes] | None:
        anywhere, whole = _word_finders(self.words)
        start = max(0, len(before) - self.distance)
        return whole.search(before, start) if anywhere.search(before[start:].lower()) else None

    def speaks_for(self, name: bytes) -> bool:
        """Whether a field of this (normal) name holds such values."""
        return fieldname.is_one_of(name, self.fields)

    def speaks_against(self, name: bytes) -> bool:
        """Whether a field of this (normal) name holds no such values."""
        return fieldname.is_one_of(name, self.deny)


@lru_cache(maxsize=512)
def _word_finders(words: tuple[bytes, ...]) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """An expression for any of `words`, each bounded by a non-letter, the edge, or a hump of camelCase.

    Before it, one for any of them anywhere in lower case: it answers ten times as fast, and mostly that there is none.
    """
    left = rb"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))"
    right = rb"(?:(?![A-Za-z])|(?<=[a-z0-9])(?=[A-Z]))"
    every = rb"|".join(sorted(words, reverse=True))
    return re.compile(every), re.compile(left + rb"(?i:" + every + rb")" + right)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A hit that a check confirmed: where in the window, what, on what evidence, whether a published test value."""

    start: int
    end: int
    kind: str
    evidence: Evidence
    test: bool = False


class Exact(NamedTuple):
    """Where the user's own identifiers are that a pattern finds: paths of files, and how values are normalised."""

    hashes: str
    key_file: str
    """Or empty, and `key_env` names a variable of the environment that holds the key."""
    key_env: str
    normalise: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of sensitive value: how it looks, how it is confirmed, how it may be shown, and the evidence.

    `regex` is in the closed grammar of regex.py and excludes the boundaries; `width` is the widest text it
    matches, in bytes.  `check` names a module of checks/, `show` a row of masking.py (the loader looks both
    up).  `tells` is the id that findings bear where this is only another way of writing the values of another pattern.
    """

    id: str
    title: str
    source: str
    klass: DataClass
    regex: bytes
    width: int
    boundary: Sides
    check: str
    show: str
    severity: Severity
    context: Context | None
    match: tuple[Example, ...]
    no_match: tuple[NonMatch, ...]
    tells: str = ""
    exact: Exact | None = None
    """Instead of a check: only the user's own identifiers are confirmed."""
    known: ExactSet | None = field(default=None, repr=False, compare=False)
    """These, once they have been read (`exact_file.armed`)."""

    @property
    def told(self) -> str:
        """The id that findings bear."""
        return self.tells or self.id

    @property
    def openings(self) -> tuple[bytes, ...]:
        """The literal texts one of which each value begins with, or what introduces it; longest first."""
        return expressions.openings(self.regex)

    def __post_init__(self) -> None:
        if problems := list(_problems(self)):
            raise PatternError(problems)


def _problems(pattern: Pattern) -> Iterator[Problem]:
    """Everything that is wrong with a pattern on its own."""
    if not _ID.fullmatch(pattern.id):
        yield Problem("id", "must be <pack>/<name>", "use a-z, 0-9 and _ on both sides of one slash")
    if pattern.tells and not _ID.fullmatch(pattern.tells):
        yield Problem("tells", "must be <pack>/<name>", "write the id of the pattern whose values these are")
    for each in ("title", "source", "check", "show"):
        if not getattr(pattern, each).strip():
            yield Problem(each, "is empty", "fill it in")
    if not pattern.match:
        yield Problem("match", "has no example", "add at least one text in which the value is found")
    if len(pattern.no_match) < MIN_NO_MATCH:
        yield Problem(
            "no_match",
            f"has fewer than {MIN_NO_MATCH} examples",
            "add texts that must stay silent, with a why",
        )
    yield from _regex_problems(pattern)


def _regex_problems(pattern: Pattern) -> Iterator[Problem]:
    """What is wrong with the expression and with the width declared for it."""
    if not pattern.regex:
        yield Problem("regex", "is empty", "write the expression of the value")
        return
    try:
        narrowest, widest = expressions.widths(pattern.regex)
    except PatternError as error:
        yield from error.problems
        return
    if narrowest == 0:
        yield Problem("regex", "matches the empty text", "make at least one part of it obligatory")
    if widest > MAX_WIDTH:
        yield Problem("regex", f"can match {widest} bytes", f"bound it to {MAX_WIDTH} bytes")
    if pattern.width != widest:
        yield Problem(
            "width",
            f"is {pattern.width}",
            f"the widest text that regex matches has {widest} bytes: write {widest}",
        )


@dataclass(frozen=True, slots=True)
class Pack:
    """A folder of patterns under one name; every pattern's id starts with it."""

    name: str
    patterns: tuple[Pattern, ...]

    def __post_init__(self) -> None:
        problems = []
        if not _NAME.fullmatch(self.name):
            problems.append(Problem("name", "must be a-z, 0-9 and _", "rename the folder"))
        if not self.patterns:
            problems.append(Problem("patterns", "is empty", "put at least one pattern file into the folder"))
        ids = [pattern.id for pattern in self.patterns]
        problems += [
            Problem("id", f"{name} is used twice", "give each pattern its own")
            for name in sorted({name for name in ids if ids.count(name) > 1})
        ]
        problems += [
            Problem("id", f"{name} is not in pack {self.name}", f"begin it with {self.name}/")
            for name in ids
            if name.partition("/")[0] != self.name
        ]
        if problems:
            raise PatternError(problems)
