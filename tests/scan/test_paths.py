"""`cdefence scan PATH…`: what is looked at, what is named instead, formats, exit codes."""

import bz2
import gzip
import json
import lzma
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from tests.scan.conftest import PAN, Run
from tests.scan.test_texts import KEYS


def tree(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def test_a_finding_is_the_documented_object(cdefence: Run, tmp_path: Path) -> None:
    file = tree(tmp_path, {"a.txt": b"one\n" + PAN}) / "a.txt"
    said = cdefence("scan", "--format", "json", file)
    (line,) = said.lines
    assert said.code == 1
    assert list(line) == ["path", *KEYS]
    assert (line["path"], line["start"], line["end"]) == (str(file), 9, 28)
    assert (line["masked"], line["where"], line["view"]) == ("4111 11** **** 1111", "line 2", "plain")


IGNORED = {
    ".gitignore": b"*.log\n/out/\n!keep.log\n",
    "a.log": PAN,
    "keep.log": PAN,
    "out/a": PAN,
    "sub/out/a": PAN,
    "sub/.gitignore": b"!b.log\nonly*\n",
    "sub/a.log": PAN,
    "sub/b.log": PAN,
    "sub/only1": PAN,
    ".git/config": PAN,
    ".hidden/.env": PAN,
}


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        ((), {"keep.log", "sub/out/a", "sub/b.log", ".hidden/.env"}),
        (("--no-ignore",), {name for name in IGNORED if not name.endswith(".gitignore")}),
    ],
)
def test_folders_are_walked_as_git_would(
    cdefence: Run, tmp_path: Path, arguments: tuple[str, ...], seen: set[str]
) -> None:
    said = cdefence("scan", "--format", "json", *arguments, tree(tmp_path, IGNORED))
    assert {path.removeprefix(f"{tmp_path}/") for path, _, _ in said.found()} == seen
    assert ("ignored by .gitignore" in said.err) is not bool(arguments)


def test_rules_of_the_folders_above_count_up_to_the_repository(cdefence: Run, tmp_path: Path) -> None:
    tree(
        tmp_path,
        {".gitignore": b"*", "repo/.git/HEAD": b"", "repo/.gitignore": b"*.log", "repo/s/a.log": PAN},
    )
    tree(tmp_path, {"repo/s/b.txt": PAN})
    said = cdefence("scan", "--format", "json", tmp_path / "repo" / "s")
    assert [path for path, _, _ in said.found()] == [str(tmp_path / "repo/s/b.txt")]


def test_a_file_that_is_named_is_looked_at_even_if_it_is_ignored(cdefence: Run, tmp_path: Path) -> None:
    tree(tmp_path, {".gitignore": b"*", "a.log": PAN})
    assert cdefence("scan", tmp_path / "a.log").code == 1


def test_what_is_no_file_is_named_and_not_read(cdefence: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "away").symlink_to("/nonexistent")
    (tmp_path / "folder").symlink_to(".")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        said = cdefence("scan", tmp_path, tmp_path / "fifo", "/dev/null")
    assert (said.code, said.out) == (0, "")
    for name, what in (
        ("fifo", "a FIFO, not read"),
        ("loop", "a symlink that leads nowhere (Too many levels of symbolic links), not read"),
        ("away", "a symlink that leads nowhere (No such file or directory), not read"),
        ("folder", "a symlink, not followed"),
        ("socket", "a socket, not read"),
    ):
        assert f"note: {tmp_path}/{name}: {what}\n" in said.err
    assert "note: /dev/null: a device, not read\n" in said.err
    assert said.err.endswith("0 findings; 0 files, 0 bytes looked at; 7 special\n")


def test_what_cannot_be_read_is_an_error_and_the_rest_is_looked_at(cdefence: Run, tmp_path: Path) -> None:
    tree(tmp_path, {"a": PAN})
    said = cdefence("scan", "--format", "json", tmp_path / "missing", tmp_path / "a")
    assert said.code == 2
    assert said.found() == [(str(tmp_path / "a"), "pci/pan", "line 1")]
    assert f"cdefence: {tmp_path}/missing: No such file or directory\n" in said.err


@pytest.mark.parametrize(
    ("view", "pack"),
    [
        ("gzip", gzip.compress),
        ("bzip2", bz2.compress),
        ("xz", lzma.compress),
        ("zstd", zstandard.compress),
        ("gzip+zstd", lambda data: gzip.compress(zstandard.compress(data))),
    ],
)
def test_a_compressed_file_is_its_content(cdefence: Run, tmp_path: Path, view: str, pack: object) -> None:
    assert callable(pack)
    file = tree(tmp_path, {"a.log": pack(b"one\n" + PAN)}) / "a.log"
    (line,) = cdefence("scan", "--format", "json", file).lines
    assert (line["path"], line["view"], line["where"]) == (str(file), view, "line 2")


