"""A pod that calls itself through its own Service, and everybody who would like to be taken for it.

The outside is a node here: kube-proxy's rules turn the Service's address round to the pod and the source to the node's.
"""

import hashlib
import json
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest

from sidecar import contract
from sidecar.lab.samples import VISA
from sidecar.relay import hairpin
from sidecar.relay.hairpin import NONCE
from tests.net.netns import lab
from tests.relay.sidecar import (
    CLUSTER,
    FAMILY,
    OUTSIDE,
    PATIENCE,
    POD,
    Room,
    Sidecar,
    eventually,
    policy,
    python,
    sidecar,
)
from tests.relay.sockets import EOF, MB, RESET, digest_of, ending, exactly, noise, shut, throw_away
from tests.relay.test_content import OK, answered, get, post

pytestmark = lab

SERVICE = {4: "10.96.0.10", 6: "fd96::10"}
"""Our own: port 80 leads to the pod's 8080."""
OTHER = "10.96.0.20"
"""Somebody else's Service: port 80 leads to 9000 on the outside."""
PORT, OTHER_PORT = 8080, 9000

RULES = f"""
table ip kube-proxy {{
  chain pre {{
    type nat hook prerouting priority dstnat
    ip daddr {SERVICE[4]} tcp dport 80 dnat to {POD[4]}:{PORT}
    ip daddr {OTHER} tcp dport 80 dnat to {OUTSIDE[4]}:{OTHER_PORT}
  }}
  chain post {{
    type nat hook postrouting priority srcnat
    ip saddr {POD[4]} ip daddr {POD[4]} masquerade fully-random
  }}
}}
table ip6 kube-proxy {{
  chain pre {{
    type nat hook prerouting priority dstnat
    ip6 daddr {SERVICE[6]} tcp dport 80 dnat to [{POD[6]}]:{PORT}
  }}
  chain post {{
    type nat hook postrouting priority srcnat
    ip6 saddr {POD[6]} ip6 daddr {POD[6]} masquerade fully-random
  }}
}}
"""
MAP = json.dumps(
    {
        "apiVersion": contract.API_VERSION,
        "kind": "ScopeMap",
        "cluster": [*CLUSTER, "10.96.0.0/16", "fd96::/112"],
        "nodes": list(OUTSIDE.values()),
        "peers": [
            *({"ip": ip, "scope": "in-scope"} for ip in POD.values()),
            *({"ip": ip, "port": 80, "scope": "in-scope"} for ip in (*SERVICE.values(), OTHER)),
        ],
    }
)
SWITCHES = ("ipv4/ip_forward=1", "ipv6/conf/all/forwarding=1", "ipv4/conf/all/send_redirects=0")


def become_node(side: Sidecar) -> None:
    """Let the outside do what a node does."""

    def switch() -> None:
        for path, value in (switch.split("=") for switch in (*SWITCHES, "ipv4/conf/eth0/send_redirects=0")):
            Path("/proc/sys/net", path).write_text(value)

    side.outside.run(switch)
    side.outside.nft("-f -", stdin=RULES)


@contextmanager
def node(here: Room, **more: object) -> Iterator[Sidecar]:
    """A pod on a node with these Services."""
    with sidecar(here, files={"scope-map.json": MAP}, **more) as side:  # type: ignore[arg-type]
        become_node(side)
        yield side


BUSY = "from sidecar.relay import hairpin; hairpin.UNDER_WAY_TICKS = 120"
"""A call stays under way for as long as a test on a busy machine needs to send somebody else."""


@pytest.fixture(scope="module")
def home(here: Room) -> Iterator[Sidecar]:
    with node(here, program=python(BUSY)) as side:
        yield side


@pytest.fixture(scope="module")
def patient(here: Room) -> Iterator[Sidecar]:
    """The same where a nonce is waited for as long as the test needs to pass it on."""
    with node(here, program=python(f"{BUSY}; hairpin.WAIT_S, hairpin.HALF_S = 60.0, 30.0")) as side:
        yield side


def listen(side: Sidecar, version: int = 4, port: int = PORT) -> socket.socket:
    """The application of the pod."""
    return _listen(side.pod, POD[version], port, version)


def _listen(where: object, address: str, port: int, version: int = 4) -> socket.socket:
    def make() -> socket.socket:
        sock = socket.socket(FAMILY[version])
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen()
        return sock

    return where.run(make)  # type: ignore[attr-defined, no-any-return]


