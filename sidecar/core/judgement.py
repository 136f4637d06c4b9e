"""How sure a finding is: what the value itself says, weighed with what stands around it.  One table for each class.

What never belongs here: how evidence is found (`dlp_patterns.checks`), what is done about a finding (`core.policy`).
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from dlp_patterns import fieldname
from dlp_patterns.model import Confidence, DataClass, Evidence, Pattern


class Around(IntEnum):
    """What the text before a value says about it."""

    AGAINST = 0
    """It stands in a field whose name says that it is something else."""
    NOTHING = 1
    WORD = 2
    """A word that goes with such values stands nearby."""
    FIELD = 3
    """It stands in a field whose name says so."""


_NO, _LIKELY, _CERTAIN = None, Confidence.LIKELY, Confidence.CERTAIN

Row = tuple[Confidence | None, Confidence | None, Confidence | None, Confidence | None]
Table = Mapping[Evidence, Row]

#                   AGAINST    NOTHING    WORD       FIELD
_NUMBERS: Final[Table] = MappingProxyType(
    {
        Evidence.STRONG: (_LIKELY, _CERTAIN, _CERTAIN, _CERTAIN),
        Evidence.FAIR: (_NO, _LIKELY, _CERTAIN, _CERTAIN),
        Evidence.WEAK: (_NO, _NO, _LIKELY, _CERTAIN),
    }
)
#                   AGAINST    NOTHING    WORD       FIELD
_STRUCTURED: Final[Table] = (
    MappingProxyType(  # no other thing looks like a stripe, or begins like a vendor's token
        {
            Evidence.STRONG: (_CERTAIN, _CERTAIN, _CERTAIN, _CERTAIN),
            Evidence.FAIR: (_LIKELY, _LIKELY, _CERTAIN, _CERTAIN),
            Evidence.WEAK: (_NO, _NO, _LIKELY, _CERTAIN),
        }
    )
)
TABLES: Final[Mapping[DataClass, Table]] = MappingProxyType(
    {
        DataClass.PAN: _NUMBERS,
        DataClass.SAD: _STRUCTURED,
        DataClass.PII: _NUMBERS,
        DataClass.SECRET: _STRUCTURED,
    }
)

_IDS: Final = tuple(
    b"""
    trace_id span_id request_id correlation_id transaction_hash sha sha1 sha256 md5 checksum digest hash etag fingerprint
    status_code http_status build_id commit revision version timestamp ts unix_nano nanos epoch created_at updated_at
    start_time end_time duration latency elapsed offset port pid tid thread_id shard_id snowflake tweet_id message_id
    event_id session_id order_id order_number order_no tracking_number tracking_no tracking_id invoice_id invoice_number sku
    upc ean isbn gtin imei serial serial_number part_number asin latitude longitude lat lon lng price amount total balance
    quantity ratio
    """.split()
)
DENIED: Final[Mapping[DataClass, tuple[bytes, ...]]] = MappingProxyType(
    {DataClass.PAN: _IDS, DataClass.SAD: (), DataClass.PII: (), DataClass.SECRET: ()}
)
"""Names of fields whose numbers are something else, whatever their digits say; a pattern adds its own."""


def confidence(pattern: Pattern, evidence: Evidence, before: bytes) -> Confidence | None:
    """How sure a value of `pattern` with such evidence is behind `before`; None: it is no finding."""
    around = look(pattern, before)
    if pattern.context is not None and pattern.context.required and around < Around.WORD:
        return None
    return TABLES[pattern.klass][evidence][around]


def look(pattern: Pattern, before: bytes) -> Around:
    """What the text right before a value says about it."""
    context, name = pattern.context, fieldname.before(before)
    if context is not None and context.speaks_for(name):
        return Around.FIELD
    if fieldname.is_one_of(name, DENIED[pattern.klass]) or (
        context is not None and context.speaks_against(name)
    ):
        return Around.AGAINST
    return Around.WORD if context is not None and context.seen(before) else Around.NOTHING
