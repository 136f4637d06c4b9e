"""The API server as its administrator speaks to it: JSON over kept connections, from within the bed.

What belongs here: requests and their errors.  What never does: what is asked.  `injector.kube` is the product's own client
and has no words for what only an administrator and a kubelet do (tokens of pods, status of pods).
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from benchmarks.errors import BenchError
from injector.tree import Object
from tests.cluster.bed.bed import Bed

MERGE: Final = "application/merge-patch+json"
_CONNECTIONS: Final = 32


class Api:
    """One pool of connections; made by `connected`."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(self, path: str) -> Object:
        """What is there.  Raises BenchError."""
        return await self._asked("GET", path, None, "application/json")

    async def post(self, path: str, body: Object) -> Object:
        """Something new.  Raises BenchError."""
        return await self._asked("POST", path, body, "application/json")

    async def merge(self, path: str, body: Object) -> Object:
        """Change what is there (RFC 7386).  Raises BenchError."""
        return await self._asked("PATCH", path, body, MERGE)

    async def _asked(self, method: str, path: str, body: Object | None, content: str) -> Object:
        headers = {"Content-Type": content}
        async with self._session.request(method, path, json=body, headers=headers) as response:
            answer: Object = await response.json()
        if response.status >= 300:
            raise BenchError(f"{method} {path}: {response.status} {answer.get('message')}")
        return answer


@asynccontextmanager
async def connected(bed: Bed) -> AsyncIterator[Api]:
    """The API server of `bed`, which must be up; the caller is in the bed's network namespace."""
    facts = bed.facts
    if facts is None:
        raise BenchError(f"bed {bed.places.name} is not up")
    pki = bed.places.pki
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=context)
    origin = f"https://127.0.0.1:{facts.port}"
    async with aiohttp.ClientSession(origin, connector=connector) as session:
        yield Api(session)
