"""What TLS looks like on the wire: the first flights of both sides, made by the `ssl` module itself."""

import ssl
from contextlib import suppress
from functools import cache


@cache
def client_hello(versions: tuple[ssl.TLSVersion, ssl.TLSVersion] | None = None) -> bytes:
    """The first flight of a client, of any version or of these."""
    return _client(versions)[1].read()


@cache
def server_hello() -> bytes:
    """The first flight of a server that answers: TLS 1.2 without a certificate, so that none has to be made."""
    return _answer("AECDH:ADH:@SECLEVEL=0")


@cache
def server_alert() -> bytes:
    """The answer of a server that cannot agree with the client."""
    return _answer("ECDHE-ECDSA-AES128-GCM-SHA256")


def _answer(ciphers: str) -> bytes:
    _, sent = _client((ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    incoming.write(sent.read())
    with suppress(ssl.SSLError):
        context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
    return outgoing.read()


def _client(versions: tuple[ssl.TLSVersion, ssl.TLSVersion] | None) -> tuple[ssl.SSLObject, ssl.MemoryBIO]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    if versions is not None:
        context.minimum_version, context.maximum_version = versions
    outgoing = ssl.MemoryBIO()
    side = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="vault.test")
    with suppress(ssl.SSLWantReadError):
        side.do_handshake()
    return side, outgoing
