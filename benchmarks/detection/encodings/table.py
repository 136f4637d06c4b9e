"""All encodings, in one table."""

from typing import Final

from benchmarks.detection.encodings import codings, escapes, files, markup, payment, wire
from benchmarks.detection.encodings.model import Encoding

ENCODINGS: Final[tuple[Encoding, ...]] = (
    *codings.ENCODINGS,
    *escapes.ENCODINGS,
    *markup.ENCODINGS,
    *wire.ENCODINGS,
    *files.ENCODINGS,
    *payment.ENCODINGS,
)
