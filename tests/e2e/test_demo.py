"""The demonstration as a user runs it: every scenario as expected, and no raw card number anywhere afterwards."""

import base64
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sidecar.lab.lab import Lab
from sidecar.lab.samples import AWS_KEY, PANS
from sidecar.lab.scenarios import SCENARIOS
from sidecar.lab.topology import PROTECTED, pod
from tests.e2e.host import left_of

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Shown:
    """A demonstration that was run with --keep: its lab, output and exit code."""

    lab: Lab
    code: int
    output: str


@pytest.fixture(scope="module")
def shown() -> Iterator[Shown]:
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    lab = Lab(f"e2e-demo-{os.getpid()}")
    command = (sys.executable, "-m", "sidecar.cli", "lab", "demo", "--keep", "--name", lab.name)
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        yield Shown(lab, done.returncode, done.stdout)
    finally:
        lab.down()
        assert left_of(lab) == []


def test_every_scenario_is_as_expected(shown: Shown) -> None:
    assert "✘" not in shown.output, shown.output
    assert f"{len(SCENARIOS)} of {len(SCENARIOS)} scenarios as expected" in shown.output
    assert shown.code == 0


def test_it_is_one_table_and_the_metrics_that_moved(shown: Shown) -> None:
    lines = shown.output.splitlines()
    header = next(number for number, line in enumerate(lines) if line.startswith("scenario "))
    rows = lines[header + 2 : header + 2 + len(SCENARIOS)]
    assert [row[: len(each.title)] for row, each in zip(rows, SCENARIOS, strict=True)] == [
        each.title for each in SCENARIOS
    ]
    column = lines[header].index("seen")
    assert all(row[column - 1] == " " and row[column] != " " for row in rows)
    for metric in ("cdefence_blocked_flows_total{", 'cdefence_uninspected_bytes_total{reason="encrypted"}'):
        assert any(metric in line for line in lines)


def disguises(value: str) -> Iterator[str]:
    """Forms in which a value could have been written down."""
    yield value
    yield value.encode().hex()
    for shift in range(3):  # base64, wherever the value begins in what was encoded
        encoded = base64.b64encode(b"\0" * shift + value.encode()).decode()
        first, last = -(-shift * 8 // 6), (shift + len(value)) * 8 // 6
        yield encoded[first:last]


def leaks(text: str) -> list[str]:
    """The sensitive values in `text`, told by their last four; card numbers whatever separates their digits."""
    digits = re.sub(r"\D", "", text)
    found = [f"card …{pan[-4:]}" for pan in PANS if pan in digits]
    disguised = [value for value in (*PANS, AWS_KEY) if any(form in text for form in disguises(value))]
    return found + [f"disguised …{value[-4:]}" for value in disguised]


def test_the_search_finds_what_it_should() -> None:
    pan = PANS[0]
    assert leaks("-".join(pan)) == [f"card …{pan[-4:]}"]
    for around in ("", "y", "yy", "yyy"):
        encoded = base64.b64encode(f"{around}{pan}z".encode()).decode()
        assert leaks(encoded) == [f"disguised …{pan[-4:]}"]
    assert leaks(pan.encode().hex()) == [f"disguised …{pan[-4:]}"]
    assert leaks(f"{pan[:6]}******{pan[-4:]}") == []


def test_no_raw_value_in_any_log_event_metric_or_output(shown: Shown) -> None:
    texts = {"the demonstration's output": shown.output}
    texts |= {f"metrics of {each.name}": shown.lab.metrics(each) for each in PROTECTED}
    # Compiled patterns are left out: made from patterns alone before any traffic, and tables of numbers by nature.
    files = [
        path for path in shown.lab.files.directory.rglob("*") if path.is_file() and path.suffix != ".hsdb"
    ]
    texts |= {str(path): path.read_bytes().decode("latin-1") for path in files}
    for each in PROTECTED:
        assert texts[f"metrics of {each.name}"]
    for name in ("checkout", "vault", "shop"):
        assert texts[str(shown.lab.files.pod(pod(name)).events)], f"{name} has told nothing"
    assert {name: found for name, text in texts.items() if (found := leaks(text))} == {}


def test_logs_hold_no_traceback(shown: Shown) -> None:
    logs: list[Path] = list(shown.lab.files.directory.rglob("*.log"))
    assert [str(path) for path in logs if "Traceback" in path.read_text()] == []
