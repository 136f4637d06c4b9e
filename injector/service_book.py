"""Which addresses are Services, and which endpoints stand behind each.

What belongs here: Services and EndpointSlices, whichever of them comes first.  What never does: what an endpoint is;
the caller knows that.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator

from injector.slim import Service, Slice
from sidecar.core.scopes import Key

type Named = tuple[str, str]
"""Namespace and name of a Service."""


class ServiceBook:
    """Every Service and the endpoints of each; everything goes by uid."""

    def __init__(self) -> None:
        self._services: dict[str, Service] = {}
        self._slices: dict[str, Slice] = {}
        self._named: dict[Named, set[str]] = defaultdict(set)
        """Uids of Services by name: two while one follows another of its name."""
        self._parts: dict[Named, set[str]] = defaultdict(set)
        """Uids of slices by the name of their Service."""
        self._at: dict[Key, set[str]] = defaultdict(set)
        """Uids of Services by address, with and without port."""
        self._behind: dict[str, set[str]] = defaultdict(set)
        """Uids of slices by endpoint."""
        self.touched: set[Key] = set()
        """Entries that may have changed; whoever has looked at them clears it."""

    def put_service(self, service: Service) -> None:
        """A Service is new or has changed."""
        if self._services.get(service.uid) == service:
            return
        self.drop_service(service.uid)
        self._services[service.uid] = service
        self._named[service.namespace, service.name].add(service.uid)
        for key in _keys(service):
            self._at[key].add(service.uid)
            self.touched.add(key)

    def drop_service(self, uid: str) -> None:
        """A Service is gone."""
        known = self._services.pop(uid, None)
        if known is None:
            return
        _discard(self._named, (known.namespace, known.name), uid)
        for key in _keys(known):
            _discard(self._at, key, uid)
            self.touched.add(key)

    def put_slice(self, part: Slice) -> None:
        """A part of the endpoints of a Service is new or has changed."""
        if self._slices.get(part.uid) == part:
            return
        self.drop_slice(part.uid)
        self._slices[part.uid] = part
        self._parts[part.namespace, part.service].add(part.uid)
        for ip, _ in part.endpoints:
            self._behind[ip].add(part.uid)
        self._touch((part.namespace, part.service))

    def drop_slice(self, uid: str) -> None:
        """A part of the endpoints of a Service is gone."""
        known = self._slices.pop(uid, None)
        if known is None:
            return
        named = (known.namespace, known.service)
        _discard(self._parts, named, uid)
        for ip, _ in known.endpoints:
            _discard(self._behind, ip, uid)
        self._touch(named)

    def touch_endpoint(self, ip: str) -> None:
        """The class of an endpoint has changed, and so may every Service that it stands behind."""
        for uid in self._behind.get(ip, ()):
            self._touch((self._slices[uid].namespace, self._slices[uid].service))

    def touch_all(self) -> None:
        """The class of any endpoint may have changed."""
        self.touched.update(self._at)

    def has(self, ip: str) -> bool:
        """Whether this is the address of a Service, whatever the port."""
        return (ip, None) in self._at

    def at(self, ip: str, port: int) -> list[Service]:
        """The Services at this address and port."""
        return [self._services[uid] for uid in self._at.get((ip, port), ())]

    def endpoints(self, service: Service) -> Iterator[tuple[str, str]]:
        """The address of each endpoint, and the uid of its pod ("" for none)."""
        for uid in self._parts.get((service.namespace, service.name), ()):
            yield from self._slices[uid].endpoints

    def _touch(self, named: Named) -> None:
        for uid in self._named.get(named, ()):
            self.touched.update(_keys(self._services[uid]))


def _keys(service: Service) -> Iterator[Key]:
    for ip in service.ips:
        yield ip, None
        yield from ((ip, port) for port in service.ports)


def _discard[K: Hashable](index: dict[K, set[str]], key: K, uid: str) -> None:
    """Take one out, and the set with it when it was the last."""
    members = index[key]
    members.discard(uid)
    if not members:
        del index[key]
