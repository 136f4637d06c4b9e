"""Payment messages: each element behind its name, in every way of writing, and nothing of what is no message."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp_patterns.model import Confidence
from sidecar.core.findings import Channel, Finding
from sidecar.core.flow import Flow
from sidecar.core.inspector import Inspector
from sidecar.core.policy import Connection, Format, Policy
from sidecar.core.policy_text import PolicyError, parse_policy
from sidecar.core.reading import read
from sidecar.core.scopes import Direction, Mode, PeerClass
from sidecar.core.views.payment.emv import EMV
from sidecar.core.views.payment.iso8583 import ISO8583
from sidecar.core.views.table import EVERY_SIGN, FORMATS, VIEWS
from sidecar.core.views.view import Spec
from sidecar.lab.samples import VISA
from sidecar.match.hs import HyperscanMatcher
from sidecar.relay.world import World
from tests.kit.cuts import bytewise, cuttings, outcome, pieces
from tests.kit.effort import effort
from tests.kit.engines import hyperscan, inspector, patterns

STRIPE = f"{VISA}D25121010000012345678"
BAD = "4111111111111112"
BLOCK = "0123456789ABCDEF"
LONG = "6799990100000000019"
KEY = "AKIA" + "RPZUZDIKFN33MB3X"
FIELDS = {3: "000000", 4: "000000001000", 7: "1127040000", 11: "123456", 14: "2512", 22: "051"}
LINES = f"\nde2_pan={VISA}\nde14_card_expiry=2512\nde35_track2={STRIPE}\nde52_pin_block={BLOCK}\n"


def bitmap(numbers: list[int]) -> bytes:
    bits = sum(1 << (64 - number) for number in numbers)
    return bits.to_bytes(8)


def in_ascii(*, hexadecimal: bool, card: str = VISA, stripe: str = STRIPE) -> bytes:
    bits, block = bitmap([2, *FIELDS, 35, 41, 52]), bytes.fromhex(BLOCK)
    if hexadecimal:
        bits, block = bits.hex().upper().encode(), BLOCK.encode()
    fields = f"{len(card)}{card}{''.join(FIELDS.values())}{len(stripe)}{stripe}TERM0001"
    return b"0200" + bits + fields.encode() + block


def packed(card: str = VISA, stripe: str = STRIPE, *, counted: bool = False) -> bytes:
    def bcd(digits: str) -> bytes:
        return bytes.fromhex("0" * (len(digits) % 2) + digits)

    def length(size: int) -> bytes:
        return bytes([size]) if counted else bcd(f"{size:02}")

    fields = b"".join(map(bcd, FIELDS.values()))
    track = bytes.fromhex(stripe + "F" * (len(stripe) % 2))
    head = bytes.fromhex("6000000000") + b"\x02\x00" + bitmap([2, *FIELDS, 35, 41, 52])
    return (
        head
        + length(len(card))
        + bcd(card)
        + fields
        + length(len(stripe))
        + track
        + b"TERM0001"
        + bytes.fromhex(BLOCK)
    )


def element(tag: str, value: bytes) -> bytes:
    return bytes.fromhex(tag) + bytes([len(value)]) + value


CHIP = (
    element("5F20", b"DOE/JOHN") + element("99", bytes.fromhex(BLOCK)) + element("9F02", bytes(6))
    + element("5A", bytes.fromhex(VISA)) + element("57", bytes.fromhex(STRIPE + "F")) + element("5F24", b"\x25\x12\x31")
)  # fmt: skip
CHIP_LINES = (
    f"\ntag_5f20_name=DOE/JOHN\n\ntag_99_pin_block={BLOCK}\n"
    f"\ntag_5a_pan={VISA}\n\ntag_57_track2={STRIPE.replace('D', '=')}\n\ntag_5f24_card_expiry=251231\n"
)  # fmt: skip
READ = {
    "ASCII, hexadecimal bitmap": (ISO8583, in_ascii(hexadecimal=True), LINES),
    "ASCII, binary bitmap": (ISO8583, in_ascii(hexadecimal=False), LINES),
    "packed": (ISO8583, packed(), LINES),
    "packed, lengths in binary": (ISO8583, packed(counted=True), LINES),
    "two messages, lengths between": (ISO8583, b"\x00\x50" + packed() + b"\x00\x50" + packed(), LINES * 2),
    "cut short": (ISO8583, in_ascii(hexadecimal=True)[:40], f"\nde2_pan={VISA}\n"),
    "no check digit": (ISO8583, in_ascii(hexadecimal=True, card=BAD, stripe=STRIPE.replace(VISA, BAD)), ""),
    "nobody issues it": (ISO8583, in_ascii(hexadecimal=True, card="0" * 16, stripe=STRIPE.replace(VISA, "0" * 16)), ""),
    "an expiry, and no card behind it": (ISO8583, b"0200" + bitmap([14, 35]) + b"251299", ""),
    "digits": (ISO8583, b"0200" * 40, ""),
    "chip": (EMV, b"\x70\x40" + CHIP, CHIP_LINES),
    "chip, nineteen digits": (EMV, element("5A", bytes.fromhex(f"{LONG}F")), f"\ntag_5a_pan={LONG}\n"),
    "chip, no check digit": (EMV, element("5A", bytes.fromhex("4111111111111112")), ""),
    "a PIN block alone": (EMV, element("99", bytes.fromhex(BLOCK)), ""),
}  # fmt: skip


def seen_by(spec: Spec, cut: list[bytes]) -> str:
    view = spec.make()
    return b"".join([*map(view.feed, cut), view.end()]).decode("latin-1")


@pytest.mark.parametrize(("spec", "wire", "lines"), READ.values(), ids=READ)
def test_a_message_is_written_out_at_any_cutting(spec: Spec, wire: bytes, lines: str) -> None:
    for cut in ([wire], bytewise(wire), *(pieces(wire, [at]) for at in range(1, len(wire)))):
        assert seen_by(spec, cut) == lines


@effort(100)
@given(st.sampled_from([ISO8583, EMV]), st.integers(0, 10**9), st.data())
def test_damage_and_junk_are_read_the_same_at_any_cutting(spec: Spec, seed: int, data: st.DataObject) -> None:
    rng = Random(seed)
    wire = bytearray(
        rng.randbytes(20) + rng.choice([text for each, text, _ in READ.values() if each is spec])
    )
    for _ in range(rng.randrange(4)):
        wire[rng.randrange(len(wire))] = rng.randrange(256)
    cut = data.draw(cuttings(bytes(wire)))
    assert seen_by(spec, cut) == seen_by(spec, [bytes(wire)])


PAYMENT_PORT = Policy(formats=(Format(frozenset({8583}), ("iso8583", "emv", "ebcdic")),))


@cache
def every_sign() -> HyperscanMatcher:
    return HyperscanMatcher(patterns(), signs=EVERY_SIGN)


def found(text: bytes, *, scanned: bool) -> list[Finding]:
    views = (*VIEWS, *FORMATS) if scanned else VIEWS
    return read(replace(inspector(), views=views, matcher=every_sign()), text)


def test_white_space_in_the_place_of_a_bitmap_is_no_message() -> None:
    """As a text of old protocols had it, in a table of numbers: `0110` and forty spaces."""
    wire = b"0110" + b" " * 40 + b"\n" + in_ascii(hexadecimal=True)
    assert seen_by(ISO8583, [wire]) == LINES


@pytest.mark.parametrize("name", ["ASCII, hexadecimal bitmap", "ASCII, binary bitmap", "packed", "chip"])
def test_what_is_scanned_is_read_in_every_format(name: str) -> None:
    told = found(READ[name][1], scanned=True)
    assert {(each.pattern, each.view) for each in told} >= {("pci/pan", READ[name][0].name)} or any(
        each.pattern == "pci/track2" for each in told
    )


@pytest.mark.parametrize(
    ("name", "wrapped"),
    [
        *((name, bytes) for name in ("ASCII, hexadecimal bitmap", "ASCII, binary bitmap", "packed", "chip")),
        ("chip", gzip.compress),
    ],
)
def test_nobody_declares_what_a_file_is_so_what_looks_like_a_message_is_likely_at_best(
    name: str, wrapped: Callable[[bytes], bytes]
) -> None:
    """Three tags of a chip in the bytecode of Python's own library were three certain card numbers."""
    told = found(wrapped(READ[name][1]), scanned=True)
    guessed = [each for each in told if READ[name][0].name in each.view.split("+")]
    assert {each.confidence for each in guessed} == {Confidence.LIKELY}


