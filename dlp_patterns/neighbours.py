"""What the text around a number says against its being a card number.

What belongs here: one table of reasons, each a name and a test of a number and its neighbours.  What never does: the issuer
and the sum (checks/pan.py), words and field names (the pattern's context, `core.judgement`).

Two kinds of reasons.  A `PART` is a number that belongs to something longer or other: it is no card number, whatever
stands near it.  A `DOUBT` is a number in company that card numbers seldom keep: it counts only where a word or a field's
name speaks for it.  Which way it errs: a card number that is missed is a breach, one too many is a nuisance, so a `PART`
has to be something that real card numbers practically never meet.

Every test looks at most `BEFORE` bytes back and `BEHIND` bytes ahead, which confirmation has whatever the cutting.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import pairwise, takewhile
from typing import Final, NamedTuple

from dlp_patterns.issuers import issuer_of
from dlp_patterns.published import TEST_NUMBERS
from dlp_patterns.sums import luhn

BEFORE = 64
"""How far back a number's neighbours are looked at, bytes: SHA-256 in hexadecimal."""

BEHIND = 56
"""How far ahead, bytes; less than what confirmation has behind a hit (`core.inspector.AHEAD`)."""

NOTHING: Final = -1
"""In place of a byte, where a text begins or is over."""

HEX_ID = 20
"""Shortest hexadecimal run with a letter that is taken for an id: `acc4111111111111111` is a card number."""

INVISIBLE = rb"(?:\xe2\x80[\x8b-\x8f]|\xe2\x81\xa0|\xef\xbb\xbf|\xc2\xad)"
"""Zero-width space and joiners, direction marks, word joiner, byte order mark, soft hyphen, in UTF-8: they join what they
stand between."""


_UTF8 = re.compile(rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{2})[\x80-\xbf]\Z")


def counted(window: bytes, start: int) -> int:
    """How many bytes the value at `start` has, as the byte before it says; 0 if that says nothing.

    Protobuf, MySQL, DNS and many others write the length of a text before it, MessagePack with the three highest bits 101.
    What stands behind such a text is the next field's tag or length, and may be a digit or a letter.
    """
    byte = window[start - 1] if start else 0
    if byte < 0x20:
        return byte if byte != 0x0D else 0  # the end of a line
    return byte & 0x1F if byte >> 5 == 0b101 and not _UTF8.search(window[max(0, start - 4) : start]) else 0


class Number:
    """A number whose digits are those of a card, and where it stands.  What several reasons ask for is looked up once."""

    __slots__ = (
        "_others", "_runs", "before", "behind", "digits", "end", "groups", "left", "right", "separator", "start", "window",
    )  # fmt: skip

    def __init__(
        self, window: bytes, start: int, end: int, groups: tuple[bytes, ...], separator: bytes
    ) -> None:
        self.window, self.start, self.end = window, start, end
        self.groups = groups
        """Its digits, as they are grouped."""
        self.separator = separator
        """What stands between the groups; empty for one run."""
        self.digits = b"".join(groups)
        self.before = window[max(0, start - BEFORE) : start]
        self.behind = window[end : end + BEHIND]
        self.left = window[start - 1] if start else NOTHING
        self.right = window[end] if end < len(window) else NOTHING
        """The bytes right beside it."""
        self._runs: tuple[list[re.Match[bytes]], list[re.Match[bytes]]] | None = None
        self._others: dict[bytes, bool] = {}

    @property
    def runs(self) -> tuple[list[re.Match[bytes]], list[re.Match[bytes]]]:
        """The long runs of digits in `before` and in `behind`."""
        if self._runs is None:
            self._runs = _long_runs(self.before), _long_runs(self.behind)
        return self._runs

    def other_id(self, run: bytes) -> bool:
        """Whether a run nearby is no card number."""
        known = self._others.get(run)
        if known is None:
            known = self._others[run] = not luhn.is_valid(run) or issuer_of(run) is None
        return known


def _long_runs(text: bytes) -> list[re.Match[bytes]]:
    return [
        run
        for run in _LONG_RUN.finditer(text)
        if run.end() - run.start() <= _LONGEST_RUN and not text.startswith(b".", max(0, run.start() - 1))
    ]


