"""Is an expression prefix-free: can no text that it matches go on to a longer text that it matches as well?

Decided, not sampled: the expression becomes an automaton without epsilon moves over its own atoms (Glushkov's), which is
walked as sets of states, and a set that accepts must not lead to one that accepts again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from re import _constants as constants  # type: ignore[attr-defined]
from re import compile as compiled

from dlp_patterns.regex import parse

BYTES = [bytes([byte]) for byte in range(256)]


@dataclass
class _Automaton:
    """Positions of atoms, and which may follow which."""

    atoms: list[frozenset[int]] = field(default_factory=list)
    follow: list[set[int]] = field(default_factory=list)


@dataclass
class _Part:
    first: set[int]
    last: set[int]
    empty: bool


def _sequence(auto: _Automaton, parts: Iterator[_Part]) -> _Part:
    total = _Part(set(), set(), True)
    for part in parts:
        for at in total.last:
            auto.follow[at] |= part.first
        total = _Part(
            total.first | (part.first if total.empty else set()),
            part.last | (total.last if part.empty else set()),
            total.empty and part.empty,
        )
    return total


def _node(auto: _Automaton, op: object, argument: object) -> _Part:
    name = str(op)
    if name == "SUBPATTERN":
        return _nodes(auto, argument[3])  # type: ignore[index]
    if name == "BRANCH":
        branches = [_nodes(auto, branch) for branch in argument[1]]  # type: ignore[index]
        return _Part(
            set().union(*(each.first for each in branches)),
            set().union(*(each.last for each in branches)),
            any(each.empty for each in branches),
        )
    if name == "MAX_REPEAT":
        low, high, body = argument  # type: ignore[misc]
        return _sequence(auto, (_once(auto, body, optional=at >= low) for at in range(int(high))))
    auto.atoms.append(_bytes_of(op, argument))
    auto.follow.append(set())
    at = len(auto.atoms) - 1
    return _Part({at}, {at}, False)


def _once(auto: _Automaton, body: object, *, optional: bool) -> _Part:
    part = _nodes(auto, body)
    return _Part(part.first, part.last, part.empty or optional)


def _nodes(auto: _Automaton, nodes: object) -> _Part:
    return _sequence(auto, (_node(auto, op, argument) for op, argument in nodes))  # type: ignore[attr-defined]


def _bytes_of(op: object, argument: object) -> frozenset[int]:
    """The bytes that one atom matches."""
    if op is constants.LITERAL:
        return frozenset({int(argument)})  # type: ignore[call-overload]
    if op is constants.NOT_LITERAL:
        return frozenset(range(256)) - {int(argument)}  # type: ignore[call-overload]
    found: set[int] = set()
    negate = False
    for kind, value in argument:  # type: ignore[attr-defined]
        if kind is constants.NEGATE:
            negate = True
        elif kind is constants.LITERAL:
            found.add(value)
        elif kind is constants.RANGE:
            found |= set(range(value[0], value[1] + 1))
        else:
            shorthand = {"CATEGORY_DIGIT": rb"\d", "CATEGORY_WORD": rb"\w", "CATEGORY_SPACE": rb"\s"}[
                str(value)
            ]
            found |= {byte[0] for byte in BYTES if compiled(shorthand).match(byte)}
    return frozenset(range(256)) - found if negate else frozenset(found)


def prefix_free(regex: bytes) -> bool:
    """Whether no text that `regex` matches is the beginning of another."""
    auto = _Automaton()
    whole = _nodes(auto, parse(regex))
    alphabet = _classes(auto.atoms)
    start = (frozenset(whole.first), False)
    todo, seen = [start], {start}
    while todo:
        expected, accepted = todo.pop()
        for byte in alphabet:
            now = {at for at in expected if byte in auto.atoms[at]}
            ends = bool(now & whole.last)
            if accepted and ends:
                return False
            state = (frozenset[int]().union(*(auto.follow[at] for at in now)), accepted or ends)
            if state[0] and state not in seen:
                seen.add(state)
                todo.append(state)
    return True


def _classes(atoms: list[frozenset[int]]) -> list[int]:
    """One byte for each set of bytes that no atom tells apart."""
    distinct = set(atoms)
    return list({tuple(byte in atom for atom in distinct): byte for byte in range(256)}.values())
