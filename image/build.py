"""The image as an archive, in a cache keyed by what it is made from; prints where it is.

Three steps, each kept: Debian, the locked dependencies, the project.  A step runs again when something that it reads has
changed (`--refresh` also asks Debian for newer packages).  What never belongs here: the layout itself (see `rootfs.sh`).
"""

import argparse
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from image import archive

HERE: Final = Path(__file__).resolve().parent
PROJECT: Final = HERE.parent
UID: Final = 15001
COMMAND: Final = "/opt/cdefence/bin/cdefence"
CACHE_DIR: Final = "opt/cdefence/cache"
ENVIRONMENT: Final = {
    "PATH": "/opt/cdefence/bin:/usr/bin",
    "CDEFENCE_CACHE_DIR": f"/{CACHE_DIR}",
    "PYTHONDONTWRITEBYTECODE": "1",
}
_KEPT: Final = 4
"""Results of each step that stay in the cache; older ones go."""

BASE: Final = "base"
# step -> what it reads, relative to the project.
STEPS: Final[dict[str, tuple[str, ...]]] = {
    BASE: ("image/rootfs.sh", "image/packages.txt"),
    "packages": ("uv.lock", "pyproject.toml"),
    "project": (
        "sidecar",
        "injector",
        "dlp_patterns",
        "image/patterns.py",
        "image/complete.py",
        "README.md",
        "LICENSE",
    ),
}
ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


class ImageError(Exception):
    """The image could not be made; the text says why, or `rootfs.sh` has."""


def cache_root() -> Path:
    """Outside the checkout: `CDEFENCE_IMAGE_CACHE`, or `cdefence/image` in the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cdefence" / "image"
    return Path(os.environ.get("CDEFENCE_IMAGE_CACHE", default))


def build(*, refresh: bool = False) -> Path:
    """The archive of this checkout's image, made if need be.  Raises ImageError."""
    with _alone():
        folder, key = _steps(refresh=refresh)
        key.update(Path(archive.__file__).read_bytes() + Path(__file__).read_bytes())
        return _archive(folder, key.hexdigest()[:16])


def layout() -> Path:
    """The root file system of this checkout's image, made if need be; it is the cache's own.  Raises ImageError."""
    with _alone():
        return _steps(refresh=False)[0]


def base_of(kind: str, packages: Path) -> Path:
    """The Debian part of another image, laid out from its own list of `packages`.  Raises ImageError."""
    with _alone():
        key = hashlib.sha256(_origin(refresh=False).encode() + packages.read_bytes())
        key.update((HERE / "rootfs.sh").read_bytes())
        return _lay_out(BASE, key.hexdigest()[:16], None, kind=f"{kind}-", packages=packages)


