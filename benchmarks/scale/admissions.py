"""Load on the webhook, as a process: `… CA PORT SECONDS CONNECTIONS`; says the seconds that each answer took.

Kept TLS connections with one request after the other, as the API server has them; the client and the pod are those of
`tests.injector_server.measure`.  What never belongs here: the controller's side of it.
"""

import asyncio
import json
import sys
from pathlib import Path

import uvloop

from tests.injector_server.measure import client


async def load(ca: bytes, port: int, seconds: float, connections: int) -> list[float]:
    """What all connections saw together."""
    took: list[float] = []
    await asyncio.gather(*(client(port, ca, seconds, took) for _ in range(connections)))
    return took


if __name__ == "__main__":
    ca, port, seconds, connections = sys.argv[1:]
    print(json.dumps(uvloop.run(load(Path(ca).read_bytes(), int(port), float(seconds), int(connections)))))
