"""Reading a configuration file: what is no such file is told before anybody looks into it."""

import pytest

from sidecar.core.document import DocumentError
from sidecar.core.fields import ConfigError
from sidecar.ops import files
from sidecar.ops.files import read_text, text_of


def test_a_file_of_another_kind(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_bytes(b"a: \xff")
    with pytest.raises(DocumentError, match=r"is not UTF-8 \(byte 3\)"):
        read_text(file)
    monkeypatch.setattr(files, "MAX_FILE", 3)
    with pytest.raises(DocumentError, match="is larger than 3 bytes"):
        read_text(file)


def test_an_unreadable_file_is_told_from_a_bad_one(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(ConfigError) as caught:
        text_of(path)
    assert caught.value.unread
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError) as caught:
        text_of(path)
    assert not caught.value.unread
    assert str(caught.value) == f"{path}: file: is not UTF-8 (byte 0); save it as UTF-8"
