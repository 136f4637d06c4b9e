"""Real packets against the real firewall: a pod, a neighbour on the same wire, and the internet behind it.

The proxy is stood in for by sockets that listen where it would; what reaches them, and with which original
destination, is the evidence.  Every scenario is run without a wait: a refusal is an error at once.
"""

import errno
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from sidecar.net import apply as net
from sidecar.net.origdst import original_destination
from sidecar.net.redirect import Redirect
from sidecar.net.rules import Ports, RedirectTo, Table
from tests.net.netns import Namespace, lab, namespace

pytestmark = lab

POD = {4: "10.79.0.2", 6: "fd79::2"}
NEIGHBOUR = {4: "10.79.0.1", 6: "fd79::1"}
INTERNET = {4: "203.0.113.7", 6: "2001:db8::7"}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
INBOUND, OUTBOUND, HEALTH, METRICS = 15406, 15401, 15421, 15490
PROXY = {"uid": 15001, "gid": 15001}
PATIENCE = 60.0
"""Seconds that a packet may take before the test gives up; none of the refusals below may need it."""

REQUEST = Redirect(
    exclude_inbound=(Ports(9000, 9009),),
    exclude_outbound=(Ports(8443, 8443),),
    exclude_cidrs=(ip_network("203.0.113.128/25"), ip_network("2001:db8:0:1::/64")),
    resolvers=(ip_address(NEIGHBOUR[4]), ip_address(NEIGHBOUR[6])),
)
EXCLUDED = {4: "203.0.113.200", 6: "2001:db8:0:1::7"}


# ---- the wire ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wire:
    """Two namespaces and a cable.  The neighbour also owns the addresses of the internet."""

    pod: Namespace
    neighbour: Namespace

    def protect(self, table: Table | None = None) -> None:
        """Install the firewall in the pod."""
        self.pod.run(lambda: net.apply(table or REQUEST.table()))

    def met(self, chain: str, tag: str) -> int:
        """How many packets met the rules with this tag."""
        live = self.pod.run(lambda: net.read("cdefence"))
        assert live is not None
        return sum(
            rule.packets for c in live.chains if c.name == chain for rule in c.rules if rule.tag == tag
        )


@pytest.fixture
def wire() -> Iterator[Wire]:
    with namespace() as pod, namespace() as neighbour:
        pod.ip(f"link add eth0 type veth peer name eth0 netns {neighbour.name}")
        for side, addresses in ((pod, POD), (neighbour, NEIGHBOUR)):
            side.ip("link set eth0 up")
            side.ip(f"addr add {addresses[4]}/24 dev eth0")
            side.ip(f"addr add {addresses[6]}/64 dev eth0 nodad")
        for address in (*INTERNET.values(), *EXCLUDED.values()):
            neighbour.ip(f"addr add {address} dev lo")
        pod.ip(f"route add default via {NEIGHBOUR[4]}")
        pod.ip(f"route add default via {NEIGHBOUR[6]}")
        yield Wire(pod, neighbour)


@contextmanager
def listening(
    where: Namespace, port: int, family: int = 0, kind: int = socket.SOCK_STREAM
) -> Iterator[socket.socket]:
    """A socket that takes connections (or datagrams); family 0: both kinds of addresses, as the proxy listens."""

    def make() -> socket.socket:
        sock = socket.socket(FAMILY[family or 6], kind)
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family != 4:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, bool(family))
        sock.bind(("" if family == 4 else "::", port))
        if kind == socket.SOCK_STREAM:
            sock.listen()
        return sock

    with where.run(make) as sock:
        yield sock


def dial(where: Namespace, to: tuple[str, int], uid: int = 0, gid: int = 0) -> socket.socket:
    """A connection from inside `where`, opened by this user."""
    return where.run(lambda: socket.create_connection(to, timeout=PATIENCE), uid, gid)


def refused(where: Namespace, to: tuple[str, int], uid: int = 0, gid: int = 0) -> bool:
    """Was the connection refused, and not just ignored?"""
    try:
        dial(where, to, uid, gid).close()
    except ConnectionRefusedError:
        return True
    return False


def reached(
    where: Namespace, to: tuple[str, int], listener: socket.socket, uid: int = 0, gid: int = 0
) -> object:
    """Dial; the connection must come out at `listener`.  Its original destination, as the relay would learn it."""
    with dial(where, to, uid, gid) as ours:
        theirs, _ = listener.accept()
        with theirs:
            theirs.sendall(b"hello")
            assert ours.recv(5) == b"hello"
            return original_destination(theirs)


