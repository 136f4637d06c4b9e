"""What stands around a number: every reason of the table, with texts in which it holds and hardly does not."""

from __future__ import annotations

import pytest

from dlp_patterns import neighbours
from dlp_patterns.neighbours import Number

RUN, GROUPS = b"4539148803436467", b"4539 1488 0343 6467"

# Text around RUN or GROUPS (%s), what the number is a part of, what is doubtful about it.
TABLE: list[tuple[bytes, bytes, str | None, str | None]] = [
    (RUN, b"pay %s now", None, None),
    (RUN, b"5%s", "a longer number", None),
    (RUN, b"5\xe2\x80\x8b%s", "a longer number", None),
    (RUN, b"%s\xc2\xad5", "a longer number", None),
    (RUN, b"GB29NWBK%s", "an IBAN", None),
    (RUN, b"GE61LW%s", "an IBAN", None),
    (RUN, b"%22%3A%%s%22", "a percent-encoded byte", None),
    (RUN, b"0.%s", "a decimal number", None),
    (RUN, b"%s.25", "a decimal number", None),
    (RUN, b"%s.0", None, None),
    (RUN, b"%s.12/27", None, None),
    (RUN, b"%sp-930", "a decimal number", None),
    (RUN, b"0x%s", "a hexadecimal number", None),
    (RUN, b"%sa3ce929d", "a hexadecimal number", None),
    (RUN, b"a3ce%s", "a hexadecimal number", None),
    (RUN, b"acc%s", None, None),
    (RUN, b"%sULL", None, "an integer literal"),
    (RUN, b'{"x":-%s}', None, "a negative number"),
    (RUN, b"ORD-%s", None, "an id with a prefix"),
    (RUN, b'jobs{a="b"} %s', None, "a sample of a metric"),
    (b"2411270357071234", b"%s", None, "a timestamp"),
    (b"4539100000000000", b"%s", None, "a round number"),
    (b"3411243112145442", b"%s", None, "written in few symbols"),
    (RUN, b"DP81oHqAZawCtg0MFDiq%sZ5u4JNVOduCclcQx1==", None, "inside base64"),
    (RUN, b"/api/v2/Payments/%s/History/", None, None),
    (RUN, b"4539148803436468, %s", None, "one of many ids"),
    (RUN, b"%s\n4539148803436468\n", None, "one of many ids"),
    (RUN, b"1732680000000,%s,12.50", None, None),
    (RUN, b"1 2 3 4 %s 5 6 7", None, "a row of numbers"),
    (RUN, b"845391488034364671 x %s y 8453914880343646", None, "among ids"),
    (RUN, b"(1,'Anna',4539148803436468,2),\n(2,'Bo',%s,7),", None, "a column of ids"),
    (RUN, b"(1,'Anna',%s,2),\n(2,'Bo',4539148803436468,7),", None, "a column of ids"),
    (RUN, b"(1,'Anna',5425233430109903,2),\n(2,'Bo',%s,7),", None, None),
    (RUN, b"(1,4539148803436468,'Anna',2),\n(2,'Bo',%s,7),", None, None),
    (RUN, b"(1,'Anna',453914880343646,2),\n(2,'Bo',%s,7),", None, None),
    (GROUPS, b"pay %s now", None, None),
    (GROUPS, b"9134 %s", "a longer number in groups", None),
    (GROUPS, b"1228 %s", None, None),
    (GROUPS, b"%s 123", "a number of three digits more", None),
    (GROUPS, b"%s 123r\x05Osaka", "a number of three digits more", None),
    (GROUPS, b"%s 1228 123", None, None),
    (GROUPS, b"00a0: 3a2f %s 41b2", "a hexadecimal dump", None),
    (GROUPS, b"0001a2f: %s", None, "behind an offset"),
    (GROUPS.replace(b" ", b"-"), b"deadbeef-%s", "a UUID", None),
    (GROUPS.replace(b" ", b"."), b"[.%s", "a dotted number", None),
    (GROUPS, b"917.%s", "a decimal number", None),
    (b"5211 5212 5213 5214", b"%s", None, "a sorted list"),
    (b"4537 4537 4537 4392", b"%s", None, "groups that repeat"),
    (GROUPS, b"%s 5512 9081 1120 7712", None, "a row of numbers"),
    (GROUPS, b"1 0 750 %s", None, "a row of numbers"),
    (GROUPS.replace(b" ", b"-"), b"K7F2-%s", None, "a licence key"),
]


def number(value: bytes, text: bytes) -> Number:
    window = text.replace(b"%s", value)
    start = text.index(b"%s")
    separator = next((bytes([byte]) for byte in value if not 48 <= byte <= 57), b"")
    groups = tuple(value.split(separator)) if separator else (value,)
    return Number(window, start, start + len(value), groups, separator)


@pytest.mark.parametrize(("value", "text", "part", "doubt"), TABLE, ids=lambda item: repr(item)[:40])
def test_reasons(value: bytes, text: bytes, part: str | None, doubt: str | None) -> None:
    found = number(value, text)
    assert neighbours.part_of(found) == part
    if part is None:
        assert neighbours.doubt(found) == doubt


def test_every_reason_is_in_the_table() -> None:
    every = {
        reason.name
        for table in (
            neighbours._RUN_PART,
            neighbours._GROUPS_PART,
            neighbours._RUN_DOUBT,
            neighbours._GROUPS_DOUBT,
        )
        for reason in table.rows
    }
    assert every == {name for _, _, *names in TABLE for name in names if name}


COUNTED = [
    (b"*\x10", 16, "protobuf, MySQL, DNS"),
    (b"\x94\xa3pan5\xb3", 19, "MessagePack"),
    (b"\xb0", 16, "MessagePack, the first byte"),
    (b"\xd9\x17", 23, "MessagePack, the length in a byte of its own"),
    (b"\xc2\xb0", 0, "a degree sign"),
    (b"\xe2\x80\xb0", 0, "a per mille sign"),
    (b"\r", 0, "the end of a line"),
    (b'"', 0, "text"),
    (b"", 0, "nothing"),
]


@pytest.mark.parametrize(("before", "length", "what"), COUNTED, ids=[row[2] for row in COUNTED])
def test_the_length_that_stands_before_a_value(before: bytes, length: int, what: str) -> None:
    assert neighbours.counted(before + b"4539148803436467", len(before)) == length, what
