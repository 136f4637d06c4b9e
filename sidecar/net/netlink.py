"""The nftables dialect of netlink: operations to messages, messages to the live table, in one transaction.

What belongs here: everything that touches pyroute2, and nothing loosely typed gets out.  What never does:
what to do about an error (`apply`), and what the rules are.

Of pyroute2 0.9 we use the socket and the message classes.  Its high-level calls send one transaction each,
and its sets do not work.  Two habits of it shape this module: it reads answers only to messages that ask for
one, so every operation asks (and the answer tells which one failed); and it waits for ever, so a session ends
with TimeoutError when the kernel is silent for too long.  Silence is counted in looks and not by the clock: the
kernel has answered when its call returns, and on a node where everything starts at once it is we who do not run.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from pyroute2.netlink import NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_REQUEST
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.nfnetlink import NFNL_SUBSYS_NFTABLES, nfgen_msg, nftsocket

from sidecar.net.plan import (
    AddRule,
    AddTable,
    DeleteRule,
    DeleteTable,
    LiveBase,
    LiveChain,
    LiveRule,
    LiveTable,
    Op,
    PutChain,
)
from sidecar.net.rules import Chain, Code, Expr, Rule, Value

# pyroute2 has no types to speak of.  These two names are the whole of what is untyped here.
type Message = Any
nft: Any = nftsocket

type Attrs = list[tuple[str, object]]

_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33  # asm-generic/socket.h
LOOK: Final = 0.1
"""Seconds between two looks whether anything has come; longer while this process does not get to run."""
LOOKS: Final = 10
"""Looks in a row that see nothing, after which a session gives up.  Netlink answers in milliseconds."""
OPS_PER_LOOK: Final = 10
"""A batch may take one look more for as many operations: pyroute2 needs one or two milliseconds for a rule."""

_BUFFER: Final = 16 << 20
"""Bytes.  A batch is one datagram, and every message in it is answered by one more datagram."""

_BATCH_BEGIN, _BATCH_END = 0x10, 0x11  # NFNL_MSG_BATCH_*, linux/netfilter/nfnetlink.h
_COMMENT: Final = 0  # NFTNL_UDATA_RULE_COMMENT: how the nft tool marks a comment in a rule's user data
_NAT_FLAGS: Final[tuple[str, ...]] = nft.nat_flags.nat_range.ops


class RefusedError(Exception):
    """The kernel refused the transaction, all of it, because of `op` (None: because of a read request)."""

    def __init__(self, code: int, op: Op | None) -> None:
        self.code = code
        self.op = op
        super().__init__(code, op)


class RuleMessage(nfgen_msg, nftsocket.nft_contains_expr):
    """pyroute2's rule message with user data as bytes: its decoder trips over what other tools keep there."""

    nla_map: Message = (
        ("NFTA_RULE_UNSPEC", "none"),
        ("NFTA_RULE_TABLE", "asciiz"),
        ("NFTA_RULE_CHAIN", "asciiz"),
        ("NFTA_RULE_HANDLE", "be64"),
        ("NFTA_RULE_EXPRESSIONS", "*nft_expr"),
        ("NFTA_RULE_COMPAT", "hex"),
        ("NFTA_RULE_POSITION", "be64"),
        ("NFTA_RULE_USERDATA", "cdata"),
    )


