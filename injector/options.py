"""THE table of pod annotations: from it they are parsed, documented, tested and turned into the sidecar's configuration.

What belongs here: what the owner of a pod may ask for, as one frozen `Options`.  What never does: what the operator
of the cluster decides for all pods (recipe.py), and whether a pod is injected at all (eligible.py).

The table *is* the class: each field of `Options` says its kind, default, help and what it sets.  An unknown
annotation of our domain is an error, because a mistyped annotation of a security product must not be silently without
effect.
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from typing import Final

from dlp_patterns.errors import Problem
from injector.kinds import (
    CPU,
    FLAG,
    MEMORY,
    NAME,
    NETWORKS,
    PORTS,
    RESOLVERS,
    SWITCH,
    Address,
    Kind,
    Network,
    Ports,
    Quantity,
    all_and_some_of,
    one_of,
    whole_from,
)
from injector.tree import show
from sidecar import contract
from sidecar.core.scopes import POD_SCOPES, Mode, PeerClass

PREFIX: Final = f"{contract.DOMAIN}/"
MAX_EXCLUSIONS: Final = 500
"""What `cdefence net apply` takes; a test compares."""


class LogLevel(StrEnum):
    """How much the proxy's log says."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class OptionsError(ValueError):
    """Annotations that cannot be used; `problems` holds every one."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


class Target(StrEnum):
    """What kind of thing an option sets; the name beside it says which one."""

    INJECTOR = "injector"
    ENV = "env"
    """A variable of the proxy."""
    NET = "net"
    """An option of `cdefence net apply`, passed only if the annotation is there."""
    REQUEST = "request"
    LIMIT = "limit"
    """A resource of both containers."""


@dataclass(frozen=True, slots=True)
class About[T]:
    """What the table says about one annotation, apart from its name and default."""

    kind: Kind[T]
    help: str
    target: Target = Target.INJECTOR
    name: str = ""


def _about[T](
    kind: Kind[T], help_text: str, target: Target = Target.INJECTOR, name: str = ""
) -> dict[str, About[T]]:
    return {"about": About(kind, help_text, target, name)}


_UNSEEN: Final = "pass uninspected; only listed groups may set this."
_FOR_BOTH: Final = "of the proxy and of its init container; unused in a pod with resources of its own"


@dataclass(frozen=True, slots=True)
class Options:
    """Everything the owner of a pod can ask for; `None` means that nothing is passed on."""

    pci_scope: PeerClass = field(
        metadata=_about(one_of(POD_SCOPES), "PCI scope of the pod.", Target.ENV, "SCOPE")
    )
    mode: Mode = field(
        default=Mode.PROTECT,
        metadata=_about(
            one_of(Mode),
            "How far to go; `mode` of the cluster's policy wins over it, and only listed groups may go below `protect`.",
            Target.ENV,
            "MODE",
        ),
    )
    inject: bool = field(
        default=True,
        metadata=_about(
            FLAG, "`false` leaves the pod without protection; only listed groups may set it. Also a label."
        ),
    )
    exclude_inbound_ports: tuple[Ports, ...] | None = field(
        default=None,
        metadata=_about(
            PORTS, f"TCP connections to these ports of the pod {_UNSEEN}", Target.NET, "exclude-inbound-ports"
        ),
    )
    exclude_outbound_ports: tuple[Ports, ...] | None = field(
        default=None,
        metadata=_about(
            PORTS,
            f"TCP connections of the pod to these ports {_UNSEEN}",
            Target.NET,
            "exclude-outbound-ports",
        ),
    )
    exclude_cidrs: tuple[Network, ...] | None = field(
        default=None,
        metadata=_about(
            NETWORKS, f"TCP connections of the pod to these networks {_UNSEEN}", Target.NET, "exclude-cidrs"
        ),
    )
    resolvers: tuple[Address, ...] | None = field(
        default=None,
        metadata=_about(
            RESOLVERS,
            f"DNS servers that the pod may ask, else those of its resolv.conf. Questions {_UNSEEN}",
            Target.NET,
            "resolver",
        ),
    )
    ipv6: bool | None = field(
        default=None,
        metadata=_about(SWITCH, "`off` refuses IPv6 instead of protecting it.", Target.NET, "ipv6"),
    )
    packs: tuple[str, ...] | None = field(
        default=None,
        metadata=_about(
            all_and_some_of(contract.DEFAULT_PACKS, set(contract.PACKS) - set(contract.DEFAULT_PACKS)),
            "Pattern packs, more than those that are on by default.",
            Target.ENV,
            "PACKS",
        ),
    )
    own_pack: str | None = field(
        default=None,
        metadata=_about(
            NAME,
            "ConfigMap with pattern files of your own, `NAME.yaml` each; they are the pack `own`, and are watched.",
        ),
    )
    hash_key: str | None = field(
        default=None,
        metadata=_about(
            NAME,
            f"Secret whose `{contract.HASH_KEY}` is the key of the policy's `values` and of your own identifiers"
            f" (`cdefence exact key`); `key_file` in a pattern: `{contract.HASH_KEY_FILE}`.",
        ),
    )
    rewrite_probes: bool = field(
        default=True,
        metadata=_about(
            FLAG, "Let the proxy relay HTTP, TCP and gRPC probes and HTTP hooks, which come from the node."
        ),
    )
    drain_seconds: int = field(
        default=25,  # below Kubernetes' default terminationGracePeriodSeconds of 30
        metadata=_about(
            whole_from(0, 3600),
            "Open connections may finish for this long at shutdown.",
            Target.ENV,
            "DRAIN_S",
        ),
    )
    log_level: LogLevel = field(
        default=LogLevel.INFO,
        metadata=_about(one_of(LogLevel), "How much the proxy's log says.", Target.ENV, "LOG_LEVEL"),
    )
    proxy_cpu: Quantity = field(
        default=CPU.parse("50m"), metadata=_about(CPU, f"CPU request {_FOR_BOTH}.", Target.REQUEST, "cpu")
    )
    proxy_memory: Quantity = field(
        default=MEMORY.parse("96Mi"),
        metadata=_about(MEMORY, f"Memory request {_FOR_BOTH}.", Target.REQUEST, "memory"),
    )
    # A CPU limit throttles every connection of the pod in the middle of a scan, so nobody gets one unasked.
    proxy_cpu_limit: Quantity | None = field(
        default=None, metadata=_about(CPU, f"CPU limit {_FOR_BOTH}.", Target.LIMIT, "cpu")
    )
    proxy_memory_limit: Quantity | None = field(
        default=MEMORY.parse("512Mi"),
        metadata=_about(MEMORY, f"Memory limit {_FOR_BOTH}.", Target.LIMIT, "memory"),
    )


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the table."""

    field: str
    about: About[object]
    default: object
    """MISSING: must be set."""

    @property
    def annotation(self) -> str:
        """The annotation's name."""
        return PREFIX + self.field.replace("_", "-")

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is MISSING

    def write(self, options: Options) -> str | None:
        """Its value in these options, in its one spelling; None if nothing is to be passed on."""
        value: object = getattr(options, self.field)
        return None if value is None else self.about.kind.write(value)

    def written_default(self) -> str:
        """The default as an annotation would say it; empty if there is none."""
        return "" if self.default is MISSING or self.default is None else self.about.kind.write(self.default)