def datagram(where: Namespace, to: tuple[str, int], payload: bytes = b"x") -> socket.socket:
    """A UDP socket inside `where` that has sent `payload`."""

    def send() -> socket.socket:
        sock = socket.socket(FAMILY[6 if ":" in to[0] else 4], socket.SOCK_DGRAM)
        sock.settimeout(PATIENCE)
        try:
            sock.connect(to)
            sock.send(payload)
        except OSError:
            sock.close()
            raise
        return sock

    return where.run(send)


def error_of(action: Callable[[], object]) -> str:
    """The errno by name that `action` fails with."""
    with pytest.raises(OSError) as caught:
        action()
    return errno.errorcode[caught.value.errno or 0]


# ---- redirected, with the right original destination --------------------------------------------------------

LISTENERS = {
    "IPv4 socket": (4, 4),
    "IPv6 socket": (6, 6),
    "dual-stack, IPv4 caller": (0, 4),
    "dual-stack, IPv6 caller": (0, 6),
}


@pytest.mark.parametrize("case", LISTENERS)
def test_a_connection_to_the_pod_comes_out_at_the_proxy(wire: Wire, case: str) -> None:
    family, ip = LISTENERS[case]
    wire.protect()
    with listening(wire.pod, INBOUND, family) as proxy:
        assert reached(wire.neighbour, (POD[ip], 8080), proxy) == (POD[ip], 8080)
    assert wire.met("redirect_in", "TCP to the pod goes to the proxy") == 1


@pytest.mark.parametrize("case", LISTENERS)
def test_a_connection_from_the_pod_comes_out_at_the_proxy(wire: Wire, case: str) -> None:
    family, ip = LISTENERS[case]
    wire.protect()
    with listening(wire.pod, OUTBOUND, family) as proxy:
        assert reached(wire.pod, (INTERNET[ip], 443), proxy) == (INTERNET[ip], 443)
    assert wire.met("redirect_out", "TCP from the pod goes to the proxy") == 1


@pytest.mark.parametrize("ip", [4, 6])
def test_a_connection_that_nobody_redirected_has_no_original_destination(wire: Wire, ip: int) -> None:
    with listening(wire.pod, INBOUND) as listener:
        assert reached(wire.neighbour, (POD[ip], INBOUND), listener) is None, "not even tracked"
        wire.protect()
        assert reached(wire.pod, (POD[ip], INBOUND), listener) is None, "tracked, inside the pod"


def test_an_unconnected_socket_has_no_original_destination_to_tell() -> None:
    with socket.socket() as sock:
        sock.close()
        assert error_of(lambda: original_destination(sock)) == "EBADF"


# ---- passed by -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ip", [4, 6])
def test_the_proxy_itself_gets_out_and_reaches_the_app(wire: Wire, ip: int) -> None:
    wire.protect()
    with listening(wire.neighbour, 443) as server:
        assert reached(wire.pod, (INTERNET[ip], 443), server, **PROXY) is None
    with listening(wire.pod, 8080) as app:
        assert reached(wire.pod, (POD[ip], 8080), app, **PROXY) is None
    assert wire.met("guard_out", "the proxy's own connections, by uid and gid") == 1


@pytest.mark.parametrize(("uid", "gid"), [(15001, 0), (0, 15001), (15001, 15002), (1000, 1000)])
def test_one_of_the_proxys_ids_is_not_enough(wire: Wire, uid: int, gid: int) -> None:
    wire.protect()
    with listening(wire.pod, OUTBOUND) as proxy:
        assert reached(wire.pod, (INTERNET[4], 443), proxy, uid, gid) == (INTERNET[4], 443)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", POD[4], POD[6]])
def test_the_pod_may_talk_to_itself(wire: Wire, address: str) -> None:
    wire.protect()
    with listening(wire.pod, 8080) as app:
        assert reached(wire.pod, (address, 8080), app) is None
    with listening(wire.pod, 9999, kind=socket.SOCK_DGRAM) as app, datagram(wire.pod, (address, 9999)):
        assert app.recv(9) == b"x"


@pytest.mark.parametrize("ip", [4, 6])
@pytest.mark.parametrize("port", [HEALTH, METRICS, 9000, 9009])
def test_our_ports_and_excluded_ones_are_reached_directly(wire: Wire, ip: int, port: int) -> None:
    wire.protect()
    with listening(wire.pod, port) as listener:
        assert reached(wire.neighbour, (POD[ip], port), listener) is None