def declared() -> Inspector:
    world = World(PeerClass.IN_SCOPE, Mode.MONITOR, hyperscan(), PAYMENT_PORT)
    connection = Connection(Direction.OUTBOUND, PeerClass.IN_SCOPE, PeerClass.CONNECTED_TO, 8583)
    return world.inspector(connection)(Channel.OPAQUE)


@pytest.mark.parametrize(("wire", "view"), [(packed(), "iso8583"), (CHIP, "emv")], ids=["packed", "chip"])
def test_on_a_declared_port_the_same_is_certain(wire: bytes, view: str) -> None:
    told = [each for each in read(declared(), wire) if each.view == view and each.pattern == "pci/pan"]
    assert [each.confidence for each in told] == [Confidence.CERTAIN]


def talk(policy: Policy, port: int, wire: bytes, cut: list[bytes]) -> bool:
    """Whether a stream to that port is blocked."""
    world = World(PeerClass.IN_SCOPE, Mode.PROTECT, hyperscan(), policy)
    connection = Connection(Direction.OUTBOUND, PeerClass.IN_SCOPE, PeerClass.CONNECTED_TO, port)
    one = Flow(world.inspector(connection))
    seen = outcome(lambda data: one.client.feed(data), cut, one.client_close)
    return seen.verdict is not None


