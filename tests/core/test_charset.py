"""Declared character sets: the text is the same, whatever its bytes and whatever the label leaves open."""

import pytest

from sidecar.core.charset import transcoded

TEXT = "card 4111 1111 1111 1111, größer"

# charset of the content type, codec of the bytes, name of the view
SETS = [
    ("utf-16", "utf-16", "utf-16"),
    ("UTF-16", "utf-16-le", "utf-16"),
    ("utf-16", "utf-16-be", "utf-16"),
    ('"utf-16be"', "utf-16-be", "utf-16"),
    ("utf-16le", "utf-16-le", "utf-16"),
    ("utf-32", "utf-32", "utf-32"),
    ("utf-32", "utf-32-be", "utf-32"),
    ("utf-32le", "utf-32-le", "utf-32"),
    ("utf-7", "utf-7", "utf-7"),
    ("IBM037", "cp037", "cp037"),
    ("ibm-500", "cp500", "cp500"),
]


@pytest.mark.parametrize(("label", "codec", "view"), SETS)
def test_declared_sets(label: str, codec: str, view: str) -> None:
    content_type = f"text/plain; charset={label}; x=y".encode()
    assert transcoded(TEXT.encode(codec), content_type) == (TEXT.encode(), view)


@pytest.mark.parametrize(
    "label", ["utf-8", "iso-8859-1", "windows-1252", "shift_jis", "nonsense", "us-ascii"]
)
def test_sets_that_begin_like_ascii_are_read_as_they_are(label: str) -> None:
    assert transcoded(TEXT.encode(), f"text/plain;charset={label}".encode()) is None


def test_without_a_set_nothing_is_guessed() -> None:
    assert transcoded(TEXT.encode("utf-16"), b"text/plain") is None


@pytest.mark.parametrize("label", ["utf-16", "utf-32", "utf-7", "ibm037"])
def test_any_bytes_are_read(label: str) -> None:
    for data in (b"", b"\xff", b"\xff\xfe", b"\x00\xd8\x00", b"+\xff-", bytes(range(256))):
        told = transcoded(data, f"text/plain; charset={label}".encode())
        assert told is not None
        told[0].decode()