class Reason(NamedTuple):
    """One row: its name, and whether it holds."""

    name: str
    holds: Callable[[Number], bool]
    after: frozenset[int] | None = None
    before: frozenset[int] = frozenset()
    """It can hold only right after one of these bytes, or right before one of those; None: anywhere."""


class Reasons:
    """A table.  Of its rows only those are asked that can hold between the two bytes beside a number: few."""

    def __init__(self, *rows: Reason) -> None:
        self.rows = rows
        self._between = lru_cache(maxsize=1024)(self._possible)

    def first(self, number: Number) -> str | None:
        """The name of the first that holds; None for none."""
        for reason in self._between(number.left, number.right):
            if reason.holds(number):
                return reason.name
        return None

    def _possible(self, left: int, right: int) -> tuple[Reason, ...]:
        return tuple(
            row for row in self.rows if row.after is None or left in row.after or right in row.before
        )


_HEX_TOKEN = re.compile(rb"(?=[0-9]*[A-Fa-f])(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{4}")
_NUMERIC = re.compile(rb"-?[0-9A-Fa-f]{0,8}[0-9][0-9A-Fa-f]{0,8}[,.]?")
_EXPIRY = re.compile(rb"(?:0[1-9]|1[0-2])(?:2[4-9]|3[0-9]|4[0-5])")
_YEAR = re.compile(rb"19[5-9][0-9]|20[0-4][0-9]")

# --- one run or groups ------------------------------------------------------------------------------------------------

_DIGIT_BEFORE = re.compile(rb"[0-9]" + INVISIBLE + rb"{0,2}\Z")
_DIGIT_BEHIND = re.compile(INVISIBLE + rb"{0,2}[0-9]")
_IBAN_HEAD = re.compile(
    rb"(?<![0-9A-Za-z])[A-Z]{2}[0-9]{2}(?:(?:[ -]?[0-9A-Z]{4}){0,6}[ -]?|[0-9A-Z]{1,21})\Z"
)


def _longer_number(number: Number) -> bool:
    return bool(_DIGIT_BEFORE.search(number.before[-8:]) or _DIGIT_BEHIND.match(number.behind))


def _iban(number: Number) -> bool:
    return _IBAN_HEAD.search(number.before) is not None


def _escape(number: Number) -> bool:
    """Whether its first two digits are a byte that is percent-encoded: `%22` and fourteen digits."""
    return number.before.endswith(b"%")


# --- one run ----------------------------------------------------------------------------------------------------------

_FRACTION = re.compile(rb"[0-9]\.\Z")
_NUMBER_GOES_ON = re.compile(rb"\.(?=[0-9]*[1-9])[0-9]+(?![0-9/])|[pP][+-]?[0-9]|[eE][+-][0-9]")
_HEX_BEFORE = re.compile(rb"(?<![0-9A-Za-z])[0-9A-Fa-f]*[A-Fa-f][0-9A-Fa-f]*\Z")
_QUOTES, _CALLED_WITH = frozenset(b"\"'"), (b'("', b"('")
_HEX_BEHIND = frozenset(b"ABCEFabcdef")
_HEX_LITERAL = re.compile(rb"(?:\b0[xX]|\\[xu]|[Hh]ex[A-Za-z]{0,8}\([\"'](?:0x)?[0-9A-Fa-f]{0,32})\Z")
_INTEGER_SUFFIX = re.compile(rb"(?:[uU]?[lL]{1,2}|[lL]{1,2}[uU]?|n|[iu](?:64|128))(?![0-9A-Za-z])")
_NEGATIVE = re.compile(rb"[:=,\[($]\s?-\Z")
_NAMED_ID = re.compile(rb"[A-Za-z]{2,}[-_]\Z")
_SAMPLE = re.compile(rb"\} \Z")
_TIMESTAMP = re.compile(
    rb"2[0-9](?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]"
)
_FEW_SYMBOLS = re.compile(rb"[1-5]+")
_BETWEEN_RUNS = rb"[\"']?(?:[,;|][ \t]?|[ \t]|,?\r?\n[ \t]{0,8})[\"']?"
_BETWEEN = b"\"' \t\r\n,;|-"
_RUN_BEFORE = re.compile(rb"(?<![0-9])([0-9]{12,20})" + _BETWEEN_RUNS + rb"-?\Z")
_RUN_BEHIND = re.compile(_BETWEEN_RUNS + rb"-?([0-9]{12,20})(?![0-9])")
_LONG_RUN = re.compile(rb"[0-9]{13,}")
_LONGEST_RUN = 20
_ROW_END = re.compile(rb"[\n)\]}]")
_LETTERS, _DIGITS = re.compile(rb"[A-Za-z]+"), re.compile(rb"[0-9]+")
_EPOCH = re.compile(rb"1[5-9][0-9]{11}(?:[0-9]{3}|[0-9]{6})?")
_BASE64 = re.compile(rb"[0-9A-Za-z+/_-]+")
_KIND_ENDS = re.compile(rb"[a-z](?=[+/_-]*[A-Z0-9])|[A-Z](?=[+/_-]*[a-z0-9])|[0-9](?=[+/_-]*[A-Za-z])")
CHANGING, CHANGES = 12, 4
"""How many letters at each side of a number are looked at for base64, and how often they change their kind there: random
ones seven times, and one in forty less than four times."""
ROUND = b"0" * 8
"""How many zeros at its end make a number a round one."""


