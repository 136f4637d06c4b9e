"""What payment systems speak: ISO 8583, EMV data objects, EBCDIC.  On declared ports only."""

from collections.abc import Callable
from random import Random
from typing import Final

from benchmarks.detection import cards
from benchmarks.detection.digits import digits
from benchmarks.detection.encodings.model import (
    EBCDIC_PORT,
    EMV_PORT,
    ISO8583_PORT,
    SHOULD,
    Delivery,
    Encoding,
    sentence,
)
from benchmarks.detection.fillers import fill
from benchmarks.detection.sample import Via


def bcd(number: str, pad: str = "F", left: bool = False) -> bytes:
    """Two digits a byte."""
    if len(number) % 2:
        number = pad + number if left else number + pad
    return bytes.fromhex(number)


def bitmap(fields: list[int]) -> bytes:
    """Which of the fields 1 to 64 are there, eight bytes."""
    bits = sum(1 << (64 - number) for number in fields)
    return bits.to_bytes(8, "big")


def _fields(chance: Random) -> dict[int, str]:
    """What goes with a card number in an authorization request; none of it a number of its own."""
    return {
        3: "000000",
        4: f"{chance.randrange(100, 99999):012}",
        7: fill(chance, "11271530$n2"),
        11: digits(chance, 6),
        14: cards.expiry(chance),
        22: "051",
        49: "978",
    }


def iso_ascii(chance: Random, number: str, *, track: bool, hexed: bool) -> bytes:
    """ISO 8583:1987, fields in ASCII; the bitmap is binary or in hexadecimal."""
    rest = _fields(chance)
    if track:
        stripe = f"{number}={rest[14]}2010000012300"
        rest[35] = f"{len(stripe):02}{stripe}"
    else:
        rest[2] = f"{len(number):02}{number}"
    present = bitmap(sorted(rest))
    bits = present.hex().upper().encode() if hexed else present
    return b"0200" + bits + "".join(rest[at] for at in sorted(rest)).encode()


def iso_bcd(chance: Random, number: str, *, track: bool) -> bytes:
    """ISO 8583:1987 with numbers in BCD: the length of field 2 is one BCD byte, its digits are left-aligned."""
    rest = _fields(chance)
    packed = {at: bcd(text, "0", left=True) for at, text in rest.items() if at != 49}
    if track:
        stripe = f"{number}D{rest[14]}2010000012300"
        packed[35] = bcd(f"{len(stripe):02}") + bcd(stripe)
    else:
        packed[2] = bcd(f"{len(number):02}") + bcd(number)
    return bcd("0200") + bitmap(sorted(packed)) + b"".join(packed[at] for at in sorted(packed))


def framed(message: bytes) -> bytes:
    """With the usual two bytes of length."""
    return len(message).to_bytes(2, "big") + message


def tlv(tag: str, data: bytes) -> bytes:
    """EMV book 3, annex B."""
    return bytes.fromhex(tag) + bytes([len(data)]) + data


def _emv_pan(chance: Random, number: str) -> bytes:
    inner = (
        tlv("5A", bcd(number))
        + tlv("5F24", bcd(f"{cards.expiry(chance)}31"))
        + tlv("9F02", bcd(f"{chance.randrange(9999):012}"))
        + tlv("5F2A", bcd("0978"))
    )
    return tlv("70", inner)


def _emv_track(chance: Random, number: str) -> bytes:
    return (
        tlv("9F26", chance.randbytes(8))
        + tlv("57", bcd(f"{number}D{cards.expiry(chance)}2010000012300"))
        + tlv("95", b"\0\0\0\x80\0")
    )


def _stream(name: str, make: Callable[[Random, str], bytes], port: int) -> Encoding:
    return Encoding(
        name,
        SHOULD,
        lambda chance, _key, value: Delivery(make(chance, value), via=Via.STREAM, port=port),
        numbers=True,
    )


def _ebcdic(chance: Random, key: str, value: str) -> Delivery:
    return Delivery(sentence(chance, key, value).encode("cp037"), via=Via.STREAM, port=EBCDIC_PORT)


ENCODINGS: Final[tuple[Encoding, ...]] = (
    _stream("iso 8583, ascii", lambda c, n: framed(iso_ascii(c, n, track=False, hexed=False)), ISO8583_PORT),
    _stream(
        "iso 8583, ascii, hex bitmap",
        lambda c, n: framed(iso_ascii(c, n, track=False, hexed=True)),
        ISO8583_PORT,
    ),
    _stream(
        "iso 8583, ascii, track 2", lambda c, n: framed(iso_ascii(c, n, track=True, hexed=True)), ISO8583_PORT
    ),
    _stream("iso 8583, bcd", lambda c, n: framed(iso_bcd(c, n, track=False)), ISO8583_PORT),
    _stream("iso 8583, bcd, track 2", lambda c, n: framed(iso_bcd(c, n, track=True)), ISO8583_PORT),
    _stream(
        "iso 8583, two messages",
        lambda c, n: (
            framed(b"0800" + bitmap([7, 11]) + b"1127153000123456") + framed(iso_bcd(c, n, track=False))
        ),
        ISO8583_PORT,
    ),
    _stream("emv, tag 5A", _emv_pan, EMV_PORT),
    _stream("emv, tag 57", _emv_track, EMV_PORT),
    Encoding("ebcdic", SHOULD, _ebcdic),
)
