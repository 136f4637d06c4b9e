"""Images of the bed: `pause`, and bringing any archive into its containerd; there is no registry.

What never belongs here: how the image of cdefence is made (see `image/`).
"""

import json
import platform
import shutil
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from image import archive
from tests.cluster.bed import build, netns
from tests.cluster.bed.places import Places
from tests.cluster.bed.shell import run

PAUSE: Final = "cdefence.test/pause:1"
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


def architecture() -> str:
    """This machine's, in Go's words."""
    return _ARCHITECTURES[platform.machine()]


def pause() -> Path:
    """The archive of the image that holds a pod's namespaces open, and that CoreDNS's files are mounted into."""
    program = build.tool("pause")
    target = program.with_name("pause.tar")
    if not target.exists():
        with TemporaryDirectory() as folder:
            shutil.copy(program, Path(folder) / "pause")
            archive.write(target, Path(folder), archive.Image(PAUSE, architecture(), ("/pause",)))
    return target


def load(places: Places, file: Path) -> str:
    """Import the archive `file` into the bed's containerd; returns the image's name."""
    ctr = ["ctr", f"--address={places.containerd_socket}", "--namespace=k8s.io"]
    run([*netns.inside(places.netns), *ctr, "images", "import", str(file)])
    return name_of(file)


def name_of(file: Path) -> str:
    """The name that the archive `file` gives its image."""
    with tarfile.open(file) as tar:
        content = tar.extractfile("manifest.json")
        assert content is not None
        return str(json.load(content)[0]["RepoTags"][0])
