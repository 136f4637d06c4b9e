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
DRAIN_PATH: Final = "/drain"
"""On the health port, POST, from inside the pod only: what `cdefence drain` asks."""
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
"""On a namespace: `enabled` opts in."""
SCOPE_ANNOTATION: Final = f"{DOMAIN}/pci-scope"
MODE_ANNOTATION: Final = f"{DOMAIN}/mode"
INJECT_ANNOTATION: Final = f"{DOMAIN}/inject"
"""`"false"` leaves a pod of an opted-in namespace alone; only listed groups may set it.  As annotation and as label."""
STATUS_ANNOTATION: Final = f"{DOMAIN}/status"
"""What the injector did to a pod, as JSON."""

# What injection adds to a pod.
INIT_CONTAINER: Final = "cdefence-init"
PROXY_CONTAINER: Final = "cdefence-proxy"
MOUNT: Final = "/var/run/secrets/cdefence"
TOKEN_FILE: Final = f"{MOUNT}/token"
CA_FILE: Final = f"{MOUNT}/ca.crt"
"""Both come from one projected volume, mounted in our proxy container only."""
TOKEN_AUDIENCE: Final = "cdefence"  # noqa: S105 - a name
CA_CONFIG_MAP: Final = "cdefence-ca"
"""In every opted-in namespace: key `ca.crt`, the CA certificates that sidecars trust; kept by the controller."""
OWN_PACK: Final = "/etc/cdefence/own"
"""Where the proxy finds a ConfigMap of pattern files that its pod names; the folder's name is the pack's."""
HASH_KEY_FILE: Final = f"{MOUNT}/hash-key"
HASH_KEY: Final = "key"
"""Key of a Secret that a pod names: with what identifiers and excluded values are hashed."""

# Pattern packs that exist, and those that are on by default; a test compares them with `dlp_patterns.load`.
DEFAULT_PACKS: Final = ("pci", "pii", "secrets")
PACKS: Final = ("pci", "pci_retired", "pii", "pii_network", "secrets", "secrets_generic")

# The control plane.
SYSTEM_NAMESPACE: Final = "cdefence-system"
WEBHOOK_SERVICE: Final = "cdefence-webhook"
WEBHOOK_PORT: Final = 9443
WEBHOOK_PATH: Final = "/inject"
SCOPES_SERVICE: Final = "cdefence-scopes"
SCOPES_PORT: Final = 8443
CONTROLLER_HEALTH_PORT: Final = 8080
CONTROLLER_METRICS_PORT: Final = 9090
POLICY_CONFIG_MAP: Final = "cdefence-policy"
"""Key `policy.yaml`, in our namespace."""
TLS_SECRET: Final = "cdefence-tls"  # noqa: S105 - a name
"""Keys `ca.crt`, `ca.key`, `tls.crt`, `tls.key`."""
LEASE: Final = "cdefence-controller"
WEBHOOK_CONFIG: Final = "cdefence-injector"
API_VERSION: Final = f"{DOMAIN}/v1"
"""`apiVersion` of policy and scope map files."""

# Every setting of the sidecar can come from the environment under this prefix; `sidecar.ops.settings` has the table.
ENV_PREFIX: Final = "CDEFENCE_"
SERVICE_LINKS: Final = ("tcp://", "udp://", "sctp://")
"""What a value begins with that Kubernetes has set for a Service (enableServiceLinks).  One called `cdefence-metrics` gives
every container CDEFENCE_METRICS_PORT; it is not ours."""
