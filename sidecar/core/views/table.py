"""The views that every text is looked at through, in the order in which they are asked."""

from typing import Final

from sidecar.core.views import (
    base64_run,
    columns,
    entities,
    escaped_string,
    hexadecimal,
    percent,
    quoted_printable,
    translated,
)
from sidecar.core.views.containers.avro import AVRO
from sidecar.core.views.containers.office import OFFICE
from sidecar.core.views.containers.opener import whole
from sidecar.core.views.containers.pdf import PDF
from sidecar.core.views.containers.pdf_text import PDF_TEXT
from sidecar.core.views.containers.single import BZIP2, GZIP
from sidecar.core.views.containers.xz import XZ
from sidecar.core.views.containers.zipped import ZIP
from sidecar.core.views.payment.emv import EMV
from sidecar.core.views.payment.iso8583 import ISO8583
from sidecar.core.views.view import Sign, Spec

_BACK: Final = 320
"""How much of a value can stand unescaped before its first escape, bytes: the widest pattern, and some."""
_BY_ESCAPE: Final = 150
"""Nanoseconds for a byte less, where each escape is replaced by itself."""

COLUMNS: Final = Spec(
    "columns",
    columns.Columns,
    columns.SIGNS,
    columns.WIDEST,
    run=True,
    start=columns.start,
    matters=columns.matters,
)
VIEWS: Final[tuple[Spec, ...]] = (
    Spec("percent", percent.make, percent.SIGNS, 3, unsure=percent.UNSURE, back=_BACK, cost=_BY_ESCAPE),
    Spec(
        "json",
        escaped_string.make,
        escaped_string.SIGNS,
        6,
        unsure=escaped_string.UNSURE,
        back=_BACK,
        cost=_BY_ESCAPE,
    ),
    Spec("html", entities.make, entities.SIGNS, 12, unsure=entities.UNSURE, back=_BACK, cost=_BY_ESCAPE),
    Spec(
        "qp",
        quoted_printable.make,
        quoted_printable.SIGNS,
        6,
        unsure=quoted_printable.UNSURE,
        back=_BACK,
        cost=_BY_ESCAPE,
    ),
    Spec(
        "base64",
        base64_run.Base64,
        base64_run.SIGNS,
        2,
        run=True,
        start=base64_run.start,
        unsure=base64_run.UNSURE,
    ),
    Spec(
        "hex",
        hexadecimal.Hexadecimal,
        hexadecimal.SIGNS,
        6,
        run=True,
        start=hexadecimal.start,
        unsure=hexadecimal.UNSURE,
    ),
    COLUMNS,
    Spec("utf-16", translated.wide, translated.WIDE, 4),
    Spec("ebcdic", translated.ebcdic, translated.EBCDIC, 1, unsure=translated.UNSURE_EBCDIC),
    ZIP,
    GZIP,
    BZIP2,
    XZ,
    AVRO,
    PDF,
    PDF_TEXT,
    OFFICE,
)
SPOKEN: Final[tuple[Spec, ...]] = (
    ISO8583,
    EMV,
    Spec("ebcdic", translated.ebcdic, (), 1, run=True, start=whole),
)
"""What a policy can declare for a port: it is read from the first byte to the last, and needs no sign."""
FORMATS: Final[tuple[Spec, ...]] = tuple(spec._replace(guesses=True) for spec in (ISO8583, EMV))
"""Those of them that are asked in everything that is scanned, too: nobody declares what a file is, so they guess there."""

_BY_SIGN: Final = tuple((sign, spec) for spec in (*VIEWS, *FORMATS) for sign in spec.signs)
EVERY_SIGN: Final[tuple[Sign, ...]] = tuple(sign for sign, _ in _BY_SIGN)
"""What engines look for besides patterns in what is scanned.  Sign N has the index N behind the last pattern's."""
SIGNS: Final[tuple[Sign, ...]] = tuple(sign for spec in VIEWS for sign in spec.signs)
"""The first of them: those for live traffic, where a declared port needs no sign."""
WAKES: Final[tuple[Spec, ...]] = tuple(spec for _, spec in _BY_SIGN)
"""The view that each sign wakes."""