TABLE: Final[tuple[Option, ...]] = tuple(
    Option(row.name, row.metadata["about"], row.default) for row in fields(Options)
)
_BY_ANNOTATION: Final = {option.annotation: option for option in TABLE}


def settings(options: Options, target: Target) -> Iterator[tuple[str, str]]:
    """Name and value of everything that these options set for one kind of target, in the order of the table."""
    for option in TABLE:
        if option.about.target is target and (value := option.write(options)) is not None:
            yield option.about.name, value


def parse(annotations: Mapping[str, str], labels: Mapping[str, str] | None = None) -> Options:
    """The options that a pod's annotations ask for; annotations of other domains are nobody's business here.

    Raises OptionsError with every problem: unknown names, values that are not allowed, what is missing, what contradicts
    itself, and annotations that were put among the `labels` by mistake.
    """
    problems = [*_unknown(annotations), *_misplaced(labels or {})]
    values: dict[str, object] = {}
    for option in TABLE:
        if option.annotation in annotations:
            _parse_one(option, annotations[option.annotation], values, problems)
        elif option.required:
            problems.append(Problem(option.annotation, "is missing", f"set {option.about.kind.allowed}"))
    problems += _contradictions(values)
    if problems:
        raise OptionsError(problems)
    return Options(**values)  # type: ignore[arg-type]  # each value was made by the parser of its own row