def test_a_file_that_is_cut_short_is_looked_at_as_far_as_it_goes(cdefence: Run, tmp_path: Path) -> None:
    noise = os.urandom(100_000)
    file = tree(tmp_path, {"a.gz": gzip.compress(PAN + noise)[:-20_000]}) / "a.gz"
    assert [pattern for _, pattern, _ in cdefence("scan", "--format", "json", file).found()] == [
        "pci/pan",
        "unscannable",
    ]


def test_large_files_are_read_in_pieces(
    cdefence: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.scan.look.SMALL", 1000)
    monkeypatch.setattr("sidecar.scan.look.PIECE", 100)
    monkeypatch.setattr("sidecar.scan.look.HUGE", 5000)
    text = b"no card here\n" * 500
    file = tree(tmp_path, {"a": text + PAN + text}) / "a"
    said = cdefence("scan", "--format", "json", file)
    assert said.found() == [(str(file), "pci/pan", "line 501")]
    assert said.lines[0]["start"] == len(text) + 5
    assert f"note: {file}: huge, looked at in pieces\n" in said.err


def test_binary_files_are_looked_at_and_reported(cdefence: Run, tmp_path: Path) -> None:
    file = tree(tmp_path, {"a": b"\0\1" + PAN}) / "a"
    said = cdefence("scan", file)
    assert said.code == 1
    assert f"note: {file}: binary, looked at as bytes\n" in said.err
    assert "1 binary" in said.err
    assert cdefence("scan", "--quiet", file).err == ""


def test_a_value_in_a_name_is_a_finding_and_masked(cdefence: Run, tmp_path: Path) -> None:
    tree(tmp_path, {"card 4111111111111111/a": PAN})
    said = cdefence("scan", "--format", "json", tmp_path)
    shown = f"{tmp_path}/card 411111******1111/a"
    assert said.found() == [(shown, "pci/pan", "name"), (shown, "pci/pan", "line 1")]


def test_a_table_for_people(cdefence: Run, tmp_path: Path) -> None:
    file = tree(tmp_path, {"a\x1b[2J.txt": b"one\n" + PAN, "b": PAN}) / "a\x1b[2J.txt"
    head, first, second = cdefence("scan", tmp_path).out.splitlines()
    assert head.split() == ["PATTERN", "CLASS", "CONFIDENCE", "MASKED", "WHERE"]
    assert first.split()[:3] == ["pci/pan", "test_pan", "certain"]
    assert first.endswith(f"4111 11** **** 1111             {str(file).replace(chr(27), r'\x1b')}: line 2")
    assert second.endswith(f"{tmp_path}/b: line 1")


@pytest.mark.parametrize(("data", "code"), [(b"nothing", 0), (PAN, 1), (gzip.compress(PAN), 1), (b"", 0)])
def test_standard_input(cdefence: Run, data: bytes, code: int) -> None:
    said = cdefence("scan", "--format", "json", "-", stdin=data)
    assert said.code == code
    assert [path for path, _, _ in said.found()] == ["-"] * code


def test_the_command_itself(cache: Path, tmp_path: Path) -> None:
    tree(tmp_path, {"found/a": PAN, "clean/b": b"nothing"})
    for path, code in (("found", 1), ("clean", 0), ("missing", 2)):
        done = subprocess.run(
            [sys.executable, "-m", "sidecar.cli", "scan", "--format", "json", path],
            cwd=tmp_path,
            env={**os.environ, "CDEFENCE_CACHE_DIR": str(cache), "PYTHONPATH": str(Path.cwd())},
            capture_output=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert [json.loads(line)["path"] for line in done.stdout.splitlines()] == ["found/a"] * (code == 1)


def test_without_its_extra_the_remedy_is_named(
    cdefence: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sidecar.scan.paths  # noqa: F401 - so that there is something to forget

    for name in ("paths", "files"):
        monkeypatch.delitem(sys.modules, f"sidecar.scan.{name}")
        monkeypatch.delattr(f"sidecar.scan.{name}")
    monkeypatch.setitem(sys.modules, "pathspec", None)
    said = cdefence("scan", tmp_path)
    assert (said.code, said.err) == (
        2,
        "cdefence: scan needs the package pathspec; install it with: pip install 'cdefence[scan]'\n",
    )
    assert cdefence("scan", "--jsonl", "-").code == 0
