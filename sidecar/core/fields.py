"""Checking the shape of a parsed file field by field, and reporting everything that is wrong with it at once.

What belongs here: mappings, lists, numbers and words of closed tables, each with the path of its field for
the error.  What never does: what a field is for; policy_text.py knows that, and settings.py and
scope_file.py in `ops`.
"""

from collections.abc import Iterable, Mapping

from dlp_patterns.errors import Problem
from sidecar.contract import API_VERSION
from sidecar.core.document import DocumentError, Node, parse, show


class ConfigError(ValueError):
    """A file (or the environment) that cannot be used.  `problems` holds every reason, `where` the file.

    `unread`: the file could not even be read, so trying again may help without a change of it.
    """

    def __init__(self, problems: Iterable[Problem], where: str = "", unread: bool = False) -> None:
        self.problems = tuple(problems)
        self.where = where
        self.unread = unread
        prefix = f"{where}: " if where else ""
        super().__init__("\n".join(f"{prefix}{problem}" for problem in self.problems))


def listed(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *head, last = words
    return f"{', '.join(head)} or {last}" if head else last


class Reader:
    """Checks the shape of a parsed file field by field, and collects every problem instead of stopping at
    the first.

    A method that finds a problem records it and returns the empty value of its kind (None, [] or {}), so
    that the rest of the file is still read; the caller looks at `problems` once, at the end.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def document(self, text: str) -> Node:
        """The value of the whole text; None if it cannot be parsed."""
        try:
            return parse(text)
        except DocumentError as error:
            self.problems.append(error.problem)
            return None

    def wrong(self, field: str, what: str, remedy: str) -> None:
        """Record one problem."""
        self.problems.append(Problem(field, what, remedy))

    def mapping(
        self, node: Node, field: str, required: Iterable[str] = (), optional: Iterable[str] = ()
    ) -> dict[str, Node]:
        """The fields of a mapping with all `required` keys and none outside `required` and `optional`."""
        if not isinstance(node, dict):
            self.wrong(field or "file", "is no mapping", "write `key: value` lines")
            return {}
        required, optional = tuple(required), tuple(optional)
        for key in node:
            if key not in required and key not in optional:
                self.wrong(join(field, key), "is no known key", f"use {listed((*required, *optional))}")
        for key in required:
            if key not in node:
                self.wrong(join(field, key), "is missing", "add it")
        return node

    def header(self, fields: Mapping[str, Node], kind: str) -> None:
        """`apiVersion` and `kind`, which say what the file claims to be."""
        for key, wanted in (("apiVersion", API_VERSION), ("kind", kind)):
            if key in fields and fields[key] != wanted:
                self.wrong(key, f"is {show(fields[key])}", f"write {wanted}")

    def items(self, node: Node, field: str) -> list[tuple[str, Node]]:
        """The items of a list, each with its own field path; None (nothing after the colon) is empty."""
        if node is None:
            return []
        if not isinstance(node, list):
            self.wrong(field, f"is {show(node)}", "write a list")
            return []
        return [(f"{field}[{index}]", item) for index, item in enumerate(node)]

    def one_or_many(self, node: Node, field: str) -> list[tuple[str, Node]]:
        """A single value, or a list of at least one."""
        if not isinstance(node, list):
            return [(field, node)]
        if not node:
            self.wrong(field, "is an empty list", "name at least one, or leave the key out")
        return self.items(node, field)

    def text(self, node: Node, field: str) -> str:
        """A non-empty text."""
        if isinstance(node, str) and node.strip():
            return node
        self.wrong(field, f"is {show(node)}", "write some text")
        return ""

    def integer(self, node: Node, field: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`."""
        if isinstance(node, int) and not isinstance(node, bool) and low <= node <= high:
            return node
        self.wrong(field, f"is {show(node)}", f"write a whole number from {low} to {high}")
        return None

    def choice[T](self, node: Node, field: str, table: Mapping[str, T]) -> T | None:
        """One word of a closed table."""
        if isinstance(node, str) and node in table:
            return table[node]
        self.wrong(field, f"is {show(node)}", f"use {listed(table)}")
        return None


def join(field: str, key: str) -> str:
    """The path of a key below a field: `dlp[2]` and `action` give `dlp[2].action`."""
    return f"{field}.{key}" if field else key
