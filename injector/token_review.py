"""Who asks: a projected token of a pod, checked by the API server.

What belongs here: TokenReview, what its answer must say, and a short memory of answers.  What never does: whether that
pod may have the scope map (`scope_api`), and the token itself anywhere but in the request: not in logs, errors or keys.

The audience is ours and never empty: without one the API server would accept a token that was made for itself, and any
pod's default token would do.  A server that ignores audiences does not repeat ours in its answer, which is a refusal.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from injector.kube import TOKEN_REVIEWS, KubeError, Resource, at
from injector.tree import Node as Json
from injector.tree import Object
from sidecar import contract

KNOWN_S: Final = 60.0
REFUSED_S: Final = 10.0
MAX_TOKEN: Final = 16 * 1024
_MAX_ANSWERS = 20_000
_AT_ONCE = 16
_EXTRA = "authentication.kubernetes.io"
_ACCOUNT = "system:serviceaccount:"

assert contract.TOKEN_AUDIENCE


@dataclass(frozen=True, slots=True)
class Asker:
    """The pod that a token is bound to."""

    uid: str
    namespace: str
    name: str


class Creator(Protocol):
    """What a reviewer needs of the API server; `kube.Kube` is one."""

    async def create(self, resource: Resource, body: Object, namespace: str | None = None) -> Object:
        """A new object."""
        ...


@dataclass(slots=True)
class ReviewCounts:
    """What a reviewer has done; for metrics."""

    reviews: int = 0
    remembered: int = 0
    refused: int = 0
    errors: int = 0


class Reviewer:
    """Tells which pod a token belongs to."""

    def __init__(self, kube: Creator, now: Callable[[], float] = time.monotonic) -> None:
        self._kube = kube
        self._now = now
        self._answers: dict[bytes, tuple[float, Asker | None]] = {}
        """By hash of the token: until when the answer holds, and the answer; the oldest first."""
        self._under_way: dict[bytes, asyncio.Task[Asker | None]] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)
        self.counts = ReviewCounts()

    async def asker(self, token: str) -> Asker | None:
        """The pod that `token` is bound to; None: no valid token of a pod for our audience.

        Raises KubeError when the API server cannot be asked.
        """
        if not token or len(token) > MAX_TOKEN or not token.isascii():
            self.counts.refused += 1
            return None
        key = sha256(token.encode()).digest()
        until, asker = self._answers.get(key, (0.0, None))
        if self._now() < until:
            self.counts.remembered += 1
            return asker
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._ask(key, token))
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(task)

    async def _ask(self, key: bytes, token: str) -> Asker | None:
        spec: Object = {"token": token, "audiences": [contract.TOKEN_AUDIENCE]}
        body: Object = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
        begun = self._now()
        try:
            async with self._places:
                self.counts.reviews += 1
                answer = await self._kube.create(TOKEN_REVIEWS, body)
        except KubeError:
            self.counts.errors += 1
            raise
        asker = asker_of(at(answer, "status"))
        self.counts.refused += asker is None
        self._remember(key, begun + (REFUSED_S if asker is None else KNOWN_S), asker)
        return asker

    def _remember(self, key: bytes, until: float, asker: Asker | None) -> None:
        self._answers.pop(key, None)
        self._answers[key] = (until, asker)
        while len(self._answers) > _MAX_ANSWERS:
            del self._answers[next(iter(self._answers))]


def asker_of(status: Json) -> Asker | None:
    """The pod in the status of a TokenReview; None unless it says yes, to our audience, about a pod."""
    audiences = at(status, "audiences")
    if at(status, "authenticated") is not True or at(status, "error"):
        return None
    if not isinstance(audiences, list) or contract.TOKEN_AUDIENCE not in audiences:
        return None
    account = at(status, "user", "username")
    uid, name = (_one(at(status, "user", "extra", f"{_EXTRA}/{key}")) for key in ("pod-uid", "pod-name"))
    if not isinstance(account, str) or not account.startswith(_ACCOUNT) or not uid or not name:
        return None
    return Asker(uid, account.removeprefix(_ACCOUNT).partition(":")[0], name)


def _one(found: Json) -> str:
    """The only text in a list."""
    if isinstance(found, list) and len(found) == 1 and isinstance(found[0], str):
        return found[0]
    return ""
