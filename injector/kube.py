"""The transport to the Kubernetes API server: configuration and credentials of the official client, JSON as it comes.

What belongs here: resources and their paths, verbs, time-outs, errors with status and reason.  What never does: what a
caller wants from an object, retries and back-off (the callers know how urgent they are), the generated models (they
refuse whole answers because of one odd field, and cost ten times the time of `json.loads`).

Credentials: the service account of a pod (its token is read again every minute, because the kubelet replaces it), or a
kubeconfig file.  No body is logged anywhere on this path: some of them are Secrets.
"""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import quote

import aiohttp
import yaml

from injector.official_client import (
    SERVICE_HOST_ENV_NAME,
    ApiClient,
    ConfigException,
    Configuration,
    load_incluster_config,
    load_kube_config,
)
from injector.tree import Node, Object

FIELD_MANAGER = "cdefence-controller"
TIMEOUT_S = 10.0
CONNECT_S = 5.0
LIST_S = 30.0
WATCH_READ_S = 630.0
_ERROR_BODY = 64 * 1024
_MAX_LINE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object as the API server names it; `group` is empty for the core group."""

    group: str
    version: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str | None = None, name: str | None = None, sub: str | None = None) -> str:
        """`/apis/GROUP/VERSION[/namespaces/NS]/PLURAL[/NAME[/SUB]]`; no namespace means all of them."""
        assert namespace is None or self.namespaced
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        parts += ["namespaces", namespace] if namespace is not None else []
        parts += [self.plural, *(part for part in (name, sub) if part is not None)]
        return "/" + "/".join(quote(part, safe="") for part in parts)


NAMESPACES = Resource("", "v1", "namespaces", namespaced=False)
NODES = Resource("", "v1", "nodes", namespaced=False)
PODS = Resource("", "v1", "pods")
SERVICES = Resource("", "v1", "services")
SECRETS = Resource("", "v1", "secrets")
CONFIG_MAPS = Resource("", "v1", "configmaps")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices")
EVENTS = Resource("events.k8s.io", "v1", "events")
LEASES = Resource("coordination.k8s.io", "v1", "leases")
TOKEN_REVIEWS = Resource("authentication.k8s.io", "v1", "tokenreviews", namespaced=False)
MUTATING_WEBHOOKS = Resource(
    "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", namespaced=False
)


class PatchKind(StrEnum):
    """The three ways to change a part of an object; the value is the content type."""

    JSON = "application/json-patch+json"
    """RFC 6902, with `test` operations."""
    MERGE = "application/merge-patch+json"
    """RFC 7386; with `metadata.resourceVersion` in it the server refuses a patch of something older (409)."""
    APPLY = "application/apply-patch+yaml"
    """Server-side apply: creates what is missing, owns only the fields it names."""


class KubeError(Exception):
    """The API server refused (`status` is its HTTP status) or was not reached (`status` 0).

    `reason` is the word of the Status object (`NotFound`, `Conflict`, `Expired` ...), or `Unreachable`, `Timeout`,
    `Configuration`, `BadAnswer`.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        self.status = status
        self.reason = reason
        self.message = message
        super().__init__(f"{status} {reason}: {message}" if status else f"{reason}: {message}")

    @property
    def not_found(self) -> bool:
        """The object does not exist."""
        return self.status == 404

    @property
    def conflict(self) -> bool:
        """Somebody else was quicker: it exists already, or is newer than what we read."""
        return self.status == 409


class _Caller(Protocol):
    """What we use of the client's `ApiClient`, which has no types."""

    def call_api(
        self,
        resource_path: str,
        method: str,
        *,
        query_params: list[tuple[str, str]],
        header_params: dict[str, str],
        body: Node,
        auth_settings: list[str],
        _preload_content: bool,
        _request_timeout: float | tuple[float, float],
    ) -> Awaitable[aiohttp.ClientResponse]: ...

    async def close(self) -> None: ...


