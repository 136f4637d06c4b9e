"""Carries the plan out: read, send one atomic batch, read back and compare; explains every refusal.

What belongs here: the order of these steps, the time limit, and what to tell a person about an error.  What
never does: decisions about rules (`redirect`, `plan`) and message formats (`netlink`).

Nothing is ever half applied: the kernel takes the whole batch or none of it.  All functions act on the
network namespace of the calling thread, block until done, and must not be called from a running event loop.
"""

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from sidecar.net.errors import NetError
from sidecar.net.netlink import LOOK, LOOKS, RefusedError, Session, session
from sidecar.net.plan import AddRule, AddTable, LiveTable, Op, PutChain, plan
from sidecar.net.rules import Table

CAP_NET_ADMIN: Final = 12

_PRIVILEGE: Final = (
    "reading and changing a firewall needs the capability NET_ADMIN over this network namespace; in Kubernetes"
    " run the init container as user 0 with `securityContext.capabilities.add: [NET_ADMIN]`, elsewhere as root"
)
_OWNED: Final = "reading was allowed, so another process owns the table (flag `owner`); stop that process"
_MODULES: Final = {
    "counter": "nft_counter (CONFIG_NFT_COUNTER, built in since Linux 5.18)",
    "ct": "nft_ct (CONFIG_NFT_CT)",
    "redir": "nft_redir (CONFIG_NFT_REDIR)",
    "reject": "nft_reject_inet (CONFIG_NFT_REJECT_INET)",
}
"""Kernel expression -> the module that brings it."""
_CORE: Final = frozenset({"bitwise", "cmp", "immediate", "meta", "payload"})
"""Expressions that come with nf_tables itself."""

_MISSING: Final = frozenset(
    {errno.ENOENT, errno.EOPNOTSUPP, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EINVAL}
)
_DENIED: Final = frozenset({errno.EPERM, errno.EACCES})


def apply(wanted: Table) -> tuple[Op, ...]:
    """Make the kernel's table equal to `wanted`; returns what had to be done, nothing if it was equal.

    Raises `NetError`; the rules are then what they were, unless it says that reading back showed others.
    """

    async def steps(link: Session) -> tuple[Op, ...]:
        ops = plan(wanted, await link.read(wanted.name))
        if ops:
            await link.commit(ops)
            _verified(plan(wanted, await link.read(wanted.name)))
        return ops

    return _run(steps)


def remove(name: str) -> bool:
    """Delete the table `name`; True if there was one.  Raises `NetError`."""

    async def steps(link: Session) -> bool:
        ops = plan(None, await link.read(name))
        if ops:
            await link.commit(ops)
            _verified(plan(None, await link.read(name)))
        return bool(ops)

    return _run(steps)


def read(name: str) -> LiveTable | None:
    """The table `name` as it is in the kernel, with its counters, or None.  Raises `NetError`."""

    async def steps(link: Session) -> LiveTable | None:
        return await link.read(name)

    return _run(steps)


def _verified(left: tuple[Op, ...]) -> None:
    if left:
        statements = "\n  ".join(op.text() for op in left)
        text = (
            "the kernel accepted the rules, but reading back shows others; somebody else may be changing the"
            f" table.  It was left as it is.  Still needed would be:\n  {statements}"
        )
        raise NetError(text)


def _run[T](steps: Callable[[Session], Awaitable[T]]) -> T:
    """Run `steps` on a new session, on asyncio's own loop: uvloop knows no netlink."""

    async def opened() -> T:
        async with session() as link:
            return await steps(link)

    if not _privileged():
        raise NetError(f"NET_ADMIN is missing: {_PRIVILEGE}")
    try:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            return runner.run(opened())
    except TimeoutError:
        raise NetError(
            f"the kernel was silent for {LOOK * LOOKS:.1f} s, most likely it refused: {_PRIVILEGE}"
        ) from None
    except RefusedError as refused:
        raise NetError(_explained(refused)) from None
    except OSError as error:
        remedy = (
            _no_nftables()
            if error.errno in _MISSING
            else "`cdefence net show` tells what is there; try again"
        )
        raise NetError(f"netlink failed ({error.strerror}): {remedy}") from None


def _privileged() -> bool:
    """Is NET_ADMIN among this thread's effective capabilities?  Where /proc cannot tell, the kernel will."""
    try:
        status = Path("/proc/thread-self/status").read_text(encoding="ascii")
    except OSError:
        return True
    effective = next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), "0")
    return bool(int(effective, 16) >> CAP_NET_ADMIN & 1)


# ---- what to tell a person ---------------------------------------------------------------------------------


def _explained(refused: RefusedError) -> str:
    reason = f"{errno.errorcode.get(refused.code, refused.code)}, {os.strerror(refused.code).lower()}"
    if refused.op is None:
        return f"the kernel does not let us read its rules ({reason}): {_remedy(refused)}"
    statement = refused.op.text()
    return f"the kernel refused `{statement}` ({reason}), so nothing was changed: {_remedy(refused)}"


def _remedy(refused: RefusedError) -> str:
    if refused.code in _DENIED:
        return _PRIVILEGE if refused.op is None else _OWNED
    if refused.code not in _MISSING:
        return "try again; if it persists, `nft list ruleset` in this network namespace shows who else is at work"
    match refused.op:
        case AddRule(rule=rule):
            names = dict.fromkeys(expression.name for expression in rule.expressions())
            modules = ", ".join(_MODULES.get(name, f"nft_{name}") for name in names if name not in _CORE)
            return f"this kernel lacks one of {modules}; load the module on the node or use another kernel"
        case PutChain(chain=chain):
            kind = chain.base.type.value
            return f"this kernel has no {kind} chains; load nft_chain_nat (CONFIG_NFT_NAT) on the node"
        case AddTable():
            return "this kernel has no tables of family inet (CONFIG_NF_TABLES_INET)"
        case None:
            return _no_nftables()
        case _:
            return "the table changed while we looked at it; try again"


def _no_nftables() -> str:
    return (
        "this kernel has no nftables; load nf_tables (CONFIG_NF_TABLES, CONFIG_NETFILTER_NETLINK) on the node"
    )
