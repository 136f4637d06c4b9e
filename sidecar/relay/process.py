"""The running sidecar: loads what it decides by, watches it for changes, serves metrics and health, relays."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from dlp_patterns.exact_file import read_key
from sidecar import __version__, contract
from sidecar.ops.app_probes import AppProbes
from sidecar.ops.callers import Callers, is_loopback
from sidecar.ops.endpoint import Answer, Asked, Endpoint, plain
from sidecar.ops.event_log import EventLog
from sidecar.ops.events import Origin
from sidecar.ops.exposition import Exposition
from sidecar.ops.health import Health
from sidecar.ops.metrics import Metrics
from sidecar.ops.scope_api import Access
from sidecar.ops.scope_lookup import ScopeLookup
from sidecar.relay import sockets
from sidecar.relay.own_packs import OwnPacks
from sidecar.relay.server import Relay
from sidecar.relay.supply import FileSupply, StreamSupply
from sidecar.relay.world import Freshness, World

if TYPE_CHECKING:
    from sidecar.ops.settings import Settings

log = logging.getLogger("cdefence")

PROBE_RETRY, PROBE_AGAIN = 0.2, 30.0
"""Seconds between questions whether redirection works, while it does not and while it does."""


class Process:
    """Everything that one `cdefence proxy` runs."""

    def __init__(self, settings: Settings) -> None:
        """Raises EngineError, ConfigError or OSError when there is nothing safe to start with."""
        self._settings = settings
        self._limit = _limit(settings.max_connections, sockets.raise_descriptor_limit())
        watched = OwnPacks(settings.packs, settings.own_packs, settings.cache_dir)
        matcher = watched.matcher()
        freshness = Freshness(settings.scope_map_stale_after_s, settings.scope_map_expire_after_s)
        key = read_key(settings.hash_key) if settings.hash_key is not None else b""
        self._world = World(settings.scope, settings.mode, matcher, freshness=freshness, key=key)
        self._metrics = Metrics()
        self._health = Health()
        self._health.note(patterns_loaded=True)
        api = settings.scope_api
        self._access = Access(api, settings.token, settings.ca) if api is not None else None
        parts = settings, self._world, self._metrics, self._health, watched
        self._supply = FileSupply(*parts) if self._access is None else StreamSupply(*parts, self._access)
        self._events = EventLog(
            settings.events, Origin(settings.pod, settings.namespace), settings.events_queue
        )
        self._metrics.events_dropped = lambda: self._events.dropped
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def description(self) -> str:
        """What is about to run, in one line."""
        settings, patterns = self._settings, self._world.matcher.patterns
        names = *settings.packs, *(folder.name for folder in settings.own_packs)
        return (
            f"cdefence {__version__}: scope {settings.scope}, mode {self._world.mode}, "
            f"packs {', '.join(names)} ({len(patterns)} patterns)"
        )

    async def start(self) -> None:
        """Listen and relay.  Raises OSError when a port is taken."""
        settings, health = self._settings, self._health
        exposition = Exposition(self._metrics)

        def metrics(asked: Asked) -> Answer:
            body, kind = exposition.page(asked.accept)
            return Answer(200, kind, body)

        callers = Callers(self._world.who, settings.pod_ips)
        probes = AppProbes(settings.probes, settings.pod_ips, callers).routes()
        pages = {"/livez": health.livez, "/readyz": health.readyz, **probes}
        self._health_endpoint = Endpoint(pages, {contract.DRAIN_PATH: self._drain_asked})
        self._metrics_endpoint = Endpoint({"/metrics": metrics})
        await self._health_endpoint.start(settings.bind, settings.health_port)
        await self._metrics_endpoint.start(settings.bind, settings.metrics_port)
        self._lookup = ScopeLookup(self._access, self._metrics) if self._access is not None else None
        self._relay = Relay(self._world, settings, self._limit, self._metrics, self._events, self._lookup)
        self._relay.start()
        health.note(listening=True)
        self._tasks = [asyncio.create_task(self._supply.run()), asyncio.create_task(self._probe())]
        log.info("ready to relay: inbound %d, outbound %d", settings.inbound_port, settings.outbound_port)

    async def stop(self) -> None:
        """Drain and end."""
        log.info("draining")
        self._health.note(not_draining=False)
        for task in self._tasks:
            task.cancel()
        await self._relay.drain(self._settings.drain_s)
        if self._lookup is not None:
            await self._lookup.close()
        await self._health_endpoint.stop()
        await self._metrics_endpoint.stop()
        await asyncio.to_thread(self._events.close)

    def _drain_asked(self, asked: Asked) -> Answer:
        """The pod is about to end, and its containers may still want to talk to others for a while."""
        if not is_loopback(asked.peer):
            return plain(HTTPStatus.NOT_FOUND)
        if not self._relay.parting:
            log.info("draining inbound connections")
        self._relay.parting = True
        self._health.note(not_draining=False)
        return plain(HTTPStatus.OK)

    # --- are the rules there?  ----------------------------------------------------------------------------------------

    async def _probe(self) -> None:
        """Dial an address that exists nowhere; only our firewall rules can turn that to our own listener.

        An unprivileged process cannot read nftables, but it can see them work (Linkerd's network-validator does the
        same).  Repeated, because rules can be lost.
        """
        while True:
            seen = False
            for address in contract.PROBE_ADDRESSES:
                seen = seen or await _comes_back(address)
            self._health.note(rules_working=seen)
            await asyncio.sleep(PROBE_AGAIN if seen else PROBE_RETRY)


def _limit(wanted: int, descriptors: int) -> int:
    """How many connections may be open at once: what is set, if descriptors are enough for it."""
    room = sockets.room(descriptors)
    if room < wanted:
        log.warning(
            "at most %d connections, not %d: the limit of open files is %d", room, wanted, descriptors
        )
    return min(wanted, room)


async def _comes_back(address: str) -> bool:
    """Whether a connection to `address` ends at our own listener."""
    loop = asyncio.get_running_loop()
    try:
        with sockets.client_socket(address) as sock:
            async with asyncio.timeout(1.0):
                await loop.sock_connect(sock, (address, contract.PROBE_PORT))
                return await loop.sock_recv(sock, 64) == contract.PROBE_ANSWER
    except (OSError, TimeoutError):
        return False