class _IntoConfiguration(Protocol):
    def __call__(self, client_configuration: object) -> None: ...


class _FromFile(Protocol):
    def __call__(
        self, config_file: str | None, client_configuration: object, persist_config: bool
    ) -> Awaitable[None]: ...


class Kube:
    """One pool of connections to one API server; made by `connect`, used as a context manager."""

    def __init__(self, caller: _Caller) -> None:
        self._caller = caller

    async def __aenter__(self) -> "Kube":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._caller.close()

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object:
        """One object."""
        return await self._object("GET", resource.path(namespace, name))

    async def raw(self, path: str) -> Object:
        """The JSON at a path that is no resource, such as `/version`."""
        return await self._object("GET", path)

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        parameters: Mapping[str, str] | None = None,
        timeout_s: float = LIST_S,
    ) -> Object:
        """One page of objects; `parameters` are those of the API (labelSelector, limit, continue ...)."""
        return await self._object("GET", resource.path(namespace), parameters=parameters, timeout_s=timeout_s)

    async def text(self, path: str, timeout_s: float = TIMEOUT_S) -> str:
        """What a path answers with text, such as the metrics of a pod through its `proxy` subresource."""
        async with self._response("GET", path, None, {}, timeout_s) as response:
            with _translated():
                return (await response.read()).decode("utf-8", "replace")

    async def create(
        self, resource: Resource, body: Object, namespace: str | None = None, *, dry_run: bool = False
    ) -> Object:
        """A new object (`dry_run`: only as far as admission); KubeError with `conflict` when one of that name exists."""
        parameters = {"fieldManager": FIELD_MANAGER, **({"dryRun": "All"} if dry_run else {})}
        return await self._object("POST", resource.path(namespace), body=body, parameters=parameters)

    async def delete(self, resource: Resource, name: str, namespace: str | None = None) -> Object:
        """Have one object deleted, in the background; KubeError with `not_found` when it is gone already."""
        return await self._object("DELETE", resource.path(namespace, name))

    async def patch(
        self,
        resource: Resource,
        name: str,
        kind: PatchKind,
        body: Object | Sequence[Object],
        namespace: str | None = None,
        sub: str | None = None,
    ) -> Object:
        """Change a part of one object; an applied one takes the fields it names from whoever had them."""
        parameters = {"fieldManager": FIELD_MANAGER}
        if kind is PatchKind.APPLY:
            parameters["force"] = "true"
        path = resource.path(namespace, name, sub)
        content = body if isinstance(body, dict) else list[Node](body)
        return await self._object("PATCH", path, body=content, parameters=parameters, content=kind)

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        parameters: Mapping[str, str] | None = None,
        read_timeout_s: float = WATCH_READ_S,
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Changes as they come, one JSON document a line; ends when the server ends it.

        Raises: KubeError also in the middle, when the connection breaks or nothing comes for `read_timeout_s`.
        """
        return self._lines(resource.path(namespace), {**(parameters or {}), "watch": "true"}, read_timeout_s)

    @asynccontextmanager
    async def _lines(
        self, path: str, parameters: Mapping[str, str], read_timeout_s: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self._response("GET", path, None, parameters, (CONNECT_S, read_timeout_s)) as response:
            yield _lines_of(response)

    async def _object(
        self,
        method: str,
        path: str,
        *,
        body: Node = None,
        parameters: Mapping[str, str] | None = None,
        content: str = "application/json",
        timeout_s: float = TIMEOUT_S,
    ) -> Object:
        async with self._response(method, path, body, parameters or {}, timeout_s, content) as response:
            with _translated():
                return _parsed(await response.read())

    @asynccontextmanager
    async def _response(
        self,
        method: str,
        path: str,
        body: Node,
        parameters: Mapping[str, str],
        timeout: float | tuple[float, float],
        content: str = "application/json",
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer of the 200s, its body still to be read."""
        with _translated():
            response = await self._caller.call_api(
                path,
                method,
                query_params=list(parameters.items()),
                header_params={"Accept": "application/json", "Content-Type": content},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _request_timeout=timeout,
            )
        async with response:
            if not 200 <= response.status < 300:
                raise await _refusal(response)
            yield response