def call(side: Sidecar, address: str = SERVICE[4]) -> socket.socket:
    """The application calls a Service."""
    return side.pod.run(lambda: socket.create_connection((address, 80), timeout=PATIENCE))


def accept(listener: socket.socket) -> socket.socket:
    sock, _ = listener.accept()
    sock.settimeout(PATIENCE)
    return sock


def refused(dial: Callable[[], socket.socket]) -> bytes:
    """What a client heard before the reset that ended it, which may come before it has said a word."""
    try:
        with dial() as client:
            client.sendall(get())
            heard, end = ending(client)
    except (ConnectionResetError, BrokenPipeError):
        return b""
    assert end == RESET
    return heard


# --- ourselves -------------------------------------------------------------------------------------------------------


def test_without_the_sidecar_such_a_call_comes_from_the_node(home: Sidecar) -> None:
    """What these tests stand on: the rules do what kube-proxy's do."""
    with _listen(home.pod, POD[4], 15499) as listener:
        home.outside.nft(
            f"add rule ip kube-proxy pre ip daddr {SERVICE[4]} tcp dport 81 dnat to {POD[4]}:15499"
        )
        home.pod.nft(f"insert rule inet {contract.NFT_TABLE} redirect_out tcp dport 81 return")
        home.pod.nft(f"insert rule inet {contract.NFT_TABLE} guard_out tcp dport 81 accept")
        home.pod.nft(f"insert rule inet {contract.NFT_TABLE} redirect_in tcp dport 15499 return")
        home.pod.nft(f"insert rule inet {contract.NFT_TABLE} guard_in tcp dport 15499 accept")
        client = home.pod.run(lambda: socket.create_connection((SERVICE[4], 81), timeout=PATIENCE))
        with client, accept(listener) as server:
            assert server.getpeername()[0] == OUTSIDE[4]
            assert server.getpeername()[1] != client.getsockname()[1]


@pytest.mark.parametrize("version", [4, 6])
def test_a_client_that_speaks_first(home: Sidecar, version: int) -> None:
    watch = home.watch()
    with listen(home, version) as listener, call(home, SERVICE[version]) as client:
        client.sendall(get())
        with accept(listener) as server:
            assert exactly(server, len(get())) == get()
            server.sendall(OK)
            assert exactly(client, len(OK)) == OK
            client.sendall(get())
            assert exactly(server, len(get())) == get()
            server.sendall(OK)
            shut(server)
            assert ending(client) == (OK, EOF)
            shut(client)
            assert ending(server) == (b"", EOF)
    eventually(lambda: watch.moved("cdefence_active_connections") == 0)
    assert watch.told() == []
    for direction in ("inbound", "outbound"):
        own = {"direction": direction, "src_scope": "in-scope", "dst_scope": "in-scope"}
        assert watch.flows("allowed", "grid", **own) == 1


@pytest.mark.parametrize("version", [4, 6])
def test_a_server_that_speaks_first(home: Sidecar, version: int) -> None:
    watch = home.watch()
    with (
        listen(home, version) as listener,
        call(home, SERVICE[version]) as client,
        accept(listener) as server,
    ):
        server.sendall(b"220 ready\r\n")
        assert exactly(client, 11) == b"220 ready\r\n"
        client.sendall(b"QUIT\r\n")
        assert exactly(server, 6) == b"QUIT\r\n"
    assert watch.told() == []


def test_a_client_that_says_all_and_ends(home: Sidecar) -> None:
    with listen(home) as listener, call(home) as client:
        client.sendall(b"all of it\n")
        shut(client)
        with accept(listener) as server:
            assert ending(server) == (b"all of it\n", EOF)
            server.sendall(b"thanks\n")
        assert ending(client) == (b"thanks\n", EOF)


def test_a_client_that_says_much_at_once(home: Sidecar) -> None:
    """More than is kept to be said again: all of it arrives, once, in order."""
    pieces = list(noise(8))
    with listen(home) as listener, call(home) as client:
        writing = Thread(target=lambda: [client.sendall(piece) for piece in pieces])
        writing.start()
        with accept(listener) as server:
            heard = digest_of(server, 8 * MB)
            server.sendall(b"done\n")
            assert exactly(client, 5) == b"done\n"
        writing.join()
    assert heard == hashlib.sha256(b"".join(pieces)).hexdigest()


