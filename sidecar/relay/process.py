"""The running sidecar: loads what it decides by, watches it for changes, serves metrics and health, relays."""

from __future__ import annotations

import asyncio
import logging
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from dlp_patterns.load import builtin
from sidecar import __version__, contract
from sidecar.core.hits import EngineError
from sidecar.core.policy_text import PolicyFile
from sidecar.match.hs import HyperscanMatcher
from sidecar.ops.app_probes import AppProbes
from sidecar.ops.callers import Callers, is_loopback
from sidecar.ops.endpoint import Answer, Asked, Endpoint, plain
from sidecar.ops.event_log import EventLog
from sidecar.ops.events import Origin
from sidecar.ops.exposition import Exposition
from sidecar.ops.health import Health
from sidecar.ops.metrics import Metrics
from sidecar.ops.policy_file import load_policy
from sidecar.ops.scope_file import load_scope_map
from sidecar.ops.watch import Changed, Failed, Watched
from sidecar.relay import sockets
from sidecar.relay.server import Relay
from sidecar.relay.world import Freshness, World

if TYPE_CHECKING:
    from sidecar.ops.settings import Settings
    from sidecar.relay.world import Regime

log = logging.getLogger("cdefence")

PROBE_RETRY, PROBE_AGAIN = 0.2, 30.0
"""Seconds between questions whether redirection works, while it does not and while it does."""


class Process:
    """Everything that one `cdefence proxy` runs."""

    def __init__(self, settings: Settings) -> None:
        """Raises EngineError, ConfigError or OSError when there is nothing safe to start with."""
        self._settings = settings
        self._limit = _limit(settings.max_connections, sockets.raise_descriptor_limit())
        patterns = [pattern for pack in builtin() if pack.name in settings.packs for pattern in pack.patterns]
        matcher = HyperscanMatcher(patterns, settings.cache_dir)
        known = frozenset(pattern.id for pattern in patterns)
        freshness = Freshness(settings.scope_map_stale_after_s, settings.scope_map_expire_after_s)
        self._world = World(settings.scope, settings.mode, matcher, freshness=freshness)
        self._metrics = Metrics()
        self._health = Health()
        self._health.note(patterns_loaded=True)
        self._policy = (
            Watched(settings.policy, lambda path: load_policy(path, known)) if settings.policy else None
        )
        self._scopes = Watched(settings.scope_map, load_scope_map) if settings.scope_map else None
        self._events = EventLog(
            settings.events, Origin(settings.pod, settings.namespace), settings.events_queue
        )
        self._metrics.events_dropped = lambda: self._events.dropped
        self._adopt(self._prepare(self._first_policy()))
        self._look_at_scopes()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def description(self) -> str:
        """What is about to run, in one line."""
        settings, patterns = self._settings, self._world.matcher.patterns
        return (
            f"cdefence {__version__}: scope {settings.scope}, mode {self._world.mode}, "
            f"packs {', '.join(settings.packs)} ({len(patterns)} patterns)"
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
        self._relay = Relay(self._world, settings, self._limit, self._metrics, self._events)
        self._relay.start()
        health.note(listening=True)
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._probe())]
        log.info("ready to relay: inbound %d, outbound %d", settings.inbound_port, settings.outbound_port)

    async def stop(self) -> None:
        """Drain and end."""
        log.info("draining")
        self._health.note(not_draining=False)
        for task in self._tasks:
            task.cancel()
        await self._relay.drain(self._settings.drain_s)
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

    # --- files ------------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._settings.reload_s)
            try:
                await self._look_at_policy()
                self._look_at_scopes()
            except Exception as error:  # a defect must not leave the old policy in force for ever
                log.error("looking at policy and scope map failed: %s", type(error).__name__, exc_info=error)

    def _first_policy(self) -> PolicyFile:
        """What to begin with.  Raises ConfigError: without the policy that is meant nothing begins."""
        if self._policy is None:
            return PolicyFile(self._world.policy)
        news = self._policy.poll()
        if isinstance(news, Failed):
            raise news.error
        assert news is not None
        return news.value

    async def _look_at_policy(self) -> None:
        news = self._policy.poll() if self._policy is not None else None
        if isinstance(news, Changed):
            try:
                regime = await asyncio.to_thread(self._prepare, news.value)  # traffic goes on meanwhile
            except EngineError as error:
                self._policy_failed(error)
            else:
                self._adopt(regime)
        elif isinstance(news, Failed):
            self._policy_failed(news.error)

    def _prepare(self, file: PolicyFile) -> Regime:
        return self._world.prepare(file.policy, file.mode or self._settings.mode)

    def _adopt(self, regime: Regime) -> None:
        self._world.regime = regime
        self._metrics.set_policy(regime.policy.version)
        self._health.note(policy_loaded=True)
        log.info("policy %s in force", regime.policy.version)

    def _policy_failed(self, error: Exception) -> None:
        self._metrics.policy_reload_failed()
        log.error("policy not usable, the last one stays: %s", error)

    def _look_at_scopes(self) -> None:
        news = self._scopes.poll() if self._scopes is not None else None
        if isinstance(news, Changed):
            scopes = self._world.scopes = news.value
            self._metrics.set_scope_map(scopes.counts(), scopes.conflicts, time.monotonic())
            log.info("scope map epoch %d in force", scopes.epoch)
        elif isinstance(news, Failed):
            self._metrics.scope_map_reload_failed()
            log.error("scope map not usable, the last one stays: %s", news.error)
        self._health.note(scope_map_loaded=self._world.has_map(self._metrics.scope_map_age()))

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
