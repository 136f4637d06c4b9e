"""Every setting of the sidecar: one table, from which they are parsed, documented and tested.

What belongs here: what an operator sets once per pod, from the environment or a file, as one frozen
`Settings`.  What never does: the policy (policy_file.py) and the scope map (scope_file.py), which change
while the proxy runs.

The table *is* the class: each field of `Settings` says its kind, default, unit and help.  The environment
wins over the file; an unknown name is an error, because a mistyped setting of a security product must not
be silently without effect.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from pathlib import Path

from dlp_patterns.errors import Problem
from sidecar import contract
from sidecar.core.document import Node, show
from sidecar.core.fields import ConfigError, Reader
from sidecar.core.scopes import POD_SCOPES, Mode, PeerClass
from sidecar.ops.files import text_of
from sidecar.ops.kinds import (
    ADDRESSES,
    FLAG,
    NO_OR_MORE_ADDRESSES,
    NO_OR_MORE_PATHS,
    ORIGIN,
    PATH,
    PORT,
    TEXT,
    Kind,
    Origin,
    number_from,
    one_of,
    some_of,
    whole_from,
)
from sidecar.ops.probes import Probe, parse_probes

FILE_VARIABLE = f"{contract.ENV_PREFIX}SETTINGS"
"""Names the settings file itself."""


class SettingsError(ConfigError):
    """Settings that cannot be used; `problems` holds every one."""


class LogLevel(StrEnum):
    """How much the log says; the words of the logging module in lower case."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


PROBES: Kind[tuple[Probe, ...]] = Kind("JSON as the injector writes it", parse_probes)

