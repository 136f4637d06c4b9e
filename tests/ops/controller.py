"""A controller's scope API for tests: the real protocol over real TLS, and a state that a test changes line by line.

It runs in a thread with a loop of its own, so that a test talks to a sidecar in another process as well as to a client in
its own.  What never belongs here: a second spelling of the lines; `core.scope_feed` writes them.
"""

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread

from sidecar.core.policy_text import version
from sidecar.core.scope_feed import (
    encode_delta,
    encode_heartbeat,
    encode_lookup,
    encode_policy,
    encode_resync,
    encode_snapshot,
    state_hash,
)
from sidecar.core.scopes import Key, PeerClass

_LOOKUP = re.compile(r"/v1/scopes/([0-9a-f.:]+)(?:\?port=([0-9]+))?")


@dataclass
class Controller:
    """What one replica knows, and whom it tells."""

    cluster: tuple[str, ...] = ("10.0.0.0/8", "fd00::/8")
    entries: dict[Key, PeerClass] = field(default_factory=dict)
    own: PeerClass = PeerClass.IN_SCOPE
    policy: str = ""
    epoch: str = "boot-1"
    seq: int = 0
    status: int = 200
    """What streams are answered with."""
    silent: bool = False
    """Accept and say nothing."""
    beat_s: float = 0.0
    """Seconds between heartbeats; 0: only those that a test sends."""
    age: int = 0
    known: dict[Key, PeerClass] = field(default_factory=dict)
    """What look-ups find."""
    lookup_delay: float = 0.0
    keep_alive: bool = True
    requests: list[str] = field(default_factory=list)
    """`stream` or the path of a look-up, and the token it came with."""
    connections: int = 0
    port: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop, repr=False)
    _streams: set[asyncio.StreamWriter] = field(default_factory=set, repr=False)

    # --- what a test does

    @property
    def streams(self) -> int:
        """Streams that are open."""
        return len(self._streams)

    def put(self, *changes: tuple[str, int | None, PeerClass], drop: tuple[Key, ...] = ()) -> None:
        """A delta, to everybody."""

        def change() -> bytes:
            self.entries |= {(ip, port): scope for ip, port, scope in changes}
            for key in drop:
                del self.entries[key]
            self.seq += 1
            return encode_delta(
                self.seq, {(ip, port): scope for ip, port, scope in changes}, drop, self.state
            )

        self.say(change)

    def set_policy(self, text: str) -> None:
        """Another policy."""

        def change() -> bytes:
            self.policy = text
            return encode_policy(text)

        self.say(change)

    def beat(self) -> None:
        """A heartbeat."""
        self.say(self.heartbeat)

    def resync(self) -> None:
        """Ask everybody to start over."""
        self.say(encode_resync)

    def say(self, line: Callable[[], bytes]) -> None:
        """Any line."""

        def work() -> None:
            said = line()
            for writer in self._streams:
                writer.write(_chunk(said))

        self.do(work)

    def hang_up(self) -> None:
        """Drop all streams."""
        self.do(lambda: [writer.transport.abort() for writer in self._streams])

    def do(self, work: Callable[[], object]) -> None:
        """Do something in the server's thread, and wait for it."""

        async def inside() -> None:
            work()

        asyncio.run_coroutine_threadsafe(inside(), self._loop).result(60)

    # --- what it says

    @property
    def state(self) -> int:
        """The hash of everything."""
        return state_hash(self.cluster, self.entries)

    def snapshot(self) -> bytes:
        """Everything."""
        return encode_snapshot(self.epoch, self.seq, self.cluster, self.own, self.entries, self.state)

    def heartbeat(self) -> bytes:
        """Where we are."""
        return encode_heartbeat(self.seq, self.state, version(self.policy) if self.policy else "", self.age)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                _, path, _ = head.split("\r\n")[0].split(" ")
                token = re.search(r"(?im)^authorization: bearer (\S+)\r$", head)
                self.requests.append(f"{path} {token[1] if token else '-'}")
                if path == "/v1/scopes":
                    await self._stream(reader, writer)
                    break
                await self._lookup(path, writer)
                if not self.keep_alive:
                    break
        writer.close()

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.status != 200:
            writer.write(f"HTTP/1.1 {self.status} No\r\nContent-Length: 0\r\n\r\n".encode())
            return
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        if self.policy and not self.silent:
            writer.write(_chunk(encode_policy(self.policy)))
        if not self.silent:
            writer.write(_chunk(self.snapshot()))
        self._streams.add(writer)
        beating = asyncio.create_task(self._beat(writer)) if self.beat_s else None
        try:
            await reader.read()
        finally:
            self._streams.discard(writer)
            if beating is not None:
                beating.cancel()

    async def _beat(self, writer: asyncio.StreamWriter) -> None:
        while True:
            await asyncio.sleep(self.beat_s)
            if not self.silent:
                writer.write(_chunk(self.heartbeat()))

    async def _lookup(self, path: str, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self.lookup_delay)
        asked = _LOOKUP.fullmatch(path)
        assert asked, path
        key = asked[1], int(asked[2]) if asked[2] else None
        if key in self.known:
            body = encode_lookup(*key, self.known[key])
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        else:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@contextmanager
def controlled(controller: Controller, tls: ssl.SSLContext, sock: socket.socket) -> Iterator[Controller]:
    """The controller, serving on a listening socket."""
    loop = controller._loop
    thread = Thread(target=loop.run_forever, name="controller")
    thread.start()
    server = asyncio.run_coroutine_threadsafe(
        asyncio.start_server(controller.talk, sock=sock, ssl=tls, ssl_handshake_timeout=60), loop
    ).result(60)
    controller.port = sock.getsockname()[1]
    try:
        yield controller
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    server.abort_clients()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
