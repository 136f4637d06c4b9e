"""Another clock for containers: an image like ours whose programs are told a later time of day.

A library that stands before libc (`ld.so.preload`) adds a constant to the wall clock; the monotonic clock is the kernel's.
That is what a node with a wrong clock is to its programs, without touching the machine's clock.  What never belongs here:
what follows from it.
"""

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Final

SOURCE: Final = r"""
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *out) {
    int failed = syscall(SYS_clock_gettime, clock, out);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) out->tv_sec += AHEAD;
    return failed;
}

int timespec_get(struct timespec *out, int base) { return clock_gettime(CLOCK_REALTIME, out) ? 0 : base; }

int gettimeofday(struct timeval *out, void *zone) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
"""


def ahead(image: Path, folder: Path, seconds: int) -> Path:
    """The archive of an image like `image`, under the same name, whose clock is `seconds` ahead; needs a C compiler."""
    library = folder / "later.so"
    options = ["-shared", "-fPIC", "-O1", f"-DAHEAD={seconds}", "-x", "c", "-", "-o", str(library)]
    subprocess.run(["cc", *options], input=SOURCE, text=True, check=True, capture_output=True)
    files = {"usr/lib/later.so": library.read_bytes(), "etc/ld.so.preload": b"/usr/lib/later.so\n"}
    target = folder / f"ahead-{seconds}.tar"
    _with_layer(image, target, _layer(files))
    return target


def _layer(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            _member(tar, name, content, 0o755)
    return buffer.getvalue()


def _with_layer(image: Path, target: Path, layer: bytes) -> None:
    """A copy of a `docker save` archive with one more layer."""
    digest = hashlib.sha256(layer).hexdigest()
    with tarfile.open(image) as old, tarfile.open(target, "w") as new:
        (manifest,) = json.loads(_read(old, "manifest.json"))
        config = json.loads(_read(old, manifest["Config"]))
        config["rootfs"]["diff_ids"].append(f"sha256:{digest}")
        config["history"].append({"created_by": "another clock"})
        text = json.dumps(config).encode()
        for name in manifest["Layers"]:
            new.addfile(old.getmember(name), old.extractfile(name))
        manifest["Layers"].append(f"{digest}/layer.tar")
        manifest["Config"] = f"{hashlib.sha256(text).hexdigest()}.json"
        _member(new, manifest["Config"], text)
        _member(new, f"{digest}/layer.tar", layer)
        _member(new, "manifest.json", json.dumps([manifest]).encode())


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file is not None
    return file.read()


def _member(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
