"""Applying the firewall to a real kernel: what `nft` sees afterwards, that nothing is half done, and every refusal."""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from time import sleep

import pytest

from sidecar.net import apply as net
from sidecar.net.errors import NetError
from sidecar.net.netlink import LOOK, LOOKS, Session
from sidecar.net.plan import AddRule, DeleteRule, DeleteTable, LiveTable, PutChain, plan
from sidecar.net.redirect import Redirect
from sidecar.net.rules import Chain, Expr, Rule, Table, expr
from tests.net.netns import Namespace, command, lab, namespace
from tests.net.test_redirect import CONFIGURATIONS

pytestmark = lab

DEFAULT = CONFIGURATIONS["default"].table()
LISTING = "--stateless --numeric-priority list table inet cdefence"


@pytest.fixture
def pod() -> Iterator[Namespace]:
    with namespace() as made:
        yield made


def handle_by_tag(pod: Namespace) -> dict[tuple[str, str], int]:
    live = pod.run(lambda: net.read("cdefence"))
    assert live is not None
    return {(chain.name, rule.tag): rule.handle for chain in live.chains for rule in chain.rules}


# ---- what arrives in the kernel ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_nft_lists_what_we_say_we_applied(pod: Namespace, name: str) -> None:
    wanted = CONFIGURATIONS[name].table()
    pod.run(lambda: net.apply(wanted))
    assert pod.nft(LISTING) == wanted.text()


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_what_nft_makes_of_our_text_is_what_we_apply(pod: Namespace, name: str) -> None:
    """Expression by expression as far as nft writes them the same: it shortens comparisons of whole bytes."""
    wanted = CONFIGURATIONS[name].table()
    pod.nft("-c -f -", stdin=wanted.script())
    pod.nft("-f -", stdin=wanted.script())
    ops = pod.run(lambda: net.apply(wanted))
    touched = {op.rule.tag for op in ops if isinstance(op, AddRule)}
    assert all(tag.startswith(("excluded network", "IPv6 needs", "ping")) for tag in touched), touched
    assert pod.nft(LISTING) == wanted.text()


def test_our_text_replaces_the_table_when_loaded_twice(pod: Namespace) -> None:
    for _ in range(2):
        pod.nft("-f -", stdin=DEFAULT.script())
    assert pod.nft(LISTING) == DEFAULT.text()


def test_applying_twice_changes_nothing(pod: Namespace) -> None:
    assert pod.run(lambda: net.apply(DEFAULT))
    before = pod.nft("--handle list ruleset")
    assert pod.run(lambda: net.apply(DEFAULT)) == ()
    assert pod.nft("--handle list ruleset") == before


def test_a_changed_request_changes_only_its_rules(pod: Namespace) -> None:
    pod.run(lambda: net.apply(DEFAULT))
    handles = handle_by_tag(pod)
    wanted = replace(CONFIGURATIONS["default"], exclude_cidrs=(ip_network("192.0.2.0/24"),)).table()
    ops = pod.run(lambda: net.apply(wanted))
    assert [type(op) for op in ops] == [AddRule, AddRule]
    assert pod.nft(LISTING) == wanted.text()
    assert handles.items() <= handle_by_tag(pod).items()


def test_strangers_in_our_table_are_removed(pod: Namespace) -> None:
    pod.run(lambda: net.apply(DEFAULT))
    pod.nft("insert rule inet cdefence guard_out accept")
    pod.nft("chain inet cdefence guard_in { policy accept; }")
    assert [type(op) for op in pod.run(lambda: net.apply(DEFAULT))] == [PutChain, DeleteRule]
    pod.nft("add chain inet cdefence theirs")
    pod.nft("insert rule inet cdefence guard_out jump theirs")
    assert isinstance(pod.run(lambda: net.apply(DEFAULT))[0], DeleteTable)
    pod.nft("add table inet cdefence { flags dormant; }")
    assert isinstance(pod.run(lambda: net.apply(DEFAULT))[0], DeleteTable)
    assert pod.nft(LISTING) == DEFAULT.text()


def test_rules_that_other_tools_decorate_are_read_without_harm(pod: Namespace) -> None:
    """Sets, maps, jumps, logs and user data of other kinds, none of which we write ourselves."""
    pod.nft(
        "-f -",
        stdin="""table inet cdefence {
            set ports { typeof tcp dport; elements = { 1, 2 }; }
            chain other {
                log prefix "x" group 3 counter
            }
            chain guard_out {
                type filter hook output priority 0
                tcp dport @ports limit rate 1/second burst 5 packets jump other
                tcp dport vmap { 5 : accept, 6 : drop }
                meta nfproto ipv6 meta mark set 7 ct mark set meta mark comment "Straße"
            }
        }""",
    )
    live = pod.run(lambda: net.read("cdefence"))
    assert live is not None
    assert [rule.tag for chain in live.chains for rule in chain.rules] == ["", "", "", "Straße"]
    pod.run(lambda: net.apply(DEFAULT))
    assert pod.nft(LISTING) == DEFAULT.text()


def test_other_tables_are_none_of_our_business(pod: Namespace) -> None:
    pod.nft("add table inet theirs { chain c { type filter hook input priority 5; tcp dport 1 accept; }; }")
    pod.nft("add table ip cdefence { chain c { tcp dport 1 accept; }; }")
    before = pod.nft("list ruleset")
    pod.run(lambda: net.apply(DEFAULT))
    assert pod.run(lambda: net.remove("cdefence"))
    assert pod.nft("list ruleset") == before


