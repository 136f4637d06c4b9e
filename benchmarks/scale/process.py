"""Processes of the load, which answer in lines of JSON.

What never belongs here: what they do.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from benchmarks.errors import BenchError
from tests.cluster.bed.places import REPOSITORY

_LONGEST = 64 * 2**20
_PATIENCE_S = 300.0


class Process:
    """One of them, running."""

    def __init__(self, process: asyncio.subprocess.Process, what: str) -> None:
        self._process = process
        self._what = what

    async def line(self) -> str:
        """What it says next.  Raises BenchError when it has ended, or says nothing."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(_PATIENCE_S):
                said = await self._process.stdout.readline()
        except TimeoutError:
            raise BenchError(f"{self._what} says nothing") from None
        if not said:
            raise BenchError(f"{self._what} has ended; its error is above")
        return said.decode().strip()

    async def asked(self) -> str:
        """Its answer to an empty line."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return await self.line()

    async def end(self) -> None:
        """Close its standard input, which ends it; kill it if not."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def running(words: Sequence[str]) -> AsyncIterator[Process]:
    """Start a process, and end it with the block."""
    pipe = asyncio.subprocess.PIPE
    started = await asyncio.create_subprocess_exec(
        *words, stdin=pipe, stdout=pipe, cwd=REPOSITORY, limit=_LONGEST
    )
    process = Process(started, next(word for word in words if word.startswith("benchmarks.")))
    try:
        yield process
    finally:
        await process.end()


async def seconds_of(words: Sequence[str]) -> list[float]:
    """The list of seconds that a process says before it ends."""
    async with running(words) as process:
        return [float(each) for each in json.loads(await process.line())]
