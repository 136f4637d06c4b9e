"""Who is measured: one file a peer, each says how to start itself in a pod.

All proxies stand in the same place: the pod's own firewall (`cdefence net apply`) redirects inbound connections to the same
port, the proxy runs as the same user without capabilities on one worker, learns the original destination from the kernel
and dials it.  So the topology, the rules and the rights are equal, and only the proxy differs.
"""

from typing import Final

from benchmarks.peers import (
    cdefence,
    envoy_http,
    envoy_lua,
    envoy_tcp,
    mitmproxy,
    nothing,
)
from benchmarks.peers.model import Peer

PEERS: Final[tuple[Peer, ...]] = (
    nothing.PEER,
    cdefence.PEER,
    envoy_tcp.PEER,
    envoy_http.PEER,
    envoy_lua.PEER,
    mitmproxy.PEER,
)
"""In the order of the report."""
OURS: Final = cdefence.PEER