def posted(body: bytes) -> bytes:
    return b"POST /auth HTTP/1.1\r\nHost: host\r\nContent-Length: %d\r\n\r\n" % len(body) + body


SPOKEN_THERE = {
    "messages": b"\x00\x10" + packed(),
    "a message in a body": posted(packed()),
    "elements in a body": posted(CHIP),
    "a key in EBCDIC": f"key {KEY} of {'a' * 600} and {KEY}".encode("cp037"),
}


@pytest.mark.parametrize("wire", SPOKEN_THERE.values(), ids=SPOKEN_THERE)
def test_a_declared_port_is_read_in_its_formats(wire: bytes) -> None:
    for cut in ([wire], pieces(wire, range(0, len(wire), 100)), bytewise(wire)):
        assert talk(PAYMENT_PORT, 8583, wire, cut)
        assert not talk(PAYMENT_PORT, 9000, wire, cut)


HEAD = "apiVersion: cdefence.io/v1\nkind: Policy\n"


def test_formats_in_a_policy() -> None:
    text = (
        HEAD + "formats:\n- ports: [8583, '9000-9001']\n  read: [iso8583, emv]\n- ports: 7000\n  read: emv\n"
    )
    policy = parse_policy(text, "policy").policy
    assert policy.formats_on(9001) == {"iso8583", "emv"}
    assert policy.formats_on(7000) == {"emv"}
    assert policy.formats_on(80) == frozenset()


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ("{ports: 1, read: cobol}", "formats[0].read"),
        ("{ports: 1}", "formats[0]"),
        ("{read: emv}", "formats[0]"),
        ("{ports: 1, read: []}", "formats[0].read"),
        ("{ports: 70000, read: emv}", "formats[0].ports"),
        ("{ports: 1, read: emv, why: x}", "formats[0]"),
    ],
)
def test_a_format_that_is_wrong_is_refused(entry: str, field: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(f"{HEAD}formats: [{entry}]\n", "policy")
    assert field in str(caught.value)
