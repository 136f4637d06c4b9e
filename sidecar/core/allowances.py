"""When a rule speaks about a value: the conditions that exclusions and exceptions add, and the terms of an exception.

What belongs here: comparing a value's keyed hash, its request's path and its place with what a policy names, and saying
until when an exception holds.  What never does: reading a policy (`dlp_text`), the order of rules (`policy`), a clock: the
day is an argument.

Errs towards the rule: where a path or a place is not known for sure, no exclusion that names one applies.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

NO_DAY: Final = "9999-12-31"
"""The day where nobody knows the day: every exception has ended."""


class Basis(StrEnum):
    """Which part of the policy decided about a finding."""

    RULE = "rule"
    EXCLUSION = "exclusion"
    """What was found is known and harmless."""
    EXCEPTION = "exception"
    """A risk that somebody has taken, for a time."""
    DEFAULT = "default"
    """No line of the policy speaks about it."""


class Ground(StrEnum):
    """Why an exception is justified: closed codes, so that an auditor can count them."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> "Ground":
        member = str.__new__(cls, code)
        member._value_ = code
        member.sentence = sentence
        return member

    BUSINESS_NEED = (
        "business_need",
        "The service needs it, and its security features are in place (PCI DSS 1.2.5, 1.2.6).",
    )
    COMPENSATING_CONTROL = (
        "compensating_control",
        "Another control meets the requirement's intent (PCI DSS, appendix B).",
    )
    TARGETED_RISK = (
        "targeted_risk",
        "A targeted risk analysis covers it (PCI DSS 12.3.1); it is to be repeated each year.",
    )
    MIGRATION = "migration", "What sends this is being replaced."


@dataclass(frozen=True, slots=True)
class Terms:
    """Who answers for an exception, on what ground, and up to which day (inclusive, UTC)."""

    owner: str
    expires: str
    """`YYYY-MM-DD`: such days compare like texts."""
    ground: Ground
    why: str

    def over(self, today: str) -> bool:
        """Whether the exception has ended on the day `today`."""
        return self.expires < today


class Marks(NamedTuple):
    """What of a value itself a rule can ask for; neither gives the value back."""

    distinct: int
    """The same for the same value in another writing; good in this process only."""
    keyed: int
    """Its keyed hash (`dlp_patterns.exact`); 0 where no rule asks for it."""


NO_MARKS: Final = Marks(0, 0)
"""Of a finding without a value: content that cannot be read."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What else must be true of a value; what is empty asks for nothing."""

    values: frozenset[int] = frozenset()
    paths: tuple[str, ...] = ()
    """Of the request that carries the value, or whose response does."""
    places: tuple[str, ...] = ()
    """As findings tell them (`core.where`)."""

    def holds(self, marks: Marks, path: str, where: str) -> bool:
        """Whether it is true of a value with these marks, in a message with this path, at this place."""
        return (
            (not self.values or marks.keyed in self.values)
            and (not self.paths or any(like(path, glob) for glob in self.paths))
            and (not self.places or any(_stands(where, glob) for glob in self.places))
        )


def _stands(where: str, glob: str) -> bool:
    """Whether a place is what `glob` says; `header` is any header."""
    return like(where, glob) or (where.startswith("header:") and like("header", glob))


def like(text: str, glob: str) -> bool:
    """Whether `text` is what `glob` says; a `*` stands for any characters, or none.  Takes linear time."""
    if not text:
        return False
    first, *rest = glob.split("*")
    if not rest:
        return text == glob
    last = rest.pop()
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    return _in_order(text[len(first) : len(text) - len(last)], rest)


def _in_order(text: str, parts: Iterable[str]) -> bool:
    at = 0
    for part in parts:
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def is_day(text: str) -> bool:
    """Whether `text` is a day of the calendar, written `YYYY-MM-DD`."""
    if len(text) != 10 or text[4] != "-" or text[7] != "-" or not text.isascii():
        return False
    parts = text.split("-")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        return False
    year, month, day = map(int, parts)
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return year > 0 and 1 <= month <= 12 and 1 <= day <= days[month - 1]
