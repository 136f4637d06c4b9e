"""Opening compressed bodies: in parts, bounded, the same at any cutting, and never silently clean."""

import gzip
import zlib
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.decode import content
from sidecar.core.decode.content import GROWTH_FREE, WASTE_LIMIT, Inflater, UnscannableError
from tests.kit.cuts import bytewise, cuttings, pieces
from tests.kit.effort import effort

TEXT = b"hello, " * 300


def raw(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def opened(coding: bytes, cut: list[bytes]) -> tuple[bytes, str | None]:
    """The text, and what went wrong behind it."""
    inflater, text = Inflater(coding), b""
    try:
        for piece in cut:
            for part in inflater.feed(piece):
                text += part
    except UnscannableError as error:
        return text, str(error)
    return text, None


BROKEN = "body does not match its content coding"
BEHIND = "data behind the end of a deflate body"
CASES: dict[str, tuple[bytes, bytes, bytes, str | None]] = {
    "gzip": (b"gzip", gzip.compress(TEXT), TEXT, None),
    "x-gzip": (b"x-gzip", gzip.compress(TEXT), TEXT, None),
    "gzip, several members": (b"gzip", b"".join(map(gzip.compress, (b"a", b"", TEXT))), b"a" + TEXT, None),
    "gzip with a name": (b"gzip", b"\x1f\x8b\x08\x08" + bytes(6) + b"name\x00" + gzip.compress(TEXT)[10:], TEXT, None),
    "gzip, cut short": (b"gzip", gzip.compress(b"\x00" + TEXT)[:-9], b"\x00" + TEXT, None),
    "gzip, stored": (b"gzip", gzip.compress(TEXT, 0), TEXT, None),
    "gzip, wrong checksum": (b"gzip", gzip.compress(TEXT)[:-8] + bytes(8), TEXT, BROKEN),
    "gzip, and something behind it": (b"gzip", gzip.compress(TEXT) + b"hello", TEXT, BROKEN),
    "gzip, but it is text": (b"gzip", b"hello, world", b"", BROKEN),
    "gzip, but it is zlib": (b"gzip", zlib.compress(TEXT), b"", BROKEN),
    "deflate, as zlib": (b"deflate", zlib.compress(TEXT), TEXT, None),
    "deflate, raw": (b"deflate", raw(TEXT), TEXT, None),
    "deflate, wrong checksum": (b"deflate", zlib.compress(TEXT)[:-4] + bytes(4), TEXT, BROKEN),
    "deflate, and something behind it": (b"deflate", zlib.compress(TEXT) + b"h", TEXT, BEHIND),
    "deflate, raw, and something behind it": (b"deflate", raw(TEXT) + b"h", TEXT, BEHIND),
    "deflate, but it is text": (b"deflate", b"\xffhello", b"", BROKEN),
    "nothing": (b"gzip", b"", b"", None),
}  # fmt: skip


@pytest.mark.parametrize(("coding", "body", "text", "problem"), CASES.values(), ids=CASES)
def test_what_opens_to_what_at_any_cutting(
    coding: bytes, body: bytes, text: bytes, problem: str | None
) -> None:
    cuts = [[body], bytewise(body), *(pieces(body, [at]) for at in range(1, len(body)))]
    for cut in cuts:
        assert opened(coding, cut) == (text, problem)


@pytest.mark.parametrize(
    ("coding", "shown"),
    [
        (b"br", "br"),
        (b"zstd", "zstd"),
        (b"compress", "compress"),
        (b"gzip,gzip", "several or unknown"),
        (b"gzip,br", "several or unknown"),
        (b"4111111111111111", "several or unknown"),
        (b"\xff", "several or unknown"),
        (b"GZIP", "several or unknown"),
    ],
)
def test_other_codings_are_named_if_they_have_a_name(coding: bytes, shown: str) -> None:
    with pytest.raises(UnscannableError, match=f"^content coding: {shown}$") as caught:
        Inflater(coding)
    assert not caught.value.too_large


def bomb(size: int) -> bytes:
    return gzip.compress(bytes(size), 9)


def test_a_body_is_opened_in_parts_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "SIZE_LIMIT", 3_000_000)
    body = bomb(20_000_000)
    for cut in ([body], pieces(body, range(0, len(body), 777))):
        inflater, sizes = Inflater(b"gzip"), []
        with pytest.raises(UnscannableError, match="exceeds the limit") as caught:
            for piece in cut:
                for part in inflater.feed(piece):
                    sizes.append(len(part))  # one by one: those before the error count
        assert caught.value.too_large
        assert sum(sizes) <= 3_000_000
        assert max(sizes) <= 4096 * 1032
    exact = gzip.compress(bytes(3_000_000))
    assert len(opened(b"gzip", [exact])[0]) == 3_000_000
    assert opened(b"gzip", [exact])[1] is None


