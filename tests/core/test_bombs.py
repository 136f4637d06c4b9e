"""Bombs: each ends at a limit, is told, and is denied where card data would be; memory and work stay bounded.

The work is counted (`core.decode.unscannable`), so nothing here is timed; `python -m benchmarks bombs` does that.
"""

import bz2
import gzip
import json
import lzma
import tracemalloc
from collections.abc import Callable
from random import Random

import pytest

from sidecar.core.decode.unscannable import (
    CONTAINER_FREE,
    CONTAINER_LIMIT,
    EFFORT_EACH,
    EFFORT_FREE,
    SIGN_COST,
    VALUE_COST,
)
from sidecar.core.findings import Action, Finding, FindingClass
from sidecar.core.flow import Flow
from sidecar.core.inspection import HELD_LIMIT, Verdict
from sidecar.core.policy import DlpRule, Policy
from sidecar.core.reasons import Reason
from sidecar.core.scopes import Mode
from sidecar.core.views.containers.single import BZIP2
from sidecar.lab.samples import VISA
from tests.kit.bombs import bombs, cards, ids, post
from tests.kit.engines import flow
from tests.kit.packed import encrypted, zipped

READ = 64 * 1024
MEMORY = 8 * 1024 * 1024
OVERSHOOT = 32 * VALUE_COST + READ // 5 * SIGN_COST + (CONTAINER_FREE + 4096 * CONTAINER_LIMIT) * BZIP2.cost
"""What is in hand is finished: some values, what the engine sees in one part, what one container makes of a few bytes."""
CHEAP = (
    "gzip: zeros",
    "br: ids",
    "xz -9: zeros",
    "40 small zips of zeros",
    "zip: 30 zips of zeros",
    "bzip2: zeros",
)


def sent(one: Flow, wire: bytes) -> tuple[list[Finding], Verdict | None]:
    """What a client's bytes lead to."""
    told: list[Finding] = []
    for at in range(0, len(wire), READ):
        step = one.client.feed(wire[at : at + READ])
        told += step.findings
        if step.verdict is not None and step.verdict.enforced:
            return told, step.verdict
    return told, None


@pytest.mark.parametrize("name", bombs())
def test_memory_and_work_are_bounded_by_what_came(name: str) -> None:
    wire = bombs()[name]
    one = flow(mode=Mode.MONITOR)
    tracemalloc.start()
    told, _ = sent(one, wire)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEMORY + sum(map(len, map(repr, told)))
    assert one.client.inspection is not None
    effort = one.client.inspection.effort
    assert effort.came <= len(wire)
    assert effort.spent <= EFFORT_FREE + EFFORT_EACH * len(wire) + OVERSHOOT


PASS = {
    "gzip: zeros, thinned to just below the limit of growth",
    "zip: 2,000 members",
    "zip: lines of secrets",
    "zip: base64 of base64",
    "xz: base64 of base64",
    "40 times bzip2 of noise in it twenty times",
    "40 times xz of noise in it twenty times",
    "%25 nests", "%2534", "%252534", "%25 through three views", "base64, three times",
}  # fmt: skip
"""What can be looked through to its end: no more than so much text, or what came is so much."""
CARDS = {name for name in bombs() if "cards" in name} | {
    "percent in percent in percent",
    "json in json",
    "hex, twice",
}


@pytest.mark.parametrize("name", sorted(bombs().keys() - PASS))
def test_what_cannot_be_looked_through_is_denied_like_card_data(name: str) -> None:
    _, verdict = sent(flow(), bombs()[name])
    assert verdict is not None
    assert verdict.reason is (Reason.PAN_IN_CLEARTEXT if name in CARDS else Reason.UNSCANNABLE)


@pytest.mark.parametrize("name", sorted(PASS))
def test_what_can_be_looked_through_passes(name: str) -> None:
    told, verdict = sent(flow(), bombs()[name])
    assert verdict is None
    assert {each.kind for each in told} <= {"unsupported_encoding"}


def people(rng: Random, count: int) -> bytes:
    """What an answer of a shop holds: long ids, and what can be found in every line."""
    rows = (
        {"id": rng.randrange(10**17, 10**18), "order": str(rng.randrange(10**14, 10**15)), "total": rng.random(),
         "email": f"jo{rng.randrange(10**6)}@example.com", "phone": f"+49 30 {rng.randrange(10**7):07}"}
        for _ in range(count)
    )  # fmt: skip
    return json.dumps([*rows]).encode()


EVERYDAY = {
    "answers, compressed": lambda rng: [post(gzip.compress(people(rng, 40)), b"gzip") for _ in range(80)],
    "logs with JSON in JSON, compressed": lambda rng: [
        post(
            gzip.compress(json.dumps([{"message": people(rng, 2).decode()} for _ in range(20)]).encode()),
            b"gzip",
        )
        for _ in range(80)
    ],
    "a large answer, compressed": lambda rng: [post(gzip.compress(people(rng, 4000)), b"gzip")],
    "a large archive": lambda rng: [post(zipped(("a", people(rng, 4000)), ("b", people(rng, 400))))],
}


@pytest.mark.parametrize("make", EVERYDAY.values(), ids=EVERYDAY)
def test_what_is_compressed_every_day_is_no_bomb(make: Callable[[Random], list[bytes]]) -> None:
    one, rng = flow(policy=Policy(dlp=(DlpRule("let-all", Action.ALERT),))), Random(6)
    for wire in make(rng):
        told, verdict = sent(one, wire)
        assert verdict is None
        assert FindingClass.UNSCANNABLE not in {each.klass for each in told}