def test_removing_leaves_nothing_and_may_be_repeated(pod: Namespace) -> None:
    pod.run(lambda: net.apply(DEFAULT))
    assert [pod.run(lambda: net.remove("cdefence")) for _ in range(2)] == [True, False]
    assert pod.nft("list ruleset") == ""
    assert pod.run(lambda: net.read("cdefence")) is None


def test_the_rules_load_where_ipv6_is_disabled(pod: Namespace) -> None:
    pod.run(lambda: Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1"))
    pod.run(lambda: net.apply(DEFAULT))
    assert pod.nft(LISTING) == DEFAULT.text()


def test_as_many_exclusions_as_we_allow_go_in_one_batch(pod: Namespace) -> None:
    networks = tuple(ip_network((0x0A000000 + number * 256, 24)) for number in range(500))
    wanted = Redirect(exclude_cidrs=networks).table()
    assert len(pod.run(lambda: net.apply(wanted))) > 1000
    assert pod.nft(LISTING) == wanted.text()


# ---- nothing is half applied -------------------------------------------------------------------------------


@dataclass(frozen=True)
class NoSuchFeature:
    """A statement that pyroute2 can write and no kernel has: the kernel's own word is `flow_offload`."""

    def text(self) -> str:
        return "offload"

    def expressions(self) -> tuple[Expr, ...]:
        return (expr("offload"),)


def with_rule(table: Table, chain: str, rule: Rule) -> Table:
    def changed(old: Chain) -> Chain:
        return replace(old, rules=(*old.rules, rule)) if old.name == chain else old

    return replace(table, chains=tuple(map(changed, table.chains)))


LACKING = with_rule(DEFAULT, "redirect_out", Rule((), NoSuchFeature(), "asks too much"))


def test_a_missing_kernel_feature_is_named_and_nothing_is_there(pod: Namespace) -> None:
    with pytest.raises(NetError) as caught:
        pod.run(lambda: net.apply(LACKING))
    (problem,) = caught.value.problems
    assert problem == (
        'the kernel refused `add rule inet cdefence redirect_out counter offload comment "asks too much"`'
        " (ENOENT, no such file or directory), so nothing was changed: this kernel lacks one of nft_counter"
        " (CONFIG_NFT_COUNTER, built in since Linux 5.18), nft_offload; load the module on the node or use another kernel"
    )
    assert pod.nft("list ruleset") == ""


def test_a_refusal_in_the_middle_leaves_the_old_rules_as_they_were(pod: Namespace) -> None:
    pod.run(lambda: net.apply(DEFAULT))
    before = pod.nft("--handle list ruleset")
    changed = replace(LACKING, chains=tuple(replace(c, rules=c.rules[1:]) for c in LACKING.chains))
    with pytest.raises(NetError, match="so nothing was changed"):
        pod.run(lambda: net.apply(changed))
    assert pod.nft("--handle list ruleset") == before


def test_the_first_refused_statement_is_the_one_that_is_named(pod: Namespace) -> None:
    wanted = with_rule(LACKING, "guard_in", Rule((), NoSuchFeature(), "asks first"))
    with pytest.raises(NetError, match="guard_in counter offload"):
        pod.run(lambda: net.apply(wanted))


def test_a_process_that_does_not_run_for_a_while_still_hears_the_kernel(pod: Namespace) -> None:
    """A node that starts fifty pods at once: the answer was there all the time."""

    async def steps(link: Session) -> LiveTable | None:
        ops = plan(DEFAULT, await link.read(DEFAULT.name))
        asyncio.get_running_loop().call_soon(sleep, LOOK * (LOOKS + len(ops)))  # as if it was stopped
        await link.commit(ops)
        return await link.read(DEFAULT.name)

    live = pod.run(lambda: net._run(steps))
    assert plan(DEFAULT, live) == ()


# ---- without the right to do it ------------------------------------------------------------------------------

WITHOUT_NET_ADMIN = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")
STRANGER = ("unshare", "--user", "--map-root-user")
"""Root in a user namespace of its own: the capability is there, but not over this network namespace."""

ATTEMPT = """
import asyncio, sys, time
from sidecar.net import apply as net, netlink
from sidecar.net.errors import NetError
from sidecar.net.plan import plan
from sidecar.net.redirect import Redirect

table = Redirect().table()

async def blindly(link):
    await link.commit(plan(table, None))

start = time.monotonic()
try:
    net._run(blindly) if sys.argv[1:] == ["blindly"] else net.apply(table)
except NetError as error:
    print(error)
print("in time" if time.monotonic() - start < 20 else "late")
"""


def attempt(pod: Namespace, *words: str) -> list[str]:
    """Apply in a process of its own that is started with `words`; how long Python takes to start does not count."""
    inside = ("ip", "netns", "exec", pod.name, *words[:-1])
    return command(*inside, sys.executable, "-c", ATTEMPT, words[-1]).splitlines()


REFUSALS = {
    "no capability": ((*WITHOUT_NET_ADMIN, ""), "NET_ADMIN is missing: "),
    "another namespace's root": (
        (*STRANGER, ""),
        "the kernel does not let us read its rules (EPERM, operation not permitted): ",
    ),
    "another's root, without reading first": (
        (*STRANGER, "blindly"),
        "the kernel was silent for 1.0 s, most likely it refused: ",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_without_the_right_to_do_it_there_is_an_error_in_time_and_no_table(pod: Namespace, case: str) -> None:
    """pyroute2 alone would wait for ever: the kernel answers the batch's first message, for which nobody waits."""
    words, why = REFUSALS[case]
    error, time = attempt(pod, *words)
    assert error.startswith(f"{why}reading and changing a firewall needs the capability NET_ADMIN")
    assert time == "in time"
    assert pod.nft("list ruleset") == ""
