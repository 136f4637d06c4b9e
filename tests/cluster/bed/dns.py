"""Cluster DNS: the manifest of CoreDNS, filled in for a bed.  What never belongs here: applying it."""

from pathlib import Path
from typing import Final

from tests.cluster.bed import addresses, images

_MANIFEST: Final = Path(__file__).with_name("dns.yaml")


def manifest(binaries: Path) -> str:
    """YAML for `kubectl apply`; `binaries` is the folder that holds the program."""
    values = {
        "CLUSTER_DOMAIN": addresses.CLUSTER_DOMAIN,
        "DNS_ADDRESS": addresses.DNS_V4,
        "PAUSE_IMAGE": images.PAUSE,
        "NODE_PROGRAM": str((binaries / "coredns").resolve()),
    }
    text = _MANIFEST.read_text()
    for name, value in values.items():
        text = text.replace(name, value)
    return text
