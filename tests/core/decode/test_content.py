"""Opening compressed bodies: in parts, bounded, the same at any cutting, and never silently clean."""

import gzip
import tracemalloc
import zlib
from random import Random

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.decode import content
from sidecar.core.decode.content import WASTE_LIMIT, Inflater, UnscannableError
from sidecar.core.decode.unscannable import GROWTH_FREE, GROWTH_LIMIT, Account
from tests.kit.cuts import bytewise, cuttings, pieces
from tests.kit.effort import effort

TEXT = b"hello, " * 300


def raw(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def zstd(data: bytes, level: int = 3, **options: bool) -> bytes:
    return zstandard.ZstdCompressor(level=level, **options).compress(data)


def zstd_stream(data: bytes, window_log: int = 19) -> bytes:
    """Without a size in the header, flushed after every hundred bytes."""
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=window_log)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    parts = [packer.compress(data[at : at + 100]) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
             for at in range(0, len(data), 100)]  # fmt: skip
    return b"".join(parts) + packer.flush()


def br(data: bytes, quality: int = 5, window: int = 22) -> bytes:
    return brotli.compress(data, quality=quality, lgwin=window)


def br_stream(data: bytes) -> bytes:
    packer = brotli.Compressor(quality=5)
    parts = [packer.process(data[at : at + 100]) + packer.flush() for at in range(0, len(data), 100)]
    return b"".join(parts) + packer.finish()


SKIPPED = b"\x53\x2a\x4d\x18\x05\x00\x00\x00hello"


def opened(coding: bytes, cut: list[bytes]) -> tuple[bytes, str | None]:
    """The text, and what went wrong behind it."""
    inflater, parts = Inflater(coding), []
    try:
        for piece in cut:
            for part in inflater.feed(piece):
                parts.append(part)  # one by one: those before the error count
    except UnscannableError as error:
        return b"".join(parts), str(error)
    return b"".join(parts), None


NOISE = Random(2).randbytes(300)
BROKEN_BR = br_stream(TEXT)[:60] + b"\xff" * 40
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
    "brotli": (b"br", br(TEXT), TEXT, None),
    "brotli, best": (b"br", br(TEXT, 11), TEXT, None),
    "brotli, stored": (b"br", br(NOISE, 0), NOISE, None),
    "brotli, flushed": (b"br", br_stream(TEXT), TEXT, None),
    "brotli, smallest window": (b"br", br(TEXT, 5, 10), TEXT, None),
    "brotli, a window that is never filled": (b"br", br(TEXT, 5, 24), TEXT, None),
    "brotli, and something behind it": (b"br", br(TEXT) + b"hello", TEXT, BROKEN),
    "brotli, broken": (b"br", BROKEN_BR, TEXT[:500], BROKEN),
    "brotli, but it is text": (b"br", b"\x21hello, world", b"", BROKEN),
    "brotli, nothing": (b"br", br(b""), b"", None),
    "zstd": (b"zstd", zstd(TEXT), TEXT, None),
    "zstd, best": (b"zstd", zstd(TEXT, 19), TEXT, None),
    "zstd, stored": (b"zstd", zstd(NOISE), NOISE, None),
    "zstd, flushed": (b"zstd", zstd_stream(TEXT), TEXT, None),
    "zstd, the largest window": (b"zstd", zstd_stream(TEXT, 23), TEXT, None),
    "zstd, checksum": (b"zstd", zstd(TEXT, write_checksum=True), TEXT, None),
    "zstd, wrong checksum": (b"zstd", zstd(TEXT, write_checksum=True)[:-4] + bytes(4), TEXT, BROKEN),
    "zstd, frames": (b"zstd", zstd(b"a") + SKIPPED + zstd(b"") + SKIPPED[:4] + bytes(4) + zstd(TEXT), b"a" + TEXT, None),
    "zstd, cut short": (b"zstd", zstd(TEXT)[:-1], b"", None),
    "zstd, and something behind it": (b"zstd", zstd(TEXT) + b"hello", TEXT, BROKEN),
    "zstd, but it is text": (b"zstd", b"hello, world", b"", BROKEN),
    "zstd, needs a dictionary": (b"zstd", b"\x28\xb5\x2f\xfd\x21\x07\x03" + zstd(b"abc")[6:], b"", BROKEN),
    "zstd, no such block": (b"zstd", b"\x28\xb5\x2f\xfd\x20\x03\x1f\x00\x00abc", b"", BROKEN),
    "zstd, a window beyond the coding's": (b"zstd", zstd_stream(TEXT, 24), b"", "content coding: window larger than 8 MiB"),
    "deflate in gzip": (b"deflate,gzip", gzip.compress(zlib.compress(TEXT)), TEXT, None),
    "gzip in deflate": (b"gzip, deflate", zlib.compress(gzip.compress(TEXT)), TEXT, None),
    "gzip in gzip": (b"gzip,gzip", gzip.compress(gzip.compress(TEXT)), TEXT, None),
    "brotli in zstd": (b"br,\tzstd", zstd(br(TEXT)), TEXT, None),
    "brotli in brotli": (b"br,br", br(br(TEXT), 5, 20), TEXT, None),
    "everything": (b"deflate,zstd,br,gzip", gzip.compress(br(zstd(raw(TEXT)))), TEXT, None),
    "identity in gzip": (b"identity,gzip,identity", gzip.compress(TEXT), TEXT, None),
    "identity": (b"identity", TEXT, TEXT, None),
    "the other way round": (b"br,gzip", br(gzip.compress(TEXT)), b"", BROKEN),
    "broken inside": (b"br,gzip", gzip.compress(BROKEN_BR), TEXT[:500], BROKEN),
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
        (b"compress", "compress"),
        (b"dcz", "dcz"),
        (b"gzip,compress", "several or unknown"),
        (b"gzip,,br", "several or unknown"),
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


