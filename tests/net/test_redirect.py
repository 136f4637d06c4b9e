"""The firewall of a pod as text: one golden file per configuration, and what is refused as no sensible request."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from sidecar.net.errors import BadRedirectError
from sidecar.net.redirect import MAX_EXCLUSIONS, Redirect
from sidecar.net.rules import Chain, Owner, Policy, Ports, Redirected, RedirectTo, Rule, Verdict
from tests.kit.golden import check_golden

DNS4, DNS6 = ip_address("10.96.0.10"), ip_address("fd00:96::a")

CONFIGURATIONS = {
    "default": Redirect(resolvers=(DNS4,)),
    "no-dns": Redirect(),
    "dual-stack-dns": Redirect(resolvers=(DNS4, DNS6, ip_address("fe80::53%eth0"))),
    "loopback-dns": Redirect(resolvers=(ip_address("127.0.0.53"), ip_address("::1"))),
    "exclusions": Redirect(
        exclude_inbound=(Ports(9000, 9000), Ports(9100, 9110)),
        exclude_outbound=(Ports(443, 443), Ports(8000, 8100)),
        exclude_cidrs=(ip_network("192.0.2.7/32"), ip_network("2001:db8:7::/48")),
        resolvers=(DNS4,),
    ),
    "many-cidrs": Redirect(
        exclude_cidrs=tuple(ip_network(f"10.{octet}.0.0/{8 + octet}") for octet in range(0, 24, 8))
        + tuple(ip_network(f"203.0.113.{octet}/32") for octet in range(1, 20))
        + tuple(ip_network(f"fd00:{octet:x}::/{bits}") for octet, bits in enumerate((32, 36, 47, 64, 128))),
        resolvers=(DNS4,),
    ),
    "no-ipv6": Redirect(resolvers=(DNS4,), ipv6=False),
    "other-identity": Redirect(
        inbound_port=16006, outbound_port=16001, health_port=16021, metrics_port=16090, uid=2000, gid=3000
    ),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_rules_of_a_configuration_are_the_reviewed_ones(name: str) -> None:
    check_golden(f"net/{name}.nft", CONFIGURATIONS[name].table().script())


def chain(redirect: Redirect, name: str) -> Chain:
    return next(chain for chain in redirect.table().chains if chain.name == name)


EVERYTHING = CONFIGURATIONS["exclusions"]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_configuration_fails_closed(name: str) -> None:
    for guard in ("guard_in", "guard_out"):
        assert chain(CONFIGURATIONS[name], guard).base.policy is Policy.DROP
    for redirect in ("redirect_in", "redirect_out"):
        assert isinstance(chain(CONFIGURATIONS[name], redirect).rules[-1].then, RedirectTo)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_no_two_rules_of_a_chain_are_the_same(name: str) -> None:
    for each in CONFIGURATIONS[name].table().chains:
        bodies = [rule.expressions() for rule in each.rules]
        assert len(set(bodies)) == len(bodies)


@pytest.mark.parametrize(("nat", "guard"), [("redirect_in", "guard_in"), ("redirect_out", "guard_out")])
def test_what_is_not_redirected_the_guard_lets_pass_and_nothing_else_that_is_new(
    nat: str, guard: str
) -> None:
    """Else an exclusion would be refused, or the guard would open what nobody excluded."""
    exempt = {rule.tag for rule in chain(EVERYTHING, nat).rules if rule.then is Verdict.RETURN}
    passed = {rule.tag for rule in chain(EVERYTHING, guard).rules if rule.then is Verdict.ACCEPT}
    others = {
        "inside the pod",
        "flows whose first packet was allowed",
        "redirected to the proxy",
        "DNS over UDP to 10.96.0.10",
        "ping is answered",
    }
    assert exempt - {"link-local IPv6 cannot be redirected; the guard refuses it"} <= passed
    assert {tag for tag in passed - exempt if not tag.startswith("IPv6 needs")} <= others


def test_the_proxy_is_known_by_uid_and_gid_in_one_rule() -> None:
    rules = [rule for each in EVERYTHING.table().chains for rule in each.rules]
    owners = [match for rule in rules for match in rule.matches if isinstance(match, Owner)]
    assert owners == [Owner(15001, 15001)] * 4  # two probes, and once in each chain of the way out


def test_the_proxys_ports_take_only_what_was_redirected() -> None:
    rules = [rule for name in ("guard_in", "guard_out") for rule in chain(EVERYTHING, name).rules]
    to_proxy = [rule for rule in rules if rule.text().startswith(("tcp dport 15401", "tcp dport 15406"))]
    assert len(to_proxy) == 2
    assert all(Redirected() in rule.matches for rule in to_proxy)


REFUSED = {
    "port-0": ({"inbound_port": 0}, ["inbound-port: 0 is no port, give one from 1 to 65535"]),
    "same-ports": (
        {"inbound_port": 7, "outbound_port": 7, "health_port": 8, "metrics_port": 9},
        [
            "inbound-port, outbound-port, health-port, metrics-port: must differ from each other, but are 7, 7, 8, 9"
        ],
    ),
    "root": (
        {"uid": 0, "gid": 0},
        [
            "uid: 0 is root's, and would let every root process around the proxy",
            "gid: 0 is root's, and would let every root process around the proxy",
        ],
    ),
    "no-id": ({"uid": 2**32 - 1}, ["uid: 4294967295 is no id, give one from 1 to 4294967294"]),
    "backwards": (
        {"exclude_outbound": (Ports(90, 80),)},
        ["exclude-outbound-ports: 90-80 is no port or range, give FIRST-LAST from 1 to 65535"],
    ),
    "own-port": (
        {"exclude_inbound": (Ports(15000, 15500),)},
        [
            "exclude-inbound-ports: 15000-15500 holds 15406, the proxy's inbound-port; leave it out",
            "exclude-inbound-ports: 15000-15500 holds 15401, the proxy's outbound-port; leave it out",
        ],
    ),
    "everywhere": (
        {"exclude_cidrs": (ip_network("0.0.0.0/0"), ip_network("::/0"))},
        [
            "exclude-cidrs: 0.0.0.0/0 is every address; if that is meant, do not inject the pod",
            "exclude-cidrs: ::/0 is every address; if that is meant, do not inject the pod",
        ],
    ),
    "too-many": (
        {"exclude_outbound": (Ports(1, 1),) * (MAX_EXCLUSIONS + 1)},
        ["exclusions: 501 are too many (limit 500); join neighbouring networks and ports"],
    ),
    "no-server": (
        {"resolvers": (ip_address("0.0.0.0"), ip_address("ff02::fb"))},
        [
            "resolver: 0.0.0.0 is the address of no DNS server",
            "resolver: ff02::fb is the address of no DNS server",
        ],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_that_is_no_firewall_is_refused_with_all_reasons(name: str) -> None:
    fields, problems = REFUSED[name]
    with pytest.raises(BadRedirectError) as caught:
        replace(Redirect(), **fields)  # type: ignore[arg-type]
    assert list(caught.value.problems) == problems


@pytest.mark.parametrize("tag", ["", 'say "why"', "x" * 128])
def test_a_rule_must_say_why_in_words_that_nft_can_show(tag: str) -> None:
    with pytest.raises(ValueError, match="a rule's tag is 1 to 127 bytes"):
        Rule((), Verdict.DROP, tag)
