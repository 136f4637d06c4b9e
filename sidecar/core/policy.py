"""The policy, as pure functions: who may talk to whom (`segment`), and what is done about a finding (`Policy.judge`).

Rules are tried in order and the first that fits decides; behind them stand the defaults, which are rules like any
other.  A decision never returns a bare boolean: the relay can only dial with a `Permit` in its hand.
"""

from dataclasses import dataclass, field

from dlp_patterns import exact
from dlp_patterns.model import Confidence
from sidecar.core.allowances import NO_DAY, NO_MARKS, Basis, Condition, Marks, Terms
from sidecar.core.findings import Action, Channel, FindingClass
from sidecar.core.reasons import Reason
from sidecar.core.scopes import Direction, Mode, PeerClass

IN, CONNECTED, OUT = PeerClass.IN_SCOPE, PeerClass.CONNECTED_TO, PeerClass.OUT_OF_SCOPE

# The default grid, in one sentence: nothing outside {in-scope, connected-to} talks to the CDE, in either direction.
# PCI DSS 1.3.1, 1.3.2 (traffic to and from the CDE is restricted to what is necessary), 1.4.4.
_CDE_PARTNERS = frozenset({IN, CONNECTED})


@dataclass(frozen=True, slots=True)
class Connection:
    """The facts that segmentation looks at.  `port` is the destination port."""

    direction: Direction
    source: PeerClass
    destination: PeerClass
    port: int


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to dial.  Only `segment` makes one that enforces; the relay's dialer demands it."""

    connection: Connection
    reason: Reason
    rule: str
    would_deny: Reason | None = None
    """In discover and monitor mode: why protect mode would have denied."""


@dataclass(frozen=True, slots=True)
class Denial:
    """No permit, and why."""

    connection: Connection
    reason: Reason
    rule: str


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """One line of `segmentation:` in a policy file; `None` and the empty set mean "any"."""

    name: str
    source: PeerClass | None = None
    destination: PeerClass | None = None
    ports: frozenset[int] = frozenset()
    allow: bool = False
    why: str = ""

    def fits(self, connection: Connection) -> bool:
        """Whether this rule speaks about `connection`."""
        return (
            self.source in (None, connection.source)
            and self.destination in (None, connection.destination)
            and (not self.ports or connection.port in self.ports)
        )


@dataclass(frozen=True, slots=True)
class DlpRule:
    """One line of `dlp:`, `exclusions:` or `exceptions:` in a policy file.

    `None` and the empty set mean "any", `confidence` means "at least".
    """

    name: str
    action: Action
    klass: FindingClass | None = None
    pattern: str | None = None
    source: PeerClass | None = None
    destination: PeerClass | None = None
    channel: Channel | None = None
    confidence: Confidence = Confidence.LIKELY
    ports: frozenset[int] = frozenset()
    at_least: int = 1
    """It begins to speak with the value that makes so many different ones (`core.rulings`)."""
    per_message: bool = False
    """They are counted anew in each message, not over the connection."""
    condition: Condition | None = None
    basis: Basis = Basis.RULE
    terms: Terms | None = None
    """Of an exception."""

    @property
    def asks_more(self) -> bool:
        """Whether it takes more than the kind of a finding to know that this rule speaks about it."""
        return self.at_least > 1 or self.condition is not None

    def concerns(self, source: PeerClass, destination: PeerClass, channel: Channel, port: int) -> bool:
        """Whether this rule can matter on a flow with these ends and this channel."""
        return (
            self.source in (None, source)
            and self.destination in (None, destination)
            and self.channel in (None, channel)
            and (not self.ports or port in self.ports)
        )

    def fits(self, pattern: str, klass: FindingClass, confidence: Confidence) -> bool:
        """Whether this rule speaks about such a finding (on a flow it concerns)."""
        return (
            self.klass in (None, klass) and self.pattern in (None, pattern) and confidence >= self.confidence
        )


