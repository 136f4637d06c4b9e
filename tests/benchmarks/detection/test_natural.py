"""Natural text is text, each once, and not of those whose subject are such numbers."""

import gzip

import pytest

from benchmarks.detection import natural
from benchmarks.detection.natural import Source


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "faker").mkdir()
    files = {
        "a.txt": b"first",
        "b.txt": b"second",
        "same.txt": b"first",
        "binary.txt": b"x\0y",
        "faker/c.txt": b"third",
        "d.py": b"code",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "e.gz").write_bytes(gzip.compress(b"packed"))
    (tmp_path / "broken.gz").write_bytes(b"not gzip")
    monkeypatch.setattr(natural, "SOURCES", (Source("docs", (str(tmp_path),), (".txt", ".gz"), 1000),))
    return tmp_path


def test_each_text_once_and_nothing_else(folder):
    assert sorted(text.data for text in natural.texts()) == [b"first", b"packed", b"second"]


def test_the_order_is_the_same_in_every_run(folder):
    assert list(natural.texts()) == list(natural.texts())


def test_a_share_ends_a_kind_early(folder):
    assert len(list(natural.texts(0.001))) == 1
