"""Exact-data match: membership by keyed hash, and files of hashes that say what is wrong with them."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlp_patterns.errors import PatternError
from dlp_patterns.exact import ExactSet, Normal, key_id, keyed, normal, read, written
from dlp_patterns.exact_file import head, read_key, read_set

KEY = b"0123456789abcdef key"


@pytest.mark.parametrize(
    ("how", "value", "counts"),
    [
        (Normal.ALNUM, b"K-08 15/4711.", b"k08154711"),
        (Normal.ALNUM, "Ä1".encode(), b"1"),
        (Normal.DIGITS, b"K-08 15/4711.", b"08154711"),
        (Normal.EXACT, b"K-08 15", b"K-08 15"),
    ],
)
def test_what_of_a_value_counts(how: Normal, value: bytes, counts: bytes) -> None:
    assert normal(value, how) == counts


def test_a_hash_is_hmac_sha256() -> None:
    digest = hmac.new(KEY, b"k1", hashlib.sha256).hexdigest()
    assert written(KEY, b"k1") == digest[:32]
    assert keyed(KEY, b"k1") == read(digest) == read(digest[:32].upper()) == int(digest[:16], 16)
    assert [read(each) for each in (digest[:31], digest + "0", "g" * 32, "")] == [None] * 4


@given(st.sets(st.binary(min_size=1, max_size=6), max_size=40), st.binary(min_size=1, max_size=6))
def test_a_set_has_what_was_put_in(values: set[bytes], other: bytes) -> None:
    found = ExactSet.of(KEY, (keyed(KEY, value) for value in values), Normal.EXACT)
    assert len(found) == len(values)
    assert all(value in found for value in values)
    assert (other in found) is (other in values)


def test_a_check_looks_at_the_span_only() -> None:
    found = ExactSet.of(KEY, [keyed(KEY, b"k1")])
    confirmed = found.check(b"K-12", 0, 3)
    assert confirmed is not None
    assert (confirmed.start, confirmed.end, confirmed.kind) == (0, 3, "exact")
    assert found.check(b"K-12", 0, 4) is None


def test_neither_key_nor_hashes_are_shown() -> None:
    assert repr(ExactSet.of(KEY, [1])) == "ExactSet(how=<Normal.ALNUM: 'alnum'>)"


def test_a_file_of_hashes(tmp_path: Path) -> None:
    file = tmp_path / "hashes"
    file.write_text(head(KEY, Normal.DIGITS) + f"\n# a remark: of ours\n{written(KEY, b'12')}\n")
    assert b"1-2" in read_set(file, KEY, Normal.DIGITS)


def test_a_key_is_what_the_file_has_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(KEY + b"\r\n")
    assert read_key(file) == KEY


WRONG = [
    ("", "file: has no hash; fill it with `cdefence exact hash`"),
    (f"# key: {key_id(b'another key')}\n", "line 1: says that it was made with another key; hash the values again"),
    ("# normalise: digits\n", "line 1: says that it was made with another normalise; write the same in the pattern file"),
    ("\n4111111111111111\n", "line 2: is no keyed hash; write 32 to 64 hex digits: what `cdefence exact hash` makes"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "complaint"), WRONG)
def test_a_file_that_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "hashes"
    file.write_text(text)
    with pytest.raises(PatternError) as caught:
        read_set(file, KEY, Normal.ALNUM)
    assert str(caught.value) == f"{file}: {complaint}"


@pytest.mark.parametrize("name", ["key", "hashes"])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(PatternError, match="cannot be read"):
        read_key(tmp_path / name) if name == "key" else read_set(tmp_path / name, KEY, Normal.ALNUM)
