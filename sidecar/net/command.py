"""`cdefence net apply | remove | show | plan`: the firewall of the network namespace the command runs in.

What belongs here: options to `Redirect`, results to text and exit codes.  What never does: rules (`redirect`)
and netlink (`apply`), which is imported only where it is needed, so that `cdefence --help` stays quick.

Exit codes: 0 done; 1 no rules here (`show` only); 2 not done, and standard error says why and what to do.
"""

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final

from sidecar import contract
from sidecar.net.errors import BadRedirectError, NetError
from sidecar.net.plan import LiveTable
from sidecar.net.redirect import Address, Redirect
from sidecar.net.rules import Ports

DONE, ABSENT, FAILED = 0, 1, 2
RESOLV_CONF: Final = Path("/etc/resolv.conf")
NO_DNS: Final = "none"
_TABLE: Final = f"table inet {contract.NFT_TABLE}"

type Commands = argparse._SubParsersAction[argparse.ArgumentParser]


@dataclass(frozen=True, slots=True)
class Option:
    """A command line option.  `many`: commas and repetition.  `env`: falls back to CDEFENCE_<env>."""

    name: str
    expects: str
    help: str
    many: bool = False
    env: str = ""

    def add_to(self, verb: argparse.ArgumentParser) -> None:
        """Declare the option; its text is judged later, with all the others."""
        action, metavar = ("append", "LIST") if self.many else ("store", "VALUE")
        verb.add_argument(f"--{self.name}", action=action, metavar=metavar, help=self.help)


_RANGE, _NUMBER = "PORT or FIRST-LAST", "a number"
_FREE: Final = "TCP to these passes un-inspected"
OPTIONS: Final = (
    Option("exclude-inbound-ports", _RANGE, _FREE, many=True),
    Option("exclude-outbound-ports", _RANGE, _FREE, many=True),
    Option("exclude-cidrs", "ADDRESS/PREFIX without host bits", _FREE, many=True),
    Option(
        "resolver", "an IP address", "DNS the pod may ask, or `none` (default: /etc/resolv.conf)", many=True
    ),
    Option("ipv6", "on or off", "off: refuse IPv6 altogether instead of redirecting it"),
    Option("uid", _NUMBER, "user of the proxy"),
    Option("gid", _NUMBER, "group of the proxy"),
    Option("inbound-port", _NUMBER, "the proxy's port for connections to the pod", env="INBOUND_PORT"),
    Option("outbound-port", _NUMBER, "the proxy's port for connections from the pod", env="OUTBOUND_PORT"),
    Option("health-port", _NUMBER, "the proxy's port for the kubelet", env="HEALTH_PORT"),
    Option("metrics-port", _NUMBER, "the proxy's port for the metrics scraper", env="METRICS_PORT"),
)
"""THE table: parser, environment and error messages come from here.  The proxy reads the same variables."""

_BY_NAME: Final = {option.name: option for option in OPTIONS}


type Verb = Callable[[argparse.Namespace], int]


def _explaining(verb: Verb) -> Verb:
    """Turn a `NetError` into exit code 2, with everything that is wrong on standard error."""

    @wraps(verb)
    def explaining(args: argparse.Namespace) -> int:
        try:
            return verb(args)
        except NetError as error:
            for problem in error.problems:
                sys.stderr.write(f"cdefence net: {problem}\n")
            return FAILED

    return explaining


@_explaining
def plan(args: argparse.Namespace) -> int:
    """Print the rules as nft text; changes nothing, needs no privilege."""
    return _say(redirect_from(args, os.environ).table().script())


@_explaining
def apply(args: argparse.Namespace) -> int:
    """Install the rules in this network namespace (needs NET_ADMIN)."""
    wanted = redirect_from(args, os.environ).table()
    from sidecar.net import apply as net

    changes = len(net.apply(wanted))
    return _say(f"{_TABLE}: {f'{changes} changes made' if changes else 'nothing to change'}\n")


@_explaining
def remove(_: argparse.Namespace) -> int:
    """Delete the rules from this network namespace (needs NET_ADMIN)."""
    from sidecar.net import apply as net

    return _say(f"{_TABLE}: {'removed' if net.remove(contract.NFT_TABLE) else 'was not there'}\n")


@_explaining
def show(_: argparse.Namespace) -> int:
    """Print what met each rule so far (needs NET_ADMIN); exit code 1 if there are no rules."""
    from sidecar.net import apply as net

    live = net.read(contract.NFT_TABLE)
    _say("".join(_counters(live)) if live else f"{_TABLE}: not there\n")
    return DONE if live else ABSENT


def _counters(live: LiveTable) -> Iterator[str]:
    row = "{:<14} {:>10} {:>14}  {}\n".format
    yield row("CHAIN", "PACKETS", "BYTES", "WHY")
    for chain in live.chains:
        yield from (row(chain.name, rule.packets, rule.octets, rule.tag) for rule in chain.rules)


