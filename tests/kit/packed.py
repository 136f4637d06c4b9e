"""Real files of every kind that is opened, made by the libraries that everybody uses."""

import base64
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable


class _Pipe(io.RawIOBase):
    """What is written to a pipe: nothing can be corrected later."""

    def __init__(self) -> None:
        self.written = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.written += bytes(data)
        return len(data)


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def zip_stream(*members: tuple[str, bytes]) -> bytes:
    """A ZIP archive whose sizes come behind each member, and in 64 bits."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for name, data in members:
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(data)
    return pipe.written


def encrypted(archive: bytes) -> bytes:
    """The same with the flag of encryption in its first member."""
    return archive[:6] + bytes([archive[6] | 1]) + archive[7:]


def tar(mode: str) -> Callable[[bytes], bytes]:
    """A tar archive with one member, packed as `mode` says."""

    def pack(data: bytes) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
            member = tarfile.TarInfo("export.csv")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        return out.getvalue()

    return pack


def _number(value: int) -> bytes:
    value, out = value << 1, b""
    while value > 0x7F:
        value, out = value >> 7, out + bytes([value & 0x7F | 0x80])
    return out + bytes([value])


def _string(text: bytes) -> bytes:
    return _number(len(text)) + text


def avro(*blocks: bytes, codec: bytes = b"deflate") -> bytes:
    """An Avro file of these blocks, each of one record."""
    schema = b'{"type":"record","name":"Row","fields":[{"name":"text","type":"string"}]}'
    fields = ((b"avro.schema", schema), (b"avro.codec", codec))
    sync = bytes(range(100, 116))
    out = (
        b"Obj\x01"
        + _number(2)
        + b"".join(_string(key) + _string(value) for key, value in fields)
        + b"\0"
        + sync
    )
    for block in blocks:
        coder = zlib.compressobj(wbits=-15)
        packed = coder.compress(_string(block)) + coder.flush()
        out += _number(1) + _string(packed) + sync
    return out


def pdf(*contents: bytes, ascii85: bool = False) -> bytes:
    """A PDF of pages with these contents."""
    objects = []
    for number, content in enumerate(contents, 4):
        stream, codec = zlib.compress(content), b"/FlateDecode"
        if ascii85:
            stream, codec = base64.a85encode(stream, wrapcol=76) + b"~>", b"[/ASCII85Decode /FlateDecode]"
        head = b"%d 0 obj\n<< /Filter %b /Length %d >>\nstream\n" % (number, codec, len(stream))
        objects.append(head + stream + b"\nendstream\nendobj\n")
    return b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + b"".join(objects) + b"xref\ntrailer\n%%EOF\n"


def docx(*runs: bytes) -> bytes:
    """A document with one paragraph of these runs."""
    body = b"".join(
        b"<w:r><w:rPr><w:b/></w:rPr><w:t xml:space='preserve'>%b</w:t></w:r>" % run for run in runs
    )
    text = b"<w:document><w:body><w:p>" + body + b"</w:p></w:body></w:document>"
    return zipped(("[Content_Types].xml", b"<Types/>"), ("word/document.xml", text))


def xlsx(*runs: bytes) -> bytes:
    """A workbook with one shared string of these runs."""
    rich = b"".join(b"<r><t>%b</t></r>" % run for run in runs) if len(runs) > 1 else b"<t>%b</t>" % runs[0]
    return zipped(("xl/sharedStrings.xml", b"<sst><si><t>card</t></si><si>" + rich + b"</si></sst>"))
