"""How sure a finding is: what the value itself says, weighed with what stands around it.  One table for each class.

What never belongs here: how evidence is found (`dlp_patterns.checks`), what is done about a finding (`core.policy`).
"""

import re
from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from dlp_patterns import fieldname
from dlp_patterns.model import Confidence, DataClass, Evidence, Pattern


class Around(IntEnum):
    """What the text around a value says about it."""

    AGAINST = 0
    """It stands in a field whose name says that it is something else."""
    OTHER = 1
    """It stands in a field whose name says neither, but is a name of something."""
    NOTHING = 2
    NEARBY = 3
    """A word that goes with such values stands nearby, but the value stands in a field of another name."""
    WORD = 4
    """A word that goes with such values stands nearby."""
    FIELD = 5
    """It stands in a field whose name says so."""
    GUESSED = 6
    """A view named it that goes by shape alone: chance writes two bytes of a chip's tag often enough."""


_NO, _LIKELY, _CERTAIN = None, Confidence.LIKELY, Confidence.CERTAIN

Row = tuple[Confidence | None, ...]
"""By `Around`."""
Table = Mapping[Evidence, Row]

# Of random numbers of sixteen digits one in forty has an issuer and a check digit: it is certain only where a word says so
# and no other name does.
#                   AGAINST  OTHER    NOTHING   NEARBY    WORD      FIELD     GUESSED
_CARDS: Final[Table] = MappingProxyType(
    {
        Evidence.STRONG: (_LIKELY, _LIKELY, _CERTAIN, _CERTAIN, _CERTAIN, _CERTAIN, _LIKELY),
        Evidence.FAIR: (_NO, _LIKELY, _LIKELY, _LIKELY, _CERTAIN, _CERTAIN, _LIKELY),
        Evidence.SLIGHT: (_NO, _NO, _LIKELY, _LIKELY, _LIKELY, _CERTAIN, _LIKELY),
        Evidence.WEAK: (_NO, _NO, _NO, _LIKELY, _LIKELY, _CERTAIN, _LIKELY),
    }
)
#                   AGAINST  OTHER    NOTHING   NEARBY    WORD      FIELD     GUESSED
_NUMBERS: Final[Table] = MappingProxyType(
    {
        Evidence.STRONG: (_LIKELY, _CERTAIN, _CERTAIN, _CERTAIN, _CERTAIN, _CERTAIN, _LIKELY),
        Evidence.FAIR: (_NO, _LIKELY, _LIKELY, _CERTAIN, _CERTAIN, _CERTAIN, _LIKELY),
        Evidence.SLIGHT: (_NO, _NO, _LIKELY, _LIKELY, _LIKELY, _CERTAIN, _LIKELY),
        Evidence.WEAK: (_NO, _NO, _NO, _LIKELY, _LIKELY, _CERTAIN, _LIKELY),
    }
)
# No other thing looks like a stripe, or begins like a vendor's token.
#                   AGAINST  OTHER    NOTHING   NEARBY    WORD      FIELD     GUESSED
_STRUCTURED: Final[Table] = MappingProxyType(
    {
        Evidence.STRONG: (_CERTAIN, _CERTAIN, _CERTAIN, _CERTAIN, _CERTAIN, _CERTAIN, _LIKELY),
        Evidence.FAIR: (_LIKELY, _LIKELY, _LIKELY, _CERTAIN, _CERTAIN, _CERTAIN, _LIKELY),
        Evidence.SLIGHT: (_NO, _LIKELY, _LIKELY, _LIKELY, _CERTAIN, _CERTAIN, _LIKELY),
        Evidence.WEAK: (_NO, _NO, _NO, _LIKELY, _LIKELY, _CERTAIN, _LIKELY),
    }
)
TABLES: Final[Mapping[DataClass, Table]] = MappingProxyType(
    {
        DataClass.PAN: _CARDS,
        DataClass.SAD: _STRUCTURED,
        DataClass.PII: _NUMBERS,
        DataClass.SECRET: _STRUCTURED,
    }
)

_IDS: Final = tuple(
    b"""
    id ids uid uuid guid oid pid tid txid ref_id snowflake nonce cursor sequence seq etag sha sha1 sha256 sha512 md5
    crc crc32 checksum digest hash fingerprint signature transaction_hash status_code http_status commit revision rev
    version build timestamp timestamps ts time date datetime unix_nano unix_time nanos nanoseconds micros millis ns us
    ms epoch created created_at updated updated_at modified mtime ctime atime start_time end_time start end expires_at
    duration latency elapsed uptime offset position address addr ptr pointer port inode ino seed size length len bytes
    count counter total_bytes as_int int_value as_double double_value order_number order_no order_ref tracking
    tracking_number tracking_no tracking_code waybill awb shipment shipment_number parcel_number consignment invoice
    invoice_number invoice_no sku upc ean isbn gtin barcode imei imsi iccid msisdn serial serial_number serial_no
    part_number asin phone phone_number telephone tel mobile fax latitude longitude lat lon lng price amount total
    balance quantity qty ratio rate score weight order orders ref refs reference tweet tweets status statuses post
    posts video videos photo photos
    """.split()
)
DENIED: Final[Mapping[DataClass, tuple[bytes, ...]]] = MappingProxyType(
    {DataClass.PAN: _IDS, DataClass.SAD: (), DataClass.PII: (), DataClass.SECRET: ()}
)
"""Names of fields whose numbers are something else, whatever their digits say; a pattern adds its own."""

