"""Bytes of binary protocols and formats, written by hand from their specifications: the value is text between other bytes.

The trap in most of them: the byte right before or behind a value is a length or a tag, and may be an ASCII digit or letter.
"""

import struct
import textwrap
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from benchmarks.detection.encodings.escapes import b64
from benchmarks.detection.encodings.model import MUST, SHOULD, Delivery, Encoding, document, request, sentence
from benchmarks.detection.fillers import fill
from benchmarks.detection.sample import Via


def varint(number: int) -> bytes:
    """Base 128, least significant first."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number: int, data: bytes | str) -> bytes:
    """Protobuf: a field of bytes."""
    raw = data.encode() if isinstance(data, str) else data
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def _protobuf(after: int) -> Callable[[Random, str, str], bytes]:
    """The tag behind the value is `after`: field 6 of type bytes is the digit 2, field 7 the colon, field 14 the letter r."""

    def make(chance: Random, _key: str, value: str) -> bytes:
        return (
            field(1, fill(chance, "$name"))
            + varint(2 << 3)
            + varint(chance.randrange(10**6))
            + field(5, value)
            + field(after, fill(chance, "$city"))
        )

    return make


def _message(chance: Random, _key: str, value: str) -> bytes:
    inner = field(1, value) + field(2, fill(chance, "$mmyy"))
    return field(1, fill(chance, "$uuid")) + field(3, field(2, inner)) + field(6, fill(chance, "$city"))


def _grpc(chance: Random, key: str, value: str) -> bytes:
    message = _message(chance, key, value)
    return b"\0" + struct.pack(">I", len(message)) + message


def msgpack_text(value: str) -> bytes:
    """MessagePack: a string; up to 31 bytes its length is in the first byte, 0xa0 and up."""
    raw = value.encode()
    return bytes([0xA0 | len(raw)]) + raw if len(raw) < 32 else b"\xd9" + bytes([len(raw)]) + raw


def _msgpack(chance: Random, key: str, value: str) -> bytes:
    pairs = (
        ("id", b"\x32"),
        (key, msgpack_text(value)),
        ("n", b"\x39"),
        ("city", msgpack_text(fill(chance, "$city"))),
    )
    return bytes([0x80 | len(pairs)]) + b"".join(msgpack_text(name) + data for name, data in pairs)


def _msgpack_list(_chance: Random, key: str, value: str) -> bytes:
    """A small integer right before and behind: both are ASCII digits."""
    return b"\x94" + msgpack_text(key) + b"\x35" + msgpack_text(value) + b"\x37"


def mysql_packet(payload: bytes, number: int = 0) -> bytes:
    """MySQL: length in three bytes, sequence number."""
    return struct.pack("<I", len(payload))[:3] + bytes([number]) + payload


def lenenc(value: str) -> bytes:
    """MySQL: a string with its length before it."""
    raw = value.encode()
    return bytes([len(raw)]) + raw


def _query(chance: Random, key: str, value: str) -> str:
    return fill(
        chance,
        "INSERT INTO customers (name, $key, city) VALUES ('$name', '$value', '$city')",
        key=key,
        value=value,
    )


def _mysql_query(chance: Random, key: str, value: str) -> bytes:
    return mysql_packet(b"\x03" + _query(chance, key, value).encode())


def _column(name: str) -> bytes:
    return (
        b"".join(lenenc(part) for part in ("def", "shop", "customers", "customers", name, name))
        + b"\x0c\x2d\0\xff\0\0\0\xfd\0\0\0\0\0"
    )


def _mysql_rows(chance: Random, key: str, value: str) -> bytes:
    """A text result set; what stands behind the value is the length of a column of 48 to 57 characters."""
    long = fill(chance, "$name $goods $city").ljust(chance.randint(48, 57), ".")
    rows = (lenenc(fill(chance, "$name")) + lenenc(value) + lenenc(long[:57]),)
    packets = [
        b"\x03",
        _column("name"),
        _column(key),
        _column("note"),
        b"\xfe\0\0\x22\0",
        *rows,
        b"\xfe\0\0\x22\0",
    ]
    return b"".join(mysql_packet(packet, at + 1) for at, packet in enumerate(packets))


def _pg(kind: bytes, payload: bytes) -> bytes:
    return kind + struct.pack(">I", len(payload) + 4) + payload


def _pg_query(chance: Random, key: str, value: str) -> bytes:
    return _pg(b"Q", _query(chance, key, value).encode() + b"\0")


def _pg_parameters(chance: Random, key: str, value: str) -> bytes:
    parse = _pg(b"P", b"\0" + f"INSERT INTO c (name, {key}) VALUES ($1, $2)".encode() + b"\0\0\0")
    values = (fill(chance, "$name").encode(), value.encode())
    bind = (
        b"\0\0"
        b"\0\0"
        + struct.pack(">H", 2)
        + b"".join(struct.pack(">I", len(each)) + each for each in values)
        + b"\0\0"
    )
    return parse + _pg(b"B", bind) + _pg(b"E", b"\0\0\0\0\0") + _pg(b"S", b"")


def _pg_row(chance: Random, key: str, value: str) -> bytes:
    names = ("name", key, "city")
    described = struct.pack(">H", 3) + b"".join(
        name.encode() + b"\0" + struct.pack(">IHIhih", 16400, 2, 25, -1, -1, 0) for name in names
    )
    cells = (fill(chance, "$name").encode(), value.encode(), fill(chance, "$city").encode())
    row = struct.pack(">H", 3) + b"".join(struct.pack(">I", len(each)) + each for each in cells)
    return _pg(b"T", described) + _pg(b"D", row) + _pg(b"C", b"SELECT 1\0") + _pg(b"Z", b"I")


def _redis(chance: Random, key: str, value: str) -> bytes:
    words = ("HSET", fill(chance, "cust:$id"), key, value, "city", fill(chance, "$city"))
    return f"*{len(words)}\r\n".encode() + b"".join(
        f"${len(word.encode())}\r\n{word}\r\n".encode() for word in words
    )


def _redis_answer(chance: Random, _key: str, value: str) -> bytes:
    return f"+OK\r\n:{chance.randrange(10**6)}\r\n${len(value.encode())}\r\n{value}\r\n$-1\r\n".encode()


def bson(pairs: Sequence[tuple[str, str]]) -> bytes:
    """A document of strings."""
    body = b"".join(
        b"\x02" + name.encode() + b"\0" + struct.pack("<I", len(text.encode()) + 1) + text.encode() + b"\0"
        for name, text in pairs
    )
    return struct.pack("<I", len(body) + 5) + body + b"\0"


def _bson_document(chance: Random, key: str, value: str) -> bytes:
    return bson((("name", fill(chance, "$name")), (key, value), ("city", fill(chance, "$city"))))


def _mongo(chance: Random, key: str, value: str) -> bytes:
    body = b"\0\0\0\0\0" + bson((("insert", "customers"), ("$db", "shop"))) + b"\1"
    documents = _bson_document(chance, key, value)
    section = b"documents\0" + documents
    body += struct.pack("<I", len(section) + 4) + section
    return struct.pack("<iiii", len(body) + 16, 7, 0, 2013) + body


def _zigzag(number: int) -> bytes:
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def _record(chance: Random, key: str, value: str) -> bytes:
    name, text = fill(chance, "$id").encode(), document(chance, key, value).encode()
    body = (
        b"\0" + _zigzag(0) + _zigzag(0) + _zigzag(len(name)) + name + _zigzag(len(text)) + text + _zigzag(0)
    )
    return _zigzag(len(body)) + body


def _kafka(squeeze: bool) -> Callable[[Random, str, str], bytes]:
    """A produce request (version 3) with one batch of format 2."""

    def make(chance: Random, key: str, value: str) -> bytes:
        records = _record(chance, key, value)
        if squeeze:
            coder = zlib.compressobj(wbits=31)
            records = coder.compress(records) + coder.flush()
        rest = (
            struct.pack(
                ">hiqqqhii", 1 if squeeze else 0, 0, 1_764_000_000_000, 1_764_000_000_000, -1, -1, -1, 1
            )
            + records
        )
        batch = struct.pack(">qiibI", 0, len(rest) + 9, -1, 2, zlib.crc32(rest)) + rest
        topic = b"orders"
        body = (
            struct.pack(">hhih", 0, 3, 11, 3)
            + b"app"
            + struct.pack(">hhii", -1, 1, 1500, 1)
            + struct.pack(">h", len(topic))
            + topic
        )
        body += struct.pack(">iii", 1, 0, len(batch)) + batch
        return struct.pack(">i", len(body)) + body

    return make


def _amqp(chance: Random, key: str, value: str) -> bytes:
    def frame(kind: int, payload: bytes) -> bytes:
        return struct.pack(">BHI", kind, 1, len(payload)) + payload + b"\xce"

    text = document(chance, key, value).encode()
    publish = struct.pack(">HHH", 60, 40, 0) + b"\x06events" + b"\x05order" + b"\0"
    header = struct.pack(">HHQH", 60, 0, len(text), 0x8000) + b"\x10application/json"
    return frame(1, publish) + frame(2, header) + frame(3, text)


def _syslog(chance: Random, key: str, value: str) -> bytes:
    return fill(
        chance, "<165>Nov 27 $time host app[$n4]: stored $key=$value for $name\n", key=key, value=value
    ).encode()


def _syslog_framed(chance: Random, key: str, value: str) -> bytes:
    """RFC 6587: the length before each message."""
    line = fill(chance, "<165>1 $dateT$timeZ host app $n4 ID1 - $key: $value", key=key, value=value)
    return f"{len(line.encode())} {line}".encode()


def _mail(body: str, *headers: str) -> bytes:
    lines = [
        "EHLO a",
        "MAIL FROM:<a@example.org>",
        "RCPT TO:<b@example.org>",
        "DATA",
        "From: a@example.org",
        "Subject: order",
        *headers,
        "",
        body,
        ".",
        "QUIT",
        "",
    ]
    return "\r\n".join(lines).encode()


def _smtp(chance: Random, key: str, value: str) -> bytes:
    return _mail(sentence(chance, key, value).strip())


def _smtp_base64(chance: Random, key: str, value: str) -> bytes:
    text = sentence(chance, key, value) + "Thank you for shopping with us, we hope to see you again.\n"
    return _mail(
        "\r\n".join(textwrap.wrap(b64(text), 76)),
        "MIME-Version: 1.0",
        "Content-Type: text/plain",
        "Content-Transfer-Encoding: base64",
    )


def _smtp_attachment(chance: Random, key: str, value: str) -> bytes:
    table = fill(chance, "id,$key\n$id,$value\n", key=key, value=value)
    part = "\r\n".join(
        (
            "--m1",
            "Content-Type: text/csv; name=a.csv",
            "Content-Transfer-Encoding: base64",
            "",
            *textwrap.wrap(b64(table), 76),
            "--m1--",
        )
    )
    return _mail(part, "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=m1")


def _avro_text(value: str) -> bytes:
    return _zigzag(len(value.encode())) + value.encode()


def _avro(squeeze: bool) -> Callable[[Random, str, str], bytes]:
    """An object container file with one record of three strings."""

    def make(chance: Random, key: str, value: str) -> bytes:
        fields = ",".join(f'{{"name":"{name}","type":"string"}}' for name in ("name", key, "city"))
        schema = f'{{"type":"record","name":"Customer","fields":[{fields}]}}'
        codec = "deflate" if squeeze else "null"
        sync = chance.randbytes(16)
        rows = _avro_text(fill(chance, "$name")) + _avro_text(value) + _avro_text(fill(chance, "$city"))
        if squeeze:
            coder = zlib.compressobj(wbits=-15)
            rows = coder.compress(rows) + coder.flush()
        head = (
            b"Obj\x01"
            + _zigzag(2)
            + _avro_text("avro.schema")
            + _avro_text(schema)
            + _avro_text("avro.codec")
            + _avro_text(codec)
            + b"\0"
        )
        return head + sync + _zigzag(1) + _zigzag(len(rows)) + rows + sync

    return make


def _dns(chance: Random, _key: str, value: str) -> bytes:
    """A query over TCP; the length of the label behind the value is below 32."""
    labels = [value.encode(), *(part.encode() for part in fill(chance, "x$hex8.example.org").split("."))]
    query = struct.pack(">HHHHHH", chance.randrange(1 << 16), 0x0100, 1, 0, 0, 0)
    query += b"".join(bytes([len(label)]) + label for label in labels) + b"\0" + struct.pack(">HH", 16, 1)
    return struct.pack(">H", len(query)) + query


def _stream(
    name: str, make: Callable[[Random, str, str], bytes], port: int, tier: str = MUST, numbers: bool = False
) -> Encoding:
    return Encoding(
        name,
        tier,
        lambda chance, key, value: Delivery(make(chance, key, value), via=Via.STREAM, port=port),
        numbers,
    )


def _body(
    name: str, make: Callable[[Random, str, str], bytes], content_type: str, tier: str = MUST
) -> Encoding:
    def made(chance: Random, key: str, value: str) -> Delivery:
        return Delivery(
            request("/rpc", f"Content-Type: {content_type}", body=make(chance, key, value)), via=Via.REQUEST
        )

    return Encoding(name, tier, made)


ENCODINGS: Final[tuple[Encoding, ...]] = (
    _body("protobuf", _message, "application/x-protobuf"),
    _body("protobuf, digit behind", _protobuf(6), "application/x-protobuf"),
    _body("protobuf, letter behind", _protobuf(14), "application/x-protobuf"),
    _body("grpc message", _grpc, "application/grpc"),
    _body("msgpack", _msgpack, "application/msgpack"),
    _body("msgpack, digits around", _msgpack_list, "application/msgpack"),
    _stream("mysql query", _mysql_query, 3306),
    _stream("mysql rows, digit behind", _mysql_rows, 3306),
    _stream("postgres query", _pg_query, 5432),
    _stream("postgres parameters", _pg_parameters, 5432),
    _stream("postgres rows", _pg_row, 5432),
    _stream("redis command", _redis, 6379),
    _stream("redis answer", _redis_answer, 6379),
    _stream("mongodb insert", _mongo, 27017),
    _stream("kafka produce", _kafka(False), 9092),
    _stream("kafka produce, gzip", _kafka(True), 9092, SHOULD),
    _stream("amqp publish", _amqp, 5672),
    _stream("syslog", _syslog, 514),
    _stream("syslog, framed", _syslog_framed, 601),
    _stream("smtp", _smtp, 25),
    _stream("smtp, base64 body", _smtp_base64, 25),
    _stream("smtp, base64 attachment", _smtp_attachment, 25),
    _body("bson", _bson_document, "application/bson", SHOULD),
    _body("avro", _avro(False), "avro/binary", SHOULD),
    _body("avro, deflate", _avro(True), "avro/binary", SHOULD),
    _stream("dns label", _dns, 53, SHOULD, numbers=True),
)
