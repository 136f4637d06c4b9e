"""What every decision needs to know at the moment it is taken: policy, mode, scope map, engine, and who we are.

The parts do not change; a reload replaces one of them in a single assignment.  A connection asks once, when it is
accepted, and keeps what it was told: a reload never cuts a flow in the middle of a message.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product

from dlp_patterns.model import DataClass
from sidecar.core.allowances import NO_DAY
from sidecar.core.confirm import Confirmer
from sidecar.core.findings import Action, Channel, FindingClass
from sidecar.core.hits import Matcher
from sidecar.core.inspector import Inspector
from sidecar.core.policy import Connection, Denial, FlowRules, Permit, Policy, deny, segment
from sidecar.core.reasons import Reason
from sidecar.core.scopes import Direction, Mode, PeerClass, ScopeMap
from sidecar.core.views.table import SPOKEN, VIEWS

_FOUND_AS = {
    DataClass.PAN: (FindingClass.PAN, FindingClass.TEST_PAN),
    DataClass.SAD: (FindingClass.SAD,),
    DataClass.PII: (FindingClass.PII,),
    DataClass.SECRET: (FindingClass.SECRET,),
}


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old a scope map may be, seconds; 0 means that age does not matter."""

    stale_after: float = 0.0
    """Older: peers that are not in the map are denied."""
    expire_after: float = 0.0
    """Older: pods in or connected to the CDE deny everything."""


class Regime:
    """A policy and a mode, and the inspectors that follow from them: what a connection keeps for its life."""

    def __init__(
        self,
        matcher: Matcher,
        confirmer: Confirmer,
        policy: Policy,
        mode: Mode,
        today: str = NO_DAY,
        key: bytes = b"",
        *,
        sampled: bool = False,
    ) -> None:
        """Exceptions are those that hold on the day `today`; `key` is what hashes of values are made with.

        With `sampled`, what a flow can only report is told as a sample (`core.samples`).
        """
        self.policy = policy
        self.mode = mode
        self.today = today
        self._key = key
        self.matcher = matcher
        self.confirmer = confirmer
        self._port_sets = policy.port_sets()
        self._made: dict[tuple[PeerClass, PeerClass, Channel, tuple[bool, ...]], Inspector] = {}
        self._sampled = sampled
        self._sorted: dict[FlowRules, tuple[frozenset[int], frozenset[int]]] = {}
        """What must not leave and what is only told, by rules: there are hundreds of patterns, and most flows have the same
        rules."""

    def inspectors(self, connection: Connection) -> Callable[[Channel], Inspector]:
        """The inspectors for one pair of peers, by channel.  Calling it raises EngineError."""
        return lambda channel: self.inspector(
            connection.source, connection.destination, channel, connection.port
        )

    def inspector(
        self, source: PeerClass, destination: PeerClass, channel: Channel, port: int = 0
    ) -> Inspector:
        """The inspector for one pair of peers, one channel and a destination port.  Raises EngineError."""
        key = source, destination, channel, self._alike(port)
        known = self._made.get(key)
        if known is None:
            known = self._made[key] = self._make(source, destination, channel, port)
        return known

    def ports(self) -> Iterable[int]:
        """A port of each kind that the policy tells apart."""
        every = (0, *(port for ports in self._port_sets for port in ports))
        return {self._alike(port): port for port in every}.values()

    def _alike(self, port: int) -> tuple[bool, ...]:
        """The same for ports that no rule tells apart; nearly always there is no such rule."""
        return tuple(port in ports for ports in self._port_sets) if self._port_sets else ()

    def _make(self, source: PeerClass, destination: PeerClass, channel: Channel, port: int) -> Inspector:
        rules = self.policy.flow_rules(source, destination, channel, port, self.today, self._key)
        enforce = self.mode is Mode.PROTECT
        if rules not in self._sorted:
            must_not_leave = self._must_not_leave(rules)
            self._sorted[rules] = must_not_leave, self._only_told(rules, must_not_leave)
        must_not_leave, only_told = self._sorted[rules]
        hold = self.matcher.hold(must_not_leave) if enforce and must_not_leave else None
        names = self.policy.formats_on(port)
        formats = tuple(spec for spec in SPOKEN if spec.name in names)
        views = (*(spec for spec in VIEWS if spec.name not in names), *formats) if formats else VIEWS
        return Inspector(
            self.matcher,
            self.confirmer,
            rules,
            enforce,
            must_not_leave,
            hold,
            views=views,
            formats=formats,
            only_told=only_told,
        )

    def _must_not_leave(self, rules: FlowRules) -> frozenset[int]:
        """Only what could be blocked or masked on a flow with these rules has to be held back."""
        return frozenset(
            index
            for index, pattern in enumerate(self.matcher.patterns)
            if rules.strictest(pattern.told, _FOUND_AS[pattern.klass]) >= Action.MASK
        )

    def _only_told(self, rules: FlowRules, must_not_leave: frozenset[int]) -> frozenset[int]:
        """The others, unless each of their values counts."""
        if not self._sampled:
            return frozenset()
        return frozenset(
            index
            for index, pattern in enumerate(self.matcher.patterns)
            if index not in must_not_leave and not rules.counts(pattern.told, _FOUND_AS[pattern.klass])
        )


