"""The load: wrk in the client namespace against one pod, and what came of it."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.errors import BenchError
from benchmarks.topology import from_client, last_line, plain_environment

SCRIPT: Final = Path(__file__).with_name("wrk.lua")
_FAULTS: Final = {
    "connect": "connections refused",
    "read": "connections broken while reading",
    "write": "connections broken while writing",
    "status": "answers with an error status",
    "timeout": "requests without an answer in time",
}


class LoadError(Exception):
    """A measurement that is none: requests failed."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk shall do."""

    url: str
    seconds: float
    connections: int
    close: bool = False
    """A new connection for each request."""
    body: Path | None = None
    """POST this file."""

    def command(self) -> list[str]:
        """One thread: on two cores the proxy under test must keep one for itself."""
        words = ["wrk", "--threads=1", f"--connections={self.connections}", f"--duration={self.seconds:.0f}s"]
        words += ["--timeout=30s", "--latency", f"--script={SCRIPT}"]
        if self.close:
            words += ["--header=Connection: close"]
        return [*words, self.url]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What wrk saw: seconds, complete answers, bytes read, latency percentiles in microseconds."""

    seconds: float
    requests: int
    octets: int
    p50: float
    p99: float


def run(load: Load) -> Outcome:
    """Put the load on.  Raises LoadError when requests failed, BenchError when wrk itself did."""
    environment = plain_environment()
    if load.body is not None:
        environment["BENCH_BODY"] = str(load.body)
    command = from_client(load.command())
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, check=False, timeout=load.seconds + 60
    )
    if done.returncode:
        raise BenchError(f"wrk: {last_line(done.stderr or done.stdout)}")
    return parse(done.stdout)


def parse(output: str) -> Outcome:
    """The outcome from wrk's output, whose last line is our script's.  Raises LoadError."""
    figures: dict[str, int] = json.loads(last_line(output))
    faults = [f"{figures[name]} {words}" for name, words in _FAULTS.items() if figures[name]]
    if faults:
        raise LoadError("; ".join(faults))
    if not figures["bytes"]:
        raise LoadError("no byte came back")
    return Outcome(
        figures["duration_us"] / 1e6,
        figures["requests"],
        figures["bytes"],
        figures["p50_us"],
        figures["p99_us"],
    )


def versions() -> Sequence[str]:
    """How wrk calls itself; nothing where it is not installed."""
    if shutil.which("wrk") is None:
        return ()
    done = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False)
    return [
        line.partition(" [")[0] for line in (done.stdout + done.stderr).splitlines() if line.startswith("wrk")
    ]