def _fraction(number: Number) -> bool:
    return _FRACTION.search(number.before[-2:]) is not None or (
        _NUMBER_GOES_ON.match(number.behind) is not None
    )


def _hexadecimal(number: Number) -> bool:
    """Whether it goes on, or went on before, as the hexadecimal digits of an id."""
    window, start, end = number.window, number.start, number.end
    behind = window[end : end + 1]
    if behind and behind[0] in _HEX_BEHIND:
        return counted(window, start) != end - start
    if number.left in _QUOTES and not number.before.endswith(_CALLED_WITH):
        return False
    if _HEX_LITERAL.search(number.before):
        return True
    before = _HEX_BEFORE.search(number.before)
    length = 0 if before is None else end - start + len(before.group())
    return length >= HEX_ID and not (behind.isalnum() and behind != b"D")


def _one_of_many_ids(number: Number) -> bool:
    """Whether a number of the same length, and no card number, is its neighbour in a list."""
    close = number.before.rstrip(_BETWEEN)[-1:].isdigit()
    found = (_RUN_BEFORE.search(number.before) if close else None, _RUN_BEHIND.match(number.behind))
    return any(match and len(match[1]) == len(number.digits) and number.other_id(match[1]) for match in found)


def _among_ids(number: Number) -> bool:
    """Whether at least two long numbers nearby are neither card numbers nor times."""
    before, behind = number.runs
    if len(before) + len(behind) < 2:
        return False
    others = (run for run in (*before, *behind) if not _EPOCH.fullmatch(run[0]) and number.other_id(run[0]))
    return next(others, None) is not None and next(others, None) is not None


def _column_of_ids(number: Number) -> bool:
    """Whether in the row before or behind it, in the same place, stands a number as long that is no card number."""
    before, behind, length = number.before, number.behind, len(number.digits)
    others = [
        [run for run in runs if run.end() - run.start() == length and number.other_id(run[0])]
        for runs in number.runs
    ]
    if others == [[], []]:
        return False
    place = _place(before)
    return any(
        _ROW_END.search(before, run.end()) and _place(before[: run.start()]) == place for run in others[0]
    ) or any(
        _ROW_END.search(behind, 0, run.start()) and _place(behind[: run.start()]) == place
        for run in others[1]
    )


def _place(before: bytes) -> bytes:
    """What stands right before a number, whatever the words and numbers there."""
    return _DIGITS.sub(b"0", _LETTERS.sub(b"a", before[-8:]))[-3:]


def _row_of_numbers(number: Number) -> bool:
    return any(
        sum(_numbers(number, blank)) >= 6
        for blank in (b" ", b"\t")
        if number.before.endswith(blank) or number.behind.startswith(blank)
    )


def _inside_base64(number: Number) -> bool:
    """Whether what runs on at both sides changes between capitals, small letters and digits as no word does."""
    before, behind = number.before[-CHANGING:], number.behind[:CHANGING]
    return (
        len(before) == len(behind) == CHANGING
        and _BASE64.fullmatch(before) is not None
        and _BASE64.fullmatch(behind) is not None
        and all(len(_KIND_ENDS.findall(part)) >= CHANGES for part in (before, behind))
    )


def _few_symbols(number: Number) -> bool:
    return _FEW_SYMBOLS.fullmatch(number.digits) is not None