class World:
    """The current facts of one sidecar."""

    def __init__(
        self,
        scope: PeerClass,
        mode: Mode,
        matcher: Matcher,
        policy: Policy | None = None,
        freshness: Freshness | None = None,
        key: bytes = b"",
    ) -> None:
        """`key` is what the policy's hashes of values are made with."""
        self.scope = scope
        self.matcher = matcher
        self.scopes: ScopeMap | None = None
        self._freshness = freshness or Freshness()
        self.key = key
        self._confirmer = Confirmer(matcher.patterns)
        self.regime = Regime(matcher, self._confirmer, policy or Policy(), mode, key=key, sampled=True)

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.regime.policy

    @property
    def mode(self) -> Mode:
        """The mode in force."""
        return self.regime.mode

    def adopt(self, policy: Policy, mode: Mode, today: str = NO_DAY) -> None:
        """A new policy for the connections to come.  Raises EngineError, and then the old one stays."""
        self.regime = self.prepare(policy, mode, today)

    def arm(self, regime: Regime) -> None:
        """Patterns, policy and mode for the connections to come."""
        self.matcher, self._confirmer, self.regime = regime.matcher, regime.confirmer, regime

    def prepare(
        self, policy: Policy, mode: Mode, today: str = NO_DAY, matcher: Matcher | None = None
    ) -> Regime:
        """A regime with everything compiled that connections will need, with other patterns if they are given.

        Raises EngineError.  May take seconds; it touches nothing that connections use meanwhile, so another thread
        may do it.
        """
        confirmer = self._confirmer if matcher is None else Confirmer(matcher.patterns)
        regime = Regime(matcher or self.matcher, confirmer, policy, mode, today, self.key, sampled=True)
        channels = (Channel.HTTP1, Channel.OPAQUE)
        for peer, channel, port in product(PeerClass, channels, regime.ports()):
            regime.inspector(peer, self.scope, channel, port)
            regime.inspector(self.scope, peer, channel, port)
        return regime

    def inspector(self, connection: Connection) -> Callable[[Channel], Inspector]:
        """The inspectors for one pair of peers under the policy of this moment."""
        return self.regime.inspectors(connection)

    def connection(self, direction: Direction, peer: str, port: int) -> Connection:
        """Who wants to talk to whom; `peer` is the other side's address, `port` the destination port."""
        return self.between(
            direction, self.who(peer, port if direction is Direction.OUTBOUND else None), port
        )

    def between(self, direction: Direction, them: PeerClass, port: int) -> Connection:
        """The same for a peer of a class that is known already."""
        source, destination = (self.scope, them) if direction is Direction.OUTBOUND else (them, self.scope)
        return Connection(direction, source, destination, port)

    def who(self, peer: str, port: int | None = None) -> PeerClass:
        """The class of an address (and port); without a map nobody is known."""
        return PeerClass.UNKNOWN if self.scopes is None else self.scopes.classify(peer, port)

    def decide(self, connection: Connection, map_age: float) -> Permit | Denial:
        """May this connection be?  `map_age` is the age of the scope map in seconds."""
        mode, stale_after = self.mode, self._freshness.stale_after
        if not self.has_map(map_age):
            return deny(connection, mode, Reason.NO_SCOPE_MAP)
        unknown = PeerClass.UNKNOWN in (connection.source, connection.destination)
        if unknown and 0 < stale_after < map_age:
            return deny(connection, mode, Reason.STALE_SCOPE_MAP)
        return segment(connection, mode, self.policy)

    def has_map(self, map_age: float) -> bool:
        """Whether there is a scope map that may still be relied on."""
        expired = 0 < self._freshness.expire_after < map_age and self.scope is not PeerClass.OUT_OF_SCOPE
        return self.scopes is not None and not expired