BOMB = post(gzip.compress(bytes(50_000_000)), b"gzip")
SEALED = post(encrypted(zipped(("a", b"b" * 99))))
LET_PANS = DlpRule("let-cards", Action.ALERT, klass=FindingClass.PAN)
MASK_PANS = DlpRule("mask-cards", Action.MASK, pattern="pci/pan")
LET_UNREAD = DlpRule("let-unread", Action.ALERT, klass=FindingClass.UNSCANNABLE)
DENY_UNREAD = DlpRule("deny-unread", Action.BLOCK, klass=FindingClass.UNSCANNABLE)
POLICIES = {
    "default": (Policy(), "default-too-large:block", "default-report:alert"),
    "card data may pass": (Policy(dlp=(LET_PANS,)), "default-report:alert", "default-report:alert"),
    "card data is masked, which a bomb cannot be": (
        Policy(dlp=(MASK_PANS,)), "default-too-large:block", "default-report:alert"),
    "a rule lets what cannot be read": (Policy(dlp=(LET_UNREAD,)), "let-unread:alert", "let-unread:alert"),
    "a rule denies what cannot be read": (Policy(dlp=(DENY_UNREAD,)), "deny-unread:block", "deny-unread:block"),
    "rules that ask for more": (
        Policy(dlp=(DlpRule("many", Action.BLOCK, klass=FindingClass.PII, at_least=2),)),
        "default-too-large:block", "default-report:alert"),
}  # fmt: skip


@pytest.mark.parametrize(("policy", "bomb", "sealed"), POLICIES.values(), ids=POLICIES)
def test_the_policy_decides_about_what_was_not_looked_through(policy: Policy, bomb: str, sealed: str) -> None:
    """A limit of ours is not the same as content that nobody can read: the first is what a bomb is built for."""
    for wire, expected in ((BOMB, bomb), (SEALED, sealed)):
        told, verdict = sent(flow(policy=policy), wire)
        unread = [each for each in told if each.klass is FindingClass.UNSCANNABLE]
        assert {f"{each.rule}:{each.action}" for each in unread} == {expected}
        assert (verdict is not None) is expected.endswith("block")


def test_a_flow_gets_its_allowance_once() -> None:
    """The second and every further bomb of a connection finds nothing left, whatever its coding."""
    one, first = flow(mode=Mode.MONITOR), zipped(("a", ids(900) * 60))
    spent = []
    for wire in (
        post(first),
        post(first),
        post(gzip.compress(ids(900) * 60), b"gzip"),
        post(bz2.compress(ids(900) * 60)),
    ):
        before = 0 if one.client.inspection is None else one.client.inspection.effort.spent
        told, _ = sent(one, wire)
        assert "too much in what was opened" in {each.shown for each in told}
        assert one.client.inspection is not None
        spent.append(one.client.inspection.effort.spent - before)
    assert max(spent[1:]) <= len(first) * 2 * EFFORT_EACH + OVERSHOOT


def test_more_is_allowed_when_more_has_come() -> None:
    one = flow(mode=Mode.MONITOR)
    sent(one, post(zipped(("a", ids(900) * 60))))
    sent(one, post(b"hello, world; " * 20_000))
    told, _ = sent(one, post(zipped(("a", b"card " + VISA.encode()))))
    assert [each.pattern for each in told] == ["pci/pan"]


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress], ids=["bzip2", "xz"])
def test_a_large_file_does_not_wait_for_its_end(pack: object) -> None:
    """However wide a decoded byte can be: what was decoded from the bytes before is known, and leaves."""
    assert callable(pack)
    rng = Random(5)
    text = b"".join(b"%d " % rng.randrange(10**11, 10**12) for _ in range(400_000))
    wire, one, most, out = post(pack(text)), flow(), 0, 0
    for at in range(0, len(wire), 16_384):
        step = one.client.feed(wire[at : at + 16_384])
        assert step.verdict is None
        out += len(step.release)
        most = max(most, min(at + 16_384, len(wire)) - out)
    assert out == len(wire)
    assert most < 500_000


DIGITS = bz2.compress(b"order 4111111111111112")  # a number that could go on, in a member that is over
JUNK = b"." * (HELD_LIMIT + READ)


def test_what_waits_for_too_long_is_judged_as_in_a_pause() -> None:
    one = flow()
    told, verdict = sent(one, post(DIGITS + JUNK))
    assert (told, verdict) == ([], None)
    told, verdict = sent(flow(), post(bz2.compress(b"card " + VISA.encode()) + JUNK))
    assert [each.pattern for each in told] == ["pci/pan"]
    assert verdict is not None


def test_what_waits_for_ever_is_told() -> None:
    """It has the shape of a value, and began before what waited left for the last time."""
    told, verdict = sent(flow(), post(DIGITS + JUNK * 2))
    assert verdict is not None
    assert [each.shown for each in told] == ["a value that does not end"]
    told, verdict = sent(flow(policy=Policy(dlp=(LET_UNREAD,))), post(DIGITS + JUNK * 2))
    assert verdict is None
    assert [each.shown for each in told] == ["a value that does not end"]


def test_the_answer_does_not_depend_on_the_cutting() -> None:
    for name in CHEAP:
        wire, answers = bombs()[name], set()
        for size in (1000, 4096, READ, len(wire)):
            one, verdict = flow(), None
            for at in range(0, len(wire), size):
                verdict = one.client.feed(wire[at : at + size]).verdict
                if verdict is not None:
                    break
            assert verdict is not None
            answers.add((verdict.reason, verdict.finding.shown if verdict.finding is not None else ""))
        assert len(answers) == 1, (name, answers)


def test_cards_before_the_limit_are_found() -> None:
    told, verdict = sent(flow(), post(gzip.compress(cards(3) + b"\n" + bytes(50_000_000)), b"gzip"))
    assert verdict is not None
    assert verdict.reason is Reason.PAN_IN_CLEARTEXT
    assert len(told) == 1