class _translated:  # noqa: N801 - reads as a word in `with`
    """What the layers below raise, as KubeError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, TimeoutError):
            raise KubeError(0, "Timeout", "the API server did not answer in time") from error
        if isinstance(error, aiohttp.ClientError | OSError):
            raise KubeError(0, "Unreachable", f"{type(error).__name__}: {error}") from error


def _demand_one_of(files: Sequence[str]) -> None:
    """The official client prints a line of its own where there is none.  Raises KubeError."""
    if not any(Path(file).exists() for file in files):
        where, remedy = " or ".join(files), "set KUBECONFIG to a kubeconfig, or name one"
        raise KubeError(0, "Configuration", f"no credentials from {where}: there is no such file; {remedy}")


async def connect(kubeconfig: Path | None = None) -> Kube:
    """A client with the credentials of the given kubeconfig, else of this pod, else of the user's own kubeconfig.

    Must be called in a running event loop.  Raises: KubeError (`Configuration`) saying what is missing.
    """
    configuration = cast(type[object], Configuration)()
    source = "this pod"
    try:
        if kubeconfig is None and SERVICE_HOST_ENV_NAME in os.environ:
            cast(_IntoConfiguration, load_incluster_config)(client_configuration=configuration)
        else:
            own = os.path.expanduser("~/.kube/config")  # noqa: PTH111 - Path raises where nobody has a home
            source = str(kubeconfig or os.environ.get("KUBECONFIG") or own)
            _demand_one_of(source.split(os.pathsep))
            load = cast(_FromFile, load_kube_config)
            await load(config_file=source, client_configuration=configuration, persist_config=False)
    except yaml.YAMLError:  # its text might quote the file
        raise KubeError(0, "Configuration", f"no credentials from {source}: it is no YAML") from None
    except (ConfigException, OSError) as error:
        raise KubeError(0, "Configuration", f"no credentials from {source}: {error}") from error
    except (TypeError, AttributeError):  # YAML, but not what the official client takes for granted
        raise KubeError(0, "Configuration", f"no credentials from {source}: it is no kubeconfig") from None
    client = cast(type[object], ApiClient)
    return Kube(cast(_Caller, client(configuration)))  # type: ignore[call-arg]


async def _lines_of(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Whole lines, without ends.  aiohttp's `readline` refuses more than 128 KiB, and an object may have megabytes."""
    rest = bytearray()
    while True:
        with _translated():
            data = await response.content.readany()
        if not data:
            return
        first, *others = data.split(b"\n")
        rest += first
        for piece in others:
            yield bytes(rest)
            rest = bytearray(piece)
        if len(rest) > _MAX_LINE:
            raise KubeError(0, "BadAnswer", "a line of a watch does not end")


async def _refusal(response: aiohttp.ClientResponse) -> KubeError:
    """What a Status object (or whatever a proxy in between wrote) says."""
    with _translated():
        text = await response.content.read(_ERROR_BODY)
    try:
        status = _parsed(text)
    except KubeError:
        return KubeError(response.status, response.reason or "", text[:200].decode("utf-8", "replace"))
    return KubeError(
        response.status, str(status.get("reason") or response.reason), str(status.get("message"))
    )


def _parsed(text: bytes) -> Object:
    try:
        found: Node = json.loads(text)
    except ValueError as error:
        raise KubeError(0, "BadAnswer", "the answer is no JSON") from error
    if not isinstance(found, dict):
        raise KubeError(0, "BadAnswer", "the answer is no JSON object")
    return found


def at(found: Node, *keys: str) -> Node:
    """The value under a path of keys, None where any of them is missing."""
    for key in keys:
        if not isinstance(found, dict):
            return None
        found = found.get(key)
    return found
