"""Keeps the caBundle of our MutatingWebhookConfiguration equal to the CAs that are served.  Only the leader runs it.

What belongs here: which bytes the API server must trust, and putting them there.  What never does: the rest of that object
– rules, selectors, policy – which a manifest owns.

Only entries whose caBundle differs are touched, each by its place *and* name (a JSON patch with a `test`), so an order that
changed in between is refused by the API server instead of trusted.  GitOps tools find no difference in what they wrote:
the manifests leave caBundle out.
"""

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable

from injector.kube import MUTATING_WEBHOOKS, Kube, KubeError, PatchKind, at
from injector.reflector import Kind, Reflector
from injector.tree import Node, Object, items
from injector.waiting import Waiting

log = logging.getLogger("cdefence.webhook_config")

type NextBundle = Callable[[bytes | None], Awaitable[bytes]]
"""Gives the CA bundle (PEM) as soon as it differs from the one given; see `CertificateSecret.next`."""


async def keep(kube: Kube, name: str, next_bundle: NextBundle) -> None:
    """Hold the caBundle of every webhook in the configuration `name` equal to the bundle; never ends."""
    keeper = _Keeper(kube, name)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(keeper.follow_bundle(next_bundle))
        tasks.create_task(keeper.reflector().run())
        tasks.create_task(keeper.waiting.reassert(lambda: [name]))
        tasks.create_task(keeper.waiting.work(keeper.put_right))


def correction(configuration: Object, bundle: bytes) -> list[Object]:
    """The JSON patch that makes every caBundle right; empty if there is nothing to do."""
    wanted = base64.b64encode(bundle).decode("ascii")
    patch: list[Object] = []
    for place, webhook in enumerate(items(configuration, "webhooks")):
        if at(webhook, "clientConfig", "caBundle") != wanted:
            at_place = f"/webhooks/{place}"
            patch.append({"op": "test", "path": f"{at_place}/name", "value": webhook.get("name")})
            patch.append({"op": "add", "path": f"{at_place}/clientConfig/caBundle", "value": wanted})
    return patch


class _Keeper:
    def __init__(self, kube: Kube, name: str) -> None:
        self._kube = kube
        self._name = name
        self._bundle: bytes | None = None
        self.waiting = Waiting()

    async def follow_bundle(self, next_bundle: NextBundle) -> None:
        while True:
            self._bundle = await next_bundle(self._bundle)
            self.waiting.add([self._name])

    def reflector(self) -> Reflector[Object]:
        """Somebody may write another bundle there, or the whole object anew."""
        selectors = {"fieldSelector": f"metadata.name={self._name}"}
        return Reflector(
            self._kube, Kind(MUTATING_WEBHOOKS, lambda found: found, self._seen, _nothing, None, selectors)
        )

    def _seen(self, found: Object) -> None:
        if self._bundle is not None and correction(found, self._bundle):
            self.waiting.add([self._name])

    async def put_right(self, name: str) -> None:
        """Read it again and patch what differs.  It may not exist yet: the watch tells when it does."""
        if self._bundle is None:
            return
        try:
            patch: list[Object] = correction(await self._kube.get(MUTATING_WEBHOOKS, name), self._bundle)
        except KubeError as error:
            if error.not_found:
                log.warning("MutatingWebhookConfiguration %s does not exist: no pod is injected", name)
                return
            raise
        if patch:
            await self._kube.patch(MUTATING_WEBHOOKS, name, PatchKind.JSON, patch)
            log.info("caBundle of %s put right: %s", name, _named(patch))


def _named(patch: list[Object]) -> str:
    names: list[Node] = [step["value"] for step in patch if step["op"] == "test"]
    return ", ".join(map(str, names))


def _nothing(_: Object) -> None:
    """What was deleted needs no bundle."""
