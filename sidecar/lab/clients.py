"""The clients of the scenarios as data: the command that a pod runs, its standard input, and what its
answer means.

Everything sensitive goes through standard input, also curl's URL and headers (`--config -`): process lists
are readable for everybody on the machine.  What never belongs here: running anything, and verdicts.
"""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from subprocess import CompletedProcess
from typing import Final, NamedTuple, Protocol

from sidecar.lab.client import Outcome
from sidecar.lab.pause import POD_DIRECTORY
from sidecar.lab.topology import HTTP_PORT, HTTPS_PORT

AUTHORITY: Final = str(POD_DIRECTORY / "ca.crt")
_STATUS: Final = re.compile(r"HTTP/1\.[01] (\d{3})")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a client got.  `status` is None outside HTTP; `body` may hold what was sent: never printed."""

    outcome: Outcome
    status: int | None = None
    body: str = field(default="", repr=False)


class Call(NamedTuple):
    """What a pod runs."""

    command: list[str]
    stdin: bytes


class Client(Protocol):
    """A client that runs in a pod."""

    def call(self, host: str) -> Call:
        """How to run it against `host`."""

    def reply(self, done: CompletedProcess[bytes]) -> Reply:
        """What its output and exit code say."""


# curl(1), EXIT CODES.  56, 55: receiving or sending failed; 35: so did the TLS handshake.
_CURL_EXITS: Final[Mapping[int, Outcome]] = {
    0: Outcome.ANSWERED,
    7: Outcome.REFUSED,
    28: Outcome.TIMEOUT,
    35: Outcome.RESET,
    52: Outcome.CLOSED,
    55: Outcome.RESET,
    56: Outcome.RESET,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Curl:
    """curl.  With a `body` it sends POST; `v6` chooses the family."""

    path: str = "/hello"
    body: str = ""
    headers: tuple[str, ...] = ()
    tls: bool = False
    v6: bool = False

    def call(self, host: str) -> Call:
        """A curl configuration on standard input (`-q`: nobody's curlrc).

        The answer goes to standard output, curl's own facts, as JSON, to standard error.
        """
        scheme, port = ("https", HTTPS_PORT) if self.tls else ("http", HTTP_PORT)
        options = [
            ("url", f"{scheme}://{host}:{port}{self.path}"),
            ("cacert", AUTHORITY),
            ("max-time", "30"),
            ("write-out", "%{stderr}%{json}"),
            *(("header", text) for text in self.headers),
            *([("data-binary", self.body)] if self.body else []),
        ]
        lines = [
            "silent",
            "ipv6" if self.v6 else "ipv4",
            *(f"{name} = {_quoted(text)}" for name, text in options),
        ]
        return Call(["curl", "-q", "--config", "-"], "\n".join(lines).encode() + b"\n")

    def reply(self, done: CompletedProcess[bytes]) -> Reply:
        """The status counts only if the answer came whole."""
        facts: dict[str, object] = json.loads(done.stderr)
        outcome = _CURL_EXITS.get(done.returncode, Outcome.CLOSED)
        status = facts["http_code"] if outcome is Outcome.ANSWERED else None
        return Reply(outcome, status if isinstance(status, int) else None, done.stdout.decode("latin-1"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """Our own raw client (`client.py`): exactly these bytes, cut as wanted."""

    payload: bytes = field(repr=False)
    port: int = HTTP_PORT
    cut: int = 0
    udp: bool = False
    v6: bool = False

    def call(self, host: str) -> Call:
        """The module, run by the lab's own interpreter."""
        flags = [f"--cut={self.cut}", *(["--udp"] if self.udp else []), *(["--v6"] if self.v6 else [])]
        command = [sys.executable, "-P", "-m", "sidecar.lab.client", host, str(self.port), *flags]
        return Call(command, self.payload)

    def reply(self, done: CompletedProcess[bytes]) -> Reply:
        """Its JSON; a status if the answer is HTTP."""
        facts: dict[str, object] = json.loads(done.stdout)
        return _with_status(Outcome(str(facts["outcome"])), str(facts["answer"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Openssl:
    """`openssl s_client`: an HTTP request over TLS, the certificate checked against the lab's authority."""

    request: bytes = field(repr=False)

    def call(self, host: str) -> Call:
        """`-ign_eof`: read on after standard input has ended; any doubt about the certificate is an error."""
        target = ["-connect", f"{host}:{HTTPS_PORT}", "-servername", host, "-verify_hostname", host]
        trust = ["-CAfile", AUTHORITY, "-verify_return_error"]
        return Call(["openssl", "s_client", *target, *trust, "-quiet", "-ign_eof"], self.request)

    def reply(self, done: CompletedProcess[bytes]) -> Reply:
        """Anything but exit code 0 means that the connection was cut."""
        outcome = Outcome.RESET if done.returncode else Outcome.ANSWERED
        return _with_status(outcome, done.stdout.decode("latin-1"))


def _with_status(outcome: Outcome, answer: str) -> Reply:
    found = _STATUS.match(answer)
    if not found or outcome is not Outcome.ANSWERED:
        return Reply(outcome, None, answer)
    return Reply(outcome, int(found[1]), answer.partition("\r\n\r\n")[2])


def _quoted(text: str) -> str:
    """A value in curl's configuration syntax."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\n", "\\n")
    return f'"{escaped}"'
