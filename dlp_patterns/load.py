"""Pattern files to patterns: strict, and every problem of a file said at once.

What belongs here: YAML in, `Pattern` and `Pack` out.  What never does: a default that hides a missing key,
a key that is ignored, or the text of an example in an error.

A pattern file is one YAML mapping; see packs/pci/pan.yaml.  Keys:
  id, title, source, class (pan | sad | pii | secret), severity (low | medium | high | critical)
  regex      block scalar in the grammar of regex.py; white space and `# comments` do not count
  width      widest text that regex matches, bytes; verified
  boundary   none | digit | word | token, for both sides, or {left: ..., right: ...}
  check      module of checks/;  show: row of masking.py
  context    optional: {fields: [...], words: [...], deny: [...], distance: 1..96, required: true | false}
  exact      instead of check: {hashes: FILE, key_file: FILE or key_env: NAME, normalise: alnum | digits | exact}: only
             the user's own identifiers are found (exact.py); the values of `match` need not be among them
  tells      optional: the id that findings bear, where this is another way of writing the values of that pattern
  match      list of {text, finds};  no_match: list of {text, why}
`text` and `finds` are a string, or a list of strings that are put together (so that no scanner takes an
example for a secret), or `text_base64` and `finds_base64` for bytes.  Without `finds` the whole text is the
value.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import yaml

from dlp_patterns import masking
from dlp_patterns import regex as expressions
from dlp_patterns.checks import REGISTRY
from dlp_patterns.exact import CHECK, Normal
from dlp_patterns.model import (
    MAX_DISTANCE,
    Boundary,
    Context,
    DataClass,
    Exact,
    Example,
    NonMatch,
    Pack,
    Pattern,
    PatternError,
    Problem,
    Severity,
    Sides,
)

__all__ = ["OFF_BY_DEFAULT", "builtin", "default", "load_pack", "load_pattern", "shipped", "told"]

PACKS = Path(__file__).with_name("packs")

OFF_BY_DEFAULT: frozenset[str] = frozenset({"pii_network", "pci_retired", "secrets_generic"})
"""Shipped packs that a user has to ask for: they find more, and more that is none."""

_REQUIRED = (
    "id",
    "title",
    "source",
    "class",
    "regex",
    "width",
    "boundary",
    "check",
    "show",
    "severity",
    "match",
    "no_match",
)
_OPTIONAL = ("context", "tells", "exact")


def _required(exact: bool) -> tuple[str, ...]:
    """The keys a file must have: identifiers of one's own stand in for a check."""
    return tuple(key for key in _REQUIRED if key != "check") if exact else _REQUIRED


def shipped() -> tuple[str, ...]:
    """The names of the packs that ship with the product: every folder below packs/."""
    return tuple(sorted(folder.name for folder in PACKS.iterdir() if folder.is_dir()))


def default() -> tuple[str, ...]:
    """The names of the shipped packs that are on unless somebody says otherwise."""
    return tuple(name for name in shipped() if name not in OFF_BY_DEFAULT)


def builtin(names: Iterable[str] | None = None) -> tuple[Pack, ...]:
    """The packs of these names that ship with the product; without names those that are on by default.

    Raises PatternError.
    """
    return tuple(load_pack(PACKS / name) for name in (default() if names is None else names))


_TELLS = re.compile(r"^tells: *(\S+) *$", re.MULTILINE)


def told() -> frozenset[str]:
    """The ids that findings of the packs on by default bear, which is all that a reader of policies wants to know.

    A pattern's id is that of its file, so nothing is parsed: whoever scans nothing need not read hundreds of patterns.
    """
    files = (path for name in default() for path in (PACKS / name).glob("*.yaml"))
    return frozenset(_told(path, _TELLS.search(path.read_text("utf-8"))) for path in files)


def _told(path: Path, tells: re.Match[str] | None) -> str:
    return tells[1] if tells else f"{path.parent.name}/{path.stem}"


def load_pack(folder: Path) -> Pack:
    """Every *.yaml of `folder` as a pack of its name.  Raises PatternError with the problems of all files."""
    patterns: list[Pattern] = []
    errors: list[PatternError] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            patterns.append(load_pattern(path))
        except PatternError as error:
            errors.append(error)
    if errors:
        raise PatternError.together(errors)
    try:
        return Pack(folder.name, tuple(patterns))
    except PatternError as error:
        raise PatternError(error.problems, str(folder)) from None


def load_pattern(path: Path) -> Pattern:
    """The pattern in one file.  Raises PatternError: the file, and every problem with field and remedy."""
    reader = _Reader()
    pattern = reader.pattern(_document(path, reader), f"{path.parent.name}/{path.stem}", path.parent)
    if reader.problems or pattern is None:
        raise PatternError(dict.fromkeys(reader.problems), str(path))
    return pattern


