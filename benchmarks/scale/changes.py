"""Pods that get another address, at random moments, and when the API server had taken each change.

What never belongs here: when sidecars learn of it (`readers`).
"""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from benchmarks.scale.api import Api
from benchmarks.scale.population import Resident
from injector.tree import Object

_FIRST: Final = ip_address("10.244.128.0")
"""Of the cluster's pod addresses the upper half, which no node of the crowd gives out."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change, by the clock that all processes share."""

    ip: str
    sent: float
    acknowledged: float


def fresh() -> Iterator[str]:
    """Addresses that nobody has had."""
    number = 0
    while True:
        number += 1
        yield str(_FIRST + number)


async def change(
    api: Api, residents: Sequence[Resident], addresses: Iterator[str], rate: float
) -> list[Change]:
    """Give each of `residents` a new address, `rate` of them a second on average."""
    done: list[Change] = []

    async def one(resident: Resident, ip: str) -> None:
        status: Object = {"podIP": ip, "podIPs": [{"ip": ip}]}
        sent = time.monotonic()
        await api.merge(f"{resident.path}/status", {"status": status})
        done.append(Change(ip, sent, time.monotonic()))

    async with asyncio.TaskGroup() as tasks:
        for resident in residents:
            tasks.create_task(one(resident, next(addresses)))
            await asyncio.sleep(random.expovariate(rate))
    return done