@pytest.mark.parametrize("ip", [4, 6])
def test_excluded_destinations_are_reached_directly_by_tcp_only(wire: Wire, ip: int) -> None:
    wire.protect()
    for to in ((INTERNET[ip], 8443), (EXCLUDED[ip], 443)):
        with listening(wire.neighbour, to[1]) as server:
            assert reached(wire.pod, to, server) is None
        assert error_of(lambda to=to: datagram(wire.pod, to)) == "EPERM"  # type: ignore[misc]
    assert wire.met("guard_out", "excluded outbound port 8443") == 1
    assert wire.met("guard_out", f"excluded network {REQUEST.exclude_cidrs[ip == 6]}") == 1


@pytest.mark.parametrize("ip", [4, 6])
def test_our_ports_elsewhere_are_no_way_out(wire: Wire, ip: int) -> None:
    wire.protect()
    with listening(wire.pod, OUTBOUND) as proxy:
        for port in (HEALTH, METRICS, INBOUND, OUTBOUND, 9000):
            assert reached(wire.pod, (INTERNET[ip], port), proxy) == (INTERNET[ip], port)


# ---- DNS -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ip", [4, 6])
def test_dns_goes_to_the_listed_resolvers_and_nowhere_else(wire: Wire, ip: int) -> None:
    wire.protect()
    with listening(wire.neighbour, 53, kind=socket.SOCK_DGRAM) as server:
        with datagram(wire.pod, (NEIGHBOUR[ip], 53), b"who?") as question:
            _, client = server.recvfrom(9)
            server.sendto(b"me", client)
            assert question.recv(9) == b"me"
        assert error_of(lambda: datagram(wire.pod, (INTERNET[ip], 53))) == "EPERM"
        assert error_of(lambda: datagram(wire.pod, (NEIGHBOUR[ip], 5353))) == "EPERM"
    with listening(wire.neighbour, 53) as server, listening(wire.pod, OUTBOUND) as proxy:
        assert reached(wire.pod, (NEIGHBOUR[ip], 53), server) is None
        assert reached(wire.pod, (INTERNET[ip], 53), proxy) == (INTERNET[ip], 53)
    assert wire.met("guard_out", f"DNS over UDP to {NEIGHBOUR[ip]}") == 1
    assert wire.met("guard_out", f"DNS over TCP to {NEIGHBOUR[ip]}") == 1


# ---- refused at once -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ip", [4, 6])
@pytest.mark.parametrize("port", [443, 9999])
def test_udp_from_the_pod_is_refused(wire: Wire, ip: int, port: int) -> None:
    wire.protect()
    assert error_of(lambda: datagram(wire.pod, (INTERNET[ip], port))) == "EPERM"
    assert wire.met("guard_out", "nothing else passes: no UDP, QUIC, SCTP, raw") == 1


@pytest.mark.parametrize(("ip", "told"), [(4, "EHOSTUNREACH"), (6, "EACCES")])
@pytest.mark.parametrize("port", [9999, 9000, HEALTH])
def test_udp_to_the_pod_is_refused_and_never_arrives(wire: Wire, ip: int, told: str, port: int) -> None:
    wire.protect()
    with (
        listening(wire.pod, port, kind=socket.SOCK_DGRAM) as app,
        datagram(wire.neighbour, (POD[ip], port)) as sent,
    ):
        assert error_of(lambda: sent.recv(9)) == told
        app.setblocking(False)
        assert error_of(lambda: app.recv(9)) == "EAGAIN"


@pytest.mark.parametrize("ip", [4, 6])
@pytest.mark.parametrize("protocol", [132, 253, 41, 47], ids=["SCTP", "experimental", "IPv6-in-IP", "GRE"])
def test_other_protocols_from_the_pod_are_refused(wire: Wire, ip: int, protocol: int) -> None:
    wire.protect()

    def send() -> None:
        with socket.socket(FAMILY[ip], socket.SOCK_RAW, protocol) as sock:
            sock.sendto(bytes(40), (INTERNET[ip], 0))

    assert error_of(lambda: wire.pod.run(send)) == "EPERM"


@pytest.mark.parametrize("ip", [4, 6])
def test_without_the_proxy_connections_are_refused_not_passed(wire: Wire, ip: int) -> None:
    wire.protect()
    with listening(wire.pod, 8080) as app, listening(wire.neighbour, 443) as server:
        assert refused(wire.neighbour, (POD[ip], 8080))
        assert refused(wire.pod, (INTERNET[ip], 443))
        for listener in (app, server):
            listener.setblocking(False)
            assert error_of(listener.accept) == "EAGAIN"


