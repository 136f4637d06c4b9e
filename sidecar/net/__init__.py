"""Puts the sidecar in the path: the firewall of a pod's network namespace, and where a connection was going.

What belongs here: nftables rules as data, applying them in one atomic netlink batch, reading them back, and
the original destination of a socket.  What never does: deciding who may talk to whom (`core.policy`).
"""
