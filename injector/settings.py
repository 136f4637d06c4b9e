"""Every setting of the controller: one table, from which they are parsed, documented and tested.

What belongs here: what an operator sets once for the control plane, from the environment, as one frozen `Settings`.
What never does: annotations of pods (options.py), the policy (policy_source.py) or anything that changes at run time.

The table *is* the class: each field says its kind, default, unit and help.  An unknown variable under our prefix is an
error, because a mistyped setting of a security product must not be silently without effect.
"""

import re
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from enum import StrEnum
from ipaddress import ip_address, ip_network
from pathlib import Path

from dlp_patterns.errors import Problem
from injector.kinds import Kind, Network, one_of, whole_from
from injector.recipe import PullPolicy
from sidecar import contract
from sidecar.core.scopes import PeerClass

PREFIX = f"{contract.ENV_PREFIX}CONTROLLER_"


class SettingsError(ValueError):
    """Settings that cannot be used; `problems` holds every one."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class LogLevel(StrEnum):
    """How much the log says; the words of the logging module in lower case."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class CertificateMode(StrEnum):
    """Who makes the certificate that the API server and the sidecars see."""

    SELF = "self"
    """The controller: one Secret, rotated by the leader."""
    CERT_MANAGER = "cert-manager"
    """cert-manager writes the Secret and its cainjector the caBundle; we only read."""
    SECRET = "secret"  # noqa: S105 - a word
    """An operator writes the Secret; we read it and keep the caBundle equal to its `ca.crt`."""


def _matching(allowed: str, pattern: str) -> Kind[str]:
    """Text that matches a whole regular expression."""
    compiled = re.compile(pattern)

    def parse(text: str) -> str:
        if compiled.fullmatch(text) is None:
            raise ValueError
        return text

    return Kind(allowed, parse)


def _several[T](allowed: str, one: Callable[[str], T]) -> Kind[tuple[T, ...]]:
    """Values separated by commas, none of them twice; an empty text is none at all."""

    def parse(text: str) -> tuple[T, ...]:
        values = tuple(one(part.strip()) for part in text.split(",")) if text.strip() else ()
        if len(set(values)) != len(values):
            raise ValueError
        return values

    return Kind(f"{allowed}, separated by commas, none twice", parse)


def _path(text: str) -> Path:
    if not text or not text.isprintable():
        raise ValueError
    return Path(text)


@dataclass(frozen=True, slots=True)
class ClassOf:
    """What the operator says a network is."""

    network: Network
    scope: PeerClass


def _class_of(text: str) -> ClassOf:
    network, _, scope = text.partition("=")
    return ClassOf(ip_network(network.strip()), PeerClass(scope.strip()))


_DNS = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"
IMAGE = _matching("an image reference without spaces", r"[A-Za-z0-9][\w./:@-]{0,511}")
OBJECT_NAME = _matching("a Kubernetes name (RFC 1123)", _DNS)
PATH = Kind("a path", _path)
NETWORKS = _several("networks such as 10.0.0.0/8 or fd00::/8", ip_network)
CLASSES = _several("NETWORK=CLASS such as 203.0.113.0/24=connected-to", _class_of)
ADDRESS = Kind(
    "an IP address, or empty for every address", lambda text: str(ip_address(text)) if text else ""
)
PORT = whole_from(0, 65_535)


@dataclass(frozen=True, slots=True)
class About[T]:
    """What the table says about one setting, apart from its name and default."""

    kind: Kind[T]
    help: str
    unit: str = ""


