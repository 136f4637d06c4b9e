"""What a test asks of a socket that it holds: everything up to the end, and how it ended."""

import hashlib
import random
import select
import socket
from collections.abc import Iterator

EOF, RESET = "end of file", "reset"

MB = 1024 * 1024


def ending(sock: socket.socket) -> tuple[bytes, str]:
    """Everything that still arrives, and how it ends: EOF or RESET."""
    heard = []
    try:
        while data := sock.recv(MB):
            heard.append(data)
    except ConnectionResetError:
        return b"".join(heard), RESET
    return b"".join(heard), EOF


def exactly(sock: socket.socket, count: int) -> bytes:
    """The next `count` bytes, or fewer if the stream ends before."""
    heard = b""
    while len(heard) < count and (data := sock.recv(count - len(heard))):
        heard += data
    return heard


def noise(megabytes: int, seed: int = 1) -> Iterator[bytes]:
    """Pieces of one megabyte, no two alike, the same for every seed."""
    chance = random.Random(seed)
    for _ in range(megabytes):
        yield chance.randbytes(MB)


def digest_of(sock: socket.socket, count: int) -> str:
    """The digest of the next `count` bytes."""
    digest = hashlib.sha256()
    while count and (data := sock.recv(min(MB, count))):
        digest.update(data)
        count -= len(data)
    assert count == 0, f"{count} bytes are missing"
    return digest.hexdigest()


def stalled(sock: socket.socket, seconds: float = 0.3) -> bool:
    """Whether nothing more can be written to `sock` for a while."""
    return not select.select([], [sock], [], seconds)[1]


def shut(sock: socket.socket) -> None:
    """Say that no more will come."""
    sock.shutdown(socket.SHUT_WR)


def throw_away(sock: socket.socket) -> None:
    """Reset the connection."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()
