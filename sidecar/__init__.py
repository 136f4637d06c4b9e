"""The data plane of cdefence: a transparent sidecar proxy that segments PCI scopes and inspects what is not encrypted.

What belongs here: everything that runs inside a protected pod, from the firewall plan to the relay, and the pure
policy model that the injector shares.  What never does: talking to the Kubernetes API (that is `injector`'s job)
and knowledge of what card data looks like (that is `dlp_patterns`).

Imports go one way:  cli -> relay, net, ops, lab -> match -> core -> dlp_patterns.  `tests/test_architecture.py` holds it.
"""

__version__ = "0.1.0"