class _UniqueKeys(yaml.CSafeLoader):
    """YAML that refuses a key given twice; PyYAML alone keeps the last one and says nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is given twice", node.start_mark
                )
        return dict(super().construct_mapping(node, deep))


def _document(path: Path, reader: _Reader) -> Mapping[str, object]:
    """The mapping in the file; empty if there is none, with the problem noted."""
    try:
        document = yaml.load(path.read_text("utf-8"), Loader=_UniqueKeys)  # noqa: S506 - derived from CSafeLoader
    except OSError as error:
        reader.note("file", f"cannot be read ({error.strerror})", "check the path and its permissions")
    except UnicodeDecodeError:
        reader.note("file", "is not UTF-8", "save it as UTF-8")
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "syntax error"
        mark = getattr(error, "problem_mark", None)
        reader.note("file", f"is no YAML ({problem}, line {mark.line + 1 if mark else '?'})", "correct it")
    else:
        exact = isinstance(document, dict) and "exact" in document
        return reader.mapping(document, "file", _required(exact), _OPTIONAL)
    return {}


class _Reader:
    """Reads values out of a parsed document and keeps the problems met on the way.

    Each method answers a value that lets the reading go on, so that one run finds everything; if there is
    any problem, nothing of what was read is used.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def note(self, field: str, what: str, remedy: str) -> None:
        self.problems.append(Problem(field, what, remedy))

    def take[T](self, make: Callable[[], T], inside: str = "") -> T | None:
        """What `make` makes; None, with its problems noted, if it cannot be constructed.

        A field about which something was said while it was read is not complained about again.
        """
        try:
            return make()
        except PatternError as error:
            said = {problem.field for problem in self.problems}
            for problem in error.problems:
                if inside + problem.field not in said:
                    self.note(inside + problem.field, problem.what, problem.remedy)
            return None

    def mapping(
        self, value: object, field: str, required: Iterable[str], optional: Iterable[str] = ()
    ) -> dict[str, object]:
        """A mapping with exactly the keys allowed here."""
        if not isinstance(value, dict):
            self.note(field, "is no mapping", "write `key: value` lines")
            return {}
        inside = "" if field == "file" else f"{field}."
        allowed = [*required, *optional]
        for key in value:
            if key not in allowed:
                self.note(f"{inside}{key}", "is unknown", f"use one of {', '.join(allowed)}")
        for key in required:
            if key not in value:
                self.note(f"{inside}{key}", "is missing", "add it")
        return {str(key): item for key, item in value.items()}

    def text(self, value: object, field: str) -> str:
        if isinstance(value, str) and value.strip():
            return value.strip()
        self.note(field, "is no text", "write a text")
        return ""

    def number(self, value: object, field: str) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self.note(field, "is no whole number", "write a number of bytes")
        return 0

    def items(self, value: object, field: str) -> list[object]:
        if isinstance(value, list):
            return value
        self.note(field, "is no list", "write one `- ` line an item")
        return []

    def choice[E: StrEnum](self, value: object, field: str, kind: type[E]) -> E:
        """A member of an enumeration, by its value."""
        member = next((member for member in kind if member.value == value), None)
        if member is None:
            self.note(field, "is unknown", f"use one of {', '.join(kind)}")
        return member or next(iter(kind))

    def name(self, value: object, field: str, known: Iterable[str]) -> str:
        """A name that has to be one of those known."""
        text = self.text(value, field)
        if text and text not in known:
            self.note(field, f"{text} is unknown", f"use one of {', '.join(sorted(known))}")
        return text

    def data(self, holder: Mapping[str, object], key: str, field: str) -> bytes:
        """The bytes of `key` or `key_base64`."""
        if f"{key}_base64" in holder:
            try:
                return base64.b64decode(
                    self.text(holder[f"{key}_base64"], f"{field}.{key}_base64"), validate=True
                )
            except binascii.Error:
                self.note(f"{field}.{key}_base64", "is no base64", "encode the bytes again")
                return b"?"
        value = holder.get(key)
        parts = value if isinstance(value, list) else [value]
        strings = [part for part in parts if isinstance(part, str)]
        if len(strings) != len(parts):
            self.note(f"{field}.{key}", "is no text", "write a string in quotes, or a list of strings")
        return "".join(strings).encode("utf-8")

    def sides(self, value: object) -> Sides:
        if not isinstance(value, dict):
            both = self.choice(value, "boundary", Boundary)
            return Sides(both, both)
        holder = self.mapping(value, "boundary", ("left", "right"))
        left, right = (
            self.choice(holder[side], f"boundary.{side}", Boundary) if side in holder else Boundary.NONE
            for side in ("left", "right")
        )
        return Sides(left, right)

    def context(self, value: object) -> Context | None:
        holder = self.mapping(value, "context", (), ("fields", "words", "deny", "distance", "required"))
        required = holder.get("required", False)
        if not isinstance(required, bool):
            self.note("context.required", "is neither true nor false", "write true or false")
            return None
        fields, words, deny = (self.words(holder, key) for key in ("fields", "words", "deny"))
        distance = (
            self.number(holder["distance"], "context.distance") if "distance" in holder else MAX_DISTANCE
        )
        return self.take(lambda: Context(words, distance, required, fields, deny))

    def words(self, holder: Mapping[str, object], key: str) -> tuple[bytes, ...]:
        field = f"context.{key}"
        return tuple(self.text(word, field).encode() for word in self.items(holder.get(key, []), field))

    def example(self, value: object, field: str) -> Example | None:
        text_key = _key(value, "text")
        finds_key = _key(value, "finds")
        holder = self.mapping(value, field, (text_key,), (finds_key,))
        if text_key not in holder:
            return None
        text = self.data(holder, "text", field)
        finds = self.data(holder, "finds", field) if finds_key in holder else None
        return self.take(lambda: Example(text, finds), f"{field}.")

    def non_match(self, value: object, field: str) -> NonMatch | None:
        text_key = _key(value, "text")
        holder = self.mapping(value, field, (text_key, "why"))
        if not holder.keys() >= {text_key, "why"}:
            return None
        text = self.data(holder, "text", field)
        why = self.text(holder["why"], f"{field}.why")
        return self.take(lambda: NonMatch(text, why), f"{field}.") if why else None

    def each[T](self, value: object, field: str, read: Callable[[object, str], T | None]) -> tuple[T, ...]:
        """Every item of a list, read one by one; a number in the field says which."""
        found = [read(item, f"{field}[{at}]") for at, item in enumerate(self.items(value, field))]
        return tuple(item for item in found if item is not None)

    def exact(self, value: object, folder: Path) -> Exact | None:
        """The user's own identifiers; paths count from the pattern file."""
        keys = [each for each in ("key_file", "key_env") if isinstance(value, dict) and each in value]
        holder = self.mapping(value, "exact", ("hashes", *keys[:1]), ("normalise",))
        if not keys:
            self.note(
                "exact", "has no key", "name its file (key_file) or the variable that holds it (key_env)"
            )
        if not keys or "hashes" not in holder or keys[0] not in holder:
            return None
        key = self.text(holder[keys[0]], f"exact.{keys[0]}")
        return Exact(
            hashes=str(folder / self.text(holder["hashes"], "exact.hashes")),
            key_file=str(folder / key) if keys[0] == "key_file" else "",
            key_env=key if keys[0] == "key_env" else "",
            normalise=self.choice(holder.get("normalise", Normal.ALNUM.value), "exact.normalise", Normal),
        )

    def pattern(self, holder: Mapping[str, object], name: str, folder: Path) -> Pattern | None:
        """The pattern in a document whose place in the folders says that it is `name`."""
        exact = self.exact(holder["exact"], folder) if "exact" in holder else None
        if not holder.keys() >= set(_required("exact" in holder)):
            return None
        regex = self.take(lambda: expressions.compact(self.text(holder["regex"], "regex")))
        if holder["id"] != name:
            self.note("id", "does not fit the file", f"write {name}, or move the file")
        return self.take(
            lambda: Pattern(
                id=name,
                title=self.text(holder["title"], "title"),
                source=self.text(holder["source"], "source"),
                klass=self.choice(holder["class"], "class", DataClass),
                regex=regex or b"",
                width=self.number(holder["width"], "width"),
                boundary=self.sides(holder["boundary"]),
                check=CHECK if "exact" in holder else self.name(holder["check"], "check", REGISTRY),
                show=self.name(holder["show"], "show", masking.RULES),
                severity=self.choice(holder["severity"], "severity", Severity),
                context=self.context(holder["context"]) if "context" in holder else None,
                match=self.each(holder["match"], "match", self.example),
                no_match=self.each(holder["no_match"], "no_match", self.non_match),
                tells=self.text(holder["tells"], "tells") if "tells" in holder else "",
                exact=exact,
            )
        )


def _key(value: object, key: str) -> str:
    """`key`, or its base64 form if the mapping has that one."""
    return f"{key}_base64" if isinstance(value, dict) and f"{key}_base64" in value else key