class Session:
    """One netlink socket in the network namespace of the calling thread.  Get it from `session()`."""

    def __init__(self, sock: Message, silence: "_Silence") -> None:
        self._sock = sock
        self._silence = silence

    async def read(self, name: str) -> LiveTable | None:
        """The table `name` of family inet as the kernel has it, or None.  Raises `RefusedError`, OSError."""
        tables = [table async for table in self._dump(nft.nft_table_msg(), nft.NFT_MSG_GETTABLE)]
        flags = [t.get_attr("NFTA_TABLE_FLAGS") for t in tables if t.get_attr("NFTA_TABLE_NAME") == name]
        if not flags:
            return None
        rules = [
            (rule.get_attr("NFTA_RULE_CHAIN"), _live_rule(rule))
            async for rule in self._dump(_new(RuleMessage), nft.NFT_MSG_GETRULE, NFTA_RULE_TABLE=name)
            if rule.get_attr("NFTA_RULE_TABLE") == name  # old kernels do not filter
        ]
        chains = [
            _live_chain(chain, rules)
            async for chain in self._dump(nft.nft_chain_msg(), nft.NFT_MSG_GETCHAIN)
            if chain.get_attr("NFTA_CHAIN_TABLE") == name
        ]
        return LiveTable(name, int(flags[0] or 0), tuple(chains))

    async def commit(self, ops: Sequence[Op]) -> None:
        """Carry out all of `ops` in one transaction, or none.  Raises `RefusedError` naming the first that
        failed, and OSError."""
        self._silence.broken(looks=LOOKS + len(ops) // OPS_PER_LOOK)
        messages = [_message(op) for op in ops]
        batch = [_control(_BATCH_BEGIN), *messages, _control(_BATCH_END)]
        try:
            async for _ in self._sock.nlm_request_batch(batch):
                pass
        except _AnswerError as answer:
            numbers = [message["header"]["sequence_number"] for message in messages]
            raise RefusedError(answer.code, ops[numbers.index(answer.sequence)]) from None

    async def _dump(self, message: Message, kind: int, **attrs: str) -> AsyncIterator[Message]:
        message["attrs"] = list(attrs.items())
        try:
            async for answer in await self._sock.request_get(message, kind):
                self._silence.broken()
                yield answer
        except _AnswerError as answer:
            raise RefusedError(answer.code, None) from None


class _Silence:
    """Lets `limit` expire after so many looks in a row between which `broken` was not called."""

    def __init__(self, limit: asyncio.Timeout) -> None:
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._left = LOOKS
        self._next = self._loop.call_later(LOOK, self._look)

    def broken(self, looks: int = LOOKS) -> None:
        """Something came, or was only now asked for."""
        self._left = looks

    def end(self) -> None:
        """No more looks."""
        self._next.cancel()

    def _look(self) -> None:
        self._left -= 1
        if self._left > 0:
            self._next = self._loop.call_later(LOOK, self._look)
        else:
            self._limit.reschedule(self._loop.time())


@asynccontextmanager
async def session() -> AsyncIterator[Session]:
    """Open a netlink socket on the running event loop.  Raises OSError where there is no netfilter, TimeoutError
    where the kernel is silent."""
    sock = nft.AsyncNFTSocket(nfgen_family=nft.NFPROTO_INET)
    sock.exception_factory = _AnswerError
    sock.register_policy(NFNL_SUBSYS_NFTABLES << 8 | nft.NFT_MSG_NEWRULE, RuleMessage)
    try:
        await sock.setup_endpoint()
        for option in (_SO_SNDBUFFORCE, _SO_RCVBUFFORCE):
            _enlarge(sock, option)
        async with asyncio.timeout(None) as limit:
            silence = _Silence(limit)
            try:
                yield Session(sock, silence)
            finally:
                silence.end()
    finally:
        sock.close()


class _AnswerError(Exception):
    """An error answer that knows which message it is about, which pyroute2's own error does not."""

    def __init__(self, error: NetlinkError, message: Message) -> None:
        self.code = int(error.code)
        self.sequence = int(message["header"]["sequence_number"])
        super().__init__(self.code)


def _enlarge(sock: Message, option: int) -> None:
    """Past the system's limit: needs NET_ADMIN in the first user namespace; elsewhere the limit must do."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
    except PermissionError:
        return


# ---- operations to messages --------------------------------------------------------------------------------


def _control(kind: int) -> Message:
    message = _new(nfgen_msg)
    message["res_id"] = NFNL_SUBSYS_NFTABLES
    message["header"]["type"] = kind
    message["header"]["flags"] = NLM_F_REQUEST
    return message


def _message(op: Op) -> Message:
    match op:
        case AddTable(table):
            return _request(nft.nft_table_msg(), nft.NFT_MSG_NEWTABLE, NLM_F_CREATE, _table_attrs(table))
        case DeleteTable(table):
            return _request(nft.nft_table_msg(), nft.NFT_MSG_DELTABLE, 0, [("NFTA_TABLE_NAME", table)])
        case PutChain(table, chain):
            return _request(
                nft.nft_chain_msg(), nft.NFT_MSG_NEWCHAIN, NLM_F_CREATE, _chain_attrs(table, chain)
            )
        case AddRule(table, chain, rule, None):
            flags, attrs = NLM_F_CREATE | NLM_F_APPEND, _rule_attrs(table, chain, rule)
            return _request(_new(RuleMessage), nft.NFT_MSG_NEWRULE, flags, attrs)
        case AddRule(table, chain, rule, before):
            attrs = [*_rule_attrs(table, chain, rule), ("NFTA_RULE_POSITION", before)]
            return _request(_new(RuleMessage), nft.NFT_MSG_NEWRULE, NLM_F_CREATE, attrs)
        case DeleteRule(table, chain, handle):
            attrs = [("NFTA_RULE_TABLE", table), ("NFTA_RULE_CHAIN", chain), ("NFTA_RULE_HANDLE", handle)]
            return _request(_new(RuleMessage), nft.NFT_MSG_DELRULE, 0, attrs)


def _new(kind: Message) -> Message:
    return kind()


def _request(message: Message, kind: int, flags: int, attrs: Attrs) -> Message:
    message["nfgen_family"] = nft.NFPROTO_INET
    message["attrs"] = attrs
    message["header"]["type"] = NFNL_SUBSYS_NFTABLES << 8 | kind
    message["header"]["flags"] = NLM_F_REQUEST | NLM_F_ACK | flags
    return message


def _table_attrs(table: str) -> Attrs:
    return [("NFTA_TABLE_NAME", table), ("NFTA_TABLE_FLAGS", 0)]


def _chain_attrs(table: str, chain: Chain) -> Attrs:
    base = chain.base
    hook = [("NFTA_HOOK_HOOKNUM", int(base.hook)), ("NFTA_HOOK_PRIORITY", base.priority)]
    return [
        ("NFTA_CHAIN_TABLE", table),
        ("NFTA_CHAIN_NAME", chain.name),
        ("NFTA_CHAIN_HOOK", {"attrs": hook}),
        ("NFTA_CHAIN_POLICY", int(base.policy)),
        ("NFTA_CHAIN_TYPE", base.type.value),
    ]


def _rule_attrs(table: str, chain: str, rule: Rule) -> Attrs:
    tag = rule.tag.encode() + b"\0"
    return [
        ("NFTA_RULE_TABLE", table),
        ("NFTA_RULE_CHAIN", chain),
        ("NFTA_RULE_EXPRESSIONS", [_expression(expression) for expression in rule.expressions()]),
        ("NFTA_RULE_USERDATA", bytes([_COMMENT, len(tag)]) + tag),
    ]


def _expression(expression: Expr) -> dict[str, Attrs]:
    prefix = f"NFTA_{expression.name.upper()}_"
    attrs: Attrs = [(prefix + name.upper(), _encoded(name, value)) for name, value in expression.attrs]
    return {"attrs": [("NFTA_EXPR_NAME", expression.name), ("NFTA_EXPR_DATA", {"attrs": attrs})]}


def _encoded(name: str, value: Value) -> object:
    if isinstance(value, Code):
        return {"attrs": [("NFTA_DATA_VERDICT", {"attrs": [("NFTA_VERDICT_CODE", int(value))]})]}
    if isinstance(value, bytes):
        return {"attrs": [("NFTA_DATA_VALUE", value)]}
    if name == "flags":  # pyroute2 wants the names of the bits
        return frozenset(flag for bit, flag in enumerate(_NAT_FLAGS) if value >> bit & 1)
    return value


# ---- messages to what exists -------------------------------------------------------------------------------


def _live_chain(message: Message, rules: Sequence[tuple[str, LiveRule]]) -> LiveChain:
    name = str(message.get_attr("NFTA_CHAIN_NAME"))
    return LiveChain(name, _live_base(message), tuple(rule for chain, rule in rules if chain == name))


def _live_base(message: Message) -> LiveBase | None:
    hook = message.get_attr("NFTA_CHAIN_HOOK")
    if hook is None:
        return None
    return LiveBase(
        str(message.get_attr("NFTA_CHAIN_TYPE")),
        int(hook.get_attr("NFTA_HOOK_HOOKNUM")),
        int(hook.get_attr("NFTA_HOOK_PRIORITY")),
        int(message.get_attr("NFTA_CHAIN_POLICY")),
    )


def _live_rule(message: Message) -> LiveRule:
    packets = octets = 0
    expressions: list[Expr] = []
    for part in message.get_attr("NFTA_RULE_EXPRESSIONS") or ():
        name, data = str(part.get_attr("NFTA_EXPR_NAME")), part.get_attr("NFTA_EXPR_DATA")
        attrs = dict(_decoded(name, data))
        if name == "counter":
            packets, octets = cast("int", attrs.pop("packets", 0)), cast("int", attrs.pop("bytes", 0))
        expressions.append(Expr(name, tuple(sorted(attrs.items()))))
    handle = int(message.get_attr("NFTA_RULE_HANDLE"))
    return LiveRule(handle, tuple(expressions), _tag(message.get_attr("NFTA_RULE_USERDATA")), packets, octets)


def _tag(data: bytes | None) -> str:
    """The comment among the type-length-value entries of a rule's user data, or nothing."""
    while data and len(data) >= 2:
        kind, length = data[0], data[1]
        if kind == _COMMENT:
            return data[2 : 2 + length].rstrip(b"\0").decode("utf-8", "replace")
        data = data[2 + length :]
    return ""


def _decoded(name: str, data: Message) -> Iterator[tuple[str, Value]]:
    """The attributes of an expression; of one that pyroute2 does not know, a text like none of ours."""
    if not isinstance(data, dict):
        yield "raw", repr(data).encode()
        return
    for slot in data["attrs"]:
        yield slot.name.removeprefix(f"NFTA_{name.upper()}_").lower(), _value(slot.nla)


def _value(nla: Message) -> Value:
    """The raw number, not pyroute2's name for it: unknown numbers all have the same name."""
    raw = nla.get("value") if "attrs" not in nla else nla.get_attr("NFTA_DATA_VALUE")
    if isinstance(raw, int | bytes):
        return raw
    verdict = nla.get_attr("NFTA_DATA_VERDICT") if "attrs" in nla else None
    codes = [slot.nla["value"] for slot in verdict["attrs"]] if verdict else []
    if len(codes) == 1 and codes[0] in list(Code):  # a jump has a second attribute, the chain
        return Code(codes[0])
    return repr(nla).encode()
