"""`cdefence exact`: keys and hashes out, values never."""

import hashlib
import hmac
import io
import re
import sys
from types import SimpleNamespace

import pytest

from dlp_patterns.exact import Normal
from dlp_patterns.exact_file import read_key, read_set
from tests.ops.test_command import cdefence


@pytest.fixture
def key(tmp_path, capsys):
    assert cdefence("exact", "key") == 0
    file = tmp_path / "key"
    file.write_text(capsys.readouterr().out)
    return file


def hashed(monkeypatch, capsys, values: bytes, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(values)))
    code = cdefence("exact", "hash", *arguments)
    out, err = capsys.readouterr()
    return code, out, err


def test_a_key_is_new_each_time(capsys):
    assert [cdefence("exact", "key") for _ in range(2)] == [0, 0]
    first, second = capsys.readouterr().out.split()
    assert re.fullmatch("[0-9a-f]{64}", first)
    assert first != second


def test_a_line_a_hash_and_no_value(key, monkeypatch, capsys):
    values = b"K-0815-4711\nk08154711\r\n\n--\nK-0815-4712"
    code, out, err = hashed(monkeypatch, capsys, values, "--key-file", str(key))
    digest = hmac.new(read_key(key), b"k08154711", hashlib.sha256).hexdigest()[:32]
    lines = out.splitlines()
    assert code == 0
    assert lines[1] == "# normalise: alnum"
    assert lines[2:4] == [digest, digest]
    assert len(lines) == 5
    assert err == "2 lines have nothing in them that counts, and were left out\n"
    assert "4711" not in out


@pytest.mark.parametrize("how", Normal)
def test_what_it_writes_is_read_as_a_set(key, monkeypatch, capsys, tmp_path, how):
    _, out, _ = hashed(monkeypatch, capsys, b"AB-12\n", "--key-file", str(key), "--normalise", how)
    file = tmp_path / "hashes"
    file.write_text(out)
    found = read_set(file, read_key(key), how)
    assert len(found) == 1
    assert {value for value in (b"AB-12", b"ab12", b"12", b"13") if value in found} == {
        Normal.ALNUM: {b"AB-12", b"ab12"},
        Normal.DIGITS: {b"AB-12", b"ab12", b"12"},
        Normal.EXACT: {b"AB-12"},
    }[how]


def test_a_short_key_is_refused(tmp_path, monkeypatch, capsys):
    file = tmp_path / "key"
    file.write_text("too short")
    code, out, err = hashed(monkeypatch, capsys, b"1\n", "--key-file", str(file))
    assert (code, out) == (2, "")
    assert err == f"{file}: key: is shorter than 16 bytes; make one with `cdefence exact key`\n"
