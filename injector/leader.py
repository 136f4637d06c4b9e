"""Who of the replicas writes: election by a Lease (coordination.k8s.io/v1), the rules of client-go.

What belongs here: taking, keeping, losing and giving back the Lease, and starting and stopping what only the leader may
do.  What never does: that work itself.

Clocks of two machines are never compared.  A replica measures with its own monotonic clock how long the record has not
changed; the times written into the Lease are for people.  15 s without a change make the Lease free, a leader that could
not renew for 10 s stops its work: five seconds in between in which nobody leads, never two who do.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from injector.kube import LEASES, Kube, KubeError, PatchKind, at
from injector.tree import Object

log = logging.getLogger("cdefence.leader")


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a leader is believed, tries, and waits between tries; seconds (client-go's own defaults)."""

    lease_s: float = 15.0
    renew_deadline_s: float = 10.0
    retry_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Record:
    """What a Lease says."""

    holder: str
    lease_s: float
    transitions: int
    version: str
    """`metadata.resourceVersion`: a change of an older one is refused."""


class Election:
    """One candidate for one Lease."""

    def __init__(
        self,
        kube: Kube,
        *,
        namespace: str,
        name: str,
        identity: str,
        timing: Timing = Timing(),
        tell: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._timing = timing
        self._tell = tell
        self._seen = ""
        """Version of the record that somebody else holds."""
        self._free_at = 0.0
        """When that record has run out, on our clock."""
        self._mine: Record | None = None

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Stand for election until cancelled; while elected, `lead()` runs, and is cancelled when the Lease is lost.

        Raises: what `lead` raises, after the Lease was given back, so that another replica takes over at once.
        """
        try:
            while True:
                await self._acquire()
                await self._reign(lead)
        finally:
            await self._release()

    async def _acquire(self) -> None:
        while not await self._attempt():
            # Not later than the moment at which the record we watch has run out, or failing over takes a try longer.
            pause = self._timing.retry_s * random.uniform(1.0, 1.2)  # noqa: S311 - no secret
            left = self._free_at - time.monotonic()
            await asyncio.sleep(min(pause, left + random.uniform(0.01, 0.1)) if left > 0 else pause)  # noqa: S311
        log.info("%s leads", self._identity)

    async def _attempt(self) -> bool:
        """Try once to become the leader; errors are told and count as no."""
        try:
            async with asyncio.timeout(self._timing.renew_deadline_s):
                return await self._take()
        except (KubeError, TimeoutError) as error:
            if not (isinstance(error, KubeError) and error.conflict):  # a conflict: another one was quicker
                log.warning("lease %s: %s", self._name, error or "no answer in time")
            return False

    async def _take(self) -> bool:
        try:
            record = _record(await self._kube.get(LEASES, self._name, self._namespace))
        except KubeError as error:
            if not error.not_found:
                raise
            body: Object = {"metadata": {"name": self._name}, "spec": self._spec(0)}
            self._mine = _record(await self._kube.create(LEASES, body, self._namespace))
            return True
        if record.holder not in ("", self._identity) and not self._expired(record):
            return False
        self._mine = await self._write(record, self._spec(record.transitions + 1))
        return True

    def _expired(self, record: Record) -> bool:
        """Whether we have watched this very record for the whole life of a lease."""
        now = time.monotonic()
        if record.version != self._seen:
            self._seen, self._free_at = record.version, now + max(record.lease_s, self._timing.lease_s)
        return now >= self._free_at

    async def _reign(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Work until the Lease is lost; ends with the work stopped."""
        self._tell(True)
        work = asyncio.ensure_future(lead())
        keep = asyncio.ensure_future(self._keep())
        try:
            await asyncio.wait((work, keep), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._tell(False)
            await _stop(keep)
            await _stop(work)
        for task in (work, keep):
            if not task.cancelled():
                task.result()  # raises what ended it
        if not work.cancelled():
            raise RuntimeError("the leader's work ended, which it never should")
        log.warning("%s leads no more", self._identity)

    async def _keep(self) -> None:
        """Renew until somebody else holds the Lease, or renewing failed for too long."""
        renewed = time.monotonic()
        while time.monotonic() - renewed < self._timing.renew_deadline_s:
            await asyncio.sleep(self._timing.retry_s)
            begun = time.monotonic()
            try:
                async with asyncio.timeout(max(0.0, renewed + self._timing.renew_deadline_s - begun)):
                    if not await self._renew():
                        return
                renewed = begun
            except (KubeError, TimeoutError) as error:
                log.warning("lease %s not renewed: %s", self._name, error or "no answer in time")

    async def _renew(self) -> bool:
        """Write a new time; False when another one holds the Lease now."""
        record = _record(await self._kube.get(LEASES, self._name, self._namespace))
        if record.holder != self._identity:
            self._mine = None
            return False
        self._mine = await self._write(record, {"renewTime": _now()})
        return True

    async def _release(self) -> None:
        """Give the Lease back, so that nobody has to wait for it to run out."""
        if self._mine is None:
            return
        with contextlib.suppress(KubeError, TimeoutError):
            async with asyncio.timeout(self._timing.retry_s):
                while not await self._gave_back():
                    pass

    async def _gave_back(self) -> bool:
        """False when the record changed meanwhile: a renewal that was cancelled may still have been carried out."""
        record = _record(await self._kube.get(LEASES, self._name, self._namespace))
        if record.holder != self._identity:
            return True
        try:
            await self._write(record, {"holderIdentity": "", "leaseDurationSeconds": 1})
        except KubeError as error:
            if error.conflict:
                return False
            raise
        log.info("%s gave the lease back", self._identity)
        return True

    async def _write(self, record: Record, spec: Object) -> Record:
        body: Object = {"metadata": {"resourceVersion": record.version}, "spec": spec}
        changed = await self._kube.patch(LEASES, self._name, PatchKind.MERGE, body, self._namespace)
        return _record(changed)

    def _spec(self, transitions: int) -> Object:
        now = _now()
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(1, round(self._timing.lease_s)),
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": transitions,
        }


async def _stop(task: "asyncio.Future[None]") -> None:
    task.cancel()
    await asyncio.wait((task,))


def _now() -> str:
    """A MicroTime of the Kubernetes API (RFC 3339 with microseconds)."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _record(lease: Object) -> Record:
    seconds, transitions = at(lease, "spec", "leaseDurationSeconds"), at(lease, "spec", "leaseTransitions")
    return Record(
        holder=str(at(lease, "spec", "holderIdentity") or ""),
        lease_s=float(seconds) if isinstance(seconds, int) else 0.0,
        transitions=transitions if isinstance(transitions, int) else 0,
        version=str(at(lease, "metadata", "resourceVersion") or ""),
    )
