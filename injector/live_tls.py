"""The TLS that our servers speak, and how it takes a new certificate without a restart.

What belongs here: the one server context and loading a pair into it.  What never does: where the pair comes from.

OpenSSL copies the certificate when a connection begins, so a new pair serves new handshakes and leaves connections that
exist alone.  A pair goes into a throw-away context first: OpenSSL takes the certificate before it sees that the key is
another one's, and a live context must not be left with half of a pair.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager


def server_context() -> ssl.SSLContext:
    """A context for TLS 1.2 and newer (PCI DSS 4.2.1: strong cryptography) that has no certificate yet."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def load(context: ssl.SSLContext, certificates: bytes, key: bytes) -> None:
    """Serve this pair (PEM) from the next handshake on.

    Raises: ssl.SSLError when the pair cannot be used; the context then serves what it served before.
    """
    with _in_memory(certificates) as certificate_path, _in_memory(key) as key_path:
        for each in (server_context(), context):
            each.load_cert_chain(certificate_path, key_path)


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """A path that OpenSSL can read: memory of this process only, so that no key is ever written to a file system."""
    descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
