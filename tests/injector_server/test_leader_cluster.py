"""The election against a real API server, tried often: two candidates never lead at once."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from injector.kube import connect
from injector.leader import Election, Timing
from tests.injector_server import farewell
from tests.injector_server.cluster import SYSTEM

pytestmark = pytest.mark.cluster

OFTEN = Timing(lease_s=12.0, renew_deadline_s=8.0, retry_s=0.2)
"""Tries follow each other quickly, and yet no request of a busy machine takes so long that a leader must give up."""


@pytest.fixture
def cluster(clean_cluster):
    with clean_cluster() as each:
        yield each


class Candidate:
    """One that stands for election, and remembers."""

    def __init__(self, name, leading):
        self.name = name
        self._leading = leading
        self.led = 0
        self.ended = self.begun = 0.0
        """When it led last, on the clock of the loop."""
        self.fails = False

    async def lead(self):
        assert not self._leading, f"{self.name} leads beside {self._leading}"
        self._leading.add(self.name)
        self.led += 1
        self.begun = asyncio.get_running_loop().time()
        try:
            if self.fails:
                raise RuntimeError("the work fails")
            await asyncio.Event().wait()
        finally:
            self._leading.discard(self.name)
            self.ended = asyncio.get_running_loop().time()


@asynccontextmanager
async def standing(cluster, *candidates):
    """Let them stand until the end of the block; their tasks, by name."""
    async with await connect(cluster.bed.kubeconfig) as client:
        tasks = {
            each.name: asyncio.create_task(
                Election(client, namespace=SYSTEM, name="lease", identity=each.name, timing=OFTEN).run(
                    each.lead
                )
            )
            for each in candidates
        }
        try:
            yield tasks
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.wait(tasks.values())


async def until(true):
    async with asyncio.timeout(120):
        while not true():
            await asyncio.sleep(0.02)


def lease(cluster):
    return json.loads(cluster.kubectl("-n", SYSTEM, "get", "lease", "lease", "-o", "json").stdout)["spec"]


def two():
    leading = set()
    return leading, Candidate("a", leading), Candidate("b", leading)


def test_one_leads_and_the_other_takes_over_when_it_ends(cluster):
    async def run():
        leading, a, b = two()
        async with standing(cluster, a, b) as tasks:
            await until(lambda: leading)
            (first,) = leading
            tasks[first].cancel()
            await until(lambda: leading and leading != {first})
            return a.led, b.led

    assert farewell.run(run()) == (1, 1)
    spec = lease(cluster)
    assert (spec.get("holderIdentity", ""), spec["leaseDurationSeconds"]) == ("", 1)
    assert spec["leaseTransitions"] == 1


class Distant:
    """An API server whose answers to changes come late: what was asked for has been done long before."""

    def __init__(self, near):
        self._near = near
        self.changes = 0

    def __getattr__(self, name):
        return getattr(self._near, name)

    async def patch(self, *given):
        answer = await self._near.patch(*given)
        self.changes += 1
        if self.changes == 1:  # the first renewal
            await asyncio.sleep(600)
        return answer


def test_who_ends_while_it_renews_gives_the_lease_back(cluster):
    async def run():
        _, a, _ = two()
        async with await connect(cluster.bed.kubeconfig) as client:
            distant = Distant(client)
            given = {"namespace": SYSTEM, "name": "lease", "identity": "a"}
            slow = Timing(lease_s=120.0, renew_deadline_s=100.0, retry_s=5.0)
            task = asyncio.create_task(Election(distant, **given, timing=slow).run(a.lead))
            await until(lambda: distant.changes == 1)
            task.cancel()
            await asyncio.wait([task])

    farewell.run(run())
    assert lease(cluster).get("holderIdentity", "") == ""


def test_who_loses_the_lease_stops_at_once_and_waits_its_whole_life(cluster):
    async def run():
        leading, a, _ = two()
        async with standing(cluster, a):
            await until(lambda: leading)
            take = '{"spec":{"holderIdentity":"somebody","leaseDurationSeconds":2}}'
            where = ("-n", SYSTEM, "patch", "lease", "lease", "--type=merge", "-p", take)
            await asyncio.to_thread(cluster.kubectl, *where)
            await until(lambda: not leading)
            await until(lambda: leading)
            return a.led, a.begun - a.ended

    led, waited = farewell.run(run())
    assert led == 2
    assert waited >= OFTEN.lease_s * 0.9


def test_work_that_fails_ends_the_candidate_and_frees_the_lease(cluster):
    async def run():
        leading, a, b = two()
        a.fails = True
        async with standing(cluster, a) as tasks:
            await asyncio.wait(tasks.values())
            with pytest.raises(RuntimeError, match="the work fails"):
                tasks["a"].result()
        async with standing(cluster, b):
            begun = asyncio.get_running_loop().time()
            await until(lambda: leading)
            return b.begun - begun

    assert farewell.run(run()) < OFTEN.lease_s


def test_without_an_api_server_it_stops_leading_before_anybody_else_may_begin(cluster):
    async def run():
        leading, a, _ = two()
        async with standing(cluster, a):
            await until(lambda: leading)
            await asyncio.to_thread(cluster.bed.stop_apiserver)
            begun = asyncio.get_running_loop().time()
            try:
                await until(lambda: not leading)
                return a.ended - begun
            finally:
                await asyncio.to_thread(cluster.bed.start_apiserver)

    assert farewell.run(run()) < OFTEN.lease_s