def test_many_at_once_are_not_mixed_up(home: Sidecar) -> None:
    count = 40
    with listen(home) as listener:
        clients = [call(home) for _ in range(count)]
        for number, client in enumerate(clients):
            client.sendall(b"%04d\n" % number)
        servers = [accept(listener) for _ in range(count)]
        heard = [exactly(server, 5) for server in servers]
        assert sorted(heard) == [b"%04d\n" % number for number in range(count)]
        for server, said in zip(servers, heard, strict=True):
            server.sendall(b"=" + said)
        assert [exactly(client, 6) for client in clients] == [b"=%04d\n" % number for number in range(count)]
        for sock in (*clients, *servers):
            sock.close()


def test_tls(home: Sidecar, tmp_path: Path) -> None:
    from tests.ops.pki import authority

    ca = authority()
    serving = ca.server(tmp_path, "shop.test")
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.load_verify_locations(cadata=ca.pem)
    said: list[bytes] = []

    def serve() -> None:
        with accept(listener) as plain, serving.wrap_socket(plain, server_side=True) as server:
            said.append(server.recv(100))
            server.sendall(b"world")

    with listen(home) as listener:
        thread = Thread(target=serve)
        thread.start()
        with call(home) as plain, trusting.wrap_socket(plain, server_hostname="shop.test") as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"world"
        thread.join()
    assert said == [b"hello"]


def test_what_is_said_is_inspected(home: Sidecar) -> None:
    watch = home.watch()
    with listen(home) as listener, call(home) as client:
        client.sendall(post(VISA.encode()))
        assert answered(ending(client)[0])[0] == 403
        listener.settimeout(0.2)
        with suppress(TimeoutError), accept(listener) as server:  # dialed before the client spoke, as always
            assert ending(server)[0] == b""
    eventually(lambda: "blocked:pan_in_cleartext" in watch.told())


def test_nobody_there_is_a_reset(home: Sidecar) -> None:
    watch = home.watch()
    assert refused(lambda: call(home)) == b""
    eventually(lambda: watch.told() == ["failed:dial_failed"])


def test_a_rule_against_it_holds(here: Room) -> None:
    rule = f"  - {{from: in-scope, to: in-scope, ports: [{PORT}], action: deny}}"
    with sidecar(here, files={"scope-map.json": MAP, "policy.yaml": policy("segmentation:", rule)}) as side:
        become_node(side)
        watch = side.watch()
        with listen(side) as listener:
            assert refused(lambda: call(side)) == b""
            assert untouched(listener)
        eventually(lambda: "denied:rule" in watch.told())


# --- calls that are watched and go to somebody else ------------------------------------------------------------------


@pytest.mark.parametrize("question", [b"", b"question\n"])
@pytest.mark.parametrize("again", range(3))
def test_a_reset_behind_data_arrives_behind_the_data(home: Sidecar, question: bytes, again: int) -> None:
    with _listen(home.outside, OUTSIDE[4], OTHER_PORT) as listener, call(home, OTHER) as client:
        client.sendall(question)
        server = accept(listener)
        assert exactly(server, len(question)) == question
        server.sendall(b"the last words\n")
        throw_away(server)
        assert ending(client) == (b"the last words\n", RESET)


def test_an_end_without_an_answer_is_an_end(home: Sidecar) -> None:
    with under_way(home) as (client, server):
        shut(server)
        assert ending(client) == (b"", EOF)
        client.sendall(b"still here\n")
        assert exactly(server, 11) == b"still here\n"


def test_a_reset_without_an_answer_is_a_reset(home: Sidecar) -> None:
    with _listen(home.outside, OUTSIDE[4], OTHER_PORT) as listener, call(home, OTHER) as client:
        throw_away(accept(listener))
        assert ending(client) == (b"", RESET)
    eventually(lambda: home.value("cdefence_active_connections") == 0)


def test_an_answer_that_takes_long(here: Room) -> None:
    """Longer than a call counts as under way: nothing is kept any more, and everything goes on."""
    with node(here) as side, under_way(side) as (client, server):
        begun = time.monotonic()
        eventually(lambda: time.monotonic() - begun > hairpin.UNDER_WAY_TICKS + 1)
        eventually(lambda: refused(lambda: stranger(side)) == b"")  # nobody is asked any more
        client.sendall(b"are you there?\n")
        assert exactly(server, 15) == b"are you there?\n"
        server.sendall(b"answer\n")
        assert exactly(client, 7) == b"answer\n"


