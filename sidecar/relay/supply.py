"""Keeps the world supplied: policy and scope map from files, or from the controller; the last good ones stay.

What belongs here: taking a new policy or map into force, and telling metrics and health about it.  What never does:
reading them (`ops`), and what they mean (`core`).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from dlp_patterns.model import PatternError
from sidecar.core.hits import EngineError
from sidecar.core.policy_text import PolicyError, PolicyFile, parse_policy
from sidecar.ops.day import end_of, today
from sidecar.ops.memory import give_back
from sidecar.ops.policy_file import load_policy
from sidecar.ops.scope_file import load_scope_map
from sidecar.ops.scope_stream import ScopeStream
from sidecar.ops.watch import Changed, Failed, Watched

if TYPE_CHECKING:
    from sidecar.core.scope_feed import NewMap, NewPolicy
    from sidecar.core.scopes import ScopeMap
    from sidecar.ops.health import Health
    from sidecar.ops.metrics import Metrics
    from sidecar.ops.scope_api import Access
    from sidecar.ops.settings import Settings
    from sidecar.relay.own_packs import OwnPacks
    from sidecar.relay.world import Regime, World

log = logging.getLogger("cdefence")


class Supply:
    """What both ways have in common."""

    def __init__(
        self, settings: Settings, world: World, metrics: Metrics, health: Health, packs: OwnPacks
    ) -> None:
        self._packs = packs
        self._settings = settings
        self._world = world
        self._metrics = metrics
        self._health = health

    async def run(self) -> None:
        """Look for ever, as often as the settings say."""
        while True:
            await asyncio.sleep(self._settings.reload_s)
            try:
                await self.look()
            except Exception as error:  # a defect must not leave the old policy in force for ever
                log.error("looking at policy and scope map failed: %s", type(error).__name__, exc_info=error)

    async def look(self) -> None:
        """What is to be done now and then: a map may have expired, or an exception."""
        self._health.note(scope_map_loaded=self._world.has_map(self._metrics.scope_map_age()))
        regime, now = self._world.regime, today()
        if regime.policy.over(now) != regime.policy.over(regime.today):
            await self._look_at_exceptions(regime, now)
        if self._packs.changed():
            await self._look_at_packs()

    async def _look_at_exceptions(self, regime: Regime, now: str) -> None:
        """The same policy, on another day."""
        try:
            again = await asyncio.to_thread(self._world.prepare, regime.policy, regime.mode, now)
        except EngineError as error:
            self.policy_failed(error)
            return
        if self._world.regime is regime:  # no other policy came meanwhile
            self.adopt(again)

    async def _look_at_packs(self) -> None:
        """Other patterns of the user's own; bad ones never replace good ones."""
        regime = self._world.regime
        try:
            matcher = await asyncio.to_thread(self._packs.matcher)
            again = await asyncio.to_thread(
                self._world.prepare, regime.policy, regime.mode, regime.today, matcher
            )
        except (PatternError, EngineError) as error:
            log.error("pattern packs not usable, the last ones stay: %s", error)
            return
        if self._world.regime is not regime:
            self._packs.forget()  # another policy came meanwhile: once more
            return
        self._world.arm(again)
        give_back()
        log.info("%d patterns in force", len(matcher.patterns))

    def prepare(self, file: PolicyFile) -> Regime:
        """What follows from a policy.  May take seconds; raises EngineError."""
        return self._world.prepare(file.policy, file.mode or self._settings.mode, today())

    def adopt(self, regime: Regime) -> None:
        """A policy is in force from now on."""
        policy, self._world.regime = regime.policy, regime
        ends = {rule.name: end_of(rule.terms.expires) for rule in policy.exceptions if rule.terms is not None}
        self._metrics.set_policy(policy.version, ends)
        self._health.note(policy_loaded=True)
        log.info("policy %s in force", policy.version)
        give_back()
        for name in dict.fromkeys(rule.name for rule in policy.over(regime.today)):
            log.warning("exception %s of the policy has ended and is without effect", name)
        if policy.asks_for_values and not self._world.key:
            log.warning("the policy names values by keyed hashes, but hash_key is not set: they fit nothing")

    def take(self, scopes: ScopeMap) -> None:
        """A scope map is in force from now on."""
        self._world.scopes = scopes
        self._metrics.set_scope_map(scopes.counts, scopes.conflicts, self._metrics.clock())
        self._health.note(scope_map_loaded=True)

    def policy_failed(self, error: Exception) -> None:
        """A new policy cannot be used."""
        self._metrics.policy_reload_failed()
        log.error("policy not usable, the last one stays: %s", error)


