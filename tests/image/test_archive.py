"""The archive writer: the same folder gives the same bytes, with the owners, modes and settings that were asked for."""

import hashlib
import json
import os
import socket
import tarfile
from pathlib import Path

import pytest

from image import archive

IMAGE = archive.Image("test:1", "amd64", ("/bin/run", "now"), "5:6", {"B": "2", "A": "1"}, {"title": "test"})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "run").write_text("run\n")
    (folder / "bin" / "run").chmod(0o755)
    (folder / "bin" / "again").symlink_to("run")
    (folder / "own").mkdir(mode=0o700)
    (folder / "own" / "secret").write_text("s\n")
    (folder / "own" / "secret").chmod(0o600)
    return folder


def written(root: Path, target: Path) -> bytes:
    archive.write(target, root, IMAGE, lambda path: 15001 if path.startswith("own") else 0)
    return target.read_bytes()


def layer_of(file: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(file) as outer:
        name = next(member for member in outer.getnames() if member.endswith("layer.tar"))
        with tarfile.open(fileobj=outer.extractfile(name)) as layer:
            return layer.getmembers()


def test_the_same_folder_gives_the_same_bytes_whatever_its_age(root: Path, tmp_path: Path) -> None:
    first = written(root, tmp_path / "one.tar")
    for path in (root / "bin" / "run", root / "own"):
        os.utime(path, (1, 1))
    assert written(root, tmp_path / "two.tar") == first


def test_owners_modes_links_and_age(root: Path, tmp_path: Path) -> None:
    written(root, tmp_path / "image.tar")
    rows = [
        (entry.name, oct(entry.mode), entry.uid, entry.gid, entry.linkname)
        for entry in layer_of(tmp_path / "image.tar")
    ]
    assert rows == [
        ("bin", "0o755", 0, 0, ""),
        ("bin/again", "0o777", 0, 0, "run"),
        ("bin/run", "0o755", 0, 0, ""),
        ("own", "0o700", 15001, 15001, ""),
        ("own/secret", "0o600", 15001, 15001, ""),
    ]
    assert {entry.mtime for entry in layer_of(tmp_path / "image.tar")} == {archive.EPOCH}


def test_the_configuration_names_the_layer_and_says_what_runs(root: Path, tmp_path: Path) -> None:
    identity = archive.write(tmp_path / "image.tar", root, IMAGE)
    with tarfile.open(tmp_path / "image.tar") as tar:
        files = {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
    [manifest] = json.loads(files["manifest.json"])
    config = json.loads(files[manifest["Config"]])
    [layer] = manifest["Layers"]
    assert identity == f"sha256:{hashlib.sha256(files[manifest['Config']]).hexdigest()}"
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(files[layer]).hexdigest()}"]
    assert manifest["RepoTags"] == ["test:1"]
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    assert config["config"] == {
        "User": "5:6",
        "Env": ["A=1", "B=2"],
        "Entrypoint": ["/bin/run", "now"],
        "WorkingDir": "/",
        "Labels": {"title": "test"},
    }


def test_what_is_no_file_is_refused_and_nothing_is_left(root: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "door"))
        with pytest.raises(ValueError, match="neither a file"):
            archive.write(tmp_path / "image.tar", root, IMAGE)
    assert [path.name for path in tmp_path.iterdir()] == ["root"]