# --- strangers -------------------------------------------------------------------------------------------------------


@contextmanager
def under_way(side: Sidecar) -> Iterator[tuple[socket.socket, socket.socket]]:
    """The application has called somebody else's Service, which has not answered yet: both ends."""
    with (
        _listen(side.outside, OUTSIDE[4], OTHER_PORT) as listener,
        call(side, OTHER) as client,
        accept(listener) as server,
    ):
        client.sendall(b"question\n")
        assert exactly(server, 9) == b"question\n"
        yield client, server


def stranger(side: Sidecar) -> socket.socket:
    """Somebody on the node dials the pod's application."""
    return side.outside.run(lambda: socket.create_connection((POD[4], PORT), timeout=PATIENCE))


def untouched(listener: socket.socket) -> bool:
    """Whether nobody has reached the application."""
    listener.settimeout(0.2)
    try:
        listener.accept()
    except TimeoutError:
        return True
    return False


def test_a_stranger_is_denied_at_once_while_nothing_is_under_way(home: Sidecar) -> None:
    watch = home.watch()
    with listen(home) as listener:
        assert refused(lambda: stranger(home)) == b""
        assert untouched(listener)
    eventually(lambda: watch.told() == ["denied:grid"])


def test_a_stranger_is_denied_while_a_call_is_under_way(home: Sidecar) -> None:
    watch = home.watch()
    with listen(home) as listener, under_way(home) as (client, server), stranger(home) as caller:
        caller.sendall(get())
        nonce, end = ending(caller)
        assert (len(nonce), end) == (NONCE, RESET)
        assert untouched(listener)
        server.sendall(b"answer\n")
        assert exactly(client, 7) == b"answer\n"
    eventually(lambda: watch.told() == ["denied:grid"])
    assert watch.events()[0]["src_endpoint"]["ip"] == OUTSIDE[4]


def test_a_stranger_is_denied_while_we_call_ourselves(home: Sidecar) -> None:
    """Also at the same port, and whatever it says, the nonce included."""
    watch = home.watch()
    with listen(home) as listener, under_way(home), stranger(home) as caller:
        nonce = exactly(caller, NONCE)
        caller.sendall(nonce)
        with call(home) as client:
            client.sendall(get())
            with accept(listener) as server:
                assert exactly(server, len(get())) == get()
                server.sendall(OK)
                assert exactly(client, len(OK)) == OK
        assert ending(caller) == (b"", RESET)
        assert untouched(listener)
    eventually(lambda: watch.told() == ["denied:grid"])


def test_who_passes_a_nonce_on_gets_nowhere(patient: Sidecar) -> None:
    """A server that we call works with somebody on the node: it says the nonce that the other one was told.

    Our own call then ends at ourselves, with what we said; the stranger is shown out, and nobody has read a nonce.
    """
    with listen(patient) as listener, under_way(patient) as (client, server), stranger(patient) as caller:
        caller.sendall(b"let me in\n")
        server.sendall(exactly(caller, NONCE))
        with accept(listener) as application:
            assert ending(caller) == (b"", RESET)
            assert exactly(application, 9) == b"question\n"
            application.sendall(b"myself\n")
            assert exactly(client, 7) == b"myself\n"
            with pytest.raises((ConnectionResetError, BrokenPipeError)):
                while True:
                    server.sendall(b"and now listen to me\n")
            shut(client)
            assert ending(application) == (b"", EOF)
        assert untouched(listener)


@pytest.mark.parametrize("said", [NONCE, NONCE - 1, 8], ids=["whole", "all but one byte", "half"])
def test_a_nonce_said_too_late_opens_nothing(home: Sidecar, said: int) -> None:
    watch = home.watch()
    with listen(home) as listener, under_way(home) as (client, server):
        with stranger(home) as caller:
            nonce, end = ending(caller)
            assert (len(nonce), end) == (NONCE, RESET)
        server.sendall(nonce[:said])
        assert ending(client) == (b"", RESET)
        assert untouched(listener)
    eventually(lambda: watch.told() == ["denied:grid"])


