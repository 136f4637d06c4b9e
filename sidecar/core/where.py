"""Where in a text a value stands, in the words of its format: `url`, `header:X-Card`, `$.payment.card`, `/order/card`.

What never belongs here: which text it is of a stream (`findings.Place`).  It is asked for what is found, so it may cost.

A path shows the names of fields, never a value: a key that could itself be one (it has many digits, is no name, or the
engine sees something in it) is shown as `*`.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import Final, NamedTuple

from sidecar.core.findings import Part, Place
from sidecar.core.views.columns import header_end

KEPT: Final = 64 * 1024
"""How much of a growing text is kept to tell paths in it.  Values behind it are told without theirs."""
_LIMIT: Final = 1024 * 1024
"""The same for a text that is complete anyway."""

_MEMBER: Final = rb'\s*"[^"\\]*"\s*:\s*(?:"[^"\\]*"|[^"{}\[\],:\s]+)\s*'
_MEMBERS: Final = rb"(?:" + _MEMBER + rb",)++(?:" + _MEMBER + rb"})?|" + _MEMBER + rb"}"
_TOKEN: Final = re.compile(rb"(" + _MEMBERS + rb')|"(?:[^"\\]|\\.)*"?|[{}\[\],:]', re.DOTALL)
"""Members of an object that are over are one token: they are most of a text, and say nothing of what comes behind them."""
_DEEPEST: Final = 100
"""Objects and lists in each other behind which no path is told: points that remember deeper ones would fill the memory."""
_JSON: Final = re.compile(rb"\s*[{\[]")
_BLANK: Final = b" \t\r\n\x0b\x0c"
_LONGEST: Final = 200
_HEADER: Final = 400
"""How long the first line of a table may be for its columns to be told, bytes."""
_STRIDE: Final = 128
"""Distance of the points from which a path is followed again, bytes."""
_NAMES: Final = {Part.HEAD: "header", Part.BODY: "body", Part.FRAMING: "trailer", Part.STREAM: "stream"}

type Hides = Callable[[bytes], object]
"""Whether the engine sees something in a key."""


def where(text: bytes, start: int, place: Place, hides: Hides = lambda _: False) -> str:
    """Where the value at `start` of a complete text stands."""
    return Whereabouts(text, place, hides).at(start)


def roughly(place: Place) -> str:
    """The same for a text of which not everything is known."""
    return _NAMES[place.part]


class Whereabouts:
    """Answers for many values of one complete text."""

    def __init__(self, text: bytes, place: Place, hides: Hides) -> None:
        self._text = text
        self._place = place
        self._hides = hides
        self._steps: _Steps | _Rows | _Form | _Elements | None = None
        if place.part in (Part.BODY, Part.STREAM):
            if _JSON.match(text):
                self._steps = _Steps(hides)
            elif _MARKUP.match(text):
                self._steps = _Elements(hides)
            elif header_end(text, _HEADER):
                self._steps = _Rows(hides)
            elif _FORM.match(text):
                self._steps = _Form(hides)

    def at(self, start: int) -> str:
        """Where the value at `start` stands."""
        if self._place.part is Part.HEAD:
            end = self._text.find(b"\n")
            if 0 <= start < end and not self._text.startswith(b"HTTP/"):
                return "url"
            return self._header(start)
        if self._steps is not None and start < _LIMIT:
            return self._steps.path(self._text, start) or roughly(self._place)
        return roughly(self._place)

    def _header(self, start: int) -> str:
        """The header in which the value at `start` stands, by its name if that shows nothing."""
        name, colon, _ = self._text[self._text.rfind(b"\n", 0, start) + 1 : start].partition(b":")
        known = colon and is_name(name) and not self._hides(name)
        return f"header:{name.decode()}" if known else "header"


class Trail:
    """The beginning of a body that grows, kept while it could be JSON, XML, a table or a form: the same at any chunking."""

    def __init__(self, place: Place, hides: Hides) -> None:
        self.view = place.view
        """The reading whose offsets these are."""
        self._roughly = roughly(place)
        self._steps: _Steps | _Rows | _Form | _Elements = _Steps(hides)
        self._rows, self._form, self._elements = _Rows(hides), _Form(hides), _Elements(hides)
        self._begun = self._in_header = False
        self._room = KEPT if place.part is Part.BODY else 0
        self._text = bytearray()
        """A copy: of many small pieces, many objects would stay."""

    def feed(self, piece: bytes) -> None:
        """More of the text."""
        if not self._room:
            return
        if not self._begun:
            first = piece.lstrip(_BLANK)[:1]
            self._begun = bool(first)
            if first == b"<":
                self._steps = self._elements
            elif first and first not in b"{[":
                self._steps, self._in_header = self._rows, True
        self._text += piece[: self._room]
        if self._in_header:
            end = header_end(bytes(self._text[:_HEADER]), _HEADER)
            self._in_header = end is None
            if end == 0:
                self._steps = self._form
                if not _FORM.match(self._text):
                    self._room, self._text = 0, bytearray()
                    return
        self._room = KEPT - len(self._text)

    def at(self, start: int) -> str:
        """Where the value at `start` stands."""
        if not self._text or start >= KEPT:
            return self._roughly
        path = self._steps.path(self._text, start)
        if not path and self._steps is self._rows:
            path = self._form.path(self._text, start)
        return path or self._roughly


class _Point(NamedTuple):
    """What is known of a JSON text at one of its tokens."""

    at: int
    steps: tuple[bytes | int, ...]
    last: bytes | None
    """The last string: perhaps a key."""


class _Steps:
    """Follows one JSON text, from the nearest point that it has been at before."""

    def __init__(self, hides: Hides) -> None:
        self._hides = hides
        self._shown: dict[bytes, str] = {}
        """Steps by their keys: values of one kind stand under the same ones."""
        self._points = [_Point(0, (), None)]
        self._broken: int | None = None
        """Where it turned out to be none."""

    def path(self, text: bytes | bytearray, start: int) -> str:
        """The path of what stands at `start`; empty where the text is no JSON up to there."""
        if self._broken is not None and start > self._broken:
            return ""
        point = self._points[bisect_right(self._points, start, key=lambda each: each.at) - 1]
        steps, last = list(point.steps), point.last
        for token in _TOKEN.finditer(text, point.at, start):
            if token.end() == start and not token[1] and token[0][:1] == b'"':
                break  # the value stands in it: where it ends is not known here
            match token[1][-1:] if token[1] else token[0][:1]:
                case b'"':
                    last = bytes(token[0])
                case b":" if steps and last is not None:
                    steps[-1], last = last, None
                case b"{" if len(steps) < _DEEPEST:
                    steps.append(b"")
                case b"[" if len(steps) < _DEEPEST:
                    steps.append(0)
                case b"}" | b"]" if steps:
                    steps.pop()
                case b",":
                    if steps:
                        nth = steps[-1]
                        steps[-1] = nth + 1 if isinstance(nth, int) else b""
                case _:
                    self._broken = token.start()
                    return ""
            if token.end() >= self._points[-1].at + _STRIDE:
                self._points.append(_Point(token.end(), tuple(steps), last))
        path = "$" + "".join(map(self._step, steps))
        return path if len(path) <= _LONGEST else path[: _LONGEST - 1] + "…"

    def _step(self, step: bytes | int) -> str:
        if isinstance(step, int):
            return f"[{step}]"
        if step not in self._shown:
            key = step.strip(b'"')
            self._shown[step] = f".{key.decode()}" if is_name(key) and not self._hides(key) else ".*"
        return self._shown[step]


_QUOTED: Final = re.compile(rb'"(?:[^"]|"")*"?')
_MARK: Final = re.compile(rb"[,;\t|]")


class _Rows:
    """Tells rows and columns of a table whose first line names them (`views.columns`), as if of a list: `$[3].card`."""

    def __init__(self, hides: Hides) -> None:
        self._hides = hides

    def path(self, text: bytes | bytearray, start: int) -> str:
        """The path of what stands at `start`; empty in the header itself, and where no cell is."""
        begin = text.find(b"\n") + 1
        if not 0 < begin <= start:
            return ""
        line = text.rfind(b"\n", 0, start) + 1
        if text.count(b'"', begin, line) % 2:
            return ""  # the line ends in quotes
        header, row = bytes(text[: begin - 1]), bytes(text[line:start])
        mark = _MARK.search(_QUOTED.sub(b"", header))
        names, at = (
            header.split(mark[0] if mark else b","),
            _QUOTED.sub(b"", row).count(mark[0] if mark else b","),
        )
        if at >= len(names):
            return ""
        name = names[at].strip(b"\xef\xbb\xbf\r\"' ")
        shown = name.decode() if is_name(name) and not self._hides(name) else "*"
        return f"$[{text.count(b'\n', begin, start)}].{shown}"


_FORM: Final = re.compile(rb"[\w.%+\[\]-]{1,80}(?:=|\Z)")
"""How a form begins, or could."""
_FIELD: Final = re.compile(rb"&?([\w.%+\[\]-]{1,80})=[^\s&=\"<>]*")
_STEPS: Final = re.compile(rb"(?:\[|\]|\.|%5[BbDd])+")


class _Form:
    """Tells the fields of a form (`application/x-www-form-urlencoded`); `payment[card]=` is `$.payment.card`."""

    def __init__(self, hides: Hides) -> None:
        self._hides = hides

    def path(self, text: bytes | bytearray, start: int) -> str:
        """The path of what stands at `start`; empty where the text is no form about there."""
        if not _FORM.match(text):
            return ""
        field = _FIELD.fullmatch(text, max(0, text.rfind(b"&", 0, start)), start)
        if field is None:
            return ""
        steps = filter(None, _STEPS.split(bytes(field[1])))
        return "$" + "".join(
            f".{step.decode()}" if is_name(step) and not self._hides(step) else ".*" for step in steps
        )


_MARKUP: Final = re.compile(rb"\s*<(?!(?:!doctype\s+)?html)[?!a-z_]", re.IGNORECASE)
"""How XML begins: in HTML elements that never end would make a path of everything before."""
_QUOTES: Final = rb"(?:[^<>\"']|\"[^<\"]*\"|'[^<']*')*+"
_TAG: Final = re.compile(
    rb"<!--(?:[^<]|<(?!!--)){0,512}?-->|<[!?]"
    + _QUOTES
    + rb">|<(/?)([A-Za-z_][\w.:-]{0,80})"
    + _QUOTES
    + rb">"
)
_OPEN_TAG: Final = re.compile(
    rb"<([A-Za-z_][\w.:-]{0,80})\s(?:[^<>\"']|\"[^<\"]*\"|'[^<']*')*?([\w.:-]{1,80})\s*=\s*[\"'][^<>\"']*\Z"
)


class _Elements:
    """Tells elements of XML by their names without a prefix, `/Envelope/Body/card`, and attributes: `/a/card@number`."""

    def __init__(self, hides: Hides) -> None:
        self._hides = hides
        self._points: list[tuple[int, tuple[bytes, ...]]] = [(0, ())]
        """Offsets behind tags, and the elements that are open there."""

    def path(self, text: bytes | bytearray, start: int) -> str:
        """The path of what stands at `start`; empty outside elements, and in HTML."""
        if not _MARKUP.match(text, 0, start):
            return ""
        at, names = self._points[bisect_right(self._points, start, key=lambda each: each[0]) - 1]
        for tag in _TAG.finditer(text, at, start):
            at, names = tag.end(), _after(tag, names)
            if at >= self._points[-1][0] + _STRIDE:
                self._points.append((at, names))
        steps = [self._shown(name) for name in names]
        begun = text.rfind(b"<", at, start)
        attribute = _OPEN_TAG.match(text, begun, start) if begun >= 0 else None
        if attribute:
            steps.append(f"{self._shown(attribute[1])}@{self._shown(attribute[2])}")
        path = "/" + "/".join(steps) if steps else ""
        return path if len(path) <= _LONGEST else path[: _LONGEST - 1] + "…"

    def _shown(self, name: bytes) -> str:
        local = bytes(name).rpartition(b":")[2]
        return local.decode() if is_name(local) and not self._hides(local) else "*"


def _after(tag: re.Match[bytes], names: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The open elements behind a tag.  An end that fits no beginning ends nothing."""
    name = tag[2]
    if name is None or (not tag[1] and tag[0].endswith(b"/>")):
        return names
    if not tag[1]:
        return (*names, name) if len(names) < _DEEPEST else names
    nth = len(names) - 1 - names[::-1].index(name) if name in names else len(names)
    return names[:nth]


_NAME: Final = re.compile(rb"[A-Za-z_][A-Za-z0-9_-]{0,40}")
_WORD: Final = re.compile(rb"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_DIGITS: Final = b"0123456789"
_OTHERS: Final = _DIGITS + b"_-"
"""What a name has beside letters."""
_MOST_DIGITS: Final = 4
"""As in `address_2` and `sha512`; the last four digits of a number are the most that may be shown of it anyway."""
_SHORT: Final = 16
_WORD_LENGTH: Final = 3
"""Letters of a name that is longer than that make words: those of a token change their case all the time."""


def is_name(key: bytes) -> bool:
    """Whether a key reads like the name of a field, so that it cannot be somebody's number or token."""
    if not _NAME.fullmatch(key) or len(key) - len(key.translate(None, _DIGITS)) > _MOST_DIGITS:
        return False
    letters = len(key.translate(None, _OTHERS))
    return len(key) <= _SHORT or letters >= _WORD_LENGTH * len(_WORD.findall(key))