# How old a map may be that the scope API keeps up to date: it says every five seconds that it is right.
WITH_SCOPE_API = {"scope_map_stale_after_s": 30.0, "scope_map_expire_after_s": 600.0}
"""Defaults where `scope_api` is set."""


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
    """Everything an operator can set about one sidecar; immutable for the life of the process."""

    scope: PeerClass = field(metadata=_about(one_of(POD_SCOPES), "PCI scope of the protected pod."))
    mode: Mode = field(
        default=Mode.PROTECT,
        metadata=_about(one_of(Mode), "How far to go; `mode` in the policy file wins over it."),
    )
    policy: Path | None = field(
        default=None,
        metadata=_about(PATH, "Policy file (YAML); without one the default policy holds. Watched."),
    )
    hash_key: Path | None = field(
        default=None,
        metadata=_about(
            PATH,
            "File with the key of the policy's `values` (`cdefence exact`); without one they fit nothing.",
        ),
    )
    scope_map: Path | None = field(
        default=None,
        metadata=_about(PATH, "Scope map file (JSON or YAML); without one no peer is known. Watched."),
    )
    scope_api: Origin | None = field(
        default=None,
        metadata=_about(ORIGIN, "Where the controller tells scope map and policy, instead of files."),
    )
    token: Path = field(
        default=Path(contract.TOKEN_FILE),
        metadata=_about(PATH, "Who we are to the scope API. Read anew for each connection."),
    )
    ca: Path = field(
        default=Path(contract.CA_FILE),
        metadata=_about(
            PATH, "CA certificates (PEM) to know the scope API by. Read anew for each connection."
        ),
    )
    pod: str = field(default="", metadata=_about(TEXT, "Name of the pod, for events."))
    namespace: str = field(default="", metadata=_about(TEXT, "Namespace of the pod, for events."))
    pod_ips: tuple[str, ...] = field(
        default=(),
        metadata=_about(NO_OR_MORE_ADDRESSES, "Addresses of the pod; its probes are dialed there."),
    )
    probes: tuple[Probe, ...] = field(
        default=(),
        metadata=_about(
            PROBES, "Probes and lifecycle hooks to relay from the health port to the application."
        ),
    )
    bind: tuple[str, ...] = field(
        default=("0.0.0.0", "::"),  # noqa: S104 - a transparent proxy must listen where its pod is reached
        metadata=_about(ADDRESSES, "Addresses to listen on; a family the kernel lacks is left out."),
    )
    inbound_port: int = field(
        default=contract.INBOUND_PORT,
        metadata=_about(PORT, "Connections that reach the pod are redirected here."),
    )
    outbound_port: int = field(
        default=contract.OUTBOUND_PORT,
        metadata=_about(PORT, "Connections that the pod opens are redirected here."),
    )
    health_port: int = field(
        default=contract.HEALTH_PORT, metadata=_about(PORT, "`/livez` and `/readyz`, plain HTTP.")
    )
    metrics_port: int = field(default=contract.METRICS_PORT, metadata=_about(PORT, "`/metrics`, plain HTTP."))
    events: str = field(
        default="-",
        metadata=_about(TEXT, "Where audit events go, as JSON lines: `-` is stdout, else a file."),
    )
    events_queue: int = field(
        default=10_000,
        metadata=_about(
            whole_from(1, 1_000_000), "Events that may wait to be written; more are dropped and counted."
        ),
    )
    log_level: LogLevel = field(
        default=LogLevel.INFO, metadata=_about(one_of(LogLevel), "How much the log (stderr) says.")
    )
    cache_dir: Path = field(
        default=Path("/var/cache/cdefence"),
        metadata=_about(PATH, "Compiled patterns are kept here; not writable only means a slower start."),
    )
    packs: tuple[str, ...] = field(
        default=contract.DEFAULT_PACKS,
        metadata=_about(some_of(contract.PACKS), "Pattern packs."),
    )
    own_packs: tuple[Path, ...] = field(
        default=(),
        metadata=_about(
            NO_OR_MORE_PATHS,
            "Folders of pattern files of your own; policies speak of the one called `own`. Watched.",
        ),
    )
    connect_timeout_s: float = field(
        default=10.0,
        metadata=_about(number_from(0.1), "An upstream that does not answer by then has failed.", "s"),
    )
    # Eight hours: JDBC and libpq pools keep connections for a working day; Envoy's one hour breaks them.
    idle_timeout_s: float = field(
        default=8 * 3600.0,
        metadata=_about(number_from(1), "A connection on which no byte moves is closed.", "s"),
    )
    hold_idle_ms: int = field(
        default=20,
        metadata=_about(
            whole_from(1, 60_000), "A held tail that cannot be a whole value is released after.", "ms"
        ),
    )
    # Below Kubernetes' default terminationGracePeriodSeconds of 30.
    drain_s: float = field(
        default=25.0,
        metadata=_about(number_from(0), "Open connections may finish for this long at shutdown.", "s"),
    )
    max_connections: int = field(
        default=20_000, metadata=_about(whole_from(1, 1_000_000), "More are refused, reason `overloaded`.")
    )
    reload_s: float = field(
        default=1.0,
        metadata=_about(number_from(0.1), "How often policy and scope map files are looked at.", "s"),
    )
    scope_map_stale_after_s: float = field(
        default=0.0,
        metadata=_about(
            number_from(0),
            "Age at which a map no longer vouches for peers it lacks; 0: never. 30 with a scope API.",
            "s",
        ),
    )
    scope_map_expire_after_s: float = field(
        default=0.0,
        metadata=_about(
            number_from(0), "Age at which a map counts as none; 0: never. 600 with a scope API.", "s"
        ),
    )
    splice: bool = field(
        default=True, metadata=_about(FLAG, "Move bytes that need no look inside the kernel (`splice`).")
    )
    allow_root: bool = field(
        default=False, metadata=_about(FLAG, "Run although the process is root. For tests.")
    )


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the table."""

    name: str
    about: About[object]
    default: object
    """MISSING: must be set."""

    @property
    def variable(self) -> str:
        """The environment variable."""
        return contract.ENV_PREFIX + self.name.upper()

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is MISSING

    def render(self) -> str:
        """The default as it would be written in the environment; empty if there is none."""
        return "" if self.default is MISSING or self.default is None else _written(self.default)


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


OPTIONS: tuple[Option, ...] = tuple(
    Option(row.name, row.metadata["about"], row.default) for row in fields(Settings)
)
"""The table, in the order of the class."""

_BY_NAME = {option.name: option for option in OPTIONS}
_BY_VARIABLE = {option.variable: option for option in OPTIONS}


@dataclass(frozen=True, slots=True)
class _Given:
    """The text somebody gave for one setting, and what to call the place in an error."""

    text: str
    place: str


def load(environ: Mapping[str, str], file: Path | None = None) -> Settings:
    """The settings from `environ` and the YAML file (`file`, else the one CDEFENCE_SETTINGS names, else
    none).

    Raises SettingsError with every problem: unknown names, values that are not allowed, what is missing.
    """
    problems: list[Problem] = []
    named = environ.get(FILE_VARIABLE)
    source = file or (Path(named) if named else None)
    given = _from_file(source, problems) if source else {}
    given |= _from_environment(environ, problems)
    values = _values(given, problems)
    if problems:
        raise SettingsError(problems)
    if values.get("scope_api") is not None:
        values = WITH_SCOPE_API | values
    settings = Settings(**values)  # type: ignore[arg-type]  # each value was made by the parser of its own row
    if problems := list(_contradictions(settings)):
        raise SettingsError(problems)
    return settings


def _values(given: Mapping[str, _Given], problems: list[Problem]) -> dict[str, object]:
    values: dict[str, object] = {}
    for option in OPTIONS:
        if option.name in given:
            text, place = given[option.name].text, given[option.name].place
            try:
                values[option.name] = option.about.kind.parse(text)
            except ConfigError as error:
                problems += [
                    Problem(f"{place}: {wrong.field}", wrong.what, wrong.remedy) for wrong in error.problems
                ]
            except ValueError:
                problems.append(Problem(place, f"is {show(text)}", f"use {option.about.kind.allowed}"))
        elif option.required:
            problems.append(Problem(option.variable, "is not set", f"use {option.about.kind.allowed}"))
    return values


def _contradictions(settings: Settings) -> Iterator[Problem]:
    """Values that are allowed each, but not together."""
    ports: dict[int, str] = {}
    for option in OPTIONS:
        if option.name.endswith("_port"):
            port: int = getattr(settings, option.name)
            if port in ports:
                yield Problem(
                    option.variable, f"is {port}, like {ports[port]}", "give each listener its own port"
                )
            ports.setdefault(port, option.variable)
    for name in ("scope_map", "policy"):
        if settings.scope_api is not None and getattr(settings, name) is not None:
            yield Problem(
                f"{contract.ENV_PREFIX}{name.upper()}",
                f"is set, and so is {contract.ENV_PREFIX}SCOPE_API, which tells that too",
                "remove one of them",
            )
    stale, expire = settings.scope_map_stale_after_s, settings.scope_map_expire_after_s
    if stale and expire and expire < stale:
        yield Problem(
            f"{contract.ENV_PREFIX}SCOPE_MAP_EXPIRE_AFTER_S",
            f"is {expire:g}, below {stale:g}, the age at which it is stale",
            "raise it",
        )


# Kubernetes sets these for every Service of the namespace (enableServiceLinks).  A Service called
# `cdefence-...` must not keep the sidecar from starting, so they are not settings, whatever they are
# called.
_LINK_NAME = re.compile(
    r".*(?:_|^)(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_\w+)?)"
)


def _from_environment(environ: Mapping[str, str], problems: list[Problem]) -> dict[str, _Given]:
    given: dict[str, _Given] = {}
    for variable in sorted(name for name in environ if name.startswith(contract.ENV_PREFIX)):
        text = environ[variable]
        rest = variable.removeprefix(contract.ENV_PREFIX)
        if variable == FILE_VARIABLE or _LINK_NAME.fullmatch(rest) or text.startswith(contract.SERVICE_LINKS):
            continue
        if variable in _BY_VARIABLE:
            given[_BY_VARIABLE[variable].name] = _Given(text, variable)
        else:
            problems.append(Problem(variable, "is no setting", "see `cdefence settings` for all of them"))
    return given


def _from_file(path: Path, problems: list[Problem]) -> dict[str, _Given]:
    reader = Reader()
    try:
        document = reader.document(text_of(path))
    except ConfigError as error:
        reader.problems.extend(error.problems)
        document = None
    fields_given = {} if document is None else reader.mapping(document, "", optional=_BY_NAME)
    problems += [Problem(f"{path}: {wrong.field}", wrong.what, wrong.remedy) for wrong in reader.problems]
    return _from_mapping(path, fields_given, problems)


def _from_mapping(path: Path, document: Mapping[str, Node], problems: list[Problem]) -> dict[str, _Given]:
    given: dict[str, _Given] = {}
    for name, node in document.items():
        if name not in _BY_NAME:
            continue  # already reported
        place, kind = f"{path}: {name}", _BY_NAME[name].about.kind
        if (text := _as_text(node, many=kind.many)) is None:
            problems.append(Problem(place, f"is {show(node)}", f"use {kind.allowed}"))
        else:
            given[name] = _Given(text, place)
    return given


def _as_text(node: Node, *, many: bool) -> str | None:
    """The value of a YAML field as the environment would spell it; None if it cannot be spelled."""
    if isinstance(node, bool):
        return str(node).lower()
    if isinstance(node, int | float | str):
        return str(node)
    if many and isinstance(node, list) and all(isinstance(item, str) for item in node):
        return ",".join(str(item) for item in node)
    return None