def _about[T](kind: Kind[T], help_text: str, unit: str = "") -> dict[str, About[T]]:
    return {"about": About(kind, help_text, unit)}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator can set about the controller; immutable for the life of the process."""

    image: str = field(metadata=_about(IMAGE, "Image of the sidecar: put into every injected pod."))
    image_pull_policy: PullPolicy = field(
        default=PullPolicy.IF_NOT_PRESENT, metadata=_about(one_of(PullPolicy), "When kubelets pull it.")
    )
    certificates: CertificateMode = field(
        default=CertificateMode.SELF, metadata=_about(one_of(CertificateMode), "Who makes the certificate.")
    )
    tls_secret: str = field(
        default=contract.TLS_SECRET,
        metadata=_about(OBJECT_NAME, "Secret of the certificate: `tls.crt`, `tls.key`, `ca.crt`."),
    )
    leaf_life_s: int = field(
        default=30 * 86_400,
        metadata=_about(
            whole_from(60, 365 * 86_400), "Life of a certificate; replaced after two thirds of it.", "s"
        ),
    )
    namespace: str = field(
        default=contract.SYSTEM_NAMESPACE, metadata=_about(OBJECT_NAME, "Namespace of the controller.")
    )
    identity: str = field(
        default_factory=socket.gethostname,
        metadata=_about(OBJECT_NAME, "Name of this replica (default: the host's name, which is the pod's)."),
    )
    webhook_config: str = field(
        default=contract.WEBHOOK_CONFIG,
        metadata=_about(OBJECT_NAME, "MutatingWebhookConfiguration whose caBundle is kept right."),
    )
    cluster_cidrs: tuple[Network, ...] = field(
        default=(), metadata=_about(NETWORKS, "Networks of the cluster: who is not known there is `unknown`.")
    )
    networks: tuple[ClassOf, ...] = field(
        default=(),
        metadata=_about(CLASSES, "Classes of networks, such as those of an acquirer or of your offices."),
    )
    quarantine_s: int = field(
        default=60,
        metadata=_about(whole_from(0, 3600), "An address that a pod gave back is `unknown` for.", "s"),
    )
    kubeconfig: Path | None = field(
        default=None, metadata=_about(PATH, "How to reach the API server from outside a cluster.")
    )
    bind: str = field(default="", metadata=_about(ADDRESS, "Address to listen on; empty: every one."))
    webhook_port: int = field(
        default=contract.WEBHOOK_PORT, metadata=_about(PORT, "The webhook, HTTPS; 0 takes a free port.")
    )
    scopes_port: int = field(
        default=contract.SCOPES_PORT, metadata=_about(PORT, "The scope API for sidecars, HTTPS.")
    )
    health_port: int = field(
        default=contract.CONTROLLER_HEALTH_PORT, metadata=_about(PORT, "`/livez` and `/readyz`, plain HTTP.")
    )
    metrics_port: int = field(
        default=contract.CONTROLLER_METRICS_PORT, metadata=_about(PORT, "`/metrics`, plain HTTP.")
    )
    concurrency: int = field(
        default=64, metadata=_about(whole_from(1, 10_000), "Admissions under way at once; more of them wait.")
    )
    # An image without a shell has no `sleep`, and Kubernetes only learns a preStop sleep of its own with 1.30.
    drain_s: int = field(
        default=5, metadata=_about(whole_from(0, 300), "After SIGTERM: still serving, but not ready.", "s")
    )
    log_level: LogLevel = field(
        default=LogLevel.INFO, metadata=_about(one_of(LogLevel), "How much the log (stderr) says.")
    )


def load(environment: Mapping[str, str]) -> Settings:
    """The settings that these variables make.

    Raises: SettingsError with every variable that is unknown, missing or has a value that is not allowed.
    """
    table = {variable(each.name): each for each in fields(Settings)}
    given = {name: text for name, text in environment.items() if name.startswith(PREFIX)}
    values: dict[str, object] = {}
    problems = [*_unknown(given, table), *_missing(given, table)]
    for name, text in given.items():
        if name not in table:
            continue
        try:
            values[table[name].name] = about(table[name]).kind.parse(text)
        except ValueError:
            problems.append(
                Problem(name, "its value is not allowed", f"allowed: {about(table[name]).kind.allowed}")
            )
    if problems:
        raise SettingsError(tuple(sorted(problems, key=lambda problem: problem.field)))
    return Settings(**values)  # type: ignore[arg-type]  # each value was made by its own field's kind


def variable(name: str) -> str:
    """The environment variable of a field: `log_level` -> `CDEFENCE_CONTROLLER_LOG_LEVEL`."""
    return PREFIX + name.upper()


def about(each: "Field[object]") -> About[object]:
    """The row of one field."""
    row = each.metadata["about"]
    assert isinstance(row, About)
    return row


def _unknown(given: Mapping[str, str], table: Mapping[str, object]) -> Iterator[Problem]:
    for name in given.keys() - table.keys():
        yield Problem(name, "no such setting", "remove it, or take a name from `cdefence controller --help`")


def _missing(given: Mapping[str, str], table: "Mapping[str, Field[object]]") -> Iterator[Problem]:
    for name, each in table.items():
        if each.default is MISSING and each.default_factory is MISSING and name not in given:
            yield Problem(name, "missing", f"set it to {about(each).kind.allowed}: {about(each).help}")
