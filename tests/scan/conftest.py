"""Commands as a user types them, in this process, with one cache of compiled patterns for all tests."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sidecar import cli

PAN = b"card 4111 1111 1111 1111\n"
RAW = ("4111 1111 1111 1111", "4111111111111111")
"""What must never be seen in any output."""


class Said(NamedTuple):
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Its output as lines of JSON."""
        return [json.loads(line) for line in self.out.splitlines()]

    def found(self) -> list[tuple[str, str, str]]:
        """Path, pattern and where of each finding of `--format json`, in the order in which they were told."""
        return [(line["path"], line["pattern"], line["where"]) for line in self.lines]


Run = Callable[..., Said]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    folder.chmod(0o700)
    return folder


@pytest.fixture
def cdefence(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Iterator[Run]:
    """Runs a command line; raw card numbers in what it says fail the test."""
    monkeypatch.setenv("CDEFENCE_CACHE_DIR", str(cache))

    def run(*arguments: str | Path, stdin: bytes = b"") -> Said:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        try:
            code = cli.main([str(each) for each in arguments])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 2
        said = capfdbinary.readouterr()
        out, err = said.out.decode(), said.err.decode()
        assert not [raw for raw in RAW if raw in out + err], "a raw card number was told"
        return Said(code, out, err)

    return run


def jsonl(rows: Sequence[dict[str, Any]]) -> bytes:
    """Lines of JSON."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
