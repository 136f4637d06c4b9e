"""Names that wait to be put right: each once, and again later when putting it right failed.

What belongs here: the queue between what tells of a difference and what removes it.  What never does: either of them.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from injector.kube import KubeError

log = logging.getLogger("cdefence.waiting")

RETRY_S = 5.0
REASSERT_S = 3600.0
"""Everything is looked at once an hour, whatever was or was not told."""


class Waiting:
    """The names of one kind of object."""

    def __init__(self, retry_s: float = RETRY_S) -> None:
        self._retry_s = retry_s
        self._names: set[str] = set()
        self._some = asyncio.Event()

    def add(self, names: Iterable[str]) -> None:
        """Have these put right."""
        self._names.update(names)
        if self._names:
            self._some.set()

    async def work(self, put_right: Callable[[str], Awaitable[None]]) -> None:
        """Put right whatever waits, one after the other; never ends.  A KubeError means once more, later."""
        while True:
            await self._some.wait()
            self._some.clear()
            names, self._names = sorted(self._names), set()
            failed = [name for name in names if not await _tried(put_right, name)]
            if failed:
                asyncio.get_running_loop().call_later(self._retry_s, self.add, failed)

    async def reassert(self, names: Callable[[], Iterable[str]]) -> None:
        """Have all of them put right every hour; never ends."""
        while True:
            await asyncio.sleep(REASSERT_S)
            self.add(names())


async def _tried(put_right: Callable[[str], Awaitable[None]], name: str) -> bool:
    try:
        await put_right(name)
    except KubeError as error:
        log.warning("%s: %s", name, error)
        return False
    return True
