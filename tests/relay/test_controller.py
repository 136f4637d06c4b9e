"""A sidecar that lives by what the controller tells: start, change, look-ups, and every way to lose the controller."""

import re
import select
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from sidecar import contract
from sidecar.core.scopes import PeerClass
from sidecar.lab.lab import CDEFENCE
from sidecar.lab.samples import VISA
from tests.net.netns import lab
from tests.ops.controller import Controller, controlled
from tests.ops.pki import authority
from tests.relay.sidecar import (
    CLUSTER,
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
from tests.relay.sockets import exactly
from tests.relay.test_content import answered, post
from tests.relay.test_life import readiness, talking, version

pytestmark = lab

IN, CONNECTED, OUT, UNKNOWN = (
    PeerClass.IN_SCOPE,
    PeerClass.CONNECTED_TO,
    PeerClass.OUT_OF_SCOPE,
    PeerClass.UNKNOWN,
)
API_PORT = 8443
API = f"https://{OUTSIDE[4]}:{API_PORT}"
NO_MAP = "no scope map is loaded, or it has expired\n"


PATIENT = "from sidecar.ops import scope_lookup; scope_lookup.BUDGET_S = 60.0"
"""A question to the controller of these tests is answered, however busy this machine is."""


def entries(outside: PeerClass | None = CONNECTED) -> dict[tuple[str, int | None], PeerClass]:
    """The pod in scope, and the outside in a scope or not listed."""
    pod = {(ip, None): IN for ip in POD.values()}
    return pod | ({(ip, None): outside for ip in OUTSIDE.values()} if outside is not None else {})


@contextmanager
def governed(
    here: Room,
    folder: Path,
    controller: Controller | None = None,
    program: Sequence[str] = (*CDEFENCE, "proxy"),
    **settings: object,
) -> Iterator[tuple[Sidecar, Controller]]:
    """A sidecar that was told where the controller is; nobody listens there before `serving`."""
    ca = authority()
    folder.mkdir(exist_ok=True)
    given = {
        "SCOPE_API": API,
        "POLICY": None,
        "SCOPE_MAP": None,
        "POD_IPS": ",".join(POD.values()),
        **settings,
    }
    files = {"policy.yaml": "", "scope-map.json": "", "ca.crt": ca.pem, "token": "token-1\n"}
    made = controller or Controller(tuple(CLUSTER), entries(), beat_s=0.2)
    made.tls = ca.server(folder, OUTSIDE[4])  # type: ignore[attr-defined]
    with sidecar(here, given, files=files, program=program, ready=False) as side:
        eventually(lambda: "ready to relay" in side.log())
        yield side, made


@contextmanager
def serving(side: Sidecar, controller: Controller) -> Iterator[Controller]:
    """The controller is there."""
    with (
        side.outside.run(lambda: socket.create_server((OUTSIDE[4], API_PORT))) as sock,
        controlled(controller, controller.tls, sock),  # type: ignore[attr-defined]
    ):
        yield controller


@contextmanager
def both(
    here: Room,
    folder: Path,
    controller: Controller | None = None,
    program: Sequence[str] = (*CDEFENCE, "proxy"),
    **settings: object,
) -> Iterator[tuple[Sidecar, Controller]]:
    """A sidecar and its controller, ready."""
    with governed(here, folder, controller, program, **settings) as (side, made), serving(side, made):
        eventually(lambda: side.ready)
        yield side, made


def served(side: Sidecar) -> bool:
    """Whether an inbound connection passes."""
    with side.inbound().open() as (client, server):
        client.sendall(b"hello\n")
        return exactly(server, 6) == b"hello\n"


def reaches(side: Sidecar) -> bool:
    """Whether an inbound connection passes, where it may also be denied."""
    way, passed = side.inbound(), False
    with (
        way.listening() as listener,
        suppress(ConnectionResetError),
        way.dial(listener.getsockname()[1]) as client,
    ):
        passed = listener in select.select([listener, client], [], [], PATIENCE)[0]
        if passed:
            listener.accept()[0].close()
            assert client.recv(1) == b""
    return passed


def test_from_no_map_to_ready(here: Room, tmp_path: Path) -> None:
    with governed(here, tmp_path) as (side, controller):
        eventually(lambda: "cannot be reached" in side.log())
        assert readiness(side) == f"no policy is loaded\n{NO_MAP}"
        watch = side.watch()
        assert side.inbound().denied(80)
        assert side.outbound().denied(80)
        eventually(lambda: watch.told() == ["denied:no_scope_map"] * 2)
        controller.policy = policy("mode: protect")
        with serving(side, controller):
            eventually(lambda: side.ready)
            assert served(side)
            assert side.value("cdefence_scope_stream_connected") == 1
            eventually(lambda: side.value("cdefence_scope_map_age_seconds") < 5)
            assert side.value("cdefence_scope_map_entries", scope="connected-to") == 2
            assert version(side) == re.sub(r".*policy (\w+) in force.*", r"\1", side.log(), flags=re.DOTALL)
            assert controller.requests[-1] == "/v1/scopes token-1"
            assert side.rss < 54_000_000


def test_without_a_policy_the_default_one_holds(here: Room, tmp_path: Path) -> None:
    with both(here, tmp_path) as (side, _):
        client = side.inbound()
        with client.open() as (one, _server):
            one.sendall(post(VISA.encode()))
            assert answered(one.recv(4096))[0] == 403


def test_a_change_is_for_new_connections(here: Room, tmp_path: Path) -> None:
    with both(here, tmp_path) as (side, controller), talking(side):
        assert served(side)
        controller.put(*((ip, None, OUT) for ip in OUTSIDE.values()))
        eventually(lambda: side.value("cdefence_scope_map_entries", scope="out-of-scope") == 2)
        watch = side.watch()
        assert side.inbound().denied(80)
        assert side.outbound().denied(80)
        eventually(lambda: watch.told() == ["denied:grid"] * 2)
        controller.put(*((ip, None, IN) for ip in OUTSIDE.values()))
        eventually(lambda: side.value("cdefence_scope_map_entries", scope="in-scope") == 4)
        assert served(side)


def test_a_policy_of_the_controller_and_a_bad_one(here: Room, tmp_path: Path) -> None:
    deny = policy("segmentation:", "  - {from: connected-to, to: in-scope, action: deny}")
    with both(here, tmp_path) as (side, controller):
        assert served(side)
        controller.set_policy(deny)
        eventually(lambda: side.page()[1].count("cdefence_policy_info{") and version(side) != "default")
        good = version(side)
        assert side.inbound().denied(80)
        controller.set_policy("kind: [broken\n")
        eventually(lambda: side.value("cdefence_policy_reload_errors_total") == 1)
        assert "policy not usable, the last one stays: policy of the controller: " in side.log()
        assert version(side) == good
        assert side.ready
        assert side.inbound().denied(80)
        controller.resync()  # the same bad one again, from the start
        eventually(lambda: side.value("cdefence_policy_reload_errors_total") == 2)
        assert side.inbound().denied(80)
        controller.set_policy(policy("mode: monitor", "segmentation: []"))
        eventually(lambda: version(side) != good)
        assert served(side)


def test_where_the_first_policy_is_bad_nothing_begins(here: Room, tmp_path: Path) -> None:
    controller = Controller(tuple(CLUSTER), entries(), policy="kind: [broken\n", beat_s=0.2)
    with governed(here, tmp_path, controller) as (side, _), serving(side, controller):
        eventually(lambda: side.value("cdefence_policy_reload_errors_total") == 1)
        eventually(lambda: side.value("cdefence_scope_stream_connected") == 1)
        assert readiness(side) == f"no policy is loaded\n{NO_MAP}"
        assert side.inbound().denied(80)
        controller.set_policy(policy())
        eventually(lambda: side.ready)
        assert served(side)


# --- without the controller ------------------------------------------------------------------------------------------


def test_while_the_controller_is_away_the_last_map_holds(here: Room, tmp_path: Path) -> None:
    ages = {"SCOPE_MAP_STALE_AFTER_S": "1", "SCOPE_MAP_EXPIRE_AFTER_S": "15"}
    with governed(here, tmp_path, **ages) as (side, controller):
        with serving(side, controller):
            eventually(lambda: side.ready)
        gone = Controller(tuple(CLUSTER), entries(), beat_s=0.2, epoch="boot-2")
        gone.tls = controller.tls  # type: ignore[attr-defined]
        eventually(lambda: side.value("cdefence_scope_stream_connected") == 0)
        eventually(lambda: side.value("cdefence_scope_map_age_seconds") > 1)
        assert served(side)  # who is known stays known
        assert side.ready
        assert denied_as_unknown(side) == "denied:stale_scope_map"
        eventually(lambda: readiness(side) == NO_MAP)
        watch = side.watch()
        assert side.inbound().denied(80)
        eventually(lambda: watch.told() == ["denied:no_scope_map"])
        with serving(side, gone):
            eventually(lambda: side.ready)
            assert served(side)
            assert "replica boot-2" in side.log()


def denied_as_unknown(side: Sidecar) -> str:
    """What becomes of a connection to an address of the cluster that nobody knows."""
    watch = side.watch()
    with (
        pytest.raises(ConnectionResetError),  # at once, or when it listens
        side.pod.run(lambda: socket.create_connection(("10.79.0.77", 80), timeout=PATIENCE)) as client,
    ):
        client.recv(1)
    return str(eventually(watch.told)[0])


def test_a_controller_that_is_blind_says_so(here: Room, tmp_path: Path) -> None:
    ages = {"SCOPE_MAP_STALE_AFTER_S": "5", "SCOPE_MAP_EXPIRE_AFTER_S": "100"}
    with both(here, tmp_path, **ages) as (side, controller):
        assert denied_as_unknown(side) == "denied:unknown_peer"
        controller.age = 50
        eventually(lambda: side.value("cdefence_scope_map_age_seconds") > 49)
        assert denied_as_unknown(side) == "denied:stale_scope_map"
        controller.age = 100
        eventually(lambda: readiness(side) == NO_MAP)


IMPATIENT = "from sidecar.ops import scope_stream; scope_stream.SILENCE_S = 1.0"


def test_silence_is_noticed_and_ended(here: Room, tmp_path: Path) -> None:
    """A connection that is open and says nothing is not a controller."""
    controller = Controller(tuple(CLUSTER), entries(), beat_s=0.2)
    with both(here, tmp_path, controller, python(IMPATIENT)) as (side, _):
        before = side.value("cdefence_scope_stream_reconnects_total")
        controller.silent = True
        eventually(lambda: "no answer in time" in side.log())
        controller.silent = False
        eventually(lambda: side.value("cdefence_scope_stream_connected") == 1)
        assert side.value("cdefence_scope_stream_reconnects_total") > before
        assert served(side)


# --- one peer that is not in the map ---------------------------------------------------------------------------------


def test_a_new_peer_is_asked_about(here: Room, tmp_path: Path) -> None:
    controller = Controller(tuple(CLUSTER), entries(outside=None), beat_s=0.2)
    with both(here, tmp_path, controller, python(PATIENT)) as (side, _):
        watch = side.watch()
        assert side.inbound().denied(80)
        eventually(lambda: watch.told() == ["denied:unknown_peer"])
        assert watch.moved("cdefence_scope_lookups_total", result="unknown") == 1
        controller.known = {(OUTSIDE[4], None): CONNECTED, (OUTSIDE[6], None): OUT}
        eventually(lambda: reaches(side))  # "unknown" is believed for a second
        watch, before = side.watch(), len(controller.requests)
        assert served(side)
        with side.outbound().listening() as listener:
            port = listener.getsockname()[1]
            controller.known[OUTSIDE[4], port] = IN
            side.outbound().dial(port).close()
            listener.accept()[0].close()
        assert side.inbound(6).denied(80)
        eventually(lambda: watch.told() == ["denied:grid"])
        assert watch.moved("cdefence_scope_lookups_total", result="found") == 3
        asked = [request.split()[0] for request in controller.requests[before:]]
        assert asked == [
            f"/v1/scopes/{OUTSIDE[4]}",
            f"/v1/scopes/{OUTSIDE[4]}?port={port}",
            f"/v1/scopes/{OUTSIDE[6]}",
        ]


def test_an_answer_is_not_waited_for_longer_than_its_budget_and_nobody_else_waits(
    here: Room, tmp_path: Path
) -> None:
    known = entries(outside=None) | {(OUTSIDE[6], None): CONNECTED}
    controller = Controller(tuple(CLUSTER), known, beat_s=0.2, lookup_delay=60.0)
    with both(here, tmp_path, controller) as (side, _):
        watch = side.watch()
        with side.inbound().dial(80) as waiting, side.inbound(6).open() as (client, server):
            client.sendall(b"x\n")
            assert exactly(server, 2) == b"x\n"
            with pytest.raises(ConnectionResetError):
                waiting.recv(1)
        eventually(lambda: watch.told() == ["denied:unknown_peer"])
        assert watch.moved("cdefence_scope_lookups_total", result="failed") == 1
        assert side.page(contract.HEALTH_PORT, "/livez")[0] == 200


def test_a_map_that_comes_meanwhile_is_believed(here: Room, tmp_path: Path) -> None:
    controller = Controller(tuple(CLUSTER), entries(outside=None), beat_s=0.2, lookup_delay=1.0)
    with (
        both(here, tmp_path, controller, python(PATIENT)) as (side, _),
        side.inbound().listening() as listener,
    ):
        client = side.inbound().dial(listener.getsockname()[1])
        controller.put((OUTSIDE[4], None, CONNECTED))
        listener.accept()[0].close()
        client.close()
