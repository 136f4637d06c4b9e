"""The firewall of a protected pod: what is asked for (`Redirect`) and the table it means.  Pure.

What belongs here: every decision about which packet may pass un-inspected, each as one tagged rule.  What
never does: nft or netlink details (`rules`, `netlink`), and who may talk to whom (`core.policy` decides that,
inside the proxy).

The decisions, and which way they err:

- *Loopback is the pod itself.*  Everything routed to `lo` passes: 127.0.0.1, ::1, and the pod's own
  addresses, which the kernel routes to `lo` too.  All containers of a pod have one PCI scope, so nothing
  crosses a border (Istio and Linkerd choose the same).  A loopback *destination* forced out of another
  interface is not exempt.  `kubectl port-forward` dials on `lo` too: whoever may use it is inside the pod.
- *The proxy is uid and gid together, in one rule.*  Two rules, one per id, would free every process that has
  only the group, which a supplementary group and `newgrp` are enough for.  Only its TCP passes; its DNS goes
  by the DNS rules.
- *Our health and metrics ports are open inbound only.*  Outbound, a port number would be a hole to anywhere.
- *Exclusions mean TCP.*  UDP stays shut, or excluding 443 would open QUIC.  Each exclusion is a rule with a
  counter of its own, so that traffic that nobody inspected is counted per exclusion.
- *DNS is UDP and TCP 53 to the listed resolvers, and goes direct*: through the proxy it would need a place in
  the scope map.
- *Established flows pass.*  A flow is judged by its first packet, and rules are in place before the pod's
  first process.  Where they come late, TCP that was opened before cannot go on: tracking starts with the
  rules, meets the flow in its middle as new, and the redirection sends it to the proxy, which resets it.
  Only a namespace in which something else had already switched on connection tracking keeps such flows.
- *Whatever is left is refused, not dropped*, so that a program fails at once and not after two minutes.  The
  policies below the last rules are drop all the same.
- *Link-local IPv6 is refused outward*, because the kernel cannot redirect it; IPv6 that is switched off is refused in
  both directions, so that IPv6 that comes up later is no way around.
- *Packet sockets* (AF_PACKET) pass below all of this: they need NET_RAW, which a protected pod must not have.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network
from typing import Final

from sidecar import contract
from sidecar.net.errors import BadRedirectError
from sidecar.net.rules import (
    L4,
    Base,
    Chain,
    ChainType,
    CtState,
    Family,
    Hook,
    Icmp,
    IcmpType,
    Interface,
    Network,
    NotTransport,
    Opening,
    Owner,
    Policy,
    Ports,
    Redirected,
    RedirectTo,
    Reject,
    Rule,
    Table,
    To,
    Toward,
    Tracked,
    Transport,
    Verdict,
    Version,
)

type Address = IPv4Address | IPv6Address

DNS: Final = Ports(53, 53)
MAX_EXCLUSIONS: Final = 500
"""Rules are asked one after the other, but only for the first packet of a flow."""

MANGLE, DSTNAT, FILTER = -150, -100, 0
"""Chain priorities by nft's names: after connection tracking (-200), then translation, then filtering."""

_NO_ID: Final = 2**32 - 1  # (uid_t) -1 means "leave unchanged" to the kernel and is nobody's id
_TCP: Final = Transport(L4.TCP)
_NEIGHBOURS_OUT: Final = (
    IcmpType.NEIGHBOR_SOLICIT,
    IcmpType.NEIGHBOR_ADVERT,
    IcmpType.ROUTER_SOLICIT,
    IcmpType.MLD_REPORT,
    IcmpType.MLD_DONE,
    IcmpType.MLD2_REPORT,
)
_NEIGHBOURS_IN: Final = (
    IcmpType.NEIGHBOR_SOLICIT,
    IcmpType.NEIGHBOR_ADVERT,
    IcmpType.ROUTER_ADVERT,
    IcmpType.MLD_QUERY,
)


