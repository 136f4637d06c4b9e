"""Transcripts: what happens to a connection, and what the sidecar says to it, in the order of reading.

    assert (
        script(flow())
        >> Payload(b"card=41111111") << Released(b"card=411111")
        >> Payload(b"11111111\\n")
        >> ClientClosed()
        << Found("pci/pan", "411111******1111") << Blocked(Reason.PAN_IN_CLEARTEXT)
    )

Events (`>>`) are in the past tense, what follows from them (`<<`) is listed behind them; true means that every expectation
was met and nothing was left over, and anything else shows itself as a diff.  A script that nobody asserts fails its
test (`unasserted`, called by `conftest.py`).  Digits are masked when a script is printed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from difflib import ndiff

from sidecar.core.flow import Flow
from sidecar.core.inspection import Step
from sidecar.core.reasons import Reason
from sidecar.core.redact import mask_pans


class _Line:
    def __str__(self) -> str:
        values = (getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]
        shown = ", ".join(str(value) if isinstance(value, Reason) else repr(value) for value in values)
        return mask_pans(f"{type(self).__name__}({shown})")


class Event(_Line):
    """Something that happened to the connection."""

    def happen(self, flow: Flow) -> Step:
        raise NotImplementedError


class Command(_Line):
    """What the sidecar did about it."""


@dataclass(frozen=True)
class Payload(Event):
    """The client sent bytes."""

    data: bytes

    def happen(self, flow: Flow) -> Step:
        return flow.client.feed(self.data)


@dataclass(frozen=True)
class Answer(Event):
    """The server sent bytes."""

    data: bytes

    def happen(self, flow: Flow) -> Step:
        return flow.server.feed(self.data)


@dataclass(frozen=True)
class ClientPaused(Event):
    def happen(self, flow: Flow) -> Step:
        return flow.client_idle()


@dataclass(frozen=True)
class ServerPaused(Event):
    def happen(self, flow: Flow) -> Step:
        return flow.server_idle()


@dataclass(frozen=True)
class ClientClosed(Event):
    def happen(self, flow: Flow) -> Step:
        return flow.client_close()


@dataclass(frozen=True)
class ServerClosed(Event):
    def happen(self, flow: Flow) -> Step:
        return flow.server_close()


@dataclass(frozen=True)
class Released(Command):
    """These bytes may go on to the other side."""

    data: bytes


@dataclass(frozen=True)
class Found(Command):
    """A finding was told."""

    pattern: str
    shown: str


@dataclass(frozen=True)
class Blocked(Command):
    """The connection ends."""

    reason: Reason


@dataclass(frozen=True)
class Reported(Command):
    """The connection would have ended, were this protect mode."""

    reason: Reason


def commands(step: Step) -> Iterator[Command]:
    """A step, as lines of a transcript."""
    if step.release:
        yield Released(step.release)
    for finding in step.findings:
        yield Found(finding.pattern, finding.shown)
    if step.verdict is not None:
        yield (Blocked if step.verdict.enforced else Reported)(step.verdict.reason)


_scripts: list["Script"] = []


def unasserted() -> int:
    """How many scripts nobody has asserted since the last call."""
    count = sum(not each.asserted for each in _scripts)
    _scripts.clear()
    return count


class Script:
    """A transcript in the making."""

    def __init__(self, flow: Flow) -> None:
        self.asserted = False
        self._flow = flow
        self._seen: list[_Line] = []
        self._expected: list[_Line] = []
        _scripts.append(self)

    def __rshift__(self, event: Event) -> "Script":
        self._expected.append(event)
        self._seen.append(event)
        self._seen.extend(commands(event.happen(self._flow)))
        return self

    def __lshift__(self, command: Command) -> "Script":
        self._expected.append(command)
        return self

    def __bool__(self) -> bool:
        self.asserted = True
        if self._expected == self._seen:
            return True
        diff = "\n".join(ndiff(self._lines(self._expected), self._lines(self._seen)))
        raise AssertionError(f"- expected, + seen\n{diff}")

    @staticmethod
    def _lines(transcript: list[_Line]) -> list[str]:
        return [f"{'>>' if isinstance(line, Event) else '  <<'} {line}" for line in transcript]


def script(flow: Flow) -> Script:
    """A new transcript of `flow`."""
    return Script(flow)
