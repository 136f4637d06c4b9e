"""nftables rules as data: what a rule says (nft syntax) beside what the kernel runs (netlink expressions).

What belongs here: the few matches and statements the firewall of a pod needs, each able to print itself and
to list its kernel expressions.  What never does: which rules a pod gets (`redirect`), talking to the kernel
(`netlink`).

A rule always counts and always says why it is there; neither can be left out.  Kernel names and numbers are
those of `linux/netfilter/nf_tables.h`; the order of expressions is the one the `nft` tool produces, so that
its listing of our rules reads like our own text (a test compares the two).
"""

import sys
from dataclasses import dataclass
from enum import Enum, IntEnum, IntFlag
from ipaddress import IPv4Network, IPv6Network
from typing import Final, Literal, Protocol

type Network = IPv4Network | IPv6Network

MAX_TAG: Final = 127
"""Longest comment in bytes that `nft` shows (NFTNL_UDATA_COMMENT_MAXLEN is 128, one is the closing NUL)."""


class Hook(IntEnum):
    """Where a chain is called (`enum nf_inet_hooks`)."""

    PREROUTING = 0
    INPUT = 1
    OUTPUT = 3


class ChainType(Enum):
    """What a chain may do; the value is nft's and the kernel's word."""

    FILTER = "filter"
    NAT = "nat"


class Policy(IntEnum):
    """What happens to a packet that leaves a chain undecided (`NF_DROP`, `NF_ACCEPT`)."""

    DROP = 0
    ACCEPT = 1


class L4(IntEnum):
    """Transport protocols by IANA number; the lower-case name is nft's."""

    ICMP = 1
    TCP = 6
    UDP = 17
    ICMPV6 = 58


class Family(IntEnum):
    """Network protocols (`NFPROTO_IPV4`, `NFPROTO_IPV6`)."""

    IPV4 = 2
    IPV6 = 10


class CtState(IntFlag):
    """Connection tracking states (`NF_CT_STATE_BIT`)."""

    INVALID = 1
    ESTABLISHED = 2
    RELATED = 4


# ---- kernel expressions ------------------------------------------------------------------------------------


class Code(IntEnum):
    """Verdict codes as an expression carries them (`NF_DROP`, `NF_ACCEPT`, `NFT_RETURN`)."""

    DROP = 0
    ACCEPT = 1
    RETURN = -5


type Value = int | bytes | Code
"""An attribute: a number, register data, or a verdict."""


@dataclass(frozen=True, slots=True)
class Expr:
    """One instruction of the kernel's rule interpreter; attributes by name, so that equal is equal."""

    name: str
    attrs: tuple[tuple[str, Value], ...]


_REG: Final = 1  # NFT_REG_1: every match loads it and compares it, nothing lives longer
_VERDICT_REG: Final = 0
_EQ, _NEQ, _LTE, _GTE = 0, 1, 3, 5  # enum nft_cmp_ops
_NETWORK_HEADER, _TRANSPORT_HEADER = 1, 2  # enum nft_payload_bases
_META: Final = {"oifname": 7, "iifname": 6, "skuid": 10, "skgid": 11, "nfproto": 15, "l4proto": 16}
_CT: Final = {"state": 0, "status": 2}
_IPS_DST_NAT: Final = 1 << 5  # enum ip_conntrack_status
_PROTO_SPECIFIED: Final = 2  # NF_NAT_RANGE_PROTO_SPECIFIED
_IFNAMSIZ: Final = 16
_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10


def expr(name: str, /, **attrs: Value) -> Expr:
    """Build an `Expr` from keyword arguments."""
    return Expr(name, tuple(sorted(attrs.items())))


def _host32(number: int) -> bytes:
    """Registers hold ids and flags in the byte order of the machine, unlike everything read from a packet."""
    return number.to_bytes(4, sys.byteorder)


def _compare(data: bytes, op: int = _EQ) -> Expr:
    return expr("cmp", sreg=_REG, op=op, data=data)


def _mask(mask: bytes) -> Expr:
    return expr("bitwise", sreg=_REG, dreg=_REG, len=len(mask), op=0, mask=mask, xor=bytes(len(mask)))


def _meta(key: str, data: bytes) -> tuple[Expr, ...]:
    return expr("meta", key=_META[key], dreg=_REG), _compare(data)


