"""The API server's address on the host: listens on the host's loopback and connects inside the node's namespace.

So one kubeconfig (https://127.0.0.1:PORT) works on the host and in the namespace.  A socket keeps the namespace it was
made in: the listener is made first, then the process moves.  What never belongs here: TLS, and any other address.
"""

import asyncio
import os
import secrets
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

from tests.cluster.bed import netns

_CHUNK = 256 * 1024
_PORTS = range(20_000, 32_000)
"""Below net.ipv4.ip_local_port_range."""


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


async def _serve(listener: socket.socket, port: int) -> None:
    async def visitor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        for each in (writer, far_writer):
            each.close()

    server = await asyncio.start_server(visitor, sock=listener)
    await server.serve_forever()


def free_port() -> int:
    """A port of the host's loopback that nobody listens on, and that the kernel gives to nobody who asks for any port: it
    is listened on only when the API server is ready.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def main(arguments: Sequence[str]) -> None:
    """`python -m tests.cluster.bed.door NETNS PORT`."""
    name, port = arguments[0], int(arguments[1])
    listener = socket.create_server(("127.0.0.1", port), backlog=256)
    file = os.open(netns.path(name), os.O_RDONLY)
    os.setns(file, os.CLONE_NEWNET)
    os.close(file)
    asyncio.run(_serve(listener, port))


if __name__ == "__main__":
    main(sys.argv[1:])
