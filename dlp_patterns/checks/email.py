"""E-mail addresses: somebody's, or a package, a unit, a file, a role?

What belongs here: what looks like an address and is none, and addresses that nobody has.  What never does: how many of
them are too many (policy: a threshold in a flow), words nearby.
Sources: RFC 5321 (64 bytes before the @); RFC 2606 and 6761 (domains that are nobody's); RFC 2142 (mailboxes of a role).
"""

from __future__ import annotations

import re

from dlp_patterns.model import Confirmed, Evidence

_ADDRESS = re.compile(
    rb"(?<![A-Za-z0-9._%+@:/-])([A-Za-z0-9_](?:[A-Za-z0-9._%+-]{0,62}[A-Za-z0-9_+-])?)"
    rb"@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8})([A-Za-z]{2,24})\Z"
)
_NO_DOMAIN = frozenset(
    b"""
    png jpg jpeg gif svg webp ico css js mjs ts tsx jsx json xml html htm yaml yml txt csv pdf zip gz tgz tar lock map
    rb java class jar exe dll cpp bat log conf cfg ini service socket timer target mount slice device
    path scope swap local localhost internal intranet lan home corp svc invalid arpa onion
    """.split()
)
"""What ends a file, a unit of systemd or a name inside a network, and no address on the Internet."""

_NOBODYS_TLD = frozenset({b"test", b"example"})
_NOBODYS = re.compile(rb"(?:.*\.)?example\.(?:com|net|org)")
_ROLES = frozenset(
    b"""
    git hg svn noreply no-reply donotreply do-not-reply postmaster hostmaster webmaster abuse root daemon mailer-daemon
    """.split()
)


def check(window: bytes, start: int, end: int) -> Confirmed | None:
    """The address at the end of window[start:end]: FAIR, WEAK if its domain is reserved for examples."""
    found = _ADDRESS.search(window, start, end)
    if found is None:
        return None
    local, domain, top = (part.lower() for part in found.groups())
    if top in _NO_DOMAIN or local in _ROLES or b".." in local:
        return None
    nobodys = top in _NOBODYS_TLD or _NOBODYS.fullmatch(domain + top) is not None
    return Confirmed(found.start(), end, "email", Evidence.WEAK if nobodys else Evidence.FAIR)
