"""Certificates of a lab, made with the openssl command: one CA for the lab, one server certificate a pod.

What never belongs here: keys that outlive the lab, or that anything outside it trusts.
"""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from sidecar.lab.errors import LabError
from sidecar.lab.topology import Pod

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_DAYS = "7"


def make_authority(directory: Path) -> Path:
    """`ca.crt` and `ca.key` in `directory`, unless they are there; returns the certificate's path."""
    certificate = directory / "ca.crt"
    if not certificate.exists():
        extensions = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
        _request(directory / "ca.key", certificate, "/O=cdefence lab/CN=lab CA", extensions)
    return certificate


def make_server(directory: Path, pod: Pod, authority: Path, owner: int, names: Iterable[str] = ()) -> None:
    """`tls.crt` and `tls.key` in `directory` for the pod's name and addresses and more `names`, readable by `owner`."""
    certificate, key = directory / "tls.crt", directory / "tls.key"
    if not certificate.exists():
        hosts = [f"DNS:{name}" for name in (pod.name, *names)]
        all_names = ",".join([*hosts, *(f"IP:{address}" for address in pod.addresses)])
        extensions = (
            f"subjectAltName={all_names}",
            "extendedKeyUsage=serverAuth",
            "basicConstraints=CA:FALSE",
        )
        _request(key, certificate, f"/O=cdefence lab/CN={pod.name}", extensions, authority)
    os.chown(key, owner, owner)


def _request(
    key: Path, certificate: Path, subject: str, extensions: tuple[str, ...], authority: Path | None = None
) -> None:
    """A new key and a certificate for it, signed by `authority` or by itself; it appears last and whole."""
    part = certificate.with_suffix(".part")
    command = ["openssl", "req", "-x509", *_NEW_KEY, "-days", _DAYS, "-subj", subject]
    command += ["-keyout", str(key), "-out", str(part)]
    for extension in extensions:
        command += ["-addext", extension]
    if authority:
        command += ["-CA", str(authority), "-CAkey", str(authority.with_suffix(".key"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"openssl req: {done.stderr.strip().splitlines()[-1]} (the lab needs OpenSSL 3)")
    part.rename(certificate)
