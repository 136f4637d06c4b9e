"""The order of a run: the stage, the population, the streams, then the rounds.

What belongs here: the order, and which process does what.  What never does: how anything is measured or judged.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import usage
from benchmarks.errors import BenchError
from benchmarks.scale import changes, population, stage
from benchmarks.scale.api import Api, connected
from benchmarks.scale.changes import Change
from benchmarks.scale.plan import Plan
from benchmarks.scale.population import Population
from benchmarks.scale.process import Process, running, seconds_of
from benchmarks.scale.results import Results, Round
from benchmarks.scale.stage import Stage
from tests.cluster.bed import crowd

_SEEN_S = 20.0


def run(plan: Plan) -> Results:
    """Measure.  Raises BedError, BenchError."""
    _say("control plane and controller")
    with stage.standing() as stood:
        return asyncio.run(_measured(stood, plan))


async def _measured(stood: Stage, plan: Plan) -> Results:
    crowd.join(stood.bed, population.nodes(plan))
    async with connected(stood.bed) as api:
        _say(f"{plan.pods} pods")
        addresses = population.fresh()
        people = await population.settle(api, plan, stood.folder, addresses)
        webhook_ca = stood.folder / "webhook-ca.crt"
        webhook_ca.write_text(await population.webhook_ca(api))
        first_held = plan.watchers + plan.joiners
        watching = stood.client("readers", "watch", people.tokens, people.ca, 0, plan.watchers)
        holding = stood.client("holders", people.tokens, people.ca, first_held, plan.holders)
        async with running(holding) as holders, running(watching) as watchers:
            begun = time.monotonic()
            held = [float(each) for each in json.loads(await holders.line())]
            results = Results(plan, people.created_s, held, time.monotonic() - begun)
            await watchers.line()
            rounds = _Rounds(stood, plan, api, people, watchers, holders, webhook_ca, addresses)
            for number in range(plan.rounds):
                _say(f"round {number + 1} of {plan.rounds}")
                results.rounds.append(await rounds.one(number))
            results.peak = usage.memory([stood.controller.pid]).peak
    return results


@dataclass(slots=True)
class _Rounds:
    """What every round needs."""

    stood: Stage
    plan: Plan
    api: Api
    people: Population
    watchers: Process
    holders: Process
    webhook_ca: Path
    addresses: Iterator[str]

    async def one(self, number: int) -> Round:
        """One round."""
        plan = self.plan
        first = plan.watchers + number * plan.joins
        joining = self.stood.client("readers", "join", self.people.tokens, self.people.ca, first, plan.joins)
        snapshots = await seconds_of(joining)
        made, told, cpu_changing = await self._changes()
        cpu_quiet = await self._quiet()
        admissions, admissions_cpu = await self._admissions()
        streams = int(await self.holders.asked()) + plan.watchers
        if streams < plan.streams:
            raise BenchError(f"{plan.streams - streams} streams were ended")
        return Round(
            snapshots=snapshots,
            acknowledged=[seen - each.acknowledged for each in made for seen in told.get(each.ip, ())],
            sent=[seen - each.sent for each in made for seen in told.get(each.ip, ())],
            lost=len(made) * plan.watchers - sum(len(told.get(each.ip, ())) for each in made),
            cpu_quiet=cpu_quiet,
            cpu_changing=cpu_changing,
            admissions=admissions,
            admissions_s=plan.admissions_s,
            admissions_cpu=admissions_cpu,
            streams=streams,
            resident=usage.memory([self.stood.controller.pid]).now,
        )

    async def _changes(self) -> tuple[list[Change], Mapping[str, Sequence[float]], float]:
        """What was changed, when each address came to each map, and the controller's part of a core meanwhile."""
        chosen = random.sample(self.people.residents, self.plan.changes)
        begun, cpu = time.monotonic(), self._cpu()
        made = await changes.change(self.api, chosen, self.addresses, self.plan.rate)
        part = (self._cpu() - cpu) / (time.monotonic() - begun)
        told: dict[str, list[float]] = {}
        end = time.monotonic() + _SEEN_S
        while time.monotonic() < end:
            await asyncio.sleep(1)
            for ip, times in json.loads(await self.watchers.asked()).items():
                told.setdefault(ip, []).extend(times)
            if all(len(told.get(each.ip, ())) >= self.plan.watchers for each in made):
                break
        return made, told, part

    async def _quiet(self) -> float:
        """The controller's part of a core while nothing changes."""
        begun, cpu = time.monotonic(), self._cpu()
        await asyncio.sleep(self.plan.quiet_s)
        return (self._cpu() - cpu) / (time.monotonic() - begun)

    async def _admissions(self) -> tuple[list[float], float]:
        """What each took, and the controller's processor seconds for all."""
        cpu = self._cpu()
        words = (self.webhook_ca, stage.WEBHOOK_PORT, self.plan.admissions_s, self.plan.connections)
        took = await seconds_of(self.stood.client("admissions", *words))
        return took, self._cpu() - cpu

    def _cpu(self) -> float:
        return usage.processor_seconds([self.stood.controller.pid])


def _say(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)