def _unknown(annotations: Mapping[str, str]) -> Iterator[Problem]:
    known = {*_BY_ANNOTATION, contract.STATUS_ANNOTATION}
    for name in sorted(annotations):
        if name.startswith(PREFIX) and name not in known:
            yield Problem(show(name)[1:-1], "is no annotation of cdefence", "see `cdefence annotations`")


def _misplaced(labels: Mapping[str, str]) -> Iterator[Problem]:
    for name in sorted(labels):
        if name in _BY_ANNOTATION and name != contract.INJECT_ANNOTATION:
            yield Problem(name, "is a label here, and means nothing", "make it an annotation")


def _parse_one(option: Option, text: str, values: dict[str, object], problems: list[Problem]) -> None:
    try:
        if not text.isprintable():  # whatever a kind would make of it: no control characters
            raise ValueError(text)
        values[option.field] = option.about.kind.parse(text)
    except ValueError:
        problems.append(Problem(option.annotation, f"is {show(text)}", f"use {option.about.kind.allowed}"))


# ---- what is allowed by itself, but not together -----------------------------------------------------------


def _contradictions(values: Mapping[str, object]) -> Iterator[Problem]:
    yield from _limit_below_request(values, "proxy_cpu")
    yield from _limit_below_request(values, "proxy_memory")
    inbound = values.get("exclude_inbound_ports")
    for ports in inbound if isinstance(inbound, tuple) else ():
        for port in (contract.INBOUND_PORT, contract.OUTBOUND_PORT):
            if port in ports:
                name = f"{PREFIX}exclude-inbound-ports"
                yield Problem(name, f"{ports} holds {port}, a port of the proxy", "leave it out")
    lists = [value for name, value in values.items() if name.startswith("exclude_")]
    total = sum(len(value) for value in lists if isinstance(value, tuple))
    if total > MAX_EXCLUSIONS:
        what = f"have {total} entries together, the limit is {MAX_EXCLUSIONS}"
        yield Problem(f"{PREFIX}exclude-…", what, "join neighbouring networks and ports")


def _limit_below_request(values: Mapping[str, object], name: str) -> Iterator[Problem]:
    defaults = {option.field: option.default for option in TABLE}
    request, limit = (values.get(each, defaults[each]) for each in (name, f"{name}_limit"))
    if isinstance(request, Quantity) and isinstance(limit, Quantity) and limit.amount < request.amount:
        annotation = f"{PREFIX}{name}_limit".replace("_", "-")
        yield Problem(annotation, f"{limit} is below the request, {request}", "raise it or lower the request")


# ---- documentation -----------------------------------------------------------------------------------------


def documentation() -> Iterator[str]:
    """The table in markdown, a line at a time."""
    yield "| annotation | allowed | default | sets | what it does |"
    yield "|---|---|---|---|---|"
    for option in TABLE:
        about = option.about
        default = f"`{option.written_default()}`" if option.written_default() else ""
        yield (
            f"| `{option.annotation}` | {about.kind.allowed} | {'required' if option.required else default} |"
            f" {_sets(about)} | {about.help} |"
        )


def _sets(about: About[object]) -> str:
    return {
        Target.INJECTOR: "",
        Target.ENV: f"`{contract.ENV_PREFIX}{about.name}`",
        Target.NET: f"`net apply --{about.name}`",
        Target.REQUEST: f"`resources.requests.{about.name}`",
        Target.LIMIT: f"`resources.limits.{about.name}`",
    }[about.target]
