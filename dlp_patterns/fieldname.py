"""The name of the field that a value stands in: the best context that traffic has.

What belongs here: finding the name right before a value, in the ways in which JSON, forms, queries, headers, cookies, XML,
HTML, YAML and logs write one, and comparing names.  What never does: what a name means for a value (judgement), CSV, whose
names stand elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_NAME = rb"[A-Za-z_@$][A-Za-z0-9_@$.:\[\]/-]{0,47}(?:[ ][A-Za-z0-9_.#-]{1,24}){0,3}[\])]?"
_ASSIGNED = re.compile(rb"(?:" + _NAME + rb")\Z")
_ASSIGNS = re.compile(
    rb"(?:\\{0,3}[\"'`])?[ \t]{0,4}(?:=>|:=|==?|:)\s{0,8}"  # the end of its quotes, and what assigns
    rb"(?:[\[({]\s{0,8})?(?:[bru]?\\{0,3}[\"'`])?[ ]{0,2}\Z"  # a list's beginning, quotes
)
_OF_ASSIGNS = b"\\\"'` \t\r\n\v\f=:>[({bru"
_OF_NAMES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@$.:[]/-# )"
"""The bytes that what assigns, and a name, can have: neither is looked for before the first of those that end the text."""
_ELEMENT = re.compile(
    rb"<([A-Za-z_][A-Za-z0-9_.:-]{0,63})(?:\s[^<>]{0,64})?>\s{0,16}(?:<!\[CDATA\[\s{0,8})?\Z"  # XML, HTML
)
_ENDS_ELEMENT = (b">", b"[")
_CELLS = (b"td", b"dd", b"TD", b"DD")
_BESIDE = re.compile(  # the header of a row or of a description: <th>Card number</th><td>
    rb"(?:\A|>)\s{0,16}([^<>]{1,64}?)[\s:*]{0,16}(?:</[A-Za-z]{1,8}>\s{0,4})?</(?:th|dt|TH|DT)>\s{0,32}<[^<>]{0,64}>\s{0,16}\Z"
)
_SEGMENT = re.compile(rb"/([A-Za-z][A-Za-z0-9_.-]{1,47})/\Z")  # of a path: /cards/4111...
_ENDS = frozenset(b"\"'`=:> \t\r\n([{/")
"""What a value in a field begins behind; most values that are looked at stand elsewhere, and cost one comparison."""

_QUOTE = rb"\\{0,3}\""
_PAIR = re.compile(  # {"key": "order.id", "value": {"stringValue": "...
    _QUOTE + rb"(?:key|name|field|label|id)" + _QUOTE + rb"\s{0,4}:\s{0,4}"
    + _QUOTE + rb"([A-Za-z_][A-Za-z0-9_.:/ -]{0,47})" + _QUOTE + rb"\s{0,4},\s{0,8}"
    + _QUOTE + rb"[A-Za-z_]{0,12}[Vv]alue" + _QUOTE + rb"\s{0,4}:[^,}]{0,32}\Z"
)  # fmt: skip
_VALUE = re.compile(rb"(?:[a-z]+_)?value")

_ATTRIBUTE = re.compile(  # <input name="card" type="text" value="...
    rb"\sname\s?=\s?[\"']([A-Za-z_][A-Za-z0-9_.:\[\]-]{0,47})[\"'][^<>]{0,48}\svalue\s?=\s?[\"']?\Z"
)
_PART = re.compile(  # Content-Disposition: form-data; name="card"
    rb";[ ]?name=\"?([A-Za-z_][A-Za-z0-9_.:\[\]-]{0,47})\"?(?:;[^\r\n]{0,40})?\r?\n(?:[^\r\n]{1,40}\r?\n)?\r?\n\Z"
)
_DUMPED = re.compile(  # PHP's var_dump: ["ssn"]=> string(11) "...
    rb"\[\"([A-Za-z_][A-Za-z0-9_-]{0,47})\"(?::[^\]\r\n]{1,60})?\]\s?=>\s{1,16}(?:string\([0-9]{1,6}\) \"|int\(|float\()\Z"
)
_ENDS_DUMPED = (b') "', b"int(", b"float(")
_SERIALIZED = re.compile(  # PHP's serialize: s:3:"ssn";s:11:"...
    rb"s:[0-9]{1,2}:\\{0,3}\"([A-Za-z_][A-Za-z0-9_-]{0,47})\\{0,3}\";(?:s:[0-9]{1,6}:\\{0,3}\"|[id]:)\Z"
)
_SERIALIZED_END = 14
"""Bytes of the length before a value, and what introduces it."""
_OF_SERIALIZED = re.compile(rb";(?:s:[0-9]{1,6}:\\{0,3}\"|[id]:)\Z")
_ENCODED = (b"&quot;", b"&#34;", b"%22", b"%27")
_PLAIN = (
    *((b"&quot;", b'"'), (b"&#34;", b'"'), (b"%22", b'"'), (b"%27", b"'")),
    *((b"%3A", b":"), (b"%3a", b":"), (b"%20", b" ")),
)
"""Quotes of JSON in an attribute or a query, as they stand around names and values."""

_HUMP = re.compile(rb"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS = re.compile(rb"[^A-Za-z0-9]+")
_NORMAL = re.compile(rb"[a-z0-9]+(?:_[a-z0-9]+)*")


def before(text: bytes) -> bytes:
    """The normal name of the field whose value begins behind `text`; empty when none is there."""
    if text.endswith(_ENCODED):
        for encoded, plain in _PLAIN:
            text = text.replace(encoded, plain)
    if not text or text[-1] not in _ENDS:
        return b""
    if text.endswith(b"\n") and (part := _PART.search(text)):
        return normal(part[1])
    written = _written(text)
    if not written:
        return b""
    name = normal(written)
    pair = _PAIR.search(text) or _ATTRIBUTE.search(text) if _VALUE.fullmatch(name) else None
    return normal(pair[1]) if pair else name


def _written(text: bytes) -> bytes:
    """The name as it is written."""
    if text.rstrip().endswith(_ENDS_ELEMENT) and (found := _ELEMENT.search(text)):
        beside = _BESIDE.search(text) if found[1] in _CELLS else None
        return beside[1] if beside else found[1]
    if text.endswith(_ENDS_DUMPED) and (found := _DUMPED.search(text)):
        return found[1]
    if _OF_SERIALIZED.search(text, max(0, len(text) - _SERIALIZED_END)):
        found = _SERIALIZED.search(text)
        return found[1] if found else b""
    if text.endswith(b"/"):
        found = _SEGMENT.search(text)
        return found[1] if found else b""
    assigns = _ASSIGNS.search(text, len(text.rstrip(_OF_ASSIGNS)))
    if assigns is None:
        return b""
    named = text[: assigns.start()]
    found = _ASSIGNED.search(named, len(named.rstrip(_OF_NAMES)))
    return found[0] if found else b""


def normal(name: bytes) -> bytes:
    """`cardNumber`, `Card-Number` and `card.number` as `card_number`."""
    if is_normal(name):
        return name
    return _SEPARATORS.sub(b"_", _HUMP.sub(b"_", name)).strip(b"_").lower()


def is_normal(name: bytes) -> bool:
    """Whether `name` is written as `normal` would."""
    return _NORMAL.fullmatch(name) is not None


def is_one_of(name: bytes, names: Iterable[bytes]) -> bool:
    """Whether a normal `name` is one of `names`, or ends in the words of one, or is one of them run together."""
    return bool(name) and _finder(tuple(names)).fullmatch(name) is not None


@lru_cache(maxsize=1024)
def _finder(names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    if not names:
        return re.compile(rb"(?!)")
    whole = rb"|".join(re.escape(name).replace(rb"_", rb"_?") for name in sorted(names, reverse=True))
    return re.compile(rb"(?:[a-z0-9_]*_)?(?:" + whole + rb")")
