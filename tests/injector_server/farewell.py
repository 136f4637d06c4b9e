"""`asyncio.run` for tests that leave requests unfinished: no connection outlives its loop.

A TLS connection whose request was cancelled says farewell and waits for the other side's, up to half a minute; aiohttp has
forgotten it by then, so closing the client does not end it.  A loop that closes meanwhile leaves its socket to the
garbage collector, which warns in whatever test runs then.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any


class _Loop(asyncio.SelectorEventLoop):
    """Remembers the connections that were made."""

    def __init__(self) -> None:
        super().__init__()
        self._made: list[asyncio.BaseTransport] = []

    async def create_connection(self, *args: Any, **named: Any) -> Any:
        """As ever."""
        made = await super().create_connection(*args, **named)
        self._made.append(made[0])
        return made

    async def end_connections(self) -> None:
        """Without waiting for anybody; the socket closes with the next turn of the loop."""
        for each in self._made:
            if isinstance(each, asyncio.WriteTransport):
                each.abort()
        await asyncio.sleep(0)


def run[T](main: Coroutine[Any, Any, T]) -> T:
    """What `main` returns."""
    loop = _Loop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        try:
            return runner.run(main)
        finally:
            runner.run(loop.end_connections())