# --- groups -----------------------------------------------------------------------------------------------------------

_UUID_HEAD = re.compile(rb"(?<![0-9A-Fa-f])([0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){0,3})\Z")
_UUID_SHAPE = (8, 4, 4)
_LETTER = re.compile(rb"[A-Fa-f]")
_DUMP_OFFSET = re.compile(rb"[0-9A-Fa-f]{7}: {1,2}\Z")
_DOTTED_BEHIND = re.compile(rb"\.[0-9A-Za-z]")
_KEY_TOKEN = re.compile(rb"(?=[0-9]*[A-Za-z])[0-9A-Za-z]{4,5}")
_TOKEN = re.compile(rb"[0-9A-Za-z]{1,24}\Z")
_THREE_MORE = re.compile(rb"[0-9]{3}(?![0-9])")
NEAR = 300
"""Groups that lie closer together than this, and rise, are neighbours in a sorted list."""


def _group_before(number: Number) -> bytes:
    """The token right before the number, if the number's own separator stands between; else empty."""
    return _last_token(number.before, number.separator)


def _group_behind(number: Number) -> bytes:
    return _last_token(number.behind[::-1], number.separator[::-1])[::-1]


def _last_token(text: bytes, separator: bytes) -> bytes:
    if not text.endswith(separator):
        return b""
    found = _TOKEN.search(text, 0, len(text) - len(separator))
    return found.group() if found else b""


def _numbers(number: Number, separator: bytes) -> tuple[int, int]:
    """How many numbers, decimal or hexadecimal, stand in a row before and behind it, `separator` between them."""
    before, behind = number.before, number.behind
    if b"\n" not in separator:
        before, behind = before.rpartition(b"\n")[2], behind.partition(b"\n")[0]
    return _leading(before.split(separator)[::-1]), _leading(behind.rstrip().split(separator))


def _leading(tokens: list[bytes]) -> int:
    return 0 if tokens[0] else sum(1 for _ in takewhile(_NUMERIC.fullmatch, tokens[1:]))


def _is_like(group: bytes, token: bytes) -> bool:
    """Whether `token` is one more group such as `group`, and neither an expiry nor a year."""
    return (
        len(token) == len(group)
        and token.isdigit()
        and not (_EXPIRY.fullmatch(token) or _YEAR.fullmatch(token))
    )


def _group_of_more(number: Number) -> bool:
    """Whether a group stands before it that makes it a longer number."""
    return _is_like(number.groups[0], _group_before(number))


def _shorter_than_it_goes_on(number: Number) -> bool:
    """Whether three digits more make it a number of its issuer: then that is right or wrong as a whole."""
    more = _THREE_MORE.match(number.behind.removeprefix(number.separator))
    return (
        more is not None
        and number.behind.startswith(number.separator)
        and issuer_of(number.digits + more.group()) is not None
        and number.digits not in TEST_NUMBERS
    )


def _hex_dump(number: Number) -> bool:
    groups = (_group_before(number), _group_behind(number))
    return any(_HEX_TOKEN.fullmatch(group) for group in groups)


def _uuid(number: Number) -> bool:
    """Whether the groups go on where a UUID began, or are grouped like the beginning of one."""
    if number.separator != b"-":
        return False
    head = _UUID_HEAD.search(number.before[-36:])
    shape = tuple(map(len, number.groups[:3]))
    return shape == _UUID_SHAPE or (head is not None and _LETTER.search(head.group()) is not None)


def _dotted(number: Number) -> bool:
    return number.separator == b"." and (
        number.before.endswith(b".") or _DOTTED_BEHIND.match(number.behind) is not None
    )


def _sorted_neighbours(number: Number) -> bool:
    return rising(number.groups) and int(number.groups[-1]) - int(number.groups[0]) < NEAR


def _row_of_groups(number: Number) -> bool:
    before, behind = _numbers(number, number.separator)
    return before >= 3 or behind >= 4 or before + behind >= 5 or groups_behind(number) >= 2


def _repeated(number: Number) -> bool:
    return len(set(number.groups)) < len(number.groups)


def _licence_key(number: Number) -> bool:
    return number.separator == b"-" and any(
        _KEY_TOKEN.fullmatch(group) for group in (_group_before(number), _group_behind(number))
    )