def _say(text: str) -> int:
    sys.stdout.write(text)
    return DONE


def register(commands: Commands) -> None:
    """Add `net` and its verbs to the command line."""
    net = commands.add_parser("net", help="install, remove or show the pod's firewall")
    verbs = net.add_subparsers(metavar="VERB", required=True)
    for run, options in ((apply, OPTIONS), (remove, ()), (show, ()), (plan, OPTIONS)):
        verb = verbs.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        verb.set_defaults(run=run)
        for option in options:
            option.add_to(verb)


# ---- options to a Redirect ---------------------------------------------------------------------------------


def redirect_from(args: argparse.Namespace, env: Mapping[str, str]) -> Redirect:
    """The request that options and environment describe.

    Raises `BadRedirectError` with everything that is wrong, here and in `Redirect` itself.
    """
    read = _Reader(args, env)
    try:
        redirect = Redirect(
            inbound_port=read.one("inbound-port", contract.INBOUND_PORT),
            outbound_port=read.one("outbound-port", contract.OUTBOUND_PORT),
            health_port=read.one("health-port", contract.HEALTH_PORT),
            metrics_port=read.one("metrics-port", contract.METRICS_PORT),
            uid=read.one("uid", contract.PROXY_UID),
            gid=read.one("gid", contract.PROXY_GID),
            exclude_inbound=read.many("exclude-inbound-ports", _ports),
            exclude_outbound=read.many("exclude-outbound-ports", _ports),
            exclude_cidrs=read.many("exclude-cidrs", ip_network),
            resolvers=_resolvers(read),
            ipv6=False not in read.many("ipv6", _switch),
        )
    except BadRedirectError as error:
        raise BadRedirectError(*read.problems, *error.problems) from None
    if read.problems:
        raise BadRedirectError(*read.problems)
    return redirect


class _Reader:
    """Reads options by name, or their variables of the environment, and collects what is wrong with them."""

    def __init__(self, args: argparse.Namespace, env: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self._given = {option.name: _given(option, args, env) for option in OPTIONS}

    def given(self, name: str) -> bool:
        """Was there anything under this name?"""
        return bool(self._given[name][1])

    def one(self, name: str, default: int) -> int:
        """The number given, or `default`."""
        return next(iter(self.many(name, _number)), default)

    def many[T](self, name: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        """Everything given under this name, without repetitions and without what could not be read."""
        where, texts = self._given[name]
        return self.parsed(where, _BY_NAME[name].expects, texts, parse)

    def parsed[T](self, where: str, what: str, texts: list[str], parse: Callable[[str], T]) -> tuple[T, ...]:
        """`texts` as values; a problem for each that is not `what`."""
        values: dict[T, None] = {}
        for text in texts:
            try:
                values[parse(text)] = None
            except ValueError:
                self.problems.append(f"{where}: {text!r} is not {what}")
        return tuple(values)


def _given(option: Option, args: argparse.Namespace, env: Mapping[str, str]) -> tuple[str, list[str]]:
    """Where the option was given, and its texts."""
    value: list[str] | str | None = getattr(args, option.name.replace("-", "_"))
    if value is not None:
        texts = value if isinstance(value, list) else [value]
        return f"--{option.name}", [part.strip() for text in texts for part in text.split(",")]
    variable = contract.ENV_PREFIX + option.env
    text = env.get(variable) if option.env else None
    return variable, [] if text is None or text.startswith(contract.SERVICE_LINKS) else [text]


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", text):
        raise ValueError(text)
    return int(text)


def _ports(text: str) -> Ports:
    first, dash, last = text.partition("-")
    return Ports(_number(first), _number(last) if dash else _number(first))


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError(text)
    return text == "on"


def _resolver(text: str) -> Address | None:
    return None if text == NO_DNS else ip_address(text)


def _resolvers(read: _Reader) -> tuple[Address, ...]:
    """The listed resolvers, else those of resolv.conf.  "None at all" must be asked for: little works without."""
    if read.given("resolver"):
        return tuple(address for address in read.many("resolver", _resolver) if address is not None)
    names = _nameservers(RESOLV_CONF)
    if not names:
        read.problems.append(f"--resolver: {RESOLV_CONF} names no nameserver; list some, or say `{NO_DNS}`")
    return read.parsed(str(RESOLV_CONF), "an IP address", names, ip_address)


def _nameservers(path: Path) -> list[str]:
    """What stands on the `nameserver` lines (resolv.conf(5)); nothing if the file cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    words = (line.split() for line in lines)
    return [first[1] for first in words if len(first) > 1 and first[0] == "nameserver"]