def _ct_any(key: str, bits: int) -> tuple[Expr, ...]:
    return expr("ct", key=_CT[key], dreg=_REG), _mask(_host32(bits)), _compare(_host32(0), _NEQ)


def _payload(base: int, offset: int, length: int) -> Expr:
    return expr("payload", dreg=_REG, base=base, offset=offset, len=length)


# ---- matches -----------------------------------------------------------------------------------------------


class Term(Protocol):
    """A part of a rule: a match or a statement."""

    def text(self) -> str:
        """The term in nft syntax, as `nft list` prints it."""

    def expressions(self) -> tuple[Expr, ...]:
        """The term as the kernel runs it."""


@dataclass(frozen=True, slots=True)
class Interface:
    """The packet comes in or leaves by this interface; leaving is as routed before any redirection."""

    side: Literal["iifname", "oifname"]
    name: str

    def text(self) -> str:
        """`oifname "lo"`."""
        return f'{self.side} "{self.name}"'

    def expressions(self) -> tuple[Expr, ...]:
        """The whole name: the comparison includes the closing NUL."""
        return _meta(self.side, self.name.encode().ljust(_IFNAMSIZ, b"\0"))


@dataclass(frozen=True, slots=True)
class Transport:
    """Any packet of one transport protocol."""

    l4: L4

    def text(self) -> str:
        """`meta l4proto tcp`."""
        return f"meta l4proto {self.l4.name.lower()}"

    def expressions(self) -> tuple[Expr, ...]:
        """One byte: the protocol number behind all extension headers."""
        return _meta("l4proto", bytes([self.l4]))


@dataclass(frozen=True, slots=True)
class NotTransport:
    """Any packet of another transport protocol."""

    l4: L4

    def text(self) -> str:
        """`meta l4proto != tcp`."""
        return f"meta l4proto != {self.l4.name.lower()}"

    def expressions(self) -> tuple[Expr, ...]:
        """The same byte."""
        load, _ = Transport(self.l4).expressions()
        return load, _compare(bytes([self.l4]), _NEQ)


@dataclass(frozen=True, slots=True)
class Opening:
    """TCP that asks for a new connection (`asks`), or that does not: SYN without ACK, RST and FIN (RFC 9293 3.10.7)."""

    asks: bool

    def text(self) -> str:
        """`tcp flags syn / fin,syn,rst,ack`, `tcp flags != syn / fin,syn,rst,ack`."""
        return f"tcp flags {'' if self.asks else '!= '}syn / fin,syn,rst,ack"

    def expressions(self) -> tuple[Expr, ...]:
        """The flags are the byte at offset 13 of the TCP header."""
        load = (*Transport(L4.TCP).expressions(), _payload(_TRANSPORT_HEADER, 13, 1))
        return (
            *load,
            _mask(bytes([_FIN | _SYN | _RST | _ACK])),
            _compare(bytes([_SYN]), _EQ if self.asks else _NEQ),
        )


@dataclass(frozen=True, slots=True)
class Version:
    """Any packet of one network protocol."""

    family: Family

    def text(self) -> str:
        """`meta nfproto ipv6`."""
        return f"meta nfproto {self.family.name.lower()}"

    def expressions(self) -> tuple[Expr, ...]:
        """One byte: the family of the hook."""
        return _meta("nfproto", bytes([self.family]))


@dataclass(frozen=True, slots=True)
class Owner:
    """The socket's opener had this user *and* this group; packets without a socket never match."""

    uid: int
    gid: int

    def text(self) -> str:
        """`meta skuid 15001 meta skgid 15001`."""
        return f"meta skuid {self.uid} meta skgid {self.gid}"

    def expressions(self) -> tuple[Expr, ...]:
        """Two comparisons, so both ids must be right."""
        return *_meta("skuid", _host32(self.uid)), *_meta("skgid", _host32(self.gid))