@pytest.mark.parametrize("ip", [4, 6])
def test_strangers_do_not_reach_the_proxys_listeners_directly(wire: Wire, ip: int) -> None:
    """The inbound port is refused; the outbound one is redirected like any other, and the relay sees that."""
    wire.protect()
    with listening(wire.pod, INBOUND) as inbound, listening(wire.pod, OUTBOUND):
        assert refused(wire.neighbour, (POD[ip], INBOUND))
        assert reached(wire.neighbour, (POD[ip], OUTBOUND), inbound) == (POD[ip], OUTBOUND)


def link_local(where: Namespace) -> str:
    """The address that the kernel itself gave eth0, once nobody else turned out to have it."""
    end = time.monotonic() + PATIENCE
    while True:
        (line,) = where.ip("-6 -oneline addr show dev eth0 scope link").splitlines()
        if "tentative" not in line:
            return line.split()[3].partition("/")[0]
        assert time.monotonic() < end, line


def test_link_local_addresses_are_redirected_inward_and_refused_outward(wire: Wire) -> None:
    """Inward the zone is lost, so the relay cannot dial it; outward the kernel could not carry it over to ::1."""
    wire.protect()
    pod, neighbour = link_local(wire.pod), link_local(wire.neighbour)
    with listening(wire.pod, INBOUND) as proxy, listening(wire.pod, OUTBOUND), listening(wire.neighbour, 443):
        assert reached(wire.neighbour, (f"{pod}%eth0", 8080), proxy) == (pod, 8080)
        assert refused(wire.pod, (f"{neighbour}%eth0", 443))


def without_redirection(table: Table) -> Table:
    """The mistake that the guards are for: nothing is redirected any more."""
    return replace(
        table,
        chains=tuple(
            replace(chain, rules=tuple(rule for rule in chain.rules if not isinstance(rule.then, RedirectTo)))
            for chain in table.chains
        ),
    )


@pytest.mark.parametrize("ip", [4, 6])
def test_a_hole_in_the_redirection_is_no_way_out_or_in(wire: Wire, ip: int) -> None:
    wire.protect(without_redirection(REQUEST.table()))
    with listening(wire.pod, 8080), listening(wire.neighbour, 443):
        assert refused(wire.pod, (INTERNET[ip], 443))
        assert refused(wire.neighbour, (POD[ip], 8080))
    tag = "TCP that was neither redirected nor excluded"
    assert (wire.met("guard_out", tag), wire.met("guard_in", tag)) == (1, 1)


def test_tcp_that_tracking_cannot_place_is_dropped_before_anything_else(wire: Wire) -> None:
    """No flags at all: never part of a connection, so translation would leave it alone and the app would get it."""
    wire.protect()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as sock:
            sock.sendto(struct.pack("!HHIIBBHHH", 1, 8080, 0, 0, 5 << 4, 0, 0, 0, 0), (POD[4], 0))

    wire.neighbour.run(send)
    tag = "TCP that tracking cannot place would skip the redirection"
    end = time.monotonic() + PATIENCE
    while not wire.met("invalid_in", tag):  # the kernel may take it from the cable a moment later
        assert time.monotonic() < end
    assert wire.met("invalid_in", tag) == 1
    assert error_of(lambda: wire.pod.run(lambda: send_from_pod())) == "EPERM"
    assert wire.met("invalid_out", tag) == 1


def send_from_pod() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as sock:
        sock.sendto(struct.pack("!HHIIBBHHH", 1, 8080, 0, 0, 5 << 4, 0, 0, 0, 0), (INTERNET[4], 0))


# ---- IPv6 and ICMP -------------------------------------------------------------------------------------------


def test_neighbour_discovery_works_both_ways(wire: Wire) -> None:
    wire.protect()
    for side in (wire.pod, wire.neighbour):
        side.ip("-6 neigh flush all")
        with listening(wire.pod, INBOUND) as proxy:
            assert reached(wire.neighbour, (POD[6], 8080), proxy) == (POD[6], 8080)
        with listening(wire.neighbour, 443) as server:
            assert reached(wire.pod, (NEIGHBOUR[6], 443), server, **PROXY) is None
    asked = sum(wire.met(chain, "IPv6 needs nd-neighbor-solicit") for chain in ("guard_in", "guard_out"))
    answered = sum(wire.met(chain, "IPv6 needs nd-neighbor-advert") for chain in ("guard_in", "guard_out"))
    assert asked >= 2
    assert answered >= 2


