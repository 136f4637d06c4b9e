"""Streams that are only held, as a process: `… TOKENS CA FIRST COUNT`.

Each is opened with TLS and its own token and read until the snapshot is whole; from then on its bytes are taken from the
kernel unread.  So the controller serves as many streams as there are pods, and reading them, in a cluster the work of other
machines, does not take the processor from what is measured.  What never belongs here: figures about single changes.
"""

import json
import re
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.scale.readers import HOST
from sidecar import contract

_AT_ONCE = 32
_PATIENCE_S = 60.0
_SNAPSHOT_ENDS = b'"type":"snapshot"}\n'
_FRAMING = re.compile(rb"\r\n[0-9a-f]+\r\n")
"""Of chunks (RFC 9112, 7.1); JSON in one line has no such ends."""
_TAIL = 256
_AT_A_TIME = 1 << 18


def held(token: str, context: ssl.SSLContext) -> tuple[float, socket.socket]:
    """Open one stream; the seconds until the snapshot was whole, and what is left of it."""
    begun = time.monotonic()
    plain = socket.create_connection((HOST, contract.SCOPES_PORT), timeout=_PATIENCE_S)
    tls = context.wrap_socket(plain, server_hostname=HOST)
    tls.sendall(f"GET /v1/scopes HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    tail = b""
    while _SNAPSHOT_ENDS not in _FRAMING.sub(b"", tail):
        piece = tls.recv(_AT_A_TIME)
        if not piece:
            raise ConnectionError(f"the stream ended: {tail[:100]!r}")
        tail = tail[-_TAIL:] + piece
    took = time.monotonic() - begun
    rest = socket.socket(fileno=tls.detach())
    rest.setblocking(False)
    return took, rest


def discard(streams: list[socket.socket]) -> list[socket.socket]:
    """Take what has come, unread; the streams that are still open."""
    room = bytearray(_AT_A_TIME)
    return [each for each in streams if _discarded(each, room)]


def _discarded(stream: socket.socket, room: bytearray) -> bool:
    try:
        while stream.recv_into(room, _AT_A_TIME, socket.MSG_TRUNC):
            pass
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def main(tokens: Path, ca: Path, numbers: range) -> None:
    """Hold them until standard input ends; at each line that comes in, say how many are open."""
    context = ssl.create_default_context(cafile=str(ca))
    texts = [(tokens / str(number)).read_text() for number in numbers]
    streams: list[socket.socket] = []
    took: list[float] = []
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for seconds, stream in threads.map(lambda token: held(token, context), texts):
            took.append(seconds)
            streams.append(stream)
            if len(streams) % 100 == 0:
                streams = discard(streams)
    over = threading.Event()
    threading.Thread(target=_answer, args=(lambda: len(streams), over), daemon=True).start()
    print(json.dumps(took), flush=True)
    while not over.wait(0.5):
        streams = discard(streams)


def _answer(count: Callable[[], int], over: threading.Event) -> None:
    for _ in sys.stdin:
        print(count(), flush=True)
    over.set()


if __name__ == "__main__":
    tokens, ca, first, count = sys.argv[1:]
    main(Path(tokens), Path(ca), range(int(first), int(first) + int(count)))
