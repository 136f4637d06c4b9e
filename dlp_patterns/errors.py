"""The one error of this package: everything that is wrong with a pattern, said at once.

What belongs here: the shape of a complaint (field, what is wrong, remedy).  What never does: the text of an
example or any other value a pattern file holds, because an error ends in a log.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the field it is in, what is wrong with it, and what to do."""

    field: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field}: {self.what}; {self.remedy}"


class PatternError(ValueError):
    """A pattern, pack or expression that cannot be used: `problems` has every reason, `where` the file."""

    def __init__(self, problems: Iterable[Problem], where: str = "") -> None:
        self.problems = tuple(problems)
        self.where = where
        prefix = f"{where}: " if where else ""
        super().__init__("\n".join(f"{prefix}{problem}" for problem in self.problems))

    @classmethod
    def together(cls, errors: Iterable[PatternError]) -> PatternError:
        """One error that says everything the given ones say, each with its own file."""
        problems = [
            Problem(
                f"{error.where}: {problem.field}" if error.where else problem.field,
                problem.what,
                problem.remedy,
            )
            for error in errors
            for problem in error.problems
        ]
        return cls(problems)