@dataclass(frozen=True, slots=True)
class Redirect:
    """What a pod's firewall is asked to do.  Raises `BadRedirectError` with everything that is wrong with it.

    `resolvers` are the only DNS servers the pod may ask.  With `ipv6` off, IPv6 is refused altogether instead
    of redirected; where the namespace has no IPv6 at all the default is harmless, because no packet ever
    meets the rules.
    """

    inbound_port: int = contract.INBOUND_PORT
    outbound_port: int = contract.OUTBOUND_PORT
    health_port: int = contract.HEALTH_PORT
    metrics_port: int = contract.METRICS_PORT
    uid: int = contract.PROXY_UID
    gid: int = contract.PROXY_GID
    exclude_inbound: tuple[Ports, ...] = ()
    exclude_outbound: tuple[Ports, ...] = ()
    exclude_cidrs: tuple[Network, ...] = ()
    resolvers: tuple[Address, ...] = ()
    ipv6: bool = True

    def __post_init__(self) -> None:
        if problems := tuple(_problems(self)):
            raise BadRedirectError(*problems)

    def table(self) -> Table:
        """The ruleset: per direction a chain against broken packets, one that redirects, one that guards."""
        return Table(
            contract.NFT_TABLE,
            (
                _chain("invalid_in", Hook.PREROUTING, MANGLE, _INVALID),
                _chain("redirect_in", Hook.PREROUTING, DSTNAT, _redirect_in(self)),
                _chain("guard_in", Hook.INPUT, FILTER, _guard_in(self)),
                _chain("invalid_out", Hook.OUTPUT, MANGLE, _INVALID),
                _chain("redirect_out", Hook.OUTPUT, DSTNAT, _redirect_out(self)),
                _chain("guard_out", Hook.OUTPUT, FILTER, _guard_out(self)),
            ),
        )


# ---- the chains --------------------------------------------------------------------------------------------

_INVALID: Final = (
    Rule(
        (_TCP, Tracked(CtState.INVALID)),
        Verdict.DROP,
        "TCP that tracking cannot place would skip the redirection",
    ),
)
_KNOWN: Final = Tracked(CtState.ESTABLISHED | CtState.RELATED)
_REPLIES: Final = (
    Rule((_KNOWN, Opening(asks=False)), Verdict.ACCEPT, "flows whose first packet was allowed"),
    Rule((NotTransport(L4.TCP), _KNOWN), Verdict.ACCEPT, "flows whose first packet was allowed"),
)
"""A SYN is always asked about anew.  Tracking remembers a flow of the proxy for a while after the other side has reset it;
who then takes the same source port is tracked as that flow, and no flow that is known is redirected."""
_TOO_EARLY: Final = Rule(
    (Tracked(CtState.ESTABLISHED), Opening(asks=True)),
    Verdict.DROP,
    "tracked as a flow that is over: the next try will be redirected",
)
_LINK_LOCAL: Final = Rule(
    (Toward(IPv6Network("fe80::/10")), _TCP),
    Verdict.RETURN,
    "link-local IPv6 cannot be redirected; the guard refuses it",
)
"""The kernel cannot carry a link-local source over to ::1: the caller would wait for an answer in vain."""
_NO_TCP: Final = Rule((_TCP,), Reject.TCP_RESET, "TCP that was neither redirected nor excluded")
_NOTHING: Final = Rule((), Reject.PROHIBITED, "nothing else passes: no UDP, QUIC, SCTP, raw")


def _redirect_in(want: Redirect) -> Iterator[Rule]:
    yield from _own_ports(want, Verdict.RETURN)
    yield from _excluded_inbound(want, Verdict.RETURN)
    yield Rule((_TCP,), RedirectTo(want.inbound_port), "TCP to the pod goes to the proxy")


