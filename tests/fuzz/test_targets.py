"""Every decoder under any bytes, and under damaged ones of its own kind: no crash, no limit exceeded, any cutting."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.decode.content import Inflater
from sidecar.core.views.table import FORMATS, VIEWS
from tests.fuzz.targets import TARGETS, seeds
from tests.kit.effort import effort


def test_every_decoder_has_a_target() -> None:
    assert {spec.name for spec in (*VIEWS, *FORMATS)} < TARGETS.keys()
    for coding in (b"gzip", b"deflate", b"br", b"zstd"):
        assert Inflater(coding)
        assert f"coding-{coding.decode()}" in TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name: str) -> None:
    for seed in seeds(name):
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
@effort(25)
@given(junk=st.binary(max_size=300))
def test_any_bytes(name: str, junk: bytes) -> None:
    TARGETS[name](junk)


@pytest.mark.parametrize("name", TARGETS)
@effort(25)
@given(number=st.integers(0, 10**9))
def test_damaged_bytes(name: str, number: int) -> None:
    rng = Random(number)
    known = seeds(name)
    data = bytearray(
        rng.choice(known) + rng.choice((b"", rng.randbytes(rng.randrange(30)), rng.choice(known)[1:]))
    )
    data[0] = rng.choice((1, 2, 3, 7, 16, 64, 255))
    for _ in range(rng.randrange(1, 5)):
        data[rng.randrange(1, len(data))] = rng.choice((0, 0xFF, rng.randrange(256)))
    TARGETS[name](bytes(data))
