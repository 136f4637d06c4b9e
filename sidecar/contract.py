"""Names that the data plane and the control plane must agree on: ports, ids, paths, environment, annotations.

Imports nothing, so that both sides can import it.  A name is spelled here once; everything else refers to it.
"""

from typing import Final

# Identity of the proxy process inside a pod.  Not 1337: Istio reserves that one and both must be able to share a pod.
PROXY_UID: Final = 15001
PROXY_GID: Final = 15001

# Listening ports of the proxy inside a pod.  Clear of Istio's (15000-15090) and Linkerd's (4140-4191).
OUTBOUND_PORT: Final = 15401
"""Connections that the pod opens are redirected here."""
INBOUND_PORT: Final = 15406
"""Connections that reach the pod are redirected here."""
HEALTH_PORT: Final = 15421
"""`/livez` and `/readyz`, plain HTTP; excluded from redirection."""
METRICS_PORT: Final = 15490
"""Prometheus `/metrics`, plain HTTP; excluded from redirection."""

# How the unprivileged proxy sees that redirection works: it dials an address that exists nowhere (documentation networks,
# RFC 5737 and RFC 3849); only our rules can turn that to the proxy's own listener, which answers with this greeting.
PROBE_ADDRESSES: Final = ("192.0.2.1", "2001:db8::1")
PROBE_PORT: Final = 15499
PROBE_ANSWER: Final = b"cdefence\n"

# The nftables table that belongs to us alone (family inet: one table for IPv4 and IPv6).
NFT_TABLE: Final = "cdefence"

# Annotations and labels.
DOMAIN: Final = "cdefence.io"
INJECTION_LABEL: Final = f"{DOMAIN}/injection"
SCOPE_ANNOTATION: Final = f"{DOMAIN}/pci-scope"
MODE_ANNOTATION: Final = f"{DOMAIN}/mode"
API_VERSION: Final = f"{DOMAIN}/v1"
"""`apiVersion` of policy and scope map files."""

# Every setting of the sidecar can come from the environment under this prefix; `sidecar.ops.settings` has the table.
ENV_PREFIX: Final = "CDEFENCE_"