class FileSupply(Supply):
    """From files, looked at again and again."""

    def __init__(
        self, settings: Settings, world: World, metrics: Metrics, health: Health, packs: OwnPacks
    ) -> None:
        """Raises ConfigError or EngineError: without the policy that is meant nothing begins."""
        super().__init__(settings, world, metrics, health, packs)
        policy, scopes = settings.policy, settings.scope_map
        self._policy = Watched(policy, lambda path: load_policy(path, _patterns(world))) if policy else None
        self._scopes = Watched(scopes, load_scope_map) if scopes else None
        self.adopt(self.prepare(self._first_policy()))
        self._look_at_scopes()

    async def look(self) -> None:
        """Read what has changed."""
        await self._look_at_policy()
        self._look_at_scopes()
        await super().look()

    def _first_policy(self) -> PolicyFile:
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
                regime = await asyncio.to_thread(self.prepare, news.value)  # traffic goes on meanwhile
            except EngineError as error:
                self.policy_failed(error)
            else:
                self.adopt(regime)
        elif isinstance(news, Failed):
            self.policy_failed(news.error)

    def _look_at_scopes(self) -> None:
        news = self._scopes.poll() if self._scopes is not None else None
        if isinstance(news, Changed):
            self.take(news.value)
            log.info("scope map epoch %d in force", news.value.epoch)
        elif isinstance(news, Failed):
            self._metrics.scope_map_reload_failed()
            log.error("scope map not usable, the last one stays: %s", news.error)


class StreamSupply(Supply):
    """From the controller, as it changes.

    The controller tells the policy before the first map, so nothing is let through under another one.  Where even the
    first policy cannot be used, maps wait until there is one that can.
    """

    def __init__(
        self,
        settings: Settings,
        world: World,
        metrics: Metrics,
        health: Health,
        packs: OwnPacks,
        access: Access,
    ) -> None:
        """Raises EngineError."""
        super().__init__(settings, world, metrics, health, packs)
        world.regime = self.prepare(PolicyFile(world.policy))  # compiled now, should there be no other
        self._stream = ScopeStream(access, self, metrics)
        self._refused = False
        """The first policy could not be used."""
        self._waiting: ScopeMap | None = None
        """The map that waits for a policy."""
        self._own = settings.scope
        """What we know that the controller takes our pod for."""

    async def run(self) -> None:
        """Follow the controller, and look whether the map still holds."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stream.run())
            tasks.create_task(super().run())

    def new_map(self, change: NewMap) -> None:
        """Another map is right from now on."""
        if change.own is not self._own:
            self._own = change.own
            log.warning("this pod is %s, but the controller knows it as %s", self._settings.scope, change.own)
        if self._refused:
            self._waiting = change.scopes
            return
        if self._world.scopes is None:
            log.info("scope map %d in force", change.scopes.epoch)
        self.take(change.scopes)
        self._health.note(policy_loaded=True)

    async def new_policy(self, change: NewPolicy) -> None:
        """Another policy should hold from now on; a bad one never replaces a good one."""
        if change.version == self._world.policy.version:
            return
        try:
            file = parse_policy(change.text, "policy of the controller", _patterns(self._world))
            regime = await asyncio.to_thread(self.prepare, file)  # traffic goes on meanwhile
        except (PolicyError, EngineError) as error:
            self.policy_failed(error)
            self._refused = self._world.scopes is None
            return
        self.adopt(regime)
        self._refused, waiting, self._waiting = False, self._waiting, None
        if waiting is not None:
            self.take(waiting)

    def heard(self, age: float) -> None:
        """The map that was told last is as old as that."""
        if self._world.scopes is not None:
            self._metrics.scope_map_heard(age)


def _patterns(world: World) -> frozenset[str]:
    return frozenset(pattern.told for pattern in world.matcher.patterns)
