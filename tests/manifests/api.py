"""A user of a Kubernetes API, as somebody: one request, and what became of it.

What belongs here: HTTP with the administrator's certificate, and impersonation.  What never does: what is asked, and why.
"""

import base64
import json
import re
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

CONTENT = {"PATCH": "application/strategic-merge-patch+json"}
DENIAL = re.compile(
    r"ValidatingAdmissionPolicy '(?P<policy>[^']+)' with binding '(?P<binding>[^']+)' denied request: (?P<why>.*)",
    re.S,
)


@dataclass(frozen=True, slots=True)
class Who:
    """A user and its groups; the API server adds `system:authenticated`."""

    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One call; `body` is JSON.  A dry run changes nothing, but is admitted like any other."""

    method: str
    path: str
    body: dict[str, Any] | None = None
    query: str = ""
    content: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Status, the answer, and the warnings that came with it."""

    status: int
    body: dict[str, Any]
    warnings: tuple[str, ...] = field(default=())

    @property
    def message(self) -> str:
        """What a Status object says."""
        return str(self.body.get("message", ""))

    @property
    def denial(self) -> tuple[str, str] | None:
        """Policy and explanation, when a ValidatingAdmissionPolicy refused; of several policies the first that answered."""
        found = DENIAL.search(self.message)
        return None if found is None else (found["policy"], found["why"].strip())


class Api:
    """One API server, through a kubeconfig with certificates in it."""

    def __init__(self, kubeconfig: Path, kubectl: Path) -> None:
        self.kubeconfig, self._kubectl = kubeconfig, kubectl
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        server = urlsplit(cluster["server"])
        self._host, self._port = server.hostname or "", server.port
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._tls = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(base64.b64decode(user["client-certificate-data"]) + b"\n")
            pair.write(base64.b64decode(user["client-key-data"]))
            pair.flush()
            self._tls.load_cert_chain(pair.name)

    def version(self) -> tuple[int, int]:
        """Major and minor of the API server."""
        said = self.ask(Request("GET", "/version")).body
        return int(said["major"]), int(said["minor"].rstrip("+"))

    def ask(self, request: Request, who: Who | None = None) -> Outcome:
        """Make the call; every HTTP status is an outcome, so it never raises for one."""
        path = f"{request.path}?{request.query}" if request.query else request.path
        connection = HTTPSConnection(self._host, self._port, timeout=120, context=self._tls)
        try:
            connection.putrequest(request.method, path)
            body = b"" if request.body is None else json.dumps(request.body).encode()
            for name, value in _headers(request, who, len(body)):
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return _outcome(answer.status, answer.read(), answer.headers.get_all("Warning"))
        finally:
            connection.close()

    def kubectl(self, *words: str | Path, stdin: str = "", timeout: float = 120) -> str:
        """Run kubectl as the administrator; its standard output.  Raises CalledProcessError."""
        command = [str(self._kubectl), f"--kubeconfig={self.kubeconfig}", *map(str, words)]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, check=False, timeout=timeout
        )
        assert done.returncode == 0, f"kubectl {' '.join(map(str, words))}: {done.stderr}"
        return done.stdout


def _headers(request: Request, who: Who | None, length: int) -> Iterator[tuple[str, str]]:
    yield "Accept", "application/json"
    yield "Content-Type", request.content or CONTENT.get(request.method, "application/json")
    yield "Content-Length", str(length)
    if who:
        yield "Impersonate-User", who.name
        yield from (("Impersonate-Group", group) for group in who.groups)


def _outcome(status: int, body: bytes, warnings: Sequence[str] | None) -> Outcome:
    try:
        found = json.loads(body) if body else {}
    except ValueError:
        found = {"message": body.decode("utf-8", "replace")}
    return Outcome(status, found, tuple(warnings or ()))