def name() -> str:
    """The image's name: the project's version is its tag, as the manifests have it."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    return f"{project['name']}:{project['version']}"


def architecture() -> str:
    """This machine's, in the words of images.  Raises ImageError when there is no image for it."""
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        raise ImageError(f"no image for {machine}; there is one for {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[machine]


def _steps(*, refresh: bool) -> tuple[Path, "hashlib._Hash"]:
    """What the last step has laid out, and the digest of all that went into it.  Raises ImageError."""
    folder: Path | None = None
    key = hashlib.sha256(_origin(refresh=refresh).encode())
    for step, reads in STEPS.items():
        for name in reads:
            _digest(key, PROJECT / name)
        folder = _lay_out(step, key.hexdigest()[:16], folder)
    assert folder is not None
    return folder, key


def _lay_out(
    step: str, key: str, before: Path | None, *, kind: str = "", packages: Path | None = None
) -> Path:
    """The root file system after `step`: from the cache, or made from a copy of the one `before`.

    `kind` and `packages` (a list in place of packages.txt) make the base of another image.  Raises ImageError.
    """
    folder = cache_root() / f"{kind}{step}-{key}"
    if folder.is_dir():
        os.utime(folder)
        return folder
    begin = time.monotonic()
    work = Path(tempfile.mkdtemp(dir=cache_root(), prefix=f".{step}-"))
    try:
        root = work / "root"
        if before:  # hard links: a step adds files, it never changes one in place
            subprocess.run(["cp", "-al", str(before), str(root)], check=True)
        _run([str(HERE / "rootfs.sh"), step, str(root)], {"PACKAGES": str(packages)} if packages else {})
        root.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _forget(f"{kind}{step}-*")
    print(f"image: {step} made in {time.monotonic() - begin:.1f} s", file=sys.stderr)
    return folder


def _run(command: list[str], extra: dict[str, str]) -> None:
    """As root, or as root of a user namespace: `rootfs.sh` starts programs of the image in a chroot."""
    if os.geteuid() != 0:
        command = ["unshare", "--map-root-user", "--", *command]
    environment = os.environ | {"UV": _uv(), "PROJECT": str(PROJECT)} | extra
    if subprocess.run(command, check=False, env=environment, stdout=sys.stderr).returncode:
        raise ImageError(f"{' '.join(command[-3:])} failed")


def _uv() -> str:
    """A uv that works, and not only a shim of that name.  Raises ImageError."""
    own = Path.home() / ".local/share/cdefence/uv/bin/uv"
    for candidate in (shutil.which("uv"), str(own)):
        if candidate and Path(candidate).exists():
            done = subprocess.run([candidate, "--version"], check=False, capture_output=True)
            if done.returncode == 0:
                return candidate
    raise ImageError("uv is missing; remedy: make setup")


def _archive(root: Path, key: str) -> Path:
    target = cache_root() / f"cdefence-{architecture()}-{key}.tar"
    if target.exists():
        os.utime(target)
        return target
    image = archive.Image(
        name=name(),
        architecture=architecture(),
        entrypoint=(COMMAND,),
        user=f"{UID}:{UID}",
        environment=ENVIRONMENT,
        labels={
            "org.opencontainers.image.title": "cdefence",
            "org.opencontainers.image.licenses": "Apache-2.0",
        },
    )
    archive.write(target, root, image, owner)
    _forget("cdefence-*.tar")
    return target


def owner(path: str) -> int:
    """Everything is root's, but the compiled patterns: the proxy believes only a folder that is its own."""
    return UID if path == CACHE_DIR or path.startswith(f"{CACHE_DIR}/") else 0


def _digest(key: "hashlib._Hash", path: Path) -> None:
    for file in _files(path):
        key.update(f"{file.relative_to(PROJECT)} {file.stat().st_mode & 0o777:o}\n".encode())
        key.update(hashlib.sha256(file.read_bytes()).digest())


def _files(path: Path) -> Iterable[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def _origin(*, refresh: bool) -> str:
    """What every layout depends on: the machine, and when Debian was last asked for its newest packages."""
    file = cache_root() / "refreshed"
    if refresh or not file.exists():
        file.write_text(str(time.time_ns()))
    return f"{architecture()} {file.read_text()}"


def _forget(pattern: str) -> None:
    found = sorted(cache_root().glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in found[_KEPT:]:
        shutil.rmtree(old) if old.is_dir() else old.unlink()


@contextmanager
def _alone() -> Iterator[None]:
    cache_root().mkdir(parents=True, exist_ok=True)
    with (cache_root() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the archive's path; exit code 1 and one line when it cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m image", description=__doc__)
    parser.add_argument("--refresh", action="store_true", help="take Debian's newest packages")
    options = parser.parse_args(arguments)
    begin = time.monotonic()
    try:
        path = build(refresh=options.refresh)
    except ImageError as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    size, took = path.stat().st_size / 1e6, time.monotonic() - begin
    print(f"image: {name()} ({architecture()}), {size:.0f} MB, {took:.1f} s", file=sys.stderr)
    print(path)
    return 0
