"""Ours, asked the way users ask it: `core.reading.read` for complete texts, `core.flow` for connections, all default packs.

The mode is `monitor`: a verdict would end a flow, and what stands behind the first value would not be counted.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

from benchmarks.detection.encodings import model
from benchmarks.detection.encodings.model import request
from benchmarks.detection.sample import Found, Sample, Via
from dlp_patterns.load import builtin
from dlp_patterns.model import Confidence
from sidecar.core.findings import Channel, Finding
from sidecar.core.flow import Flow
from sidecar.core.inspector import Inspector
from sidecar.core.policy import Connection, Format, Policy
from sidecar.core.reading import read
from sidecar.core.scopes import Direction, Mode, PeerClass
from sidecar.match.hs import HyperscanMatcher
from sidecar.relay.world import World

SEGMENT: Final = 1400
"""Bytes that arrive at once."""
DECLARED: Final = {model.ISO8583_PORT: "iso8583", model.EMV_PORT: "emv", model.EBCDIC_PORT: "ebcdic"}
"""What the policy declares for these ports (`formats`)."""
_ASKED: Final = request("/orders/7", method="GET")


class Subject(Protocol):
    """Somebody who is asked what is in a sample."""

    name: str

    def look(self, sample: Sample) -> Iterable[Found]:
        """What is found in it."""


class Ours:
    """cdefence with its default packs."""

    name = "cdefence"

    def __init__(self, cache: Path) -> None:
        patterns = [pattern for pack in builtin() for pattern in pack.patterns]
        matcher = HyperscanMatcher(patterns, cache)
        policy = Policy(formats=tuple(Format(frozenset({port}), (name,)) for port, name in DECLARED.items()))
        self._world = World(PeerClass.IN_SCOPE, Mode.MONITOR, matcher, policy)

    def _connection(self, port: int) -> Connection:
        return Connection(Direction.INBOUND, PeerClass.IN_SCOPE, PeerClass.IN_SCOPE, port)

    def inspector(self, channel: Channel, port: int = 8080) -> Inspector:
        """What a flow's inspections share."""
        return self._world.inspector(self._connection(port))(channel)

    def look(self, sample: Sample) -> Iterable[Found]:
        """What is found in it, `unscannable` included."""
        findings = self._read(sample) if sample.via is Via.READ else self._flow(sample)
        return [found(finding) for finding in findings]

    def _read(self, sample: Sample) -> list[Finding]:
        return read(
            self.inspector(Channel.HTTP1),
            sample.data,
            content_type=sample.content_type.encode(),
            content_encoding=sample.content_encoding.encode(),
        )

    def _flow(self, sample: Sample) -> list[Finding]:
        """In segments, and to the end."""
        flow = Flow(self._world.inspector(self._connection(sample.port)))
        findings: list[Finding] = []
        if sample.via is Via.RESPONSE:
            findings += flow.client.feed(_ASKED).findings
            side, close = flow.server, flow.server_close
        else:
            side, close = flow.client, flow.client_close
        for at in range(0, len(sample.data), SEGMENT):
            findings += side.feed(sample.data[at : at + SEGMENT]).findings
        findings += close().findings
        return findings


def found(finding: Finding) -> Found:
    """A finding as the scorer sees it."""
    certain = finding.confidence >= Confidence.CERTAIN
    end = finding.offset + finding.length
    return Found(
        finding.klass.value, finding.pattern, certain, finding.offset, end, finding.shown, finding.view
    )
