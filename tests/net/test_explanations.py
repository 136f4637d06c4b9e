"""What a person is told when the kernel says no: one golden page, as most of it this kernel cannot be made to say."""

import errno
from textwrap import fill

import pytest

from sidecar.net import apply as net
from sidecar.net.errors import NetError
from sidecar.net.netlink import RefusedError
from sidecar.net.plan import AddRule, AddTable, DeleteRule, DeleteTable, Op, PutChain, plan
from sidecar.net.redirect import Redirect
from tests.kit.golden import check_golden

OPS = plan(Redirect().table(), None)


def adding(words: str) -> Op:
    """The first rule that is added with these words in it."""
    return next(op for op in OPS if isinstance(op, AddRule) and words in op.text())


def chain(name: str) -> Op:
    return next(op for op in OPS if isinstance(op, PutChain) and op.chain.name == name)


REFUSALS: dict[str, tuple[int, Op | None]] = {
    "no right to look": (errno.EPERM, None),
    "no nf_tables at all": (errno.EINVAL, None),
    "no tables of family inet": (errno.EAFNOSUPPORT, AddTable("cdefence")),
    "no address translation": (errno.ENOENT, chain("redirect_in")),
    "no connection tracking": (errno.ENOENT, adding("ct state invalid")),
    "no redirection": (errno.ENOENT, adding("redirect to")),
    "no rejection": (errno.ENOENT, adding("reject with icmpx")),
    "somebody else's table": (errno.EPERM, DeleteTable("cdefence")),
    "somebody else was quicker": (errno.ENOENT, DeleteRule("cdefence", "guard_in", 7, "ours")),
    "something else": (errno.ENOMEM, AddTable("cdefence")),
}


def test_a_refusal_names_the_statement_the_reason_and_the_remedy() -> None:
    told = {case: net._explained(RefusedError(*refusal)) for case, refusal in REFUSALS.items()}
    page = "\n\n".join(
        f"{case}\n{fill(text, 100, initial_indent='  ', subsequent_indent='  ')}"
        for case, text in told.items()
    )
    check_golden("net/refusals.txt", page + "\n")


def test_a_difference_on_reading_back_is_an_error_that_shows_it() -> None:
    net._verified(())
    with pytest.raises(NetError, match=r"reading back shows others") as caught:
        net._verified(OPS)
    assert "Still needed would be:\n  add table inet cdefence\n  add chain" in str(caught.value)
