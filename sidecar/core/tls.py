"""TLS records, as far as recognising them: is this a ClientHello, is this the answer of a TLS server?

RFC 8446 5.1 (record layer), 4 (handshake).  Each function answers True, False, or None while more bytes are needed.
"""

_HANDSHAKE, _ALERT = 0x16, 0x15
_CLIENT_HELLO, _SERVER_HELLO = 0x01, 0x02
_LEGACY_VERSIONS = range(5)
_MAX_RECORD = 2**14 + 2048
_HEADER = 11  # record type, version (2), length (2), handshake type, its length (3), hello version (2)


def is_client_hello(data: bytes) -> bool | None:
    """Whether a client that sent `data` so far opened with a TLS ClientHello."""
    return _is_hello(data, _CLIENT_HELLO)


def is_server_answer(data: bytes) -> bool | None:
    """Whether a server that sent `data` so far answered a ClientHello: with a ServerHello or an alert."""
    if data[:1] == bytes([_ALERT]):
        return _plausible(data, bytes([_ALERT]), 7, 2)
    return _is_hello(data, _SERVER_HELLO)


def _is_hello(data: bytes, kind: int) -> bool | None:
    record = _plausible(data, bytes([_HANDSHAKE]), 6, 4)
    if not record:
        return record
    if data[5] != kind:
        return False
    if len(data) < _HEADER:
        return None
    length = int.from_bytes(data[6:9])
    return 38 <= length < 2**17 and data[9] == 3 and data[10] in _LEGACY_VERSIONS


def _plausible(data: bytes, kind: bytes, need: int, least: int) -> bool | None:
    """Whether `data` begins with a record of type `kind` and a legal length, once `need` bytes are there."""
    for seen, legal in zip(data, (kind, b"\x03", bytes(_LEGACY_VERSIONS)), strict=False):
        if seen not in legal:
            return False
    if len(data) < need:
        return None
    return least <= int.from_bytes(data[3:5]) <= _MAX_RECORD