@dataclass(frozen=True, slots=True)
class Format:
    """One line of `formats:`: what is spoken on some ports."""

    ports: frozenset[int]
    read: tuple[str, ...]
    """Names of views (`core.views.table.SPOKEN`)."""


# Unencrypted card data and secrets do not pass, wherever they go; other personal data is reported.  So is content that
# cannot be read: set it to `block` for a strict CDE.  What ends at a limit is a bomb, or built like one: see `TOO_LARGE`.
DEFAULT_DLP = (
    DlpRule("default-card-data", Action.BLOCK, klass=FindingClass.PAN, basis=Basis.DEFAULT),
    DlpRule("default-test-pan", Action.BLOCK, klass=FindingClass.TEST_PAN, basis=Basis.DEFAULT),
    DlpRule("default-sad", Action.BLOCK, klass=FindingClass.SAD, basis=Basis.DEFAULT),
    DlpRule("default-secrets", Action.BLOCK, klass=FindingClass.SECRET, basis=Basis.DEFAULT),
    DlpRule("default-report", Action.ALERT, basis=Basis.DEFAULT),
)


TOO_LARGE = DlpRule("default-too-large", Action.BLOCK, klass=FindingClass.UNSCANNABLE, basis=Basis.DEFAULT)
"""Content that a limit keeps from being looked through, where card data would not pass and no line of the policy speaks
about content that cannot be read: otherwise, whoever wants card data to pass packs it into a bomb."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything a policy file can say, validated; `Policy()` is the default policy."""

    segmentation: tuple[SegmentRule, ...] = ()
    dlp: tuple[DlpRule, ...] = ()
    version: str = "default"
    """Hash of the file it came from."""
    exclusions: tuple[DlpRule, ...] = ()
    exceptions: tuple[DlpRule, ...] = ()
    formats: tuple[Format, ...] = ()

    def flow_rules(
        self,
        source: PeerClass,
        destination: PeerClass,
        channel: Channel,
        port: int = 0,
        today: str = NO_DAY,
        key: bytes = b"",
    ) -> "FlowRules":
        """The DLP rules that can matter on one flow on the day `today`, in order.

        Exclusions and exceptions come first.  `key` is what hashes of values were made with; without one a rule that
        asks for values never speaks.
        """
        rules = (*self.exclusions, *self.exceptions, *self.dlp, *DEFAULT_DLP)
        return FlowRules(
            tuple(
                rule
                for rule in rules
                if rule.concerns(source, destination, channel, port)
                and not (rule.terms is not None and rule.terms.over(today))
                and (key or rule.condition is None or not rule.condition.values)
            ),
            key,
        )

    def over(self, today: str) -> tuple[DlpRule, ...]:
        """The exceptions that have ended on the day `today`."""
        return tuple(rule for rule in self.exceptions if rule.terms is not None and rule.terms.over(today))

    @property
    def asks_for_values(self) -> bool:
        """Whether some rule names values by their hashes."""
        rules = (*self.exclusions, *self.exceptions)
        return any(rule.condition is not None and rule.condition.values for rule in rules)

    def port_sets(self) -> tuple[frozenset[int], ...]:
        """The sets of ports that DLP rules and formats tell apart."""
        rules = (*self.exclusions, *self.exceptions, *self.dlp)
        sets = [*(rule.ports for rule in rules), *(each.ports for each in self.formats)]
        return tuple(dict.fromkeys(ports for ports in sets if ports))

    def formats_on(self, port: int) -> frozenset[str]:
        """The names of what is spoken on a port."""
        return frozenset(name for each in self.formats if port in each.ports for name in each.read)


