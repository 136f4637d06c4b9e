"""The Secret of the certificates: created once, followed by every replica, renewed by the leader.

What belongs here: reading, creating and changing that one Secret, and handing a good bundle to whoever serves it.  What
never does: how certificates are made or judged (certs.py), TLS (live_tls.py).

A bundle that cannot be used is told and left; what was served before is served on.  Only the leader changes an existing
Secret, and only the version it has read; creating is safe for everybody, because the API server lets one of them win.
"""

import asyncio
import base64
import binascii
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from injector.certs import Bundle, CertificateError, Lives, as_data, checked, created, renewed, rescued
from injector.kube import SECRETS, Kube, KubeError, PatchKind, at
from injector.tree import Node, Object

log = logging.getLogger("cdefence.certs")

POLL_S = 10.0
FIRST_POLL_S = 1.0
RENEWAL_POLL_S = 30.0


@dataclass(frozen=True, slots=True)
class Stored:
    """What the Secret holds now: its data as bytes, and the version to name when changing it."""

    data: dict[str, bytes]
    version: str


class CertificateSecret:
    """One Secret, as one replica sees it.

    `serve` takes each new good bundle and may raise ValueError (ssl.SSLError is an OSError, taken too) to refuse it.
    """

    def __init__(
        self,
        kube: Kube,
        *,
        namespace: str,
        name: str,
        names: Sequence[str],
        own: bool,
        lives: Lives,
        serve: Callable[[Bundle], None],
        refused: Callable[[], None] = lambda: None,
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = name
        self._names = tuple(names)
        self._own = own
        self._lives = lives
        self._serve = serve
        self._refused = refused
        self._held: Bundle | None = None
        self._told = ""
        self._changed = asyncio.Condition()

    @property
    def held(self) -> Bundle | None:
        """The bundle that is served; None before the first."""
        return self._held

    async def next(self, known: bytes | None) -> bytes:
        """The CA bundle (PEM), as soon as one is served that differs from `known`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._held is not None and self._held.ca_bundle != known)
            assert self._held is not None
            return self._held.ca_bundle

    async def follow(self) -> None:
        """Keep serving what the Secret holds; never ends."""
        while True:
            await self._guarded(self.refresh, "read")
            await asyncio.sleep(_jittered(POLL_S if self._held else FIRST_POLL_S))

    async def renew(self) -> None:
        """Keep the Secret fresh; never ends.  For the leader of a self-managed Secret."""
        while True:
            await self._guarded(self.renew_once, "renewed")
            await asyncio.sleep(_jittered(min(RENEWAL_POLL_S, self._lives.leaf.total_seconds() / 12)))

    async def refresh(self) -> None:
        """Read the Secret – create it, where it is ours to make and missing – and serve it if it is new and good."""
        stored = await self._read()
        if stored is None:
            if not self._own or self._held is not None:  # one that vanished is the leader's to replace
                self._tell(f"Secret {self._name} does not exist")
                return
            stored = await self._create(created(self._names, _now(), self._lives))
        await self._take(stored)

    async def renew_once(self) -> None:
        """Replace what is due; what cannot be used at all is made anew, and CAs that were trusted stay trusted."""
        now = _now()
        stored = await self._read()
        if stored is None:
            await self._take(await self._create(self._anew(now)))
            return
        try:
            wanted = renewed(checked(stored.data, self._names, now, own=True), self._names, now, self._lives)
        except CertificateError as error:
            log.warning("Secret %s cannot be used and is replaced: %s", self._name, error)
            wanted = rescued(stored.data, self._names, now, self._lives) or self._anew(now)
        if wanted is not None:
            await self._take(await self._replace(stored, wanted))
            log.info("Secret %s renewed, leaf valid until %s", self._name, wanted.expires.isoformat())

    def _anew(self, now: datetime) -> Bundle:
        """Out of nothing; or out of what this replica still serves, so that no client meets a CA it was not told of."""
        if self._held is None:
            return created(self._names, now, self._lives)
        fresh = renewed(self._held, self._names, now, self._lives)
        return fresh or self._held

    async def _guarded(self, action: Callable[[], Awaitable[None]], what: str) -> None:
        try:
            await action()
        except KubeError as error:
            if not error.conflict:  # another replica was quicker: the next look finds its work
                log.warning("Secret %s not %s: %s", self._name, what, error)

    async def _take(self, stored: Stored) -> None:
        try:
            bundle = checked(stored.data, self._names, _now(), own=self._own)
            if bundle == self._held:
                return
            self._serve(bundle)
        except (ValueError, OSError) as error:
            self._tell(f"Secret {self._name} cannot be used, what was served is served on: {error}")
            return
        self._told = ""
        async with self._changed:
            self._held = bundle
            self._changed.notify_all()
        log.info("certificate in use until %s", bundle.expires.isoformat())

    def _tell(self, text: str) -> None:
        """Once per trouble, not once per look."""
        self._refused()
        if text != self._told:
            self._told = text
            log.error("%s", text)

    async def _read(self) -> Stored | None:
        try:
            return _stored(await self._kube.get(SECRETS, self._name, self._namespace))
        except KubeError as error:
            if error.not_found:
                return None
            raise

    async def _create(self, bundle: Bundle) -> Stored:
        """The Secret that exists afterwards: ours, or that of whoever was quicker."""
        body: Object = {
            "metadata": {"name": self._name, "labels": {"app.kubernetes.io/managed-by": "cdefence"}},
            "type": "kubernetes.io/tls",
            "data": _encoded(bundle),
        }
        try:
            return _stored(await self._kube.create(SECRETS, body, self._namespace))
        except KubeError as error:
            if not error.conflict:
                raise
        return _stored(await self._kube.get(SECRETS, self._name, self._namespace))

    async def _replace(self, stored: Stored, bundle: Bundle) -> Stored:
        body: Object = {"metadata": {"resourceVersion": stored.version}, "data": _encoded(bundle)}
        return _stored(await self._kube.patch(SECRETS, self._name, PatchKind.MERGE, body, self._namespace))


def _stored(secret: Object) -> Stored:
    data = at(secret, "data")
    pairs = data.items() if isinstance(data, dict) else ()
    return Stored(
        {key: _decoded(value) for key, value in pairs}, str(at(secret, "metadata", "resourceVersion"))
    )


def _decoded(value: Node) -> bytes:
    try:
        return base64.b64decode(str(value), validate=True)
    except binascii.Error:
        return b""


def _encoded(bundle: Bundle) -> dict[str, Node]:
    return {key: base64.b64encode(value).decode("ascii") for key, value in as_data(bundle).items()}


def _now() -> datetime:
    return datetime.now(UTC)


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.9, 1.1)  # noqa: S311 - replicas should not ask in step
