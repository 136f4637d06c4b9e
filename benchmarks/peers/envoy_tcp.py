"""Envoy as a TCP proxy: moves bytes, looks at nothing.  The cheapest a proxy of a mesh can be."""

from typing import Final

from benchmarks.peers import envoy
from benchmarks.peers.model import Launch, Peer
from benchmarks.topology import Pod


def prepare(pod: Pod) -> Launch:
    """One network filter."""
    tcp = envoy.typed(
        "network.tcp_proxy", "network.tcp_proxy.v3.TcpProxy", stat_prefix="tcp", cluster=envoy.CLUSTER
    )
    return envoy.launch(pod, [tcp])


PEER: Final = Peer("envoy-tcp", "Envoy tcp_proxy", "nothing", prepare, envoy.version, tls=True)
