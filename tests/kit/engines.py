"""The real engine, the oracle, and flows as the relay makes them, for any mode and policy.  Nothing here is a stand-in."""

from functools import cache

from dlp_patterns import load, regex
from dlp_patterns.model import Pattern
from sidecar.core.confirm import OPEN_ENDED
from sidecar.core.findings import Action, Channel
from sidecar.core.flow import Flow
from sidecar.core.hits import Matcher
from sidecar.core.inspector import Inspector
from sidecar.core.policy import Connection, DlpRule, Policy
from sidecar.core.scopes import Direction, Mode, PeerClass
from sidecar.match import lanes, openings
from sidecar.match.hs import HyperscanMatcher
from sidecar.match.plain import PlainMatcher
from sidecar.relay.world import World
from tests.kit.effort import DEEP

MASK_ALL = Policy(dlp=(DlpRule("mask-all", Action.MASK),))
ALERT_ALL = Policy(dlp=(DlpRule("alert-all", Action.ALERT),))
BLOCK_ALL = Policy(dlp=(DlpRule("block-all", Action.BLOCK),))


@cache
def patterns() -> tuple[Pattern, ...]:
    """Every pattern that is on unless somebody says otherwise."""
    return tuple(pattern for pattern in shipped() if pattern.id.partition("/")[0] in load.default())


@cache
def shipped() -> tuple[Pattern, ...]:
    """Every pattern that ships."""
    return tuple(pattern for pack in load.builtin(load.shipped()) for pattern in pack.patterns)


@cache
def representatives() -> tuple[Pattern, ...]:
    """Patterns for what is tried in every way: one of each shape, and those with a treatment of their own.

    What becomes of a value at a cut depends on how its pattern is found, bounded, held, confirmed and shown; hundreds of
    tokens and national ids differ in their letters only.  A deep run takes every pattern.
    """
    if DEEP:
        return patterns()
    alike = {_shape(pattern): pattern for pattern in patterns()}
    special = OPEN_ENDED.union(*lanes.APART)
    own = [pattern for pattern in patterns() if pattern.id in special]
    return tuple({pattern.id: pattern for pattern in (*alike.values(), *own)}.values())


def _shape(pattern: Pattern) -> tuple[object, ...]:
    """All that decides what becomes of a value of the pattern, besides its letters."""
    narrowest, widest = regex.widths(pattern.regex)
    return (
        pattern.klass,
        pattern.check.partition(".")[0],
        pattern.show,
        pattern.boundary,
        openings.opens_with_literal(pattern),
        narrowest == widest,
        bool(pattern.tells),
        pattern.context is not None and pattern.context.required,
    )


@cache
def hyperscan() -> HyperscanMatcher:
    """The engine with every pattern."""
    return HyperscanMatcher(patterns())


@cache
def plain() -> PlainMatcher:
    """The oracle with every pattern."""
    return PlainMatcher(patterns())


@cache
def _world(mode: Mode, policy: Policy, matcher: Matcher) -> World:
    return World(PeerClass.IN_SCOPE, mode, matcher, policy)


def inspector(
    channel: Channel = Channel.OPAQUE,
    mode: Mode = Mode.PROTECT,
    policy: Policy | None = None,
    matcher: Matcher | None = None,
) -> Inspector:
    """What inspects a connection from a pod in scope to one connected to it."""
    world = _world(mode, policy or Policy(), matcher or hyperscan())
    connection = Connection(Direction.OUTBOUND, PeerClass.IN_SCOPE, PeerClass.CONNECTED_TO, 8080)
    return world.inspector(connection)(channel)


def flow(mode: Mode = Mode.PROTECT, policy: Policy | None = None, matcher: Matcher | None = None) -> Flow:
    """A new connection from a pod in scope to one connected to it."""
    return Flow(lambda channel: inspector(channel, mode, policy, matcher))
