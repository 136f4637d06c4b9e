"""The difference between the firewall that is wanted and the one that is there, as operations.  Pure.

What belongs here: the live table as read from the kernel, the operations, and `plan`.  What never does:
reading or changing anything (`apply`).  Because `plan` is given what exists, "applying twice changes nothing"
is a property of this function and needs no kernel to be tested.

Table of cases:

    exists?   wanted?   same chains?   plan
    no        no                       nothing
    yes       no                       delete the table
    no        yes                      add table, chains, rules
    yes       yes       no             delete the table, then all of it anew (one transaction, no gap)
    yes       yes       yes            per chain: its policy if it differs; superfluous rules go, missing ones
                                       come in their place; equal rules stay and keep their counters
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from sidecar.net.rules import Chain, Expr, Rule, Table

# ---- what exists -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LiveRule:
    """A rule in the kernel: `handle` names it, the counter says what met it since it was added."""

    handle: int
    expressions: tuple[Expr, ...]
    tag: str
    packets: int = 0
    octets: int = 0


@dataclass(frozen=True, slots=True)
class LiveBase:
    """How the kernel has a chain tied in; plain numbers, because somebody else may have chosen them."""

    type: str
    hook: int
    priority: int
    policy: int


@dataclass(frozen=True, slots=True)
class LiveChain:
    """A chain in the kernel; one without a base is only called from other rules."""

    name: str
    base: LiveBase | None
    rules: tuple[LiveRule, ...]


@dataclass(frozen=True, slots=True)
class LiveTable:
    """A table in the kernel.  `flags` are 0 unless somebody put it to sleep or claimed it (NFT_TABLE_F_*)."""

    name: str
    flags: int
    chains: tuple[LiveChain, ...]


# ---- operations --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AddTable:
    """Create the table."""

    table: str

    def text(self) -> str:
        """The operation as a command of `nft`."""
        return f"add table inet {self.table}"


@dataclass(frozen=True, slots=True)
class DeleteTable:
    """Delete the table with all that is in it."""

    table: str

    def text(self) -> str:
        """The operation as a command of `nft`."""
        return f"delete table inet {self.table}"


@dataclass(frozen=True, slots=True)
class PutChain:
    """Create the chain without its rules, or set the policy of the one that is there."""

    table: str
    chain: Chain

    def text(self) -> str:
        """The operation as a command of `nft`."""
        return f"add chain inet {self.table} {self.chain.name} {{ {self.chain.base.text()} }}"


@dataclass(frozen=True, slots=True)
class AddRule:
    """Append the rule to the chain, or put it before the rule with handle `before`."""

    table: str
    chain: str
    rule: Rule
    before: int | None = None

    def text(self) -> str:
        """The operation as a command of `nft`."""
        if self.before is None:
            return f"add rule inet {self.table} {self.chain} {self.rule.text()}"
        return f"insert rule inet {self.table} {self.chain} position {self.before} {self.rule.text()}"


@dataclass(frozen=True, slots=True)
class DeleteRule:
    """Delete one rule; `tag` is for the reader."""

    table: str
    chain: str
    handle: int
    tag: str

    def text(self) -> str:
        """The operation as a command of `nft`."""
        return f'delete rule inet {self.table} {self.chain} handle {self.handle} comment "{self.tag}"'


type Op = AddTable | DeleteTable | PutChain | AddRule | DeleteRule


# ---- the plan ----------------------------------------------------------------------------------------------


def plan(wanted: Table | None, existing: LiveTable | None) -> tuple[Op, ...]:
    """What turns `existing` into `wanted`, in order, for one transaction; empty when nothing differs.

    `wanted` None means that no table shall be left.  `existing` must be the table of the same name, or None.
    """
    if wanted is None:
        return (DeleteTable(existing.name),) if existing else ()
    if existing is None:
        return tuple(_create(wanted))
    if not _same_frame(wanted, existing):
        return DeleteTable(existing.name), *_create(wanted)
    pairs = zip(wanted.chains, _in_order(wanted, existing), strict=True)
    return tuple(op for chain, live in pairs for op in _amend(wanted.name, chain, live))


def _create(table: Table) -> Iterator[Op]:
    """Rules come after all chains, so that a chain's hook is never active with half of the chains missing."""
    yield AddTable(table.name)
    yield from (PutChain(table.name, chain) for chain in table.chains)
    yield from (AddRule(table.name, chain.name, rule) for chain in table.chains for rule in chain.rules)


def _same_frame(wanted: Table, existing: LiveTable) -> bool:
    """Can the chains be kept: the same names at the same places, in a table that is awake and ours?"""
    places = {chain.name: _place(_live_base(chain)) for chain in wanted.chains}
    found = {chain.name: chain.base and _place(chain.base) for chain in existing.chains}
    return existing.flags == 0 and places == found


def _place(base: LiveBase) -> tuple[str, int, int]:
    return base.type, base.hook, base.priority


def _live_base(chain: Chain) -> LiveBase:
    base = chain.base
    return LiveBase(base.type.value, int(base.hook), base.priority, int(base.policy))


def _in_order(wanted: Table, existing: LiveTable) -> Iterator[LiveChain]:
    by_name = {chain.name: chain for chain in existing.chains}
    return (by_name[chain.name] for chain in wanted.chains)


def _amend(table: str, wanted: Chain, live: LiveChain) -> Iterator[Op]:
    if live.base != _live_base(wanted):
        yield PutChain(table, wanted)
    want = [(rule.expressions(), rule.tag) for rule in wanted.rules]
    have = [(rule.expressions, rule.tag) for rule in live.rules]
    for kind, a, b, c, d in SequenceMatcher(None, have, want, autojunk=False).get_opcodes():
        if kind != "equal":
            yield from (DeleteRule(table, live.name, rule.handle, rule.tag) for rule in live.rules[a:b])
            before = live.rules[b].handle if b < len(live.rules) else None  # the next rule that stays
            yield from (AddRule(table, live.name, rule, before) for rule in wanted.rules[c:d])
