"""Both directions of one connection: decides the channel from the client's first bytes, then inspects each direction.

    flow.client.feed(data), flow.server.feed(data)      # and .idle(), .close(): see `core.inspection`

Until the channel is decided the client's bytes are kept.  If the client pauses first (a protocol without line ends), they
are inspected as plain bytes and released, but the question stays open: should they turn out to be the beginning of
an HTTP request after all, the HTTP reader still gets to see them from the first byte.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from sidecar.core import channel as channels
from sidecar.core import tls
from sidecar.core.decode.http1 import Exchange, RequestReader, ResponseReader
from sidecar.core.decode.pieces import OpaqueReader
from sidecar.core.findings import Action, Channel
from sidecar.core.inspection import Inspection, Step, Verdict
from sidecar.core.inspector import Inspector
from sidecar.core.reasons import Reason

NOTHING = Step(b"")


class Side:
    """One direction of a flow.  What it does with an event changes as the flow learns what it carries."""

    def __init__(self, feed: Callable[[bytes], Step]) -> None:
        self.feed = feed
        """Bytes arrived: what may be released, what was found."""
        self.inspection: Inspection | None = None
        self.uninspected: dict[Reason, int] = {}
        self.held = b""
        """Bytes that wait for the channel to be decided."""
        self.passing = False
        """This direction passes without a look."""

    def inspect(self, inspection: Inspection) -> None:
        """From now on this direction is inspected."""
        self.inspection = inspection
        self.uninspected = inspection.uninspected
        self.feed = inspection.feed

    def pass_by(self, reason: Reason) -> None:
        """From now on this direction passes without a look."""

        def feed(data: bytes) -> Step:
            self.uninspected[reason] = self.uninspected.get(reason, 0) + len(data)
            return Step(data)

        self.feed, self.passing = feed, True


@dataclass(slots=True)
class Flow:
    """One connection, as far as its content goes."""

    inspector: Callable[[Channel], Inspector]
    """The engine, policy and mode for this pair of peers on a channel."""
    channel: Channel = Channel.UNDECIDED
    exchange: Exchange = field(default_factory=Exchange)
    encrypted: bool = False
    """Both sides have proved to speak TLS: nothing more to look at in either direction."""
    client: Side = field(init=False)
    server: Side = field(init=False)
    _released: int = 0
    """Client bytes that were released while the channel was undecided."""
    _server_spoke: bool = False
    """The server spoke before the client had said what this is."""

    def __post_init__(self) -> None:
        self.client = Side(self._first_client_bytes)
        self.server = Side(self._first_server_bytes)

    @property
    def request_pending(self) -> bool:
        """Whether earlier requests still wait for (the rest of) their responses, or the server spoke unasked."""
        request, response = self.client.inspection, self.server.inspection
        if response is None:
            return False
        current = 1 if request is not None and request.inside else 0
        return len(self.exchange.waiting) != current or response.inside or self._server_spoke

    @property
    def request_answerable(self) -> bool:
        """Whether the client would take an answer of ours for the answer to its current request."""
        return self.channel is Channel.HTTP1 and not self.exchange.tunnel and not self.request_pending

    @property
    def between_messages(self) -> bool:
        """Whether this is HTTP and nothing has begun that is not complete."""
        sides = (self.client.inspection, self.server.inspection)
        return (
            self.channel is Channel.HTTP1
            and not self.exchange.tunnel
            and not self.exchange.waiting
            and not any(inspection is not None and inspection.inside for inspection in sides)
        )

    @property
    def waiting(self) -> bool:
        """Whether bytes are kept back that `idle` might release."""
        return any(side.inspection.waiting for side in (self.client, self.server) if side.inspection) or (
            len(self.client.held) > self._released
        )

    def client_idle(self) -> Step:
        """The client paused."""
        if self.client.inspection is not None:
            return self.client.inspection.idle()
        return self._idle_undecided()

    def server_idle(self) -> Step:
        """The server paused."""
        return self.server.inspection.idle() if self.server.inspection is not None else NOTHING

    def client_close(self) -> Step:
        """The client will send no more."""
        if self.channel is Channel.UNDECIDED and self.client.held:
            # Nothing more comes, so the first line ends here.
            ended = channels.channel(self.client.held + b"\n")
            first = self._decide(Channel.HTTP1 if ended is Channel.HTTP1 else Channel.OPAQUE)
            if first.verdict is not None:
                return first
            assert self.client.inspection is not None
            last = self.client.inspection.close()
            return Step(first.release + last.release, first.findings + last.findings, last.verdict)
        return self.client.inspection.close() if self.client.inspection is not None else NOTHING

    def server_close(self) -> Step:
        """The server will send no more."""
        if self.server.inspection is not None:
            return self.server.inspection.close()
        rest, self.server.held = self.server.held, b""
        return self._not_tls() if rest else NOTHING

    # --- the first bytes ---------------------------------------------------------------------------------------------

    def _first_client_bytes(self, data: bytes) -> Step:
        self.client.held += data
        found = channels.channel(self.client.held)
        if found is not Channel.UNDECIDED:
            return self._decide(found)
        if self.inspector(Channel.OPAQUE).enforce:
            return NOTHING
        self._released += len(data)
        return Step(data)

    def _first_server_bytes(self, data: bytes) -> Step:
        """The server speaks first (SMTP, MySQL, SSH): a plain stream, whatever comes back."""
        self._server_spoke = True
        self.server.inspect(Inspection(self.inspector(Channel.OPAQUE), OpaqueReader()))
        return self.server.feed(data)

    def _idle_undecided(self) -> Step:
        """Release what the client sent so far if it is clean as it stands."""
        start = self.client.held
        if len(start) <= self._released:
            return NOTHING
        first = self._trial(Channel.OPAQUE)
        if first.verdict is not None:
            return first
        found = first.findings + self._trial(Channel.HTTP1).findings
        if any(finding.action >= Action.MASK for finding in found):
            # To act is to decide.  What could still be a request line waits for the rest of it.
            return NOTHING if b" " in start else self._decide_after_pause()
        self._released += len(first.release)
        return Step(first.release)  # reported when the channel is known: a value must not be told twice

    def _trial(self, channel: Channel) -> Step:
        """What inspection would do with the client's bytes so far, were they all, under the rules of `channel`."""
        trial = Inspection(self.inspector(channel), OpaqueReader(), gone=self._released)
        first = trial.feed(self.client.held)
        rest = trial.idle() if first.verdict is None else NOTHING
        verdict = first.verdict or rest.verdict
        release = b"" if verdict is not None else first.release + rest.release
        return Step(release, first.findings + rest.findings, verdict)

    def _decide_after_pause(self) -> Step:
        first = self._decide(Channel.OPAQUE)
        if first.verdict is not None:
            return first
        rest = self.client_idle()
        return Step(first.release + rest.release, first.findings + rest.findings, rest.verdict)

    def _decide(self, found: Channel) -> Step:
        """The client's first bytes told what the connection speaks."""
        start, self.client.held = self.client.held, b""
        if found is Channel.TLS and self._server_spoke:
            # TLS clients speak first; in the middle of something else it is just bytes.
            found = Channel.OPAQUE
        self.channel = found
        # Until the server has answered like TLS, a ClientHello may be a disguise: the client is looked at like any other.
        inspector = self.inspector(Channel.OPAQUE if found is Channel.TLS else found)
        gone = self._released if inspector.enforce else 0
        if found is Channel.HTTP1:
            if self._server_spoke and inspector.enforce:
                return Step(
                    b"", (), Verdict(Reason.MALFORMED_HTTP, True, detail="response before the request")
                )
            self.exchange.follow = inspector.rules.asks_path
            reader = RequestReader(self.exchange, channels.prologue(start) or 0)
            self.client.inspect(Inspection(inspector, reader, gone))
            if not self._server_spoke:
                self.server.inspect(Inspection(inspector, ResponseReader(self.exchange), heads_wait=True))
        else:
            self.client.inspect(Inspection(inspector, OpaqueReader(), gone))
            if found is Channel.TLS:
                self.server.feed = self._tls_answer
            elif not self._server_spoke:
                self.server.inspect(Inspection(inspector, OpaqueReader()))
        step = self.client.feed(start)
        return step if inspector.enforce else step._replace(release=start[self._released :])

    # --- TLS -----------------------------------------------------------------------------------------------------------

    def _tls_answer(self, data: bytes) -> Step:
        """The server must answer a ClientHello like a TLS server, or the ClientHello was a disguise."""
        self.server.held += data
        answer = tls.is_server_answer(self.server.held)
        if answer is None:
            return NOTHING
        if not answer:
            return self._not_tls()
        start, self.server.held = self.server.held, b""
        self.server.pass_by(Reason.ENCRYPTED)
        looked_at = self.client.inspection
        if looked_at is not None and looked_at.waiting:
            self.client.feed = self._first_encrypted  # early data of TLS 1.3 that ends like a number
        else:
            self._client_encrypted()
        return self.server.feed(start)

    def _first_encrypted(self, data: bytes) -> Step:
        """The first bytes of a client whose server has meanwhile answered: what waited leaves before them."""
        assert self.client.inspection is not None
        rest = self.client.inspection.close()
        if rest.verdict is not None:
            return rest
        self._client_encrypted()
        return Step(rest.release + self.client.feed(data).release, rest.findings)

    def _client_encrypted(self) -> None:
        """From now on the client passes without a look, like the server."""
        self.client.inspection = None
        self.client.pass_by(Reason.ENCRYPTED)
        self.encrypted = True

    def _not_tls(self) -> Step:
        enforced = self.inspector(Channel.TLS).enforce
        verdict = Verdict(Reason.FAKE_TLS, enforced, detail="the server's first bytes are not a TLS record")
        if enforced:
            return Step(b"", (), verdict)
        start, self.server.held = self.server.held, b""
        self.server.inspect(Inspection(self.inspector(Channel.OPAQUE), OpaqueReader()))
        return Step(start, self.server.feed(start).findings, verdict)