def test_the_pod_answers_pings_but_sends_none(wire: Wire) -> None:
    wire.protect()

    def ping(to: str) -> Callable[[], int]:
        def echo() -> int:
            with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock:
                sock.settimeout(PATIENCE)
                sock.sendto(struct.pack("!BBHHH", 128, 0, 0, 7, 7), (to, 0))
                while (kind := sock.recv(99)[0]) in range(130, 138):  # neighbour discovery is overheard
                    pass
                return kind

        return echo

    assert wire.neighbour.run(ping(POD[6])) == 129
    assert error_of(lambda: wire.pod.run(ping(NEIGHBOUR[6]))) == "EPERM"


def test_ipv6_can_be_refused_altogether(wire: Wire) -> None:
    wire.protect(replace(REQUEST, ipv6=False).table())
    with listening(wire.pod, INBOUND) as inbound, listening(wire.pod, OUTBOUND) as outbound:
        assert reached(wire.neighbour, (POD[4], 8080), inbound) == (POD[4], 8080)
        assert reached(wire.pod, (INTERNET[4], 443), outbound) == (INTERNET[4], 443)
        assert refused(wire.pod, (INTERNET[6], 443))
        assert refused(wire.pod, (INTERNET[6], 443), **PROXY)
        assert refused(wire.pod, (INTERNET[6], 8443))
        assert reached(wire.pod, ("::1", INBOUND), inbound) is None


def test_ipv4_works_where_ipv6_is_disabled(wire: Wire) -> None:
    wire.pod.run(lambda: Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1"))
    wire.protect()
    with listening(wire.pod, INBOUND, 4) as inbound, listening(wire.pod, OUTBOUND, 4) as outbound:
        assert reached(wire.neighbour, (POD[4], 8080), inbound) == (POD[4], 8080)
        assert reached(wire.pod, (INTERNET[4], 443), outbound) == (INTERNET[4], 443)


# ---- remembered for too long ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ip", [4, 6])
def test_the_source_port_of_a_flow_that_was_reset_is_no_way_around_the_proxy(wire: Wire, ip: int) -> None:
    """Tracking remembers a flow that the other side has reset for ten seconds; whoever takes its ports is taken for it."""
    wire.protect()
    server, nobody = (INTERNET[ip], 443), {"uid": 0, "gid": 0}

    def from_port(port: int, who: dict[str, int], patience: float) -> socket.socket:
        here = (POD[ip], port)
        return wire.pod.run(lambda: socket.create_connection(server, patience, here), **who)

    with listening(wire.neighbour, 443) as listener, listening(wire.pod, OUTBOUND) as proxy:
        with from_port(0, PROXY, PATIENCE) as ours:
            port = ours.getsockname()[1]
            theirs, _ = listener.accept()
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            theirs.close()
            assert error_of(lambda: ours.recv(1)) == "ECONNRESET"
        with pytest.raises(TimeoutError):
            from_port(port, nobody, 0.2)
        for each in (listener, proxy):
            each.setblocking(False)
            assert error_of(each.accept) == "EAGAIN"
            each.settimeout(PATIENCE)
        assert reached(wire.pod, server, proxy) == server, "from any other port"
        with from_port(port, PROXY, PATIENCE):
            theirs, came_from = listener.accept()
            theirs.close()
            assert came_from[1] == port, "the proxy itself may take it again"
    assert wire.met("guard_out", "tracked as a flow that is over: the next try will be redirected") >= 1


# ---- applied late, removed again -------------------------------------------------------------------------------


def test_a_connection_that_is_older_than_the_rules_cannot_go_on(wire: Wire) -> None:
    """Tracking begins with the rules and takes its next packet for a first one; the proxy does not know it."""
    with listening(wire.neighbour, 443) as server, dial(wire.pod, (INTERNET[4], 443)) as ours:
        theirs, _ = server.accept()
        with theirs:
            theirs.settimeout(PATIENCE)
            wire.protect()
            ours.sendall(b"4111")
            assert error_of(lambda: ours.recv(1)) == "ECONNRESET"
            theirs.setblocking(False)
            assert error_of(lambda: theirs.recv(9)) == "EAGAIN"


def test_without_the_rules_everything_passes_again(wire: Wire) -> None:
    wire.protect()
    assert wire.pod.run(lambda: net.remove("cdefence"))
    with listening(wire.neighbour, 443) as server:
        assert reached(wire.pod, (INTERNET[4], 443), server) is None
