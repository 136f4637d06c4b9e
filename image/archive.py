"""Writes a container image as a `docker save` archive from a folder, without a container engine.

The same folder gives the same bytes: entries are sorted, owners are numbers, every time is EPOCH.  Standard library
only, so that any Python can run it.  What never belongs here: what is in the image.
"""

import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

EPOCH = 1_704_067_200
"""2024-01-01T00:00:00Z, the age of every file and of the image itself."""

Owner = Callable[[str], int]
"""User and group of a path, given relative to the root without a leading slash."""


@dataclass(frozen=True, slots=True)
class Image:
    """What a container of this image runs.  `architecture` is Go's word: amd64, arm64."""

    name: str
    architecture: str
    entrypoint: tuple[str, ...]
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


def write(target: Path, root: Path, image: Image, owner: Owner = lambda _: 0) -> str:
    """The archive of `root` at `target`, which appears last and whole; returns the image id (sha256:…)."""
    part = target.with_name(f".{target.name}.{os.getpid()}")
    layer = part.with_suffix(".layer")
    try:
        with tarfile.open(layer, "w", format=tarfile.PAX_FORMAT) as tar:
            for path in _walk(root):
                _add(tar, root, path, owner)
        identity = _wrap(part, layer, image)
        part.replace(target)
    finally:
        layer.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
    return identity


def _wrap(part: Path, layer: Path, image: Image) -> str:
    with layer.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    config = json.dumps(_config(image, digest), sort_keys=True).encode()
    identity = hashlib.sha256(config).hexdigest()
    manifest = [{"Config": f"{identity}.json", "RepoTags": [image.name], "Layers": [f"{digest}/layer.tar"]}]
    with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as tar:
        _member(tar, f"{identity}.json", len(config), io.BytesIO(config))
        with layer.open("rb") as file:
            _member(tar, f"{digest}/layer.tar", layer.stat().st_size, file)
        text = json.dumps(manifest).encode()
        _member(tar, "manifest.json", len(text), io.BytesIO(text))
    return f"sha256:{identity}"


def _config(image: Image, digest: str) -> dict[str, object]:
    """The image's configuration, OCI image specification, config.md."""
    run = {
        "User": image.user,
        "Env": [f"{name}={value}" for name, value in sorted(image.environment.items())],
        "Entrypoint": list(image.entrypoint),
        "WorkingDir": "/",
        "Labels": dict(image.labels),
    }
    return {
        "architecture": image.architecture,
        "os": "linux",
        "created": "2024-01-01T00:00:00Z",
        "config": run,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created": "2024-01-01T00:00:00Z", "created_by": image.name}],
    }


def _walk(root: Path) -> Iterator[Path]:
    """Everything below `root`, a folder before what is in it, in the order of names."""
    for path in sorted(root.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)


def _add(tar: tarfile.TarFile, root: Path, path: Path, owner: Owner) -> None:
    name = path.relative_to(root).as_posix()
    entry = tarfile.TarInfo(name)
    status = path.lstat()
    entry.mode, entry.mtime = stat.S_IMODE(status.st_mode), EPOCH
    entry.uid = entry.gid = owner(name)
    if stat.S_ISLNK(status.st_mode):
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, str(path.readlink()), 0o777
        tar.addfile(entry)
    elif stat.S_ISDIR(status.st_mode):
        entry.type = tarfile.DIRTYPE
        tar.addfile(entry)
    elif stat.S_ISREG(status.st_mode):
        entry.size = status.st_size
        with path.open("rb") as file:
            tar.addfile(entry, file)
    else:
        raise ValueError(f"{path}: neither a file, a folder nor a symbolic link")


def _member(tar: tarfile.TarFile, name: str, size: int, content: io.BufferedIOBase) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = size, EPOCH, 0o644
    tar.addfile(entry, content)
