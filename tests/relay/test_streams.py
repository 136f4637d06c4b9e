"""The proxy is not there: half-close, reset, back-pressure and who speaks first are as without it."""

import pytest

from tests.net.netns import lab
from tests.relay.sidecar import Sidecar, Way, eventually
from tests.relay.sockets import EOF, RESET, ending, exactly, shut, throw_away

pytestmark = lab


@pytest.fixture(params=["inbound-4", "inbound-6", "outbound-4", "outbound-6"])
def way(request: pytest.FixtureRequest, side: Sidecar) -> Way:
    direction, version = request.param.split("-")
    return getattr(side, direction)(int(version))


def test_the_client_ends_its_side_and_is_still_answered(way: Way) -> None:
    with way.open() as (client, server):
        client.sendall(b"a question\n")
        shut(client)
        assert ending(server) == (b"a question\n", EOF)
        server.sendall(b"an answer\n")
        server.close()
        assert ending(client) == (b"an answer\n", EOF)


def test_the_server_ends_its_side_and_still_listens(way: Way) -> None:
    with way.open() as (client, server):
        server.sendall(b"goodbye\n")
        shut(server)
        assert ending(client) == (b"goodbye\n", EOF)
        client.sendall(b"one thing more\n")
        shut(client)
        assert ending(server) == (b"one thing more\n", EOF)


def test_a_reset_by_the_client_is_a_reset_for_the_server(way: Way) -> None:
    with way.open() as (client, server):
        client.sendall(b"half a sen\n")
        assert exactly(server, 11)
        throw_away(client)
        assert ending(server) == (b"", RESET)


def test_a_reset_by_the_server_is_a_reset_for_the_client(way: Way) -> None:
    with way.open() as (client, server):
        server.sendall(b"half a sen\n")
        assert exactly(client, 11)
        throw_away(server)
        assert ending(client) == (b"", RESET)


@pytest.mark.parametrize("again", range(2))
@pytest.mark.parametrize("speaker", ["client", "server"])
def test_a_reset_behind_data_arrives_behind_the_data(
    side: Sidecar, way: Way, speaker: str, again: int
) -> None:
    """Data and reset may be noticed in one turn of the event loop, even in the turn in which the dial is answered."""
    with way.open() as (client, server):
        speaks, hears = (client, server) if speaker == "client" else (server, client)
        speaks.sendall(b"the last words\n")
        throw_away(speaks)
        assert ending(hears) == (b"the last words\n", RESET)
    eventually(lambda: side.value("cdefence_active_connections") == 0)


def test_a_server_may_speak_first_smtp(way: Way) -> None:
    with way.open() as (client, server):
        server.sendall(b"220 mail.example ESMTP\r\n")
        assert exactly(client, 24) == b"220 mail.example ESMTP\r\n"
        client.sendall(b"EHLO client.example\r\n")
        assert exactly(server, 21) == b"EHLO client.example\r\n"
        server.sendall(b"250-mail.example\r\n250 PIPELINING\r\n")
        assert exactly(client, 34) == b"250-mail.example\r\n250 PIPELINING\r\n"
        client.sendall(b"QUIT\r\n")
        assert exactly(server, 6) == b"QUIT\r\n"


def test_a_server_may_speak_first_mysql(way: Way) -> None:
    """Protocol::HandshakeV10: binary, no line ends, and the client's answer has none either."""
    hello = (
        b"\x4a\0\0\0\x0a8.4.0\0\x0b\0\0\0abcdefgh\0\xff\xf7\x21\2\0\xff\x81\x15"
        + bytes(11)
        + b"ijklmnopqrst\0"
    )
    answer = b"\x20\0\0\1\x85\xa6\xff\x01\0\0\0\1\x21" + bytes(23) + b"app\0"
    with way.open() as (client, server):
        server.sendall(hello)
        assert exactly(client, len(hello)) == hello
        client.sendall(answer)
        assert exactly(server, len(answer)) == answer
        server.sendall(b"\7\0\0\2\0\0\0\2\0\0\0")
        assert exactly(client, 11) == b"\7\0\0\2\0\0\0\2\0\0\0"
