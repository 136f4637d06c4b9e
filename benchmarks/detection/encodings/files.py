"""Files inside of which a value stands compressed: archives, office documents, PDF."""

import io
import tarfile
import zipfile
import zlib
from collections.abc import Buffer, Callable, Mapping
from random import Random
from typing import Final

from benchmarks.detection.encodings.codings import gzipped
from benchmarks.detection.encodings.escapes import b64
from benchmarks.detection.encodings.model import SHOULD, Delivery, Encoding, page, request
from benchmarks.detection.fillers import fill
from benchmarks.detection.sample import Via

_WHEN: Final = (2026, 1, 1, 0, 0, 0)
_SHEETS: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_WORDS: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, _WHEN), data, compress_type=method)
    return out.getvalue()


def zipped_as_it_goes(members: Mapping[str, bytes]) -> bytes:
    """Written to a pipe: sizes stand behind each member (bit 3)."""

    class Pipe(io.RawIOBase):
        """Something that cannot seek."""

        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: Buffer) -> int:
            piece = bytes(memoryview(data))
            self.data += piece
            return len(piece)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, _WHEN), data, compress_type=zipfile.ZIP_DEFLATED)
    return bytes(pipe.data)


def tarred(members: Mapping[str, bytes]) -> bytes:
    """A tape archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _members(chance: Random, key: str, value: str) -> dict[str, bytes]:
    table = "".join(fill(chance, "$id,$name,$city\n") for _ in range(20))
    return {
        "readme.txt": fill(chance, "orders of $city").encode(),
        "data/orders.json": page(chance, key, value).encode(),
        "data/more.csv": table.encode(),
    }


def _docx(chance: Random, key: str, value: str) -> bytes:
    text = "".join(
        fill(chance, "<w:p><w:r><w:t>$name bought a $goods in $city.</w:t></w:r></w:p>") for _ in range(9)
    )
    body = f'<w:document xmlns:w="{_WORDS}"><w:body>{text}<w:p><w:r><w:t>{key.replace("_", " ")}: {value}</w:t></w:r></w:p></w:body></w:document>'
    return zipped(
        {
            "[Content_Types].xml": b"<Types/>",
            "_rels/.rels": b"<Relationships/>",
            "word/document.xml": body.encode(),
        }
    )


def _xlsx(chance: Random, key: str, value: str) -> bytes:
    strings = [
        key,
        *(fill(chance, "$name") for _ in range(20)),
        value,
        *(fill(chance, "$city") for _ in range(9)),
    ]
    shared = f'<sst xmlns="{_SHEETS}" count="{len(strings)}">{"".join(f"<si><t>{text}</t></si>" for text in strings)}</sst>'
    sheet = f'<worksheet xmlns="{_SHEETS}"><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" t="s"><v>21</v></c></row></sheetData></worksheet>'
    return zipped(
        {
            "[Content_Types].xml": b"<Types/>",
            "xl/worksheets/sheet1.xml": sheet.encode(),
            "xl/sharedStrings.xml": shared.encode(),
        }
    )


def _xlsx_number(chance: Random, _key: str, value: str) -> bytes:
    """A card number in a cell that holds a number, as exports write it."""
    rows = "".join(fill(chance, '<row r="$small"><c r="B1"><v>$id</v></c></row>') for _ in range(9))
    sheet = f'<worksheet xmlns="{_SHEETS}"><sheetData>{rows}<row r="2"><c r="A2"><v>{value}</v></c><c r="B2"><v>12</v></c></row></sheetData></worksheet>'
    return zipped({"[Content_Types].xml": b"<Types/>", "xl/worksheets/sheet1.xml": sheet.encode()})


def _pdf(chance: Random, key: str, value: str) -> bytes:
    """One page, its content compressed."""
    lines = [
        fill(chance, "$name bought a $goods"),
        f"{key.replace('_', ' ')}: {value}",
        fill(chance, "delivered to $city"),
    ]
    shown = "".join(f"({line}) Tj 0 -14 Td " for line in lines)
    content = zlib.compress(f"BT /F1 12 Tf 72 720 Td {shown}ET".encode())
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    out, places = bytearray(b"%PDF-1.4\n"), []
    for at, item in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (at, item)
    table = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out + b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % table)


def _read(
    name: str, make: Callable[[Random, str, str], bytes], content_type: str, numbers: bool = False
) -> Encoding:
    return Encoding(
        name, SHOULD, lambda chance, key, value: Delivery(make(chance, key, value), content_type), numbers
    )


def _posted(name: str, make: Callable[[Random, str, str], bytes], content_type: str) -> Encoding:
    def made(chance: Random, key: str, value: str) -> Delivery:
        return Delivery(
            request("/up", f"Content-Type: {content_type}", body=make(chance, key, value)), via=Via.REQUEST
        )

    return Encoding(name, SHOULD, made)


def _uploaded(name: str, make: Callable[[Random, str, str], bytes], file: str) -> Encoding:
    """As a browser sends a file."""

    def made(chance: Random, key: str, value: str) -> Delivery:
        head = f'--m\r\nContent-Disposition: form-data; name="f"; filename="{file}"\r\nContent-Type: application/octet-stream\r\n\r\n'
        body = head.encode() + make(chance, key, value) + b"\r\n--m--\r\n"
        return Delivery(
            request("/up", "Content-Type: multipart/form-data; boundary=m", body=body), via=Via.REQUEST
        )

    return Encoding(name, SHOULD, made)


def _zip(chance: Random, key: str, value: str) -> bytes:
    return zipped(_members(chance, key, value))


def _stored(chance: Random, key: str, value: str) -> bytes:
    return zipped(_members(chance, key, value), zipfile.ZIP_STORED)


def _piped(chance: Random, key: str, value: str) -> bytes:
    return zipped_as_it_goes(_members(chance, key, value))


def _gz(chance: Random, key: str, value: str) -> bytes:
    return gzipped(page(chance, key, value).encode())


def _tar(chance: Random, key: str, value: str) -> bytes:
    return tarred(_members(chance, key, value))


def _tgz(chance: Random, key: str, value: str) -> bytes:
    return gzipped(_tar(chance, key, value))


ENCODINGS: Final[tuple[Encoding, ...]] = (
    _read("zip", _zip, "application/zip"),
    _read("zip, stored", _stored, "application/zip"),
    _read("zip, piped", _piped, "application/octet-stream"),
    _read("gzip file", _gz, "application/octet-stream"),
    _read("tar", _tar, "application/x-tar"),
    _read("tar.gz", _tgz, "application/gzip"),
    _read(
        "zip in tar.gz",
        lambda chance, key, value: gzipped(tarred({"a.zip": _zip(chance, key, value)})),
        "application/gzip",
    ),
    _read("docx", _docx, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    _read("xlsx, shared strings", _xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    _read("xlsx, number", _xlsx_number, "application/octet-stream", numbers=True),
    _read("pdf", _pdf, "application/pdf"),
    _posted("zip, posted", _zip, "application/zip"),
    _posted("pdf, posted", _pdf, "application/pdf"),
    _posted("gzip file, posted", _gz, "application/octet-stream"),
    _uploaded("zip, uploaded", _zip, "a.zip"),
    _uploaded("tar.gz, uploaded", _tgz, "a.tgz"),
    _uploaded("docx, uploaded", _docx, "a.docx"),
    _read(
        "base64 of gzip",
        lambda chance, key, value: f'{{"z":"{b64(_gz(chance, key, value))}"}}'.encode(),
        "application/json",
    ),
    _read(
        "base64 of zip",
        lambda chance, key, value: f'{{"z":"{b64(_zip(chance, key, value))}"}}'.encode(),
        "application/json",
    ),
)