@dataclass(frozen=True, slots=True, order=True)
class Ports:
    """A port, or the ports from `first` to `last`, both included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class To:
    """The destination port is one of these."""

    l4: L4
    ports: Ports

    def text(self) -> str:
        """`tcp dport 8000-8100`."""
        return f"{self.l4.name.lower()} dport {self.ports}"

    def expressions(self) -> tuple[Expr, ...]:
        """The port is two bytes at offset 2 of TCP's and UDP's header alike."""
        load = (*Transport(self.l4).expressions(), _payload(_TRANSPORT_HEADER, 2, 2))
        first, last = (port.to_bytes(2) for port in (self.ports.first, self.ports.last))
        if first == last:
            return *load, _compare(first)
        return *load, _compare(first, _GTE), _compare(last, _LTE)


@dataclass(frozen=True, slots=True)
class Toward:
    """The destination address is inside this network."""

    network: Network

    def text(self) -> str:
        """`ip daddr 10.0.0.0/8`, `ip6 daddr fd77::5`."""
        keyword = "ip" if self.network.version == 4 else "ip6"
        whole = self.network.prefixlen == self.network.max_prefixlen
        return f"{keyword} daddr {self.network.network_address if whole else self.network}"

    def expressions(self) -> tuple[Expr, ...]:
        """The destination sits at offset 16 of an IPv4 header and at offset 24 of an IPv6 header."""
        v4 = self.network.version == 4
        address, mask = self.network.network_address.packed, self.network.netmask.packed
        family = Version(Family.IPV4 if v4 else Family.IPV6).expressions()
        load = _payload(_NETWORK_HEADER, 16 if v4 else 24, len(address))
        narrowed = () if self.network.prefixlen == self.network.max_prefixlen else (_mask(mask),)
        return *family, load, *narrowed, _compare(address)


@dataclass(frozen=True, slots=True)
class Tracked:
    """Connection tracking has put the packet in one of these states."""

    states: CtState

    def text(self) -> str:
        """`ct state established,related`."""
        return "ct state " + ",".join(state.name.lower() for state in self.states if state.name)

    def expressions(self) -> tuple[Expr, ...]:
        """Any of the bits."""
        return _ct_any("state", self.states)


@dataclass(frozen=True, slots=True)
class Redirected:
    """The connection's destination was rewritten, which in a pod is what our redirection does."""

    def text(self) -> str:
        """`ct status dnat`."""
        return "ct status dnat"

    def expressions(self) -> tuple[Expr, ...]:
        """The kernel sets the bit only when the destination really changed."""
        return _ct_any("status", _IPS_DST_NAT)


class IcmpType(Enum):
    """ICMP messages: protocol, number, nft's name (RFC 792, 2710, 3810, 4443, 4861)."""

    ECHO_REQUEST = (L4.ICMP, 8, "echo-request")
    ECHO_REQUEST6 = (L4.ICMPV6, 128, "echo-request")
    MLD_QUERY = (L4.ICMPV6, 130, "mld-listener-query")
    MLD_REPORT = (L4.ICMPV6, 131, "mld-listener-report")
    MLD_DONE = (L4.ICMPV6, 132, "mld-listener-done")
    ROUTER_SOLICIT = (L4.ICMPV6, 133, "nd-router-solicit")
    ROUTER_ADVERT = (L4.ICMPV6, 134, "nd-router-advert")
    NEIGHBOR_SOLICIT = (L4.ICMPV6, 135, "nd-neighbor-solicit")
    NEIGHBOR_ADVERT = (L4.ICMPV6, 136, "nd-neighbor-advert")
    MLD2_REPORT = (L4.ICMPV6, 143, "mld2-listener-report")


@dataclass(frozen=True, slots=True)
class Icmp:
    """An ICMP or ICMPv6 message of one type."""

    type: IcmpType

    def text(self) -> str:
        """`icmpv6 type nd-neighbor-solicit`."""
        l4, _, name = self.type.value
        return f"{l4.name.lower()} type {name}"

    def expressions(self) -> tuple[Expr, ...]:
        """The type is the first byte; the family is checked too, so that ICMPv6 inside IPv4 is no ICMPv6."""
        l4, number, _ = self.type.value
        family = Version(Family.IPV4 if l4 is L4.ICMP else Family.IPV6).expressions()
        load = _payload(_TRANSPORT_HEADER, 0, 1)
        return *family, *Transport(l4).expressions(), load, _compare(bytes([number]))


# ---- statements --------------------------------------------------------------------------------------------


