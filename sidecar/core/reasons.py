"""The closed table of reasons: every verdict, log line, metric label, HTTP answer and doc page uses these codes.

One code, one sentence.  A reason that is not here cannot be given; a reason that no test produces fails the build
(`tests/core/test_reasons.py`).
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a connection or a message was allowed, reported or denied.  The value is the code, `sentence` explains it."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> "Reason":
        member = str.__new__(cls, code)
        member._value_ = code
        member.sentence = sentence
        return member

    # --- segmentation: decided before the upstream is dialed -----------------------------------------------------
    GRID = "grid", "The default grid of PCI scopes says so for this pair."
    RULE = "rule", "A segmentation rule of the policy says so for this pair and port."
    UNKNOWN_PEER = (
        "unknown_peer",
        "The peer is inside the cluster but not in the scope map, and one side is in scope.",
    )
    NO_SCOPE_MAP = "no_scope_map", "No scope map has been loaded yet, or the last one has expired."
    STALE_SCOPE_MAP = "stale_scope_map", "The scope map is stale and the peer is not known from it."
    UNKNOWN_DESTINATION = (
        "unknown_destination",
        "The original destination of the connection could not be read.",
    )
    LOOP = "loop", "The connection was addressed to the proxy itself."

    # --- content: decided while bytes flow --------------------------------------------------------------------------
    PAN_IN_CLEARTEXT = "pan_in_cleartext", "A primary account number crossed the network unencrypted."
    SAD_IN_CLEARTEXT = (
        "sad_in_cleartext",
        "Sensitive authentication data (track data) crossed the network unencrypted.",
    )
    PII_IN_CLEARTEXT = "pii_in_cleartext", "Other personal data crossed the network unencrypted."
    SECRET_IN_CLEARTEXT = "secret_in_cleartext", "A credential crossed the network unencrypted."
    MALFORMED_HTTP = (
        "malformed_http",
        "The HTTP message is malformed or ambiguous; two parsers could disagree about it.",
    )
    FAKE_TLS = "fake_tls", "The connection began like TLS but the peer did not answer with TLS."
    UNSCANNABLE = (
        "unscannable",
        "Content could not be inspected (encoding or limit) and the policy does not let it pass.",
    )
    ENGINE_ERROR = "engine_error", 'The matching engine failed; an error is a denial, never "no findings".'

    # --- bytes that were not inspected (the label of cdefence_uninspected_bytes_total) -------------------------------
    ENCRYPTED = "encrypted", "TLS passed through."
    UNSUPPORTED_ENCODING = "unsupported_encoding", "A content-encoding that this version does not decode."
    TOO_LARGE = "too_large", "The decoded content exceeded a limit."

    # --- the life of a connection --------------------------------------------------------------------------------
    DIAL_FAILED = "dial_failed", "The upstream refused the connection or could not be reached."
    DIAL_TIMEOUT = "dial_timeout", "The upstream did not answer in time."
    IDLE_TIMEOUT = "idle_timeout", "No byte moved for the idle time-out."
    DRAINING = "draining", "The proxy is shutting down."
    OVERLOADED = "overloaded", "The proxy is at its limit of connections or file descriptors."
