"""Archives and images: member by member, archives in archives, and what cannot be opened is a finding."""

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from sidecar.scan import opened
from tests.scan.conftest import PAN, Run


def tar(members: dict[str, bytes], mode: str = "w") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


MEMBERS = {"a/one.txt": PAN, "a/two.txt": b"nothing", ".env": b"x\n" + PAN}
PLACES = {("a/one.txt", "line 1"), (".env", "line 2")}


@pytest.mark.parametrize(
    ("name", "archive"),
    [
        ("a.zip", zipped(MEMBERS)),
        ("a.tar", tar(MEMBERS)),
        ("a.tar.gz", tar(MEMBERS, "w:gz")),
        ("a.tar.bz2", tar(MEMBERS, "w:bz2")),
        ("a.tar.xz", tar(MEMBERS, "w:xz")),
        ("no-extension", zipped(MEMBERS)),
    ],
)
def test_members(cdefence: Run, tmp_path: Path, name: str, archive: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(archive)
    said = cdefence("scan", "--format", "json", file)
    assert said.code == 1
    assert {(path, where) for path, _, where in said.found()} == {
        (f"{file}!{member}", where) for member, where in PLACES
    }
    piped = cdefence("scan", "--format", "json", "-", stdin=archive)
    assert {(path, where) for path, _, where in piped.found()} == {(f"-!{member}", w) for member, w in PLACES}


def test_archives_in_archives(cdefence: Run, tmp_path: Path) -> None:
    inner = zipped({"deep": gzip.compress(PAN)})
    file = tmp_path / "a.tgz"
    file.write_bytes(tar({"x.zip": zipped({"y.tar": tar({"z.zip": inner})})}, "w:gz"))
    (line,) = cdefence("scan", "--format", "json", file).lines
    assert (line["path"], line["view"]) == (f"{file}!x.zip!y.tar!z.zip!deep", "gzip")


def too_deep() -> bytes:
    data = PAN
    for _ in range(9):
        data = zipped({"a": data})
    return data


def encrypted() -> bytes:
    """A zip whose only member says that it is encrypted, in both of its headers."""
    data = bytearray(zipped({"a": PAN}))
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + at] |= 1
    return bytes(data)


# What it is -> which member is told, and why.
CLOSED = {
    "encrypted": (encrypted(), "!a", "is encrypted"),
    "cut zip": (zipped({"a": PAN})[:-10], "", "is no complete zip"),
    "cut tar": (tar({"a": b"x" * 5000})[:3000], "!a", "is no complete tar"),
    "cut gzip": (gzip.compress(b"x" * 5000)[:-9], "", "is no complete gzip"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + b"\0" * 50, "", "a 7z archive is not opened"),
    "too deep": (too_deep(), "!a!a!a!a!a!a", "more than 6 archives in each other"),
}


@pytest.mark.parametrize("name", CLOSED)
def test_what_cannot_be_opened_is_a_finding(cdefence: Run, tmp_path: Path, name: str) -> None:
    data, member, why = CLOSED[name]
    file = tmp_path / "a"
    file.write_bytes(data)
    said = cdefence("scan", "--format", "json", file)
    assert said.code == 1
    told = {(line["path"].removeprefix(str(file)), line["pattern"], line["masked"]) for line in said.lines}
    assert told >= {(member, "unscannable", why)} or told >= {("", "unscannable", why)}


def test_a_bomb_is_a_finding(cdefence: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "BUDGET_FREE", 100_000)
    file = tmp_path / "a.zip"
    file.write_bytes(zipped({"first": PAN, "bomb": zipped({"bomb": b"\0" * 5_000_000})}))
    said = cdefence("scan", "--format", "json", file)
    assert [line["pattern"] for line in said.lines] == ["pci/pan", "unscannable"]
    assert said.lines[1]["masked"] == "opens to more than its size allows"


# --- images -----------------------------------------------------------------------------------------------------------


def blob(data: bytes) -> str:
    return f"blobs/sha256/{hashlib.sha256(data).hexdigest()}"


FIRST = tar({"etc/app.env": PAN, "etc/other": b"nothing"})
SECOND = tar({"etc/.wh.app.env": b""})
CONFIG = json.dumps({"config": {"Env": ["CARD=4111111111111111"]}}).encode()


def docker_save(*, missing: bool = False) -> bytes:
    layers = {"1/layer.tar": FIRST} | ({} if missing else {"2/layer.tar": SECOND})
    manifest = [{"Config": "c.json", "RepoTags": ["shop:1"], "Layers": ["1/layer.tar", "2/layer.tar"]}]
    return tar({**layers, "c.json": CONFIG, "manifest.json": json.dumps(manifest).encode()})


def oci() -> dict[str, bytes]:
    layer = gzip.compress(FIRST)
    digests = [hashlib.sha256(data).hexdigest() for data in (CONFIG, layer)]
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "config": {"digest": f"sha256:{digests[0]}"},
            "layers": [{"digest": f"sha256:{digests[1]}"}],
        }
    ).encode()
    entry = {
        "digest": f"sha256:{hashlib.sha256(manifest).hexdigest()}",
        "annotations": {"org.opencontainers.image.ref.name": "shop:2"},
    }
    index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    return {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": index,
        blob(manifest): manifest,
        blob(CONFIG): CONFIG,
        blob(layer): layer,
    }


def test_docker_save(cdefence: Run, tmp_path: Path) -> None:
    file = tmp_path / "shop.tar"
    file.write_bytes(docker_save())
    said = cdefence("scan", "--format", "json", file)
    assert said.found() == [
        (f"{file}!1/layer.tar!etc/app.env", "pci/pan", "line 1"),
        (f"{file}!c.json", "pci/pan", "$.config.Env[0]"),
    ]
    assert f"note: {file}: image shop:1, 2 layers\n" in said.err


def test_a_layer_that_is_missing_is_a_finding(cdefence: Run, tmp_path: Path) -> None:
    file = tmp_path / "shop.tar"
    file.write_bytes(docker_save(missing=True))
    told = [(line["path"], line["masked"]) for line in cdefence("scan", "--format", "json", file).lines]
    assert told[-1] == (f"{file}!2/layer.tar", "is a layer of the image, but not in the archive")


@pytest.mark.parametrize("packed", [True, False])
def test_oci_layout(cdefence: Run, tmp_path: Path, *, packed: bool) -> None:
    members = oci()
    config, layer = list(members)[-2:]
    if packed:
        (tmp_path / "shop.tar").write_bytes(tar(members))
    for name, content in () if packed else members.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    said = cdefence("scan", "--format", "json", tmp_path)
    root = f"{tmp_path}/shop.tar!" if packed else f"{tmp_path}/"
    assert sorted(said.found()) == sorted(
        [
            (f"{root}{config}", "pci/pan", "$.config.Env[0]"),
            (f"{root}{layer}!etc/app.env", "pci/pan", "line 1"),
        ]
    )
    assert ("image shop:2, 1 layers" in said.err) is packed
