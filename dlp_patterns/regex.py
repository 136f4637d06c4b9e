"""The closed grammar of pattern expressions: small enough that two engines and one automaton read it alike.

What belongs here: reading an expression (`parse`), its widths, how its texts begin, and the expression
of all its prefixes.  What never does: matching anything, or a construct that Hyperscan and Python's `re`
could read differently.

The grammar: bytes; classes `[...]` and `[^...]` with ranges; `\\d` `\\w` `\\s`; `\\xHH` `\\t` `\\n` `\\r`
`\\f`; escaped punctuation; groups `(?:...)`; alternation `|`; the quantifiers `?`, `{n}` and `{m,n}`.
Nothing else: no anchors and no lookaround (boundaries are a field of their own), no captures, no flags, no
unbounded or lazy repetition.  So every expression is a finite language with a greatest width, and can be
matched in a stream with a bounded memory.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, cast

from dlp_patterns.errors import PatternError, Problem

if TYPE_CHECKING:
    # typeshed knows the parser under its old name only.
    import sre_constants as _constants
    import sre_parse as _parser

    type Node = tuple[_constants._NamedIntConstant, object]
else:
    from re import _constants, _parser

__all__ = ["compact", "mirrored", "narrowest", "openings", "parse", "prefixes", "widest", "widths"]

MAX_OPENINGS = 64
"""Most literal beginnings that an expression is said to have: which of them a value has is six bits at most."""

_ESCAPE = rb"\\(?:[dws]|[tnrf]|x[0-9A-Fa-f]{2}|[^0-9A-Za-z\s])"
_CLASS = rb"\[\^?(?:" + _ESCAPE + rb"|[^\\\[\]])+\]"
_ALLOWED = re.compile(
    rb"(?:%s|%s)" % (_ESCAPE, _CLASS) + rb"|\(\?:|\)|\||\?|\{\d+(?:,\d+)?\}|[^\\\[\](){}?*+^$.|#\s]"
)
_COMMENT_OR_SPACE = re.compile(r"#[^\n]*|\s+")
_CLASS_OR_ESCAPE = re.compile(r"\[(?:\\.|[^\\\]])*\]|\\.", re.DOTALL)

_QUANTIFIER = rb"(?:[*+?]|\{[^}]*\})"
# What an expression may not contain, what to call it, and what to write instead.  The first row that
# matches speaks.
_FORBIDDEN = tuple(
    (re.compile(form), what, remedy)
    for form, what, remedy in (
        (rb"[^\x00-\x7f]", "has a byte outside ASCII", r"write it as \xHH"),
        (rb"\(\?<?[=!]", "has a lookaround", "say it with boundary, or leave it to the check"),
        (rb"\(\?P=|\\[1-9]", "has a backreference", "leave it to the check"),
        (rb"\(\?P?<", "has a named group", "write (?:...)"),
        (rb"\(\?>", "has an atomic group", "write (?:...)"),
        (rb"\(\?(?!:)", "has flags", "spell both cases in a class, such as [Aa]"),
        (rb"\((?!\?)", "has a capturing group", "write (?:...)"),
        (rb"[\^$]|\\[AbBGzZ]", "has an anchor", "say it with boundary"),
        (rb"\.", "has a dot for any byte", r"write a class, or \. for the dot itself"),
        (_QUANTIFIER + rb"\+", "has a possessive quantifier", "leave out its +"),
        (_QUANTIFIER + rb"\?", "has a lazy quantifier", "leave out its ?"),
        (rb"[*+]|\{\d*,\}", "has an unbounded repetition", "bound it: {m,n}"),
        (
            rb"\{(?!\d+(?:,\d+)?\})|\}",
            "has a brace that is no {n} or {m,n}",
            r"write \{ or \} for the brace itself",
        ),
        (rb"\[[^\]]*(?:--|&&|\|\||~~)", "has a set operation in a class", "write the class out"),
        (rb"\\[DWS]", "has a negated shorthand", r"write a class, such as [^\d]"),
        (rb"\\[A-Za-z0-9](?<!\\[dwstnrfx])", "has an unknown escape", r"use \d \w \s \t \n \r \f or \xHH"),
        (rb"#|\s", "has a bare # or white space", r"write \# or \x20"),
    )
)

_ANY_FORBIDDEN = re.compile(b"|".join(b"(?:" + row[0].pattern + b")" for row in _FORBIDDEN))
"""Whether any row speaks: one question for each place of an expression instead of seventeen."""
_WELL_FORMED = re.compile(rb"(?>(?!" + _ANY_FORBIDDEN.pattern + rb")(?:" + _ALLOWED.pattern + rb"))*+")
"""An expression in which no row speaks anywhere, which is nearly every one: one question for all of it."""


def compact(text: str) -> bytes:
    """An expression written to be read, as bytes: white space and `# comments` outside classes are dropped.

    Raises PatternError if a character is not ASCII.
    """
    out, at = [], 0
    while at < len(text):
        if skipped := _COMMENT_OR_SPACE.match(text, at):
            at = skipped.end()
            continue
        kept = _CLASS_OR_ESCAPE.match(text, at)
        end = kept.end() if kept else at + 1
        out.append(text[at:end])
        at = end
    try:
        return "".join(out).encode("ascii")
    except UnicodeEncodeError:
        raise PatternError(
            [Problem("regex", "has a character outside ASCII", r"write its bytes as \xHH")]
        ) from None


def parse(regex: bytes) -> _parser.SubPattern:
    """The syntax tree of `regex`, made of LITERAL, NOT_LITERAL, IN, MAX_REPEAT, SUBPATTERN and BRANCH only.

    Raises PatternError with every construct that is outside the grammar.
    """
    if problems := list(dict.fromkeys(_outside_grammar(regex))):
        raise PatternError(problems)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = _parser.parse(cast("str", regex))  # bytes are fine, typeshed knows only str
    except (re.error, FutureWarning, OverflowError) as error:
        raise PatternError([Problem("regex", f"is no expression ({error})", "correct it")]) from None
    if unknown := sorted({str(op) for op, _ in _walk(tree)} - _OPS):
        raise PatternError([Problem("regex", f"has {', '.join(unknown)}", "keep to the grammar in regex.py")])
    return tree


def widths(regex: bytes) -> tuple[int, int]:
    """The fewest and the most bytes that `regex` can match."""
    return parse(regex).getwidth()


def widest(regex: bytes) -> int:
    """The most bytes that `regex` can match."""
    return widths(regex)[1]


def narrowest(regex: bytes) -> int:
    """The fewest bytes that `regex` can match."""
    return widths(regex)[0]


def prefixes(regex: bytes) -> bytes:
    """An expression of the same grammar that matches exactly the prefixes of what `regex` matches, "" and
    all included.

    Sequence: prefix(n1 n2 ...) = prefix(n1) | n1 prefix(n2 ...).  Repetition: prefix(X{m,n}) = X{0,n-1}
    prefix(X).
    Alternation: the union.  Nested, `(?:n1(?:n2)?)?`, so that it grows with the expression and not with its
    square.
    """
    return _prefixes(_nodes(parse(regex)))


def mirrored(regex: bytes) -> bytes:
    """An expression that matches exactly the texts of `regex` read backwards."""
    return _mirrored(_nodes(parse(regex)))


@lru_cache(maxsize=1024)
def openings(regex: bytes) -> tuple[bytes, ...]:
    """The literal texts one of which everything that `regex` matches begins with, longest first.

    They say the kind of a value and nothing of the value itself: `gh[op]_[0-9a-z]{36}` opens with `ghp_` or `gho_`.
    At most MAX_OPENINGS texts, each ending in a letter that is spelled out; `(b"",)` if there is nothing of the kind.
    """
    opening = _opening(_nodes(parse(regex)))
    if opening.whole:  # a few words, and no value behind them: then they are the value
        return (b"",)
    return tuple(sorted(opening.certain, key=lambda text: (-len(text), text)))


def _outside_grammar(regex: bytes) -> Iterator[Problem]:
    """Every construct of `regex` that is not in the grammar, from left to right."""
    at = len(regex) if _WELL_FORMED.fullmatch(regex) else 0
    while at < len(regex):
        if _ANY_FORBIDDEN.match(regex, at):
            form, what, remedy = next(row for row in _FORBIDDEN if row[0].match(regex, at))
            yield Problem("regex", what, remedy)
            at = cast("re.Match[bytes]", form.match(regex, at)).end()
        elif allowed := _ALLOWED.match(regex, at):
            at = allowed.end()
        else:
            yield Problem(
                "regex", f"is not understood at byte {at}", "close the class, or escape the character"
            )
            return


_OPS = {"LITERAL", "NOT_LITERAL", "IN", "MAX_REPEAT", "SUBPATTERN", "BRANCH"}
_SINGLE = {"LITERAL", "NOT_LITERAL", "IN"}
_CATEGORIES = {"CATEGORY_DIGIT": rb"\d", "CATEGORY_WORD": rb"\w", "CATEGORY_SPACE": rb"\s"}

# The nodes of a syntax tree are (op, argument) pairs whose argument depends on op.  The functions below are
# the only ones that take an argument apart, so the casts are here and nowhere else.


def _nodes(tree: object) -> list[Node]:
    return list(cast("Iterator[Node]", tree))


def _branches(argument: object) -> list[list[Node]]:
    return [_nodes(branch) for branch in cast("tuple[None, list[object]]", argument)[1]]


def _repeat(argument: object) -> tuple[int, int, list[Node]]:
    low, high, body = cast("tuple[int, int, object]", argument)
    return int(low), int(high), _nodes(body)


def _group(argument: object) -> list[Node]:
    return _nodes(cast("tuple[None, int, int, object]", argument)[3])


def _walk(tree: object) -> Iterator[Node]:
    """Every node of a tree; of a construct outside the grammar only the node itself."""
    for op, argument in _nodes(tree):
        yield op, argument
        inner: list[list[Node]] = []
        if str(op) == "BRANCH":
            inner = _branches(argument)
        elif str(op) == "MAX_REPEAT":
            inner = [_repeat(argument)[2]]
        elif str(op) == "SUBPATTERN":
            inner = [_group(argument)]
        for nodes in inner:
            yield from _walk(nodes)


def _byte(value: int) -> bytes:
    return bytes([value]) if chr(value).isascii() and chr(value).isalnum() else b"\\x%02x" % value


def _member(node: Node) -> bytes:
    """One member of a class."""
    op, argument = str(node[0]), node[1]
    if op == "LITERAL":
        return _byte(cast("int", argument))
    if op == "RANGE":
        low, high = cast("tuple[int, int]", argument)
        return _byte(low) + b"-" + _byte(high)
    return b"^" if op == "NEGATE" else _CATEGORIES[str(argument)]


def _atom(node: Node) -> bytes:
    """One node that needs no group around it, or has one."""
    op, argument = str(node[0]), node[1]
    if op == "LITERAL":
        return _byte(cast("int", argument))
    if op == "NOT_LITERAL":
        return b"[^" + _byte(cast("int", argument)) + b"]"
    if op == "IN":
        members = _nodes(argument)
        text = b"".join(map(_member, members))
        return text if len(members) == 1 and text.startswith(b"\\") and len(text) == 2 else b"[" + text + b"]"
    if op == "BRANCH":
        return _union([_sequence(branch) for branch in _branches(argument)])
    if op == "SUBPATTERN":
        return b"(?:" + _sequence(_group(argument)) + b")"
    low, high, body = _repeat(argument)
    return _times(body, low, high)


def _sequence(nodes: Sequence[Node]) -> bytes:
    return b"".join(map(_atom, nodes))


def _union(alternatives: Sequence[bytes]) -> bytes:
    return b"(?:" + b"|".join(alternatives) + b")"


class _Opening(NamedTuple):
    """How the texts of a sequence begin."""

    texts: frozenset[bytes]
    certain: frozenset[bytes]
    """The same without what a class at their end adds."""
    whole: bool
    """They do not only begin so: that is all."""


_NOTHING = _Opening(frozenset({b""}), frozenset({b""}), whole=False)


def _opening(nodes: Sequence[Node]) -> _Opening:
    """How a sequence begins, up to the first part that is more than a choice of a few literals."""
    texts = certain = frozenset({b""})
    for node in nodes:
        part = _opening_of(node)
        if len(texts) * len(part.texts) > MAX_OPENINGS:
            return _Opening(texts, certain, whole=False)
        more = part.certain - {b""}
        certain = _joined(texts, more) | (certain if b"" in part.certain else frozenset())
        texts = _joined(texts, part.texts)
        if not part.whole:
            return _Opening(certain, certain, whole=False)
    return _Opening(texts, certain, whole=True)


def _joined(left: frozenset[bytes], right: frozenset[bytes]) -> frozenset[bytes]:
    return frozenset(a + b for a in left for b in right)


def _opening_of(node: Node) -> _Opening:
    """How the texts of one node begin."""
    op, argument = str(node[0]), node[1]
    if op == "LITERAL":
        text = frozenset({bytes([cast("int", argument)])})
        return _Opening(text, text, whole=True)
    if op == "SUBPATTERN":
        return _opening(_group(argument))
    if op == "BRANCH":
        parts = [_opening(branch) for branch in _branches(argument)]
        texts = frozenset[bytes]().union(*(part.texts for part in parts))
        certain = frozenset[bytes]().union(*(part.certain for part in parts))
        return _Opening(texts, certain, whole=all(part.whole for part in parts))
    if op == "MAX_REPEAT" and _repeat(argument)[:2] == (0, 1):
        part = _opening(_repeat(argument)[2])
        return _Opening(part.texts | {b""}, part.certain | {b""}, part.whole)
    members = _nodes(argument) if op == "IN" else []
    if not members or any(str(kind) != "LITERAL" for kind, _ in members):
        return _NOTHING
    texts = frozenset(bytes([cast("int", value)]) for _, value in members)
    either_case = len({text.lower() for text in texts}) == 1
    return _Opening(texts, texts if either_case else frozenset({b""}), whole=True)


def _times(body: Sequence[Node], low: int, high: int) -> bytes:
    """`body` repeated low to high times; empty if high is 0."""
    if high == 0:
        return b""
    single = len(body) == 1 and str(body[0][0]) in _SINGLE
    text = _sequence(body) if single else b"(?:" + _sequence(body) + b")"
    if (low, high) == (1, 1):
        return text
    if (low, high) == (0, 1):
        return text + b"?"
    return text + (b"{%d}" % low if low == high else b"{%d,%d}" % (low, high))


def _prefixes(nodes: Sequence[Node]) -> bytes:
    """The prefixes of a sequence; always matches the empty text too."""
    if not nodes:
        return b""
    (op, argument), rest = nodes[0], nodes[1:]
    name = str(op)
    if name in _SINGLE:
        return b"(?:" + _atom(nodes[0]) + _prefixes(rest) + b")?"
    if name == "SUBPATTERN":
        return _prefixes([*_group(argument), *rest])
    if name == "BRANCH":
        inside = [_prefixes(branch) for branch in _branches(argument)]
        return _union([*inside, _atom(nodes[0]) + _prefixes(rest)] if rest else inside)
    low, high, body = _repeat(argument)
    return _prefixes_of_repeat(low, high, body, rest)


def _prefixes_of_repeat(low: int, high: int, body: Sequence[Node], rest: Sequence[Node]) -> bytes:
    """The prefixes of body{low,high} rest."""
    if high == 0:
        return _prefixes(rest)
    if len(body) == 1 and str(body[0][0]) in _SINGLE:
        if not rest or low == 0:
            return _times(body, 0, high) + _prefixes(rest)
        return _union([_times(body, 0, low - 1), _times(body, low, high) + _prefixes(rest)])
    inside = _times(body, 0, high - 1) + _prefixes(body)
    return _union([inside, _times(body, low, high) + _prefixes(rest)]) if rest else inside


def _mirrored(nodes: Sequence[Node]) -> bytes:
    """A sequence back to front, with everything in it back to front."""
    return b"".join(map(_mirrored_atom, reversed(nodes)))


def _mirrored_atom(node: Node) -> bytes:
    name, argument = str(node[0]), node[1]
    if name == "BRANCH":
        return _union([_mirrored(branch) for branch in _branches(argument)])
    if name == "SUBPATTERN":
        return b"(?:" + _mirrored(_group(argument)) + b")"
    if name in _SINGLE:
        return _atom(node)
    low, high, body = _repeat(argument)
    return _times(_nodes(parse(_mirrored(body))), low, high)