@dataclass(frozen=True, slots=True)
class FlowRules:
    """The part of the policy that speaks about one flow."""

    rules: tuple[DlpRule, ...]
    key: bytes = field(default=b"", repr=False)
    asks_more: bool = field(init=False, compare=False, default=False)
    """Whether some rule asks for more than the kind of a finding: then `core.rulings` decides."""
    asks_path: bool = field(init=False, compare=False, default=False)
    _plain: tuple[DlpRule, ...] = field(init=False, compare=False, repr=False, default=())
    _by_value: bool = field(init=False, compare=False, default=False)

    def __post_init__(self) -> None:
        conditions = [rule.condition for rule in self.rules if rule.condition is not None]
        object.__setattr__(self, "asks_more", any(rule.asks_more for rule in self.rules))
        object.__setattr__(self, "_plain", tuple(rule for rule in self.rules if not rule.asks_more))
        object.__setattr__(self, "asks_path", any(condition.paths for condition in conditions))
        object.__setattr__(self, "_by_value", any(condition.values for condition in conditions))

    def judge(self, pattern: str, klass: FindingClass, confidence: Confidence) -> DlpRule:
        """The rule that says what to do about such a finding, as far as its kind tells."""
        for rule in self._plain:
            if rule.fits(pattern, klass, confidence):
                return rule
        raise AssertionError("the last default rule fits everything")

    def about_unread(self, rule: DlpRule, kind: str) -> DlpRule:
        """What is done about content of this kind that cannot be read, if `rule` speaks about such content in general."""
        if kind != Reason.TOO_LARGE or rule.basis is not Basis.DEFAULT:
            return rule
        card = self.strictest("pci/pan", (FindingClass.PAN,))
        return TOO_LARGE if card >= Action.MASK else rule

    def strictest(self, pattern: str, klasses: tuple[FindingClass, ...]) -> Action:
        """The strictest action that any finding of `pattern` could meet on this flow."""
        return max(
            self._strictest(pattern, klass, confidence) for klass in klasses for confidence in Confidence
        )

    def _strictest(self, pattern: str, klass: FindingClass, confidence: Confidence) -> Action:
        """A rule that asks for more may speak or not; the first that does not is the last that can."""
        strictest = Action.ALLOW
        for rule in self.rules:
            if rule.fits(pattern, klass, confidence):
                strictest = max(strictest, rule.action)
                if not rule.asks_more:
                    break
        return strictest

    def counts(self, pattern: str, klasses: tuple[FindingClass, ...]) -> bool:
        """Whether some rule counts the different values of `pattern`: then every one of them matters."""
        return any(
            rule.at_least > 1 and rule.fits(pattern, klass, Confidence.CERTAIN)
            for rule in self.rules
            for klass in klasses
        )

    def marks(self, pattern: str, value: bytes) -> Marks:
        """What rules of this flow may ask for of a value."""
        if not self.asks_more:
            return NO_MARKS
        plain = exact.normal(value)
        return Marks(hash((pattern, plain)), exact.keyed(self.key, plain) if self._by_value else 0)


def segment(connection: Connection, mode: Mode, policy: Policy) -> Permit | Denial:
    """May these two peers talk?  Rules of the policy first, then the default grid; modes only soften a denial."""
    verdict = _by_rule(connection, policy) or _by_grid(connection)
    if isinstance(verdict, Denial) and mode is not Mode.PROTECT:
        return Permit(connection, verdict.reason, verdict.rule, would_deny=verdict.reason)
    return verdict


def deny(connection: Connection, mode: Mode, reason: Reason) -> Permit | Denial:
    """A denial for a reason other than the grid (no map, stale map), softened by the mode like any other."""
    if mode is not Mode.PROTECT:
        return Permit(connection, reason, reason.value, would_deny=reason)
    return Denial(connection, reason, reason.value)


def _by_rule(connection: Connection, policy: Policy) -> Permit | Denial | None:
    for rule in policy.segmentation:
        if rule.fits(connection):
            made = Permit if rule.allow else Denial
            return made(connection, Reason.RULE, rule.name)
    return None


def _by_grid(connection: Connection) -> Permit | Denial:
    pair = {connection.source, connection.destination}
    if IN not in pair or pair <= _CDE_PARTNERS:
        return Permit(connection, Reason.GRID, "grid")
    reason = Reason.UNKNOWN_PEER if PeerClass.UNKNOWN in pair else Reason.GRID
    return Denial(connection, reason, "grid")
