"""The plan is wanted minus existing: nothing when nothing differs, and never more than what differs.

A small model of the kernel (`carry_out`) stands in for the real one, which `test_apply` asks.
"""

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.net.plan import (
    AddRule,
    AddTable,
    DeleteRule,
    DeleteTable,
    LiveBase,
    LiveChain,
    LiveRule,
    LiveTable,
    Op,
    PutChain,
    plan,
)
from sidecar.net.redirect import Redirect
from sidecar.net.rules import L4, Base, Chain, ChainType, Hook, Policy, Ports, Rule, Table, To, Verdict

INPUT = Base(ChainType.FILTER, Hook.INPUT, 0, Policy.DROP)


def rule(port: int) -> Rule:
    return Rule((To(L4.TCP, Ports(port, port)),), Verdict.ACCEPT, f"port {port}")


def table(*ports: int, base: Base = INPUT) -> Table:
    return Table("t", (Chain("c", base, tuple(map(rule, ports))),))


# ---- a model of the kernel -----------------------------------------------------------------------------------


def carry_out(ops: tuple[Op, ...], existing: LiveTable | None) -> LiveTable | None:
    """What the kernel's table is after one transaction.  A handle is never given twice."""
    used = [rule.handle for chain in (existing.chains if existing else ()) for rule in chain.rules]
    handles = count(max(used, default=999) + 1)
    for op in ops:
        match op:
            case AddTable(name):
                existing = existing or LiveTable(name, 0, ())
            case DeleteTable():
                assert existing is not None
                existing = None
            case PutChain() | AddRule() | DeleteRule():
                assert existing is not None
                existing = replace(existing, chains=_changed(op, existing.chains, handles))
    return existing


def _changed(
    op: PutChain | AddRule | DeleteRule, chains: tuple[LiveChain, ...], handles: "count[int]"
) -> tuple[LiveChain, ...]:
    by_name = {chain.name: chain for chain in chains}
    match op:
        case PutChain(_, chain):
            old = by_name.get(chain.name)
            base = chain.base
            live = LiveBase(base.type.value, int(base.hook), base.priority, int(base.policy))
            by_name[chain.name] = LiveChain(chain.name, live, old.rules if old else ())
        case AddRule(_, name, added, before):
            rules = list(by_name[name].rules)
            at = len(rules) if before is None else [rule.handle for rule in rules].index(before)
            rules.insert(at, LiveRule(next(handles), added.expressions(), added.tag))
            by_name[name] = replace(by_name[name], rules=tuple(rules))
        case DeleteRule(_, name, handle):
            left = tuple(rule for rule in by_name[name].rules if rule.handle != handle)
            assert len(left) == len(by_name[name].rules) - 1, "no such rule"
            by_name[name] = replace(by_name[name], rules=left)
    return tuple(by_name.values())


def live(wanted: Table) -> LiveTable:
    made = carry_out(plan(wanted, None), None)
    assert made is not None
    return made


def texts(wanted: Table | None, existing: LiveTable | None) -> list[str]:
    return [op.text() for op in plan(wanted, existing)]


# ---- facts -------------------------------------------------------------------------------------------------


def test_nothing_exists_and_nothing_is_wanted() -> None:
    assert texts(None, None) == []


def test_nothing_exists() -> None:
    assert texts(table(80), None) == [
        "add table inet t",
        "add chain inet t c { type filter hook input priority 0; policy drop; }",
        'add rule inet t c tcp dport 80 counter accept comment "port 80"',
    ]


def test_nothing_is_wanted() -> None:
    assert texts(None, live(table(80))) == ["delete table inet t"]


def test_all_is_there() -> None:
    assert texts(table(80, 81), live(table(80, 81))) == []


def test_a_counter_that_moved_is_no_difference() -> None:
    there = live(table(80))
    met = tuple(replace(r, packets=7, octets=420) for r in there.chains[0].rules)
    assert texts(table(80), replace(there, chains=(replace(there.chains[0], rules=met),))) == []


