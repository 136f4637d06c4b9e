"""The pod as it would be without any of us: no proxy, no firewall, no connection tracking."""

from typing import Final

from benchmarks.peers.model import Peer

PEER: Final = Peer("bare", "no proxy", "nothing in between", None, tls=True)