def test_a_bomb_is_not_opened_any_further_when_it_shows() -> None:
    body = bomb(50_000_000)
    whole, problem = opened(b"gzip", [body])
    assert problem == "decoded body exceeds the limit of growth"
    assert GROWTH_FREE < len(whole) < 3 * GROWTH_FREE
    assert opened(b"gzip", pieces(body, range(0, len(body), 777))) == (whole, problem)


def test_what_compresses_very_well_is_no_bomb() -> None:
    text = b"".join(b'{"id":%d,"name":"customer","state":"active"}\n' % at for at in range(100_000))
    assert len(text) > GROWTH_FREE
    assert opened(b"gzip", [gzip.compress(text)]) == (text, None)


WASTE = {
    "empty members": gzip.compress(b"", mtime=0) * 5000,
    "empty blocks": gzip.compress(b"a")[:10] + b"\x00\x00\x00\xff\xff" * 20_000,
    "an endless name": b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 100_000,
    "an endless extra field": b"\x1f\x8b\x08\x04" + bytes(6) + b"\xff\xff" + b"x" * 65535 + b"\x03\x00" + bytes(8),
}  # fmt: skip


@pytest.mark.parametrize("body", WASTE.values(), ids=WASTE)
def test_bytes_that_open_to_nothing_are_limited_at_any_cutting(body: bytes) -> None:
    for cut in ([body], pieces(body, range(0, len(body), 999)), pieces(body, range(0, len(body), 4096))):
        inflater, fed = Inflater(b"gzip"), 0
        with pytest.raises(UnscannableError, match="without content") as caught:
            for piece in cut:
                fed += len(piece)
                assert b"".join(inflater.feed(piece)) == b""
        assert caught.value.too_large
        assert len(cut) == 1 or fed <= WASTE_LIMIT + 8192


def test_a_stream_that_is_flushed_after_every_event_is_no_waste() -> None:
    packer, body, text = zlib.compressobj(wbits=31), b"", b""
    for at in range(20_000):
        event = b"%x" % (at % 16)
        text += event
        body += packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert opened(b"gzip", [body]) == (text, None)


def test_what_does_not_compress_is_no_waste() -> None:
    noise = Random(1).randbytes(400_000)
    assert opened(b"gzip", [gzip.compress(noise)]) == (noise, None)


@effort(100)
@given(st.integers(0, 10**9), st.data())
def test_damage_anywhere_gives_the_same_text_at_any_cutting(seed: int, data: st.DataObject) -> None:
    rng = Random(seed)
    text = bytes(rng.choices(b"abcdefgh 0123456789", k=rng.randrange(1500)))
    coding, pack = rng.choice([(b"gzip", gzip.compress), (b"deflate", zlib.compress), (b"deflate", raw)])
    body = bytearray(pack(text))
    for _ in range(rng.randrange(3)):
        body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
    wire = bytes(body) + rng.choice([b"", b"", b"x", gzip.compress(b"more")])
    whole = opened(coding, [wire])
    assert opened(coding, data.draw(cuttings(wire))) == whole
