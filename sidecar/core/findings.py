"""What inspection can say about a stream: findings, and the verdict over them.

`Finding` has no field that could hold the raw value: what is shown is already masked when it is built, so no log line,
event, metric or traceback can leak more than `dlp_patterns.masking` allows (PCI DSS 3.4.1: at most BIN and last four).
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

from dlp_patterns.model import Confidence, Severity
from sidecar.core.allowances import Basis
from sidecar.core.reasons import Reason


class FindingClass(StrEnum):
    """The data classes a policy can speak about."""

    PAN = "pan"
    TEST_PAN = "test_pan"
    """A published test number; by default treated like any PAN."""
    SAD = "sad"
    """Sensitive authentication data, which must not even be stored encrypted (PCI DSS 3.3.1)."""
    PII = "pii"
    SECRET = "secret"  # noqa: S105 - the name of a class
    UNSCANNABLE = "unscannable"
    """Content that could not be looked at."""


class Channel(StrEnum):
    """What a connection speaks."""

    HTTP1 = "http1"
    TLS = "tls"
    OPAQUE = "opaque"
    """Anything else: scanned as one stream of bytes."""
    UNDECIDED = "undecided"


class Part(StrEnum):
    """Where in the stream a finding was."""

    HEAD = "head"
    """Request line (with the URL), status line and headers."""
    BODY = "body"
    FRAMING = "framing"
    """Chunk extensions and trailers."""
    STREAM = "stream"
    """An opaque stream."""


PLAIN = "plain"
"""The reading of a text as it stands."""


class Place(NamedTuple):
    """Which text of a stream this is, and in which reading."""

    part: Part
    view: str = PLAIN
    """`plain`, or what was decoded to get there, outermost first: `gzip`, `percent`, `gzip+base64`."""

    copy: str = ""
    """The views on the way that show runs, that is copies of their own, and not the whole text in another reading."""

    guessed: bool = False
    """A view on the way goes by shape alone."""

    def through(self, view: str, *, copy: bool = False, guessed: bool = False) -> "Place":
        """The same text, read through one more view."""
        way = view if self.view == PLAIN else f"{self.view}+{view}"
        beside = f"{self.copy}+{view}" if copy else self.copy
        return self._replace(view=way, copy=beside, guessed=self.guessed or guessed)


class Action(IntEnum):
    """What is done about a finding, from mild to strict; comparing compares strictness."""

    ALLOW = 0
    ALERT = 1
    MASK = 2
    BLOCK = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """A confirmed match, safe to show anywhere."""

    pattern: str
    """Pattern id, e.g. `pci/pan`."""
    klass: FindingClass
    kind: str
    """What the check recognised, e.g. `visa`."""
    shown: str
    """The masked text: the only trace of the value."""
    confidence: Confidence
    severity: Severity
    part: Part
    offset: int
    """Byte offset in the logical text of its message (or stream)."""
    reason: Reason
    action: Action
    """What the policy wants done about it, whatever the mode."""
    rule: str = "default"
    """The policy rule that decided."""
    basis: Basis = Basis.DEFAULT
    """Which part of the policy that is."""
    length: int = 0
    """Bytes of the value in its text."""
    view: str = PLAIN
    """The reading in which it stands (`Place.view`)."""
    where: str = ""
    """Where in its message: `url`, `header:X-Card`, `body`, `$.payment.card`, `/order/card`, `stream` (`core.where`)."""

    def located(self, where: str) -> "Finding":
        """The same with its place told.  By hand: `replace` takes thrice as long, and most findings are told so."""
        return Finding(
            self.pattern,
            self.klass,
            self.kind,
            self.shown,
            self.confidence,
            self.severity,
            self.part,
            self.offset,
            self.reason,
            self.action,
            self.rule,
            self.basis,
            self.length,
            self.view,
            where,
        )