def test_a_body_is_opened_in_parts_and_may_be_large_if_much_of_it_comes() -> None:
    text = Random(3).randbytes(3_000_000)
    body, sizes = gzip.compress(text, 1), []
    inflater = Inflater(b"gzip")
    for at in range(0, len(body), 65536):
        sizes += map(len, inflater.feed(body[at : at + 65536]))
    assert sum(sizes) == len(text)
    assert max(sizes) <= 64 * 1024


def test_a_body_behind_bombs_is_not_even_begun() -> None:
    account = Account()
    account.made = GROWTH_FREE + GROWTH_LIMIT * 100_000
    with pytest.raises(UnscannableError, match="exceeds the limit of growth") as caught:
        list(Inflater(b"br", account).feed(br(TEXT)))
    assert caught.value.too_large


ZEROS = bytes(50_000_000)
BOMBS = {
    b"gzip": bomb(50_000_000),
    b"deflate": zlib.compress(ZEROS),
    b"br": br(ZEROS),
    b"zstd": zstd(ZEROS),
    b"gzip,gzip": gzip.compress(bomb(50_000_000)),
    b"br,zstd": zstd(br(ZEROS)),
    b"zstd,zstd": zstd(zstd(ZEROS)),
    b"zstd,br,deflate,gzip": gzip.compress(zlib.compress(br(zstd(ZEROS)))),
}


@pytest.mark.parametrize(("coding", "body"), BOMBS.items(), ids=[name.decode() for name in BOMBS])
def test_a_bomb_is_opened_to_what_its_size_allows_and_not_a_byte_further(coding: bytes, body: bytes) -> None:
    tracemalloc.start()
    inflater, total = Inflater(coding), 0
    with pytest.raises(UnscannableError, match=r"^decoded body exceeds the limit of growth$") as caught:
        for part in inflater.feed(body):
            total += len(part)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.too_large
    first = (len(body) // 4096 + 1) * 4096  # a bomb of one block is judged by that block
    assert GROWTH_FREE // 4 < total <= GROWTH_FREE + GROWTH_LIMIT * first
    assert peak < 2_500_000
    whole = opened(coding, [body])
    assert opened(coding, pieces(body, range(0, len(body), 777))) == whole
    assert len(whole[0]) == total


def test_many_small_bombs_on_a_connection_are_one() -> None:
    account, body, total, ends = Account(), br(bytes(900_000)), 0, 0
    for _ in range(50):
        inflater = Inflater(b"br", account)
        try:
            total += sum(map(len, inflater.feed(body)))
        except UnscannableError as error:
            ends += error.too_large
    assert ends > 40
    assert total < 3 * GROWTH_FREE


@pytest.mark.parametrize(
    "body",
    [br(TEXT * 4000, 5, 24), br(TEXT * 4000, 5, 23), br(TEXT, 1, 24)],
    ids=["16 MiB", "8 MiB", "unknown"],
)
def test_a_window_that_is_too_large_for_us_is_not_filled(body: bytes) -> None:
    """Brotli fills its window before it hands anything out."""
    for cut in ([body], bytewise(body[:20])):
        assert opened(b"br", cut) == (b"", "window of the content coding too large")


def test_a_window_is_filled_up_to_what_we_keep() -> None:
    text = Random(5).randbytes(6_400_000)
    body = zstd_stream(text[:200]) + zstd_large(text)
    whole, problem = opened(b"zstd", [body])
    assert problem == "window of the content coding too large"
    assert whole == text[:200] + text[: content.WINDOW_LIMIT - 200]
    assert opened(b"zstd", pieces(body, range(0, len(body), 1_000_001))) == (whole, problem)


def zstd_large(data: bytes) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=23)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return packer.compress(data) + packer.flush()