def _guard_in(want: Redirect) -> Iterator[Rule]:
    yield Rule((Interface("iifname", "lo"),), Verdict.ACCEPT, "inside the pod")
    yield from _without_ipv6(want)
    yield from _REPLIES
    yield _to_proxy(want.inbound_port)
    yield from _own_ports(want, Verdict.ACCEPT)
    yield from _excluded_inbound(want, Verdict.ACCEPT)
    yield Rule((Icmp(IcmpType.ECHO_REQUEST),), Verdict.ACCEPT, "ping is answered")
    if want.ipv6:
        yield Rule((Icmp(IcmpType.ECHO_REQUEST6),), Verdict.ACCEPT, "ping is answered")
        yield from _needed_by_ipv6(_NEIGHBOURS_IN)
    yield _TOO_EARLY
    yield _NO_TCP
    yield _NOTHING


def _redirect_out(want: Redirect) -> Iterator[Rule]:
    yield Rule((Interface("oifname", "lo"),), Verdict.RETURN, "inside the pod")
    yield from _probe(want)
    yield _proxy_itself(want, Verdict.RETURN)
    yield from _dns(want, L4.TCP, Verdict.RETURN)
    yield from _excluded_outbound(want, Verdict.RETURN)
    yield _LINK_LOCAL
    yield Rule((_TCP,), RedirectTo(want.outbound_port), "TCP from the pod goes to the proxy")


def _guard_out(want: Redirect) -> Iterator[Rule]:
    yield Rule((Interface("oifname", "lo"),), Verdict.ACCEPT, "inside the pod")
    yield from _without_ipv6(want)
    yield from _REPLIES
    yield _proxy_itself(want, Verdict.ACCEPT)
    yield _to_proxy(want.outbound_port)
    yield from _dns(want, L4.UDP, Verdict.ACCEPT)
    yield from _dns(want, L4.TCP, Verdict.ACCEPT)
    yield from _excluded_outbound(want, Verdict.ACCEPT)
    if want.ipv6:
        yield from _needed_by_ipv6(_NEIGHBOURS_OUT)
    yield _TOO_EARLY
    yield _NO_TCP
    yield _NOTHING


# ---- groups of rules that more than one chain needs: what NAT leaves alone, the guard must let pass --------


def _chain(name: str, hook: Hook, priority: int, rules: Iterable[Rule]) -> Chain:
    nat, guards = priority == DSTNAT, priority == FILTER
    kind = ChainType.NAT if nat else ChainType.FILTER
    return Chain(name, Base(kind, hook, priority, Policy.DROP if guards else Policy.ACCEPT), tuple(rules))


def _to_proxy(port: int) -> Rule:
    """The port alone would let strangers talk to the listener directly; such a flow is not rewritten."""
    return Rule((To(L4.TCP, Ports(port, port)), Redirected()), Verdict.ACCEPT, "redirected to the proxy")


def _proxy_itself(want: Redirect, verdict: Verdict) -> Rule:
    return Rule((_TCP, Owner(want.uid, want.gid)), verdict, "the proxy's own connections, by uid and gid")


def _probe(want: Redirect) -> Iterator[Rule]:
    """The only connections of the proxy that come back to it: nobody else answers there (see `contract`)."""
    port = To(L4.TCP, Ports(contract.PROBE_PORT, contract.PROBE_PORT))
    for address in contract.PROBE_ADDRESSES:
        network = ip_network(address)
        if network.version == 4 or want.ipv6:
            yield Rule(
                (Toward(network), port, Owner(want.uid, want.gid)),
                RedirectTo(want.outbound_port),
                "the proxy asks whether redirection works",
            )


def _own_ports(want: Redirect, verdict: Verdict) -> Iterator[Rule]:
    for port, tag in ((want.health_port, "our health port"), (want.metrics_port, "our metrics port")):
        yield Rule((To(L4.TCP, Ports(port, port)),), verdict, tag)


def _excluded_inbound(want: Redirect, verdict: Verdict) -> Iterator[Rule]:
    for ports in want.exclude_inbound:
        yield Rule((To(L4.TCP, ports),), verdict, f"excluded inbound port {ports}")


