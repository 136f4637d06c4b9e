"""The Kubernetes programs, built from Go modules once and kept in the cache.

The default version is built from the module beside this package, whose sums are committed.  For another version a module
is made from the same `main.go` (control plane only) and from what that version of k8s.io/kubernetes itself requires.
What never belongs here: starting the programs.
"""

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.cluster.bed.errors import BedError
from tests.cluster.bed.places import NODE_SOURCE, cache_root
from tests.cluster.bed.shell import run

DEFAULT_VERSION: Final = "1.34.4"
CONTROL_PROGRAMS: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
WORKER_PROGRAMS: Final = ("kube-proxy", "kubelet", "kubectl", "coredns", "etcd")
"""Always of the default version; the kubelet may be three minor versions behind the API server."""

_GO_AT_LEAST: Final = (1, 24)
_BUILD_S: Final = 1800


def version() -> str:
    """The Kubernetes version that `CDEFENCE_K8S` asks for.  Raises BedError when it is no version."""
    wanted = os.environ.get("CDEFENCE_K8S", DEFAULT_VERSION).removeprefix("v")
    if not re.fullmatch(r"1\.\d+\.\d+", wanted):
        raise BedError(f"CDEFENCE_K8S={wanted!r}: use a whole version such as {DEFAULT_VERSION}")
    return wanted


def go() -> str | None:
    """A Go that is new enough: the machine's own, else the one that `.ci/setup cluster` got from PyPI."""
    own = Path.home() / ".local/share/cdefence/go/bin/go"
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go", str(own)):
        if candidate and Path(candidate).exists() and _new_enough(candidate):
            return candidate
    return None


def worker_binaries() -> Path:
    """A folder with every program of the default version; built when it is not in the cache."""
    return _cached(DEFAULT_VERSION, "node", NODE_SOURCE, (*CONTROL_PROGRAMS, *WORKER_PROGRAMS), ".")


def control_binaries(wanted: str) -> Path:
    """A folder with the control plane of version `wanted`; built when it is not in the cache."""
    if wanted == DEFAULT_VERSION:
        return worker_binaries()
    folder = _module_of(wanted)
    return _cached(wanted, "control", folder, CONTROL_PROGRAMS, ".")


def pause() -> Path:
    """The program that holds a pod's namespaces open."""
    return _cached(DEFAULT_VERSION, "pause", NODE_SOURCE, ("pause",), "./pause") / "pause"


def kwok() -> Path:
    """KWOK, which plays nodes and thousands of pods: a module of its own, with the Kubernetes libraries that it wants."""
    return _cached(DEFAULT_VERSION, "kwok", NODE_SOURCE.parent / "kwok", ("kwok",), ".") / "kwok"


def is_built(wanted: str) -> bool:
    """Whether nothing has to be built for `wanted`."""
    return wanted == DEFAULT_VERSION and _folder(wanted, "node", NODE_SOURCE).is_dir()


def _cached(wanted: str, what: str, source: Path, programs: tuple[str, ...], package: str) -> Path:
    folder = _folder(wanted, what, source)
    if folder.is_dir():
        return folder
    with _alone(folder):
        if not folder.is_dir():
            _build(wanted, source, package, programs, folder)
    return folder


def _folder(wanted: str, what: str, source: Path) -> Path:
    digest = hashlib.sha256(f"{wanted} {platform.machine()} {what}".encode())
    names = ("go.mod", "go.sum", "main.go", "worker.go", f"{what}/main.go")
    for name in names:
        file = source / name
        digest.update(name.encode() + (file.read_bytes() if file.exists() else b""))
    return cache_root() / "cluster" / f"{what}-{wanted}-{digest.hexdigest()[:12]}"


def _build(wanted: str, source: Path, package: str, programs: tuple[str, ...], folder: Path) -> None:
    begin = time.monotonic()
    print(
        f"bed: building {', '.join(programs)} (Kubernetes {wanted}); minutes the first time", file=sys.stderr
    )
    major, minor, _ = wanted.split(".")
    stamp = "-X k8s.io/component-base/version."
    flags = f"-s -w {stamp}gitVersion=v{wanted} {stamp}gitMajor={major} {stamp}gitMinor={minor}"
    for remains in folder.parent.glob(f".{folder.name}-*/"):  # of a build that was killed; we hold its lock
        shutil.rmtree(remains)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as name:
        made = Path(name) / "made"
        made.mkdir()
        target = made / (programs[0] if len(programs) == 1 else "node")
        _go(source, "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", str(target), package)
        for program in programs if len(programs) > 1 else ():
            (made / program).symlink_to(target.name)
        made.rename(folder)
    print(f"bed: built in {time.monotonic() - begin:.0f} s", file=sys.stderr)


def _module_of(wanted: str) -> Path:
    """A module that builds the control plane of `wanted`; made anew when our main.go has changed."""
    folder = cache_root() / "cluster" / f"module-{wanted}"
    main = (NODE_SOURCE / "main.go").read_bytes()
    with _alone(folder):
        if not folder.exists() or (folder / "main.go").read_bytes() != main:
            with tempfile.TemporaryDirectory(dir=folder.parent) as name:
                made = Path(name) / "made"
                made.mkdir()
                (made / "main.go").write_bytes(main)
                _write_module(made, wanted)
                shutil.rmtree(folder, ignore_errors=True)
                made.rename(folder)
    return folder


def _write_module(folder: Path, wanted: str) -> None:
    """go.mod and go.sum; the versions come from Kubernetes' own go.mod, whose staging modules have no version there."""
    head = "module cdefence.io/tests/cluster/control\n\n"
    (folder / "go.mod").write_text(head)
    told = json.loads(_go(folder, "mod", "download", "-json", f"k8s.io/kubernetes@v{wanted}"))
    staged = re.findall(r"^\s+(k8s\.io/\S+) v0\.0\.0(?=\s)", Path(told["GoMod"]).read_text(), re.MULTILINE)
    staging = wanted.replace("1.", "v0.", 1)
    lines = [f"require k8s.io/kubernetes v{wanted}"]
    for module in sorted(set(staged)):
        there = _can_be_had(folder, f"{module}@{staging}")
        lines.append(f"replace {module} => {f'{module} {staging}' if there else _stand_in(folder, module)}")
    (folder / "go.mod").write_text(head + "\n".join(lines) + "\n")
    _go(folder, "mod", "tidy")


def _can_be_had(folder: Path, module: str) -> bool:
    """Not every module of an old version is served still, or known to the checksum database."""
    try:
        _go(folder, "mod", "download", module)
    except BedError:
        return False
    return True


def _stand_in(folder: Path, module: str) -> str:
    """An empty module: enough where a module is required but not imported; else the build says what is missing."""
    (folder / module).mkdir(parents=True, exist_ok=True)
    (folder / module / "go.mod").write_text(f"module {module}\n")
    return f"./{module}"


def _go(folder: Path, *words: str) -> str:
    program = go()
    if program is None:
        raise BedError(
            f"Go {'.'.join(map(str, _GO_AT_LEAST))} or newer is missing; remedy: .ci/setup cluster"
        )
    environment = ["env", "CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOFLAGS=", "GOWORK=off"]
    return run(["nice", *environment, program, "-C", folder, *words], timeout=_BUILD_S)


def _new_enough(program: str) -> bool:
    found = re.search(r"go(\d+)\.(\d+)", run([program, "version"]))
    return found is not None and (int(found[1]), int(found[2])) >= _GO_AT_LEAST


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one process of this machine builds the same thing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