class Verdict(Enum):
    """Ends a chain (accept, drop) or leaves the packet to the chain's policy (return)."""

    ACCEPT = Code.ACCEPT
    DROP = Code.DROP
    RETURN = Code.RETURN

    def text(self) -> str:
        """`accept`, `drop` or `return`."""
        return self.name.lower()

    def expressions(self) -> tuple[Expr, ...]:
        """A verdict is data in register 0."""
        return (expr("immediate", dreg=_VERDICT_REG, data=self.value),)


@dataclass(frozen=True, slots=True)
class RedirectTo:
    """Rewrite the destination to this machine, this port; connection tracking keeps where it was going."""

    port: int

    def text(self) -> str:
        """`redirect to :15401`."""
        return f"redirect to :{self.port}"

    def expressions(self) -> tuple[Expr, ...]:
        """Both ends of the port range are given, because the kernel reports both back."""
        port = expr("immediate", dreg=_REG, data=self.port.to_bytes(2))
        return port, expr("redir", reg_proto_min=_REG, reg_proto_max=_REG, flags=_PROTO_SPECIFIED)


class Reject(Enum):
    """Refuse at once, so that the caller sees an error instead of waiting."""

    TCP_RESET = "tcp reset"
    PROHIBITED = "icmpx admin-prohibited"

    def text(self) -> str:
        """`reject with tcp reset`."""
        return f"reject with {self.value}"

    def expressions(self) -> tuple[Expr, ...]:
        """NFT_REJECT_TCP_RST, or NFT_REJECT_ICMPX_UNREACH with NFT_REJECT_ICMPX_ADMIN_PROHIBITED."""
        return (expr("reject", type=1) if self is Reject.TCP_RESET else expr("reject", type=2, icmp_code=3),)


# ---- rule, chain, table ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """If all of `matches` hold: count, then do `then`.  `tag` says why; the kernel keeps it as comment.

    Raises ValueError for a tag that nft could not print back.
    """

    matches: tuple[Term, ...]
    then: Term
    tag: str

    def __post_init__(self) -> None:
        if not self.tag or '"' in self.tag or len(self.tag.encode()) > MAX_TAG:
            raise ValueError(
                f"a rule's tag is 1 to {MAX_TAG} bytes without quotes, this one is not: {self.tag!r}"
            )

    def text(self) -> str:
        """The rule in nft syntax, without chain and table."""
        parts = (*(match.text() for match in self.matches), "counter", self.then.text())
        return f'{" ".join(parts)} comment "{self.tag}"'

    def expressions(self) -> tuple[Expr, ...]:
        """What the kernel runs for a packet, in order."""
        matches = (expression for match in self.matches for expression in match.expressions())
        return *matches, expr("counter"), *self.then.expressions()


@dataclass(frozen=True, slots=True)
class Base:
    """How a chain is tied to the packet path.  A lower priority is called earlier; tracking is at -200."""

    type: ChainType
    hook: Hook
    priority: int
    policy: Policy

    def text(self) -> str:
        """The chain's first line in nft syntax; the priority as a number, because its names vary."""
        hook, policy = self.hook.name.lower(), self.policy.name.lower()
        return f"type {self.type.value} hook {hook} priority {self.priority}; policy {policy};"


@dataclass(frozen=True, slots=True)
class Chain:
    """Rules that are asked in order, at one hook."""

    name: str
    base: Base
    rules: tuple[Rule, ...]

    def text(self) -> str:
        """The chain as `nft list` shows it."""
        lines = (self.base.text(), *(rule.text() for rule in self.rules))
        return "".join((f"\tchain {self.name} {{\n", *(f"\t\t{line}\n" for line in lines), "\t}\n"))


@dataclass(frozen=True, slots=True)
class Table:
    """A table of family `inet`: one set of rules for IPv4 and IPv6."""

    name: str
    chains: tuple[Chain, ...]

    def text(self) -> str:
        """The table as `nft --stateless --numeric-priority list table` shows it."""
        return f"table inet {self.name} {{\n" + "\n".join(chain.text() for chain in self.chains) + "}\n"

    def script(self) -> str:
        """The table as a file for `nft -f` that replaces what the table held before, in one transaction."""
        return f"table inet {self.name}\ndelete table inet {self.name}\n{self.text()}"
