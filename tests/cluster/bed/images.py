"""Images of the bed: `pause`, and bringing any archive into its containerd; there is no registry.

What never belongs here: how the image of cdefence is made (see `image/`).
"""

import hashlib
import json
import shutil
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from image import archive
from image import build as layout
from image.build import architecture as architecture  # in the words of images
from tests.cluster.bed import build, netns
from tests.cluster.bed.places import REPOSITORY, Places, cache_root
from tests.cluster.bed.shell import run

PAUSE: Final = "cdefence.test/pause:1"
APP: Final = "cdefence.test/app:1"
_APP_PACKAGES: Final = Path(__file__).with_name("app-packages.txt")
_SERVE: Final = Path(__file__).with_name("serve.sh")
_SIDECAR: Final = REPOSITORY / "sidecar"
_APPLETS: Final = (
    "sh",
    "cat",
    "ls",
    "sleep",
    "env",
    "id",
    "nc",
    "wget",
    "grep",
    "ip",
    "nslookup",
    "true",
    "false",
    "date",
)


def pause() -> Path:
    """The archive of the image that holds a pod's namespaces open, and that CoreDNS's files are mounted into."""
    program = build.pause()
    target = program.with_name("pause.tar")
    if not target.exists():
        with TemporaryDirectory() as folder:
            shutil.copy(program, Path(folder) / "pause")
            archive.write(target, Path(folder), archive.Image(PAUSE, architecture(), ("/pause",)))
    return target


def app() -> Path:
    """The archive of the image that plays applications: `python -m sidecar.lab.app`, curl, openssl, a shell."""
    base = layout.base_of("app", _APP_PACKAGES)
    key = hashlib.sha256(
        str(base).encode() + Path(__file__).read_bytes() + Path(archive.__file__).read_bytes()
    )
    for file in (_SERVE, *sorted(_SIDECAR.rglob("*.py"))):
        key.update(f"{file.relative_to(REPOSITORY)}\n".encode() + file.read_bytes())
    target = cache_root() / "images" / f"app-{key.hexdigest()[:16]}.tar"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent) as folder:
        root = Path(folder) / "root"
        run(["cp", "-al", base, root])
        shutil.copytree(_SIDECAR, root / "app" / "sidecar", ignore=shutil.ignore_patterns("__pycache__"))
        for name in _APPLETS:
            (root / "usr/bin" / name).symlink_to("busybox")
        (root / "usr/bin/python3").symlink_to("python3.13")
        shutil.copy(_SERVE, root / "app" / "serve")
        (root / "app" / "openssl.cnf").write_text("[req]\ndistinguished_name = name\n[name]\n")
        _add_user(root)
        environment = {
            "PATH": "/usr/bin",
            "PYTHONPATH": "/app",
            "PYTHONUNBUFFERED": "1",
            "OPENSSL_CONF": "/app/openssl.cnf",
        }
        image = archive.Image(APP, architecture(), ("/app/serve",), "10001:10001", environment)
        archive.write(target, root, image)
    for old in sorted(target.parent.glob("app-*.tar"), key=lambda file: file.stat().st_mtime)[:-3]:
        old.unlink()
    return target


def _add_user(root: Path) -> None:
    """User 10001, with a group; the files are written anew, since the old ones are shared with the cache."""
    for name, line in (("passwd", "app:x:10001:10001:app:/:/nonexistent\n"), ("group", "app:x:10001:\n")):
        file = root / "etc" / name
        text = file.read_text() + line
        file.unlink()
        file.write_text(text)


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
