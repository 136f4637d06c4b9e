"""Envoy as an HTTP proxy: parses and routes, looks at no content.  The bar for our own HTTP path."""

from typing import Final

from benchmarks.peers import envoy
from benchmarks.peers.model import Launch, Peer
from benchmarks.topology import Pod


def prepare(pod: Pod) -> Launch:
    """The connection manager and the router."""
    return envoy.launch(pod, [envoy.http()])


PEER: Final = Peer("envoy-http", "Envoy HTTP", "HTTP framing, no content", prepare, envoy.version)
