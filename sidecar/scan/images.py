"""Container images as archives: `docker save` and OCI layouts, which of their parts are layers, and whether all are there.

What belongs here: reading manifests as they pass.  What never does: opening layers, which are tars like any other
(archives.py): a value in a layer is told as `image.tar!LAYER!FILE`, also if a later layer takes the file away again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sidecar.scan.look import Looker, Stream
    from sidecar.scan.opened import Peeked

LARGEST: Final = 1024 * 1024
"""A manifest is a few kilobytes."""


class Watch:
    """Watches the members of a tar: is it an image, and is every layer there that its manifests name?"""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._layers: dict[str, None] = {}
        """What manifests name, in order."""
        self._tags: dict[str, None] = {}

    def see(self, name: str, data: Peeked | None = None) -> None:
        """A member, before it is looked at; without `data` a link to one."""
        name = name.removeprefix("./")
        self._seen.add(name)
        if data is None or not (name == "manifest.json" or name.startswith("blobs/") or name == "index.json"):
            return
        if data.peek(1) in (b"{", b"["):
            self._learn(data.peek(LARGEST))

    def conclude(self, looker: Looker, stream: Stream) -> None:
        """All members have passed: say what image that was, and what is missing of it."""
        if not self._layers:
            return
        tags = ", ".join(self._tags) or "without a name"
        looker.report.note("images", stream.path, f"image {tags}, {len(self._layers)} layers")
        for layer in self._layers:
            if layer not in self._seen:
                looker.tell_unscannable(
                    stream.member(layer), "is a layer of the image, but not in the archive"
                )

    def _learn(self, text: bytes) -> None:
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return
        self._layers |= dict.fromkeys(_layers(document))
        self._tags |= dict.fromkeys(_tags(document))


def _layers(document: Any) -> Iterator[str]:
    """The layers that a manifest names, as names of members: docker's manifest.json, or an OCI manifest."""
    for manifest in document if isinstance(document, list) else [document]:
        if not isinstance(manifest, dict):
            continue
        for layer in _list(manifest.get("Layers")):
            if isinstance(layer, str):
                yield layer
        for layer in _list(manifest.get("layers")):
            digest = layer.get("digest") if isinstance(layer, dict) else None
            if isinstance(digest, str) and ":" in digest and not layer.get("urls"):
                yield f"blobs/{digest.replace(':', '/', 1)}"


def _tags(document: Any) -> Iterator[str]:
    """The names that an image goes by."""
    for entry in document if isinstance(document, list) else _list(_of(document, "manifests")):
        for tag in _list(_of(entry, "RepoTags")):
            yield str(tag)
        if name := _of(_of(entry, "annotations"), "org.opencontainers.image.ref.name"):
            yield str(name)


def _of(mapping: Any, key: str) -> Any:
    return mapping.get(key) if isinstance(mapping, dict) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