_ANYTHING: Final = tuple(
    b"""
    number num nos value val values data text string str body content payload message msg note notes comment comments
    remark remarks memo description desc details detail info subject title input field item items line row cell raw
    query search term param params arg args event error result response request log extra meta misc name user username
    customer customers client clients payment payments pay payer method instrument tender funding source account
    accounts account_number acct acct_no billing wallet checkout charge purchase
    """.split()
)
"""Names of fields that can hold anything, or that go with cards as well as with other numbers."""

_CALLED: Final = re.compile(
    rb"(?<![A-Za-z0-9_-])(?i:ids?|orders?|requests?|req|messages?|msg|tracking|track|invoice|ticket|case|session|parcel|shipment|package"
    rb"|job|batch|block|commit|tweet|trace|span|event|process|thread|task|snowflake|serial|isbn|ean|imei|part|phone|tel|call)"
    rb"(?:[ ](?i:id|no|nr|number|num|ref|code)\.?)?[ ]?[#:]?[ ]?\Z"
)
"""What a number in a sentence is called: `order 4539...`, `tracking number: 4539...`."""

SHORT: Final = 2
"""A name of so few letters says nothing."""

BEHIND: Final = 32
"""How far behind a value words are looked for, bytes."""
_ANOTHER_VALUE: Final = re.compile(rb"[\"'=:;&<>{}|,\r\n]")
"""What ends the words that belong to a value, and begins those of the next."""


_NAMES: Final = 256
"""Names of fields that are remembered for a pattern."""
_CALLED_IN: Final = 32
"""How far before a value what it is called begins, bytes, at most."""
_BEHIND_CALLED: Final = b" #:."
"""What can stand between that word and the value; `_CALLED` is asked only where a letter stands before these."""


class Judge:
    """Weighs what stands around the values of one pattern.

    Names of fields come again and again, so what they say is remembered; but not of names with digits: these could be a
    number that is nobody's business.
    """

    __slots__ = ("_context", "_denied", "_is_called", "_names", "_table")

    def __init__(self, pattern: Pattern) -> None:
        self._context = pattern.context
        self._denied = DENIED[pattern.klass]
        self._table = TABLES[pattern.klass]
        self._is_called = pattern.klass is DataClass.PAN
        self._names: dict[bytes, Around] = {}

    def confidence(
        self,
        evidence: Evidence,
        before: bytes,
        behind: bytes = b"",
        named: Around | None = None,
        *,
        guessed: bool = False,
    ) -> Confidence | None:
        """How sure a value with such evidence is between `before` and `behind`; None: it is no finding.

        `named` is what `named` says of `before`, where that was asked already; `guessed` is a text of which nobody
        declared that it is what it is read as.
        """
        around = self.look(before, behind, named)
        if self._context is not None and self._context.required and around < Around.NEARBY:
            return None
        row = self._table[evidence]
        return row[Around.GUESSED] if guessed and row[around] is not None else row[around]

    def heeds(self, evidence: Evidence) -> bool:
        """Whether a field's name alone can make a value with such evidence no finding."""
        return self._table[evidence][Around.AGAINST] is None

    def look(self, before: bytes, behind: bytes = b"", named: Around | None = None) -> Around:
        """What the text right before a value, and the words right behind it, say about it; `named`: as above."""
        said = self.named(before) if named is None else named
        if said not in _OPEN:
            return said
        context = self._context
        if context is not None and (context.seen(before) or context.seen(_words_of(behind))):
            return Around.NEARBY if said is Around.OTHER else Around.WORD
        return said

    def named(self, before: bytes) -> Around:
        """What the name of its field says of a value, or what it is called in a sentence, if nothing else does."""
        name = fieldname.before(before)
        said = self._names.get(name)
        if said is None:
            said = self._said(name)
            if len(self._names) < _NAMES and name.replace(b"_", b"").isalpha():
                self._names[name] = said
        return Around.AGAINST if self._is_called and said in _OPEN and _is_called(before) else said

    def _said(self, name: bytes) -> Around:
        context = self._context
        if context is not None:
            if context.speaks_against(name):
                return Around.AGAINST
            if context.speaks_for(name):
                return Around.FIELD
            if context.seen(name):
                return Around.WORD
        if fieldname.is_one_of(name, self._denied):
            return Around.AGAINST
        another = len(name) > SHORT and not fieldname.is_one_of(name, _ANYTHING)
        return Around.OTHER if another else Around.NOTHING


_OPEN: Final = (Around.OTHER, Around.NOTHING)
"""A name that says this leaves it to the words."""


def _is_called(before: bytes) -> bool:
    """Whether the number behind `before` is called something else there."""
    if not before[-4:].rstrip(_BEHIND_CALLED)[-1:].isalpha():
        return False
    return _CALLED.search(before, max(0, len(before) - _CALLED_IN)) is not None


def look(pattern: Pattern, before: bytes, behind: bytes = b"") -> Around:
    """What stands around a value of `pattern`, asked once."""
    return Judge(pattern).look(before, behind)


def _words_of(behind: bytes) -> bytes:
    """The words behind a value that speak of it: `(Visa)`, ` on my card`; not the name of the next field."""
    return _ANOTHER_VALUE.split(behind[:BEHIND], maxsplit=1)[0]