DIFFERENCES = {
    "one is missing at the end": (
        (1, 2),
        (1, 2, 3),
        ['add rule inet t c tcp dport 3 counter accept comment "port 3"'],
    ),
    "one is missing before another": (
        (1, 3),
        (1, 2, 3),
        ['insert rule inet t c position 1001 tcp dport 2 counter accept comment "port 2"'],
    ),
    "two are missing before another": (
        (3,),
        (1, 2, 3),
        [
            'insert rule inet t c position 1000 tcp dport 1 counter accept comment "port 1"',
            'insert rule inet t c position 1000 tcp dport 2 counter accept comment "port 2"',
        ],
    ),
    "one is too many": ((1, 2, 3), (1, 3), ['delete rule inet t c handle 1001 comment "port 2"']),
    "one is another": (
        (1, 2, 3),
        (1, 9, 3),
        [
            'delete rule inet t c handle 1001 comment "port 2"',
            'insert rule inet t c position 1002 tcp dport 9 counter accept comment "port 9"',
        ],
    ),
    "a stranger comes first": ((66, 1, 2), (1, 2), ['delete rule inet t c handle 1000 comment "port 66"']),
}


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_only_the_difference_is_planned(difference: str) -> None:
    have, want, expected = DIFFERENCES[difference]
    assert texts(table(*want), live(table(*have))) == expected


def test_a_policy_is_set_without_touching_the_rules() -> None:
    opened = live(table(80, base=replace(INPUT, policy=Policy.ACCEPT)))
    assert texts(table(80), opened) == [
        "add chain inet t c { type filter hook input priority 0; policy drop; }"
    ]


def test_a_tag_is_part_of_the_rule() -> None:
    there = live(table(80))
    silent = tuple(replace(r, tag="") for r in there.chains[0].rules)
    assert len(texts(table(80), replace(there, chains=(replace(there.chains[0], rules=silent),)))) == 2


FRAMES = {
    "asleep": lambda there: replace(there, flags=1),
    "hooked elsewhere": lambda there: replace(
        there, chains=(replace(there.chains[0], base=LiveBase("filter", 3, 0, 0)),)
    ),
    "called too late": lambda there: replace(
        there, chains=(replace(there.chains[0], base=LiveBase("filter", 1, 300, 0)),)
    ),
    "not hooked at all": lambda there: replace(there, chains=(replace(there.chains[0], base=None),)),
    "a chain too many": lambda there: replace(there, chains=(*there.chains, LiveChain("theirs", None, ()))),
    "a chain missing": lambda there: replace(there, chains=()),
}


@pytest.mark.parametrize("frame", FRAMES)
def test_a_table_with_another_frame_is_made_anew(frame: str) -> None:
    """Chains cannot be moved; so all of it goes and comes in one transaction."""
    assert texts(table(80), FRAMES[frame](live(table(80)))) == [
        "delete table inet t",
        *texts(table(80), None),
    ]


# ---- properties --------------------------------------------------------------------------------------------

PORTS = st.lists(st.integers(1, 9), max_size=12)


@given(PORTS, PORTS)
def test_carrying_out_the_plan_gives_what_is_wanted_and_then_nothing_is_left_to_do(
    have: list[int], want: list[int]
) -> None:
    there = live(table(*have))
    result = carry_out(plan(table(*want), there), there)
    assert result is not None
    assert [r.tag for r in result.chains[0].rules] == [f"port {port}" for port in want]
    assert plan(table(*want), result) == ()


@given(st.lists(st.integers(1, 40), unique=True, max_size=15), st.data())
def test_a_rule_that_stays_keeps_its_handle_and_so_its_counter(have: list[int], data: st.DataObject) -> None:
    """For rules that keep their order, as all of ours do: only what left or came is touched."""
    kept = [port for port in have if data.draw(st.booleans())]
    want = kept + data.draw(st.lists(st.integers(50, 60), unique=True, max_size=3))
    there = live(table(*have))
    ops = plan(table(*want), there)
    assert {op.tag for op in ops if isinstance(op, DeleteRule)} == {
        f"port {p}" for p in set(have) - set(kept)
    }
    assert [op.rule.tag for op in ops if isinstance(op, AddRule)] == [f"port {p}" for p in want[len(kept) :]]


@given(st.sets(st.integers(1, 15000), max_size=5), st.sets(st.integers(1, 15000), max_size=5))
def test_changing_the_exclusions_of_a_pod_touches_nothing_but_exclusions(
    before: set[int], after: set[int]
) -> None:
    def pod(ports: set[int]) -> Table:
        return Redirect(exclude_outbound=tuple(Ports(port, port) for port in sorted(ports))).table()

    ops = plan(pod(after), live(pod(before)))
    tags = {op.rule.tag if isinstance(op, AddRule) else getattr(op, "tag", "") for op in ops}
    assert tags == {f"excluded outbound port {port}" for port in before ^ after}
    assert len(ops) == 2 * len(before ^ after)