def test_more_codings_than_anybody_needs() -> None:
    with pytest.raises(UnscannableError, match=r"^content coding: more than 4$") as caught:
        Inflater(b"gzip,gzip,gzip,gzip,gzip")
    assert caught.value.too_large


def test_what_compresses_very_well_is_no_bomb() -> None:
    text = b"".join(b'{"id":%d,"name":"customer","state":"active"}\n' % at for at in range(100_000))
    assert len(text) > 4 * GROWTH_FREE
    assert opened(b"gzip", [gzip.compress(text)]) == (text, None)
    assert opened(b"br", [br(text)]) == (text, None)
    assert opened(b"zstd", [zstd(text)]) == (text, None)


WASTE = {
    "empty members": gzip.compress(b"", mtime=0) * 5000,
    "empty blocks": gzip.compress(b"a")[:10] + b"\x00\x00\x00\xff\xff" * 20_000,
    "an endless name": b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 100_000,
    "an endless extra field": b"\x1f\x8b\x08\x04" + bytes(6) + b"\xff\xff" + b"x" * 65535 + b"\x03\x00" + bytes(8),
}  # fmt: skip


WASTE_ZSTD = {
    "a frame to skip": b"\x50\x2a\x4d\x18\xff\xff\xff\xff" + bytes(100_000),
    "frames to skip": SKIPPED * 8000,
    "empty frames": zstd(b"") * 12_000,
}


@pytest.mark.parametrize(
    ("coding", "body"),
    [*((b"gzip", body) for body in WASTE.values()), *((b"zstd", body) for body in WASTE_ZSTD.values())],
    ids=[*WASTE, *WASTE_ZSTD],
)
def test_bytes_that_open_to_nothing_are_limited_at_any_cutting(coding: bytes, body: bytes) -> None:
    for cut in ([body], pieces(body, range(0, len(body), 999)), pieces(body, range(0, len(body), 4096))):
        inflater, fed = Inflater(coding), 0
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


PACKERS = {b"gzip": gzip.compress, b"deflate": zlib.compress, b"br": br, b"zstd": zstd}
STREAMED = {**PACKERS, b"deflate": raw, b"br": br_stream, b"zstd": zstd_stream}


@effort(120)
@given(st.integers(0, 10**9), st.data())
def test_damage_anywhere_gives_the_same_text_at_any_cutting(seed: int, data: st.DataObject) -> None:
    rng = Random(seed)
    text = bytes(rng.choices(b"abcdefgh 0123456789", k=rng.randrange(1500)))
    names, wire = [], text
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        names.append(rng.choice(list(PACKERS)))
        wire = rng.choice((PACKERS, STREAMED))[names[-1]](wire)
    body = bytearray(wire)
    for _ in range(rng.randrange(3)):
        body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
    wire = bytes(body) + rng.choice([b"", b"", b"x", gzip.compress(b"more")])
    coding = b",".join(names)
    whole = opened(coding, [wire])
    assert opened(coding, data.draw(cuttings(wire))) == whole
    if wire == STREAMED.get(coding, PACKERS[b"gzip"])(text):
        assert whole == (text, None)


@effort(150)
@given(st.sampled_from([*PACKERS, b"br,gzip", b"zstd,br"]), st.binary(max_size=400), st.booleans(), st.data())
def test_any_bytes_open_to_something_or_are_refused(
    coding: bytes, junk: bytes, magic: bool, data: st.DataObject
) -> None:
    wire = (b"\x28\xb5\x2f\xfd" if coding == b"zstd" else b"\x1f\x8b\x08\x00" if magic else b"") + junk
    assert opened(coding, [wire]) == opened(coding, data.draw(cuttings(wire)))
