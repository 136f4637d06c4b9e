"""Pods that get another address, at random moments, and when the API server had taken each change.

What never belongs here: when sidecars learn of it (`readers`).
"""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.scale.api import Api
from benchmarks.scale.population import Resident, move


@dataclass(frozen=True, slots=True)
class Change:
    """One change, by the clock that all processes share."""

    ip: str
    sent: float
    acknowledged: float


async def change(
    api: Api, residents: Sequence[Resident], addresses: Iterator[str], rate: float
) -> list[Change]:
    """Give each of `residents` a new address, `rate` of them a second on average."""
    done: list[Change] = []

    async def one(resident: Resident, ip: str) -> None:
        sent = time.monotonic()
        await move(api, resident, ip)
        done.append(Change(ip, sent, time.monotonic()))

    async with asyncio.TaskGroup() as tasks:
        for resident in residents:
            tasks.create_task(one(resident, next(addresses)))
            await asyncio.sleep(random.expovariate(rate))
    return done
