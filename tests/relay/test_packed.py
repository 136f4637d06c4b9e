"""What is packed does not leave either: archives and documents that are uploaded, answers in brotli and zstd."""

import time
from collections.abc import Callable
from contextlib import suppress

import brotli
import pytest
import zstandard

from sidecar.lab.samples import VISA
from tests.kit.packed import docx, encrypted, zipped
from tests.net.netns import lab
from tests.relay.sidecar import Sidecar, eventually
from tests.relay.sockets import EOF, RESET, ending, exactly

pytestmark = lab

ROWS = b"".join(b"%d,Jo,Berlin,ordered a lamp\n" % at for at in range(60))
CSV = b"customer,card\nJo," + VISA.encode() + b"\n" + ROWS
RUNS = (VISA[:7].encode(), VISA[7:].encode())


def posted(body: bytes, kind: bytes = b"application/octet-stream") -> bytes:
    head = b"POST /up HTTP/1.1\r\nHost: shop\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (kind, len(body)) + body


def uploaded(name: bytes, file: bytes) -> bytes:
    """As a browser sends a file."""
    head = b'--m\r\nContent-Disposition: form-data; name="f"; filename="%b"\r\n\r\n' % name
    return posted(head + file + b"\r\n--m--\r\n", b"multipart/form-data; boundary=m")


UPLOADS = {
    "zip": posted(zipped(("data/more.csv", CSV)), b"application/zip"),
    "zip in a form": uploaded(b"a.zip", zipped(("readme.txt", ROWS), ("data/more.csv", CSV))),
    "docx in a form, in runs": uploaded(b"a.docx", docx(*RUNS)),
}


@pytest.mark.parametrize("wire", UPLOADS.values(), ids=UPLOADS)
@pytest.mark.parametrize("slowly", [False, True], ids=["at once", "in segments"])
def test_an_upload_with_a_card_number_is_blocked(wire: bytes, slowly: bool, side: Sidecar) -> None:
    watch = side.watch()
    with side.outbound().open() as (client, server):
        size = 200 if slowly else len(wire)
        with suppress(OSError):  # blocked before the last segment
            for at in range(0, len(wire), size):
                client.sendall(wire[at : at + size])
                time.sleep(0.01)  # segments of their own
        heard, end = ending(client)
        assert ending(server)[1] == RESET
    assert heard.startswith(b"HTTP/1.1 403 ") or (slowly and (heard, end) == (b"", RESET))
    eventually(lambda: watch.told() == ["pci/pan:block", "blocked:pan_in_cleartext"])


def test_an_archive_that_cannot_be_opened_passes_and_is_told(side: Sidecar) -> None:
    wire = posted(encrypted(zipped(("data/more.csv", CSV))), b"application/zip")
    watch = side.watch()
    with side.outbound().open() as (client, server):
        client.sendall(wire)
        assert exactly(server, len(wire)) == wire
    eventually(lambda: watch.told() == ["unscannable:alert"])


@pytest.mark.parametrize(
    ("coding", "pack"), [(b"br", brotli.compress), (b"zstd", zstandard.compress)], ids=["br", "zstd"]
)
def test_a_coded_answer_with_a_card_number_is_replaced(
    coding: bytes, pack: Callable[[bytes], bytes], side: Sidecar
) -> None:
    body = pack(CSV)
    asked = b"GET /export HTTP/1.1\r\nHost: shop\r\n\r\n"
    watch = side.watch()
    with side.inbound().open() as (client, server):
        client.sendall(asked)
        assert exactly(server, len(asked))
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (coding, len(body))
        server.sendall(head + body)
        heard, end = ending(client)
    assert (heard[:13], end) == (b"HTTP/1.1 502 ", EOF)
    assert body not in heard
    eventually(lambda: watch.told() == ["pci/pan:block", "blocked:pan_in_cleartext"])