def test_a_nonce_in_pieces_is_a_nonce(patient: Sidecar) -> None:
    """And a stranger who only was told a part of it is no part of it."""
    with listen(patient) as listener, under_way(patient) as (client, server), stranger(patient) as caller:
        nonce = exactly(caller, NONCE)
        server.sendall(nonce[:3])
        server.sendall(nonce[3:])
        with accept(listener) as application:
            assert exactly(application, 9) == b"question\n"
            application.sendall(b"myself\n")
            assert exactly(client, 7) == b"myself\n"


def test_what_only_begins_like_a_nonce_is_an_answer(home: Sidecar) -> None:
    with listen(home), under_way(home) as (client, server), stranger(home) as caller:
        nonce = exactly(caller, NONCE)
        server.sendall(nonce[:1])
        assert exactly(client, 1) == nonce[:1]
        server.sendall(b"and more\n")
        assert exactly(client, 9) == b"and more\n"


def test_a_wrong_nonce_is_an_answer(home: Sidecar) -> None:
    with listen(home) as listener, under_way(home) as (client, server), stranger(home) as caller:
        nonce = exactly(caller, NONCE)
        wrong = nonce[:-1] + bytes([nonce[-1] ^ 1])
        server.sendall(wrong)
        assert exactly(client, NONCE) == wrong
        assert ending(caller) == (b"", RESET)
        assert untouched(listener)


def test_a_nonce_in_the_middle_of_an_answer_is_an_answer(home: Sidecar) -> None:
    with listen(home) as listener, under_way(home) as (client, server), stranger(home) as caller:
        nonce = exactly(caller, NONCE)
        server.sendall(b"x" + nonce)
        assert exactly(client, NONCE + 1) == b"x" + nonce
        assert ending(caller) == (b"", RESET)
        assert untouched(listener)


IMPATIENT = "from sidecar.relay import hairpin; hairpin.WAIT_S = 0.0"


def test_a_nonce_that_we_gave_up_does_not_reach_the_application(here: Room) -> None:
    """The challenge is over before its nonce can be read; the call is ours all the same, and must not hear it."""
    with node(here, program=python(IMPATIENT)) as side, listen(side) as listener:
        watch = side.watch()
        ends = [_heard_or_met(side, listener) for _ in range(20)]
        assert set(ends) <= {(b"", RESET), (b"", "met")}
        eventually(lambda: ends.count((b"", RESET)) == len(watch.told()) > 0)
        assert set(watch.told()) == {"denied:grid"}


def _heard_or_met(side: Sidecar, listener: socket.socket) -> tuple[bytes, str]:
    """What the client of a call to ourselves heard and how it ended, or that the call got through after all."""
    try:
        with call(side) as client:
            client.sendall(get())
            if listener in select.select([listener, client], [], [], PATIENCE)[0]:
                with accept(listener) as server:
                    assert exactly(server, len(get())) == get()
                return b"", "met"
            return ending(client)
    except (ConnectionResetError, BrokenPipeError):
        return b"", RESET


FEW = f"{BUSY}; hairpin.MOST_AT_ONCE, hairpin.MOST_KNOWN = 2, 4; hairpin.WAIT_S, hairpin.REMEMBER_S = 3.0, 600.0"


def test_strangers_do_not_pile_up(here: Room) -> None:
    with node(here, program=python(FEW)) as side, under_way(side):
        with stranger(side) as first, stranger(side) as second:
            assert refused(lambda: stranger(side)) == b""
            assert [len(ending(caller)[0]) for caller in (first, second)] == [NONCE] * 2
        again = [len(refused(lambda: stranger(side))) for _ in range(4)]
        assert again == [NONCE] * 2 + [0] * 2  # four are remembered


def test_in_monitor_mode_nobody_is_asked(here: Room) -> None:
    """There is no denial to save anybody from, and a stranger's connection goes on: no byte of ours may be on it."""
    with node(here, settings={"MODE": "monitor"}) as side, listen(side) as listener:
        with under_way(side), stranger(side) as caller, accept(listener) as server:
            server.sendall(b"hello\n")
            assert exactly(caller, 6) == b"hello\n"
        with call(side) as client, accept(listener) as server:
            client.sendall(b"x")
            assert exactly(server, 1) == b"x"
