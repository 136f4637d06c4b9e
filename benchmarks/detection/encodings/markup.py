"""Structures of text: multipart, forms, XML, SOAP, CDATA, JSON numbers, YAML, CSV.  The value stands there as it is, or nearly."""

from collections.abc import Callable
from random import Random
from typing import Final
from urllib.parse import quote_plus

from benchmarks.detection.encodings.model import MUST, Delivery, Encoding, request
from benchmarks.detection.fillers import fill
from benchmarks.detection.sample import Via


def _text(
    template: str, content_type: str, change: Callable[[str], str] = str
) -> Callable[[Random, str, str], Delivery]:
    def make(chance: Random, key: str, value: str) -> Delivery:
        return Delivery(fill(chance, template, key=key, value=change(value)).encode(), content_type)

    return make


def _multipart(chance: Random, key: str, value: str) -> Delivery:
    mark = f"----WebKitFormBoundary{fill(chance, '$b62')}"
    parts = (("name", fill(chance, "$name")), (key, value), ("city", fill(chance, "$city")))
    body = "".join(
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in parts
    )
    body += f"--{mark}--\r\n"
    return Delivery(
        request("/upload", f"Content-Type: multipart/form-data; boundary={mark}", body=body.encode()),
        via=Via.REQUEST,
    )


def _upload(chance: Random, key: str, value: str) -> Delivery:
    mark = "xyz"
    file = fill(chance, "name,$key,city\n$name,$value,$city\n", key=key, value=value)
    body = f'--{mark}\r\nContent-Disposition: form-data; name="f"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n{file}\r\n--{mark}--\r\n'
    return Delivery(body.encode(), f"multipart/form-data; boundary={mark}")


def _form(chance: Random, key: str, value: str) -> Delivery:
    body = fill(chance, "a=$id&$key=$value&city=$city", key=key, value=quote_plus(value))
    return Delivery(
        request("/f", "Content-Type: application/x-www-form-urlencoded", body=body.encode()), via=Via.REQUEST
    )


def _digits(value: str) -> str:
    return "".join(char for char in value if char.isdigit())


ENCODINGS: Final[tuple[Encoding, ...]] = (
    Encoding("multipart field", MUST, _multipart),
    Encoding("multipart file", MUST, _upload),
    Encoding("form", MUST, _form),
    Encoding(
        "xml", MUST, _text("<?xml version='1.0'?><a><n>$name</n><$key>$value</$key></a>", "application/xml")
    ),
    Encoding(
        "xml, namespace",
        MUST,
        _text("<p:a xmlns:p='urn:p'><p:$key type='x'>$value</p:$key></p:a>", "application/xml"),
    ),
    Encoding(
        "soap",
        MUST,
        _text(
            '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><Pay><$key>$value</$key></Pay></soap:Body></soap:Envelope>',
            "text/xml",
        ),
    ),
    Encoding("cdata", MUST, _text("<a><$key><![CDATA[$value]]></$key></a>", "application/xml")),
    Encoding(
        "json number",
        MUST,
        _text('{"id":$id,"$key":$value,"ok":true}', "application/json", _digits),
        numbers=True,
    ),
    Encoding(
        "json number in a list", MUST, _text('{"$key":[$value]}', "application/json", _digits), numbers=True
    ),
    Encoding("yaml", MUST, _text("a:\n  - $key: $value\n    city: $city\n", "application/yaml")),
    Encoding("yaml, folded", MUST, _text("a:\n  $key: >-\n    $value\n", "application/yaml")),
    Encoding("csv", MUST, _text("id,$key,city\n$id,$value,$city\n", "text/csv")),
    Encoding("csv, semicolons", MUST, _text("id;city;$key\r\n$id;$city;$value\r\n", "text/csv")),
    Encoding("csv, quoted", MUST, _text('"id","$key"\n"$id","$value"\n', "text/csv")),
)
