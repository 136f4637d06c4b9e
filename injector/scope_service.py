"""The scope map of one replica, put together: what is watched, the model, the hub, the API, the policy.

What belongs here: which part gets which other part.  What never does: anything a part could do itself, and listening on a
port; the controller serves `app`.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from uuid import uuid4

from starlette.applications import Starlette

from injector import slim
from injector.events import Teller
from injector.kube import (
    CONFIG_MAPS,
    ENDPOINT_SLICES,
    NAMESPACES,
    NODES,
    PODS,
    SERVICES,
    Kube,
    Resource,
)
from injector.policy_source import PolicyMap, PolicySource, policy_map
from injector.reflector import Kind, Reflector
from injector.scope_api import ScopeApi
from injector.scope_hub import Hub
from injector.scope_model import Ground, ScopeModel
from injector.token_review import Reviewer
from injector.tree import Object
from sidecar import contract

# A pod that has run to its end leaves the watch like one that was deleted.
_RUNNING = MappingProxyType({"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"})


@dataclass(frozen=True, slots=True)
class ScopeSettings:
    """What an operator sets about the scope map."""

    ground: Ground = field(default_factory=Ground)
    namespace: str = contract.SYSTEM_NAMESPACE
    identity: str = ""
    """Name of this replica."""
    patterns: Collection[str] | None = None
    """Known pattern ids, for the policy; None accepts any."""


class ScopeService:
    """Everything about the scope map that one replica does; `run` never ends."""

    def __init__(self, kube: Kube, settings: ScopeSettings) -> None:
        self.model = ScopeModel(settings.ground)
        self.teller = Teller(kube, settings.identity)
        self.reviewer = Reviewer(kube)
        self.hub = Hub(self.model, uuid4().hex, self._blind_s)
        self.policy = PolicySource(settings.patterns, self.hub.set_policy, self.teller.tell)
        self.api = ScopeApi(self.hub, self.model, self.reviewer)
        self.app: Starlette = self.api.app()
        model = self.model
        self.reflectors = (
            self._reflected(kube, NAMESPACES, slim.namespace, model.put_namespace, model.drop_namespace),
            self._reflected(kube, NODES, slim.node, model.put_node, model.drop_node),
            self._reflected(kube, PODS, slim.pod, model.put_pod, model.drop_pod, _RUNNING),
            self._reflected(kube, SERVICES, slim.service, model.put_service, model.drop_service),
            self._reflected(kube, ENDPOINT_SLICES, slim.endpoint_slice, model.put_slice, model.drop_slice),
        )
        self.policy_reflector: Reflector[PolicyMap] = Reflector(
            kube,
            Kind(
                CONFIG_MAPS,
                policy_map,
                self.policy.put,
                self.policy.drop,
                settings.namespace,
                {"fieldSelector": f"metadata.name={contract.POLICY_CONFIG_MAP}"},
            ),
        )

    def missing(self) -> list[str]:
        """What keeps this replica from serving the map: kinds not listed yet."""
        every = (*self.reflectors, self.policy_reflector)
        return [reflector.name for reflector in every if not reflector.synced.is_set()]

    async def run(self) -> None:
        """Follow the cluster and serve it, for ever."""
        async with asyncio.TaskGroup() as tasks:
            for each in (*self.reflectors, self.policy_reflector):
                tasks.create_task(each.run())
            tasks.create_task(self.teller.run())
            tasks.create_task(self._serve())

    def end(self) -> None:
        """Send every sidecar to another replica, and take no more."""
        self.hub.end_all()

    async def _serve(self) -> None:
        for each in (*self.reflectors, self.policy_reflector):
            await each.synced.wait()
        self.policy.synced()
        self.hub.publish()
        self.hub.open = True
        await self.hub.run()

    def _blind_s(self) -> float:
        """For how long any part of the cluster has not been heard of."""
        return max(reflector.blind_s for reflector in self.reflectors)

    def _reflected[T](
        self,
        kube: Kube,
        resource: Resource,
        read: Callable[[Object], T],
        put: Callable[[T, float], None],
        drop: Callable[[T, float], None],
        selectors: Mapping[str, str] = MappingProxyType({}),
    ) -> Reflector[T]:
        def told(change: Callable[[T, float], None]) -> Callable[[T], None]:
            def tell(facts: T) -> None:
                change(facts, time.monotonic())
                self.hub.poke()

            return tell

        return Reflector(kube, Kind(resource, read, told(put), told(drop), selectors=selectors))