def groups_behind(number: Number) -> int:
    """How many groups such as its last one follow the number with its own separator."""
    first, *tokens = number.behind.split(number.separator)
    return 0 if first else sum(1 for _ in takewhile(partial(_is_like, number.groups[-1]), tokens))


def rising(groups: tuple[bytes, ...]) -> bool:
    """Whether each group is of the same length as the one before it and a larger number."""
    return len({len(group) for group in groups}) == 1 and all(low < high for low, high in pairwise(groups))


# --- the table --------------------------------------------------------------------------------------------------------

_DIGIT: Final = frozenset(b"0123456789")
_HEX: Final = _DIGIT | frozenset(b"ABCDEFabcdef")
_CAPITAL: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LETTER_OR_DIGIT: Final = _DIGIT | _CAPITAL | frozenset(b"abcdefghijklmnopqrstuvwxyz")
_NO_WIDTH_ENDS: Final = frozenset((*range(0x8B, 0x90), 0xA0, 0xBF, 0xAD))
_NO_WIDTH_BEGINS: Final = frozenset(b"\xe2\xef\xc2")
_BLANK: Final = frozenset(b" \t")
_PARTS_RUNS: Final = frozenset(_BETWEEN)

_ANY_PART = (
    Reason("a longer number", _longer_number, _DIGIT | _NO_WIDTH_ENDS, _DIGIT | _NO_WIDTH_BEGINS),
    Reason("an IBAN", _iban, _DIGIT | _CAPITAL | frozenset(b" -")),
    Reason("a percent-encoded byte", _escape, frozenset(b"%")),
)
_RUN_PART = Reasons(
    *_ANY_PART,
    Reason("a decimal number", _fraction, frozenset(b"."), frozenset(b".pPeE")),
    Reason("a hexadecimal number", _hexadecimal, _HEX | frozenset(b"xXu\"'"), _HEX_BEHIND),
)
_GROUPS_PART = Reasons(
    *_ANY_PART,
    Reason("a longer number in groups", _group_of_more),
    Reason("a number of three digits more", _shorter_than_it_goes_on),
    Reason("a hexadecimal dump", _hex_dump),
    Reason("a UUID", _uuid),
    Reason("a dotted number", _dotted),
    Reason("a decimal number", lambda number: _FRACTION.search(number.before[-2:]) is not None),
)
_RUN_DOUBT = Reasons(
    Reason(
        "an integer literal",
        lambda number: _INTEGER_SUFFIX.match(number.behind) is not None,
        frozenset(),
        frozenset(b"uUlLni"),
    ),
    Reason("a negative number", lambda number: _NEGATIVE.search(number.before) is not None, frozenset(b"-")),
    Reason(
        "an id with a prefix", lambda number: _NAMED_ID.search(number.before) is not None, frozenset(b"-_")
    ),
    Reason("a sample of a metric", lambda number: _SAMPLE.search(number.before) is not None, frozenset(b" ")),
    Reason("a timestamp", lambda number: _TIMESTAMP.match(number.digits) is not None),
    Reason("a round number", lambda number: number.digits.endswith(ROUND)),
    Reason("written in few symbols", _few_symbols),
    Reason("inside base64", _inside_base64, _LETTER_OR_DIGIT | frozenset(b"+/_-")),
    Reason("one of many ids", _one_of_many_ids, _PARTS_RUNS, _PARTS_RUNS),
    Reason("a row of numbers", _row_of_numbers, _BLANK, _BLANK),
    Reason("among ids", _among_ids),
    Reason("a column of ids", _column_of_ids),
)
_GROUPS_DOUBT = Reasons(
    Reason("a sorted list", _sorted_neighbours),
    Reason("groups that repeat", _repeated),
    Reason("a row of numbers", _row_of_groups),
    Reason("a licence key", _licence_key),
    Reason(
        "behind an offset", lambda number: _DUMP_OFFSET.search(number.before) is not None, frozenset(b" ")
    ),
)


def part_of(number: Number) -> str | None:
    """What the number is only a part of; None if it stands for itself."""
    return (_GROUPS_PART if number.separator else _RUN_PART).first(number)


def doubt(number: Number) -> str | None:
    """Why the number counts only where something speaks for it; None if nothing is wrong with its company."""
    return (_GROUPS_DOUBT if number.separator else _RUN_DOUBT).first(number)
