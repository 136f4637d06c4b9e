"""The file system of the image around a process of a pod: what is measured is what is delivered.

The interpreter is part of that.  The image has Debian's, which is compiled with profiles and link-time optimisation; what a
developer's machine has may be a third slower.  A peer in Python gets the same one.

What never belongs here: what is started.
"""

import functools
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.errors import CannotRunError
from benchmarks.topology import Pod
from image import build
from image.build import ImageError
from sidecar.lab.lab import PROXY
from sidecar.lab.pause import POD_DIRECTORY
from sidecar.lab.processes import ROOT

PYTHON: Final = "/opt/cdefence/bin/python"
CDEFENCE: Final = build.COMMAND

# Mounts that only the process sees, then the user of the image; arguments are the root, pairs to mount, `--`, the command.
_ENTER: Final = """set -e
root=$1; shift
mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs "$root/run"
while [ "$1" != -- ]; do mkdir -p "$root$2"; mount --bind "$1" "$root$2"; shift 2; done; shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec setpriv --no-new-privs -- chroot --userspec={uid}:{gid} --groups={gid} "$root" "$@"
"""


@functools.cache
def root() -> Path:
    """The laid-out image of this checkout.  Raises CannotRunError when it cannot be made here."""
    try:
        return build.layout()
    except ImageError as error:
        raise CannotRunError(f"the image cannot be made: {error}") from None


def command(pod: Pod, words: Sequence[str], shown: Mapping[Path, Path]) -> list[str]:
    """`words` as the host must call them for them to run in `pod` with the image around them.

    The pod's own folder is where a pod has it; `shown` are more folders of this machine and where they are seen, below
    /run.  Raises CannotRunError, BenchError.
    """
    pairs = {pod.directory: POD_DIRECTORY} | dict(shown)
    mounts = [str(path) for pair in pairs.items() for path in pair]
    script = _ENTER.format(uid=PROXY.uid, gid=PROXY.gid)
    enter = ["unshare", "--mount", "--", "sh", "-c", script, "container", str(root()), *mounts, "--", *words]
    return pod.command(enter, ROOT, mounts=False)


def python_version() -> str:
    """Of the interpreter in the image.  Raises CannotRunError."""
    done = subprocess.run(
        ["chroot", str(root()), PYTHON, "--version"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CannotRunError(f"the image's Python does not start: {done.stderr.strip()}")
    return done.stdout.strip()
