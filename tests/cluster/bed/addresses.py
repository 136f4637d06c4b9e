"""The address plan of a bed.  Every bed has its own namespaces, so all beds use the same plan.

What never belongs here: addresses of cdefence.
"""

from typing import Final

NODE_NAME: Final = "node"
NODE_V4: Final = "10.88.0.1"
NODE_V6: Final = "fd88::1"
GATEWAY_V4: Final = "10.88.0.254"
GATEWAY_V6: Final = "fd88::fe"

# A host outside the cluster, in a namespace of its own (RFC 5737, TEST-NET-2; RFC 3849).
EXTERNAL_V4: Final = "198.51.100.10"
EXTERNAL_V6: Final = "2001:db8:e::10"

CLUSTER_CIDRS: Final = ("10.244.0.0/16", "fd44::/48")
NODE_POD_CIDRS: Final = ("10.244.0.0/24", "fd44::/64")
SERVICE_CIDRS: Final = ("10.96.0.0/16", "fd96::/112")
API_SERVICE_V4: Final = "10.96.0.1"
DNS_V4: Final = "10.96.0.10"
CLUSTER_DOMAIN: Final = "cluster.local"
