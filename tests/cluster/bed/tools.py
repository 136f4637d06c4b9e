"""The image of clients: this machine's own curl, openssl, shell and a few more, with the libraries they need.

There is no registry, so what a user would take as `curlimages/curl` is laid out here.  What never belongs here: anything
of cdefence.
"""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from image import archive
from tests.cluster.bed.errors import BedError
from tests.cluster.bed.images import architecture
from tests.cluster.bed.places import cache_root

NAME: Final = "cdefence.test/tools:1"
PROGRAMS: Final = ("sh", "bash", "cat", "sleep", "id", "ls", "env", "curl", "openssl", "getent", "timeout")
_LIBRARY: Final = re.compile(r"(/\S+) \(0x")
_ALSO: Final = ("/etc/nsswitch.conf", "/etc/ssl/openssl.cnf")


def tools() -> Path:
    """The archive, made once for each state of the programs.  Raises BedError naming a program that is missing."""
    programs = [_found(name) for name in PROGRAMS]
    state = "".join(f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}\n" for path in programs)
    target = (
        cache_root() / "cluster" / f"tools-{hashlib.sha256((state + __file__).encode()).hexdigest()[:16]}.tar"
    )
    if not target.exists():
        with TemporaryDirectory() as folder:
            root = Path(folder)
            for path in programs:
                _copy(path, root, f"usr/bin/{path.name}")
            for library in sorted({library for path in programs for library in _libraries(path)}):
                _copy(library, root, str(library).lstrip("/"))
            for extra in filter(Path.exists, map(Path, _ALSO)):
                _copy(extra, root, str(extra).lstrip("/"))
            for name in ("tmp", "proc", "sys", "dev", "run"):
                (root / name).mkdir()
            (root / "etc/passwd").write_text(
                "root:x:0:0::/:/usr/bin/sh\nuser:x:1000:1000::/tmp:/usr/bin/sh\n"
            )
            target.parent.mkdir(parents=True, exist_ok=True)
            entry = ("/usr/bin/sleep",)
            image = archive.Image(NAME, architecture(), entry, "1000:1000", {"PATH": "/usr/bin"})
            archive.write(target, root, image)
    return target


def _found(name: str) -> Path:
    path = shutil.which(name)
    if path is None:
        raise BedError(f"the program {name} is missing; remedy: apt-get install {name}")
    return Path(path)


def _libraries(program: Path) -> Iterator[Path]:
    """What the dynamic linker would load, and the linker itself."""
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    yield from (Path(found) for found in _LIBRARY.findall(done.stdout))


def _copy(source: Path, root: Path, name: str) -> None:
    target = root / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