def _excluded_outbound(want: Redirect, verdict: Verdict) -> Iterator[Rule]:
    for ports in want.exclude_outbound:
        yield Rule((To(L4.TCP, ports),), verdict, f"excluded outbound port {ports}")
    for network in want.exclude_cidrs:
        yield Rule((Toward(network), _TCP), verdict, f"excluded network {network}")


def _dns(want: Redirect, l4: L4, verdict: Verdict) -> Iterator[Rule]:
    for resolver in want.resolvers:
        if not resolver.is_loopback:  # a local stub is inside the pod already
            host = ip_network(resolver.packed)  # drops the zone that a link-local resolver comes with
            yield Rule((Toward(host), To(l4, DNS)), verdict, f"DNS over {l4.name} to {host.network_address}")


def _needed_by_ipv6(kinds: Iterable[IcmpType]) -> Iterator[Rule]:
    """Neighbour discovery and group membership have no connection, so nothing else lets them pass."""
    for kind in kinds:
        yield Rule((Icmp(kind),), Verdict.ACCEPT, f"IPv6 needs {kind.value[-1]}")


def _without_ipv6(want: Redirect) -> Iterator[Rule]:
    """Refuse rather than leave alone: IPv6 that comes up later must not be a way around."""
    if not want.ipv6:
        version6, tag = Version(Family.IPV6), "IPv6 is switched off here"
        yield Rule((version6, _TCP), Reject.TCP_RESET, tag)
        yield Rule((version6,), Reject.PROHIBITED, tag)


# ---- what is no sensible request ---------------------------------------------------------------------------


def _problems(want: Redirect) -> Iterator[str]:
    yield from _port_problems(want)
    yield from _id_problems(want)
    yield from _exclusion_problems(want)
    for resolver in want.resolvers:
        if resolver.is_unspecified or resolver.is_multicast:
            yield f"resolver: {resolver} is the address of no DNS server"


def _port_problems(want: Redirect) -> Iterator[str]:
    own = {
        "inbound-port": want.inbound_port,
        "outbound-port": want.outbound_port,
        "health-port": want.health_port,
        "metrics-port": want.metrics_port,
    }
    for name, port in own.items():
        if not 1 <= port <= 65535:
            yield f"{name}: {port} is no port, give one from 1 to 65535"
    if len(set(own.values())) < len(own):
        yield f"{', '.join(own)}: must differ from each other, but are {', '.join(map(str, own.values()))}"
    for ports in want.exclude_inbound:
        for name in ("inbound-port", "outbound-port"):
            if ports.first <= own[name] <= ports.last:
                yield f"exclude-inbound-ports: {ports} holds {own[name]}, the proxy's {name}; leave it out"


def _id_problems(want: Redirect) -> Iterator[str]:
    for name, number in (("uid", want.uid), ("gid", want.gid)):
        if not 0 <= number < _NO_ID:
            yield f"{name}: {number} is no id, give one from 1 to {_NO_ID - 1}"
        elif number == 0:
            yield f"{name}: 0 is root's, and would let every root process around the proxy"


def _exclusion_problems(want: Redirect) -> Iterator[str]:
    for name, listed in (
        ("exclude-inbound-ports", want.exclude_inbound),
        ("exclude-outbound-ports", want.exclude_outbound),
    ):
        for ports in listed:
            if not 1 <= ports.first <= ports.last <= 65535:
                yield f"{name}: {ports} is no port or range, give FIRST-LAST from 1 to 65535"
    for network in want.exclude_cidrs:
        if network.prefixlen == 0:
            yield f"exclude-cidrs: {network} is every address; if that is meant, do not inject the pod"
    total = len(want.exclude_inbound) + len(want.exclude_outbound) + len(want.exclude_cidrs)
    if total > MAX_EXCLUSIONS:
        yield f"exclusions: {total} are too many (limit {MAX_EXCLUSIONS}); join neighbouring networks and ports"
