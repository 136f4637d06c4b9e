"""The scenarios of the demonstration, as one table: who does what with which client, and what must be seen.

What belongs here: data, and the few functions that build raw HTTP.  What never does: running (demo.py) and
judging (judge.py).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sidecar import contract
from sidecar.lab.clients import Client, Curl, Openssl, Raw
from sidecar.lab.samples import (
    AMEX,
    AWS_KEY,
    MASTERCARD,
    NO_CARD,
    TRACK2,
    VISA,
    VISA_MASKED,
    VISA_PRINTED,
    VISA_PRINTED_MASKED,
)
from sidecar.lab.topology import TCP_PORT, UDP_PORT


class Seen(StrEnum):
    """What can be seen of an exchange from outside, with the sidecars' own events."""

    PASSED = "passed"
    MASKED = "passed, masked"
    REPORTED = "passed, reported"
    DENIED = "denied"
    """By segmentation: no upstream was dialed."""
    BLOCKED_403 = "blocked, 403"
    BLOCKED_502 = "blocked, 502"
    BLOCKED_RESET = "blocked, reset"
    REFUSED = "refused"
    """By the kernel: nobody listens where the rules redirect to."""
    REJECTED = "rejected"
    """By the pod's firewall."""


class Arrival(StrEnum):
    """What the application at the other end may have received meanwhile."""

    NOTHING = "nothing"
    NO_CARD = "no card"
    CARD = "a card"
    """At least one whole card number: it is meant to pass."""


class Change(StrEnum):
    """A change to one pod for the time of a scenario; a policy is replaced while the sidecar runs."""

    MASK = f"""\
apiVersion: {contract.API_VERSION}
kind: Policy
dlp:
  - {{class: [pan, test_pan], channel: http1, action: mask}}
"""
    MONITOR = f"apiVersion: {contract.API_VERSION}\nkind: Policy\nmode: monitor\n"
    KILLED = "killed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One line of the demonstration."""

    title: str
    source: str
    target: str
    client: Client
    expect: Seen
    reason: str = ""
    """The reason code that must be given; empty where nothing gives one."""
    arrives: Arrival = Arrival.NO_CARD
    shows: str = ""
    """Must be in the answer."""
    uninspected: str = ""
    """The reason code under which the bytes must be counted as not inspected."""
    changes: tuple[tuple[str, Change], ...] = ()
    """Pods and what is changed there meanwhile."""


def http(body: str, *headers: str, path: str = "/raw") -> bytes:
    """A POST request in full; `headers` besides Host and Connection, the length among them."""
    head = [f"POST {path} HTTP/1.1", "Host: lab", "Connection: close", *headers]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


def with_length(body: str) -> bytes:
    """A POST request with Content-Length."""
    return http(body, f"Content-Length: {len(body)}")


def chunked(body: str, size: int) -> bytes:
    """A POST request in chunks of `size` characters."""
    cuts = [body[start : start + size] for start in range(0, len(body), size)]
    return http(
        "".join(f"{len(cut):x}\r\n{cut}\r\n" for cut in cuts) + "0\r\n\r\n", "Transfer-Encoding: chunked"
    )


GRID: Final = "grid"
PAN: Final = "pan_in_cleartext"

SEGMENTATION: Final = (
    Scenario(
        title="in-scope to in-scope",
        source="checkout",
        target="vault",
        client=Curl(body="a clean message"),
        expect=Seen.PASSED,
        reason=GRID,
        shows="a clean message",
    ),
    Scenario(
        title="in-scope to in-scope, IPv6",
        source="checkout",
        target="vault",
        client=Curl(body="a clean message", v6=True),
        expect=Seen.PASSED,
        reason=GRID,
        shows="a clean message",
    ),
    Scenario(
        title="in-scope to connected-to",
        source="checkout",
        target="gateway",
        client=Curl(),
        expect=Seen.PASSED,
        reason=GRID,
    ),
    Scenario(
        title="connected-to to in-scope, raw TCP",
        source="gateway",
        target="vault",
        client=Raw(payload=b"EHLO gateway\r\n", port=TCP_PORT),
        expect=Seen.PASSED,
        reason=GRID,
        shows="EHLO gateway",
    ),
    Scenario(
        title="out-of-scope to in-scope",
        source="shop",
        target="vault",
        client=Curl(),
        expect=Seen.DENIED,
        reason=GRID,
        arrives=Arrival.NOTHING,
    ),
    Scenario(
        title="out-of-scope to in-scope, IPv6",
        source="shop",
        target="vault",
        client=Curl(v6=True),
        expect=Seen.DENIED,
        reason=GRID,
        arrives=Arrival.NOTHING,
    ),
    Scenario(
        title="in-scope to out-of-scope",
        source="checkout",
        target="shop",
        client=Curl(),
        expect=Seen.DENIED,
        reason=GRID,
        arrives=Arrival.NOTHING,
    ),
    Scenario(
        title="in-scope to out-of-scope, IPv6",
        source="checkout",
        target="shop",
        client=Curl(v6=True),
        expect=Seen.DENIED,
        reason=GRID,
        arrives=Arrival.NOTHING,
    ),
    Scenario(
        title="in-scope to external, TLS",
        source="checkout",
        target="internet",
        client=Curl(tls=True),
        expect=Seen.DENIED,
        reason=GRID,
        arrives=Arrival.NOTHING,
    ),
    Scenario(
        title="external to in-scope",
        source="internet",
        target="vault",
        client=Curl(),
        expect=Seen.DENIED,
        reason=GRID,
        arrives=Arrival.NOTHING,
    ),
    Scenario(
        title="external to in-scope, IPv6, raw TCP",
        source="internet",
        target="vault",
        client=Raw(payload=b"knock\n", port=TCP_PORT, v6=True),
        expect=Seen.DENIED,
        reason=GRID,
        arrives=Arrival.NOTHING,
    ),
    Scenario(
        title="out-of-scope to external",
        source="shop",
        target="internet",
        client=Curl(body="two books, one pen"),
        expect=Seen.PASSED,
        reason=GRID,
        shows="two books, one pen",
    ),
)

REQUESTS: Final = (
    Scenario(
        title="PAN in a request body",
        source="shop",
        target="internet",
        client=Curl(body=f'{{"card": "{VISA}"}}', headers=("Content-Type: application/json",)),
        expect=Seen.BLOCKED_403,
        reason=PAN,
    ),
    Scenario(
        title="PAN in a body, as printed, IPv6",
        source="shop",
        target="internet",
        client=Curl(body=f"card={VISA_PRINTED}", v6=True),
        expect=Seen.BLOCKED_403,
        reason=PAN,
    ),
    Scenario(
        title="PAN in a URL",
        source="shop",
        target="internet",
        client=Curl(path=f"/pay?card={MASTERCARD}"),
        expect=Seen.BLOCKED_403,
        reason=PAN,
    ),
    Scenario(
        title="PAN in a header",
        source="shop",
        target="internet",
        client=Curl(headers=(f"X-Card: {AMEX}",)),
        expect=Seen.BLOCKED_403,
        reason=PAN,
    ),
    Scenario(
        title="PAN inside the CDE, in clear",
        source="checkout",
        target="vault",
        client=Curl(body=f"card={VISA}"),
        expect=Seen.BLOCKED_403,
        reason=PAN,
    ),
    Scenario(
        title="PAN cut into one-byte segments",
        source="shop",
        target="internet",
        client=Raw(payload=with_length(f"card={VISA}"), cut=1),
        expect=Seen.BLOCKED_403,
        reason=PAN,
    ),
    Scenario(
        title="PAN across chunks",
        source="shop",
        target="internet",
        client=Raw(payload=chunked(f"card={MASTERCARD}&amount=10", 3)),
        expect=Seen.BLOCKED_403,
        reason=PAN,
    ),
    Scenario(
        title="AWS key in a request body",
        source="shop",
        target="internet",
        client=Curl(body=f"aws_access_key_id = {AWS_KEY}"),
        expect=Seen.BLOCKED_403,
        reason="secret_in_cleartext",
    ),
    Scenario(
        title="a number that breaks Luhn",
        source="shop",
        target="internet",
        client=Curl(body=f"order={NO_CARD}"),
        expect=Seen.PASSED,
        reason=GRID,
        shows=NO_CARD,
    ),
    Scenario(
        title="HTTP with two lengths",
        source="shop",
        target="internet",
        client=Raw(payload=http("0\r\n\r\n", "Content-Length: 5", "Transfer-Encoding: chunked")),
        expect=Seen.BLOCKED_403,
        reason="malformed_http",
    ),
)

RESPONSES: Final = (
    Scenario(
        title="PAN in a response",
        source="checkout",
        target="vault",
        client=Curl(path="/card"),
        expect=Seen.BLOCKED_502,
        reason=PAN,
    ),
    Scenario(
        title="PAN in a response, across chunks",
        source="checkout",
        target="vault",
        client=Curl(path="/card/chunked"),
        expect=Seen.BLOCKED_502,
        reason=PAN,
    ),
    Scenario(
        title="PAN late in a long response",
        source="checkout",
        target="vault",
        client=Curl(path="/card/late"),
        expect=Seen.BLOCKED_RESET,
        reason=PAN,
    ),
)

STREAMS: Final = (
    Scenario(
        title="PAN in raw TCP",
        source="shop",
        target="internet",
        client=Raw(payload=f"PAY {VISA} 10.00\n".encode(), port=TCP_PORT),
        expect=Seen.BLOCKED_RESET,
        reason=PAN,
    ),
    Scenario(
        title="PAN in raw TCP, byte by byte, IPv6",
        source="shop",
        target="internet",
        client=Raw(payload=f"PAY {VISA_PRINTED} 10.00\n".encode(), port=TCP_PORT, cut=1, v6=True),
        expect=Seen.BLOCKED_RESET,
        reason=PAN,
    ),
    Scenario(
        title="track 2 in raw TCP",
        source="checkout",
        target="vault",
        client=Raw(payload=TRACK2.encode(), port=TCP_PORT),
        expect=Seen.BLOCKED_RESET,
        reason=PAN,  # its number is whole before the track is: the same answer however the stream is cut
    ),
    Scenario(
        title="PAN over HTTPS",
        source="checkout",
        target="vault",
        client=Curl(body=f"card={VISA}", tls=True),
        expect=Seen.PASSED,
        reason=GRID,
        arrives=Arrival.CARD,
        shows=VISA,
        uninspected="encrypted",
    ),
    Scenario(
        title="PAN over TLS, openssl s_client",
        source="gateway",
        target="vault",
        client=Openssl(request=with_length(f"card={VISA}")),
        expect=Seen.PASSED,
        reason=GRID,
        arrives=Arrival.CARD,
        shows=VISA,
        uninspected="encrypted",
    ),
    Scenario(
        title="UDP out of a pod",
        source="shop",
        target="internet",
        client=Raw(payload=b"datagram", port=UDP_PORT, udp=True),
        expect=Seen.REJECTED,
        arrives=Arrival.NOTHING,
    ),
    Scenario(
        title="UDP into a pod, IPv6",
        source="internet",
        target="vault",
        client=Raw(payload=b"datagram", port=UDP_PORT, udp=True, v6=True),
        expect=Seen.REJECTED,
        arrives=Arrival.NOTHING,
    ),
)

CHANGES: Final = (
    Scenario(
        title="mask mode: PAN in a body",
        source="shop",
        target="internet",
        client=Curl(body=f"card={VISA}&printed={VISA_PRINTED}"),
        expect=Seen.MASKED,
        reason=PAN,
        shows=f"\n\ncard={VISA_MASKED}&printed={VISA_PRINTED_MASKED}",
        changes=(("shop", Change.MASK),),
    ),
    Scenario(
        title="monitor mode: PAN in a body",
        source="shop",
        target="internet",
        client=Curl(body=f"card={VISA}"),
        expect=Seen.REPORTED,
        reason=PAN,
        arrives=Arrival.CARD,
        shows=VISA,
        changes=(("shop", Change.MONITOR),),
    ),
    Scenario(
        title="monitor mode: out-of-scope to in-scope",
        source="shop",
        target="vault",
        client=Curl(),
        expect=Seen.REPORTED,
        reason=GRID,
        changes=(("shop", Change.MONITOR), ("vault", Change.MONITOR)),
    ),
    Scenario(
        title="sidecar killed: out of the pod",
        source="shop",
        target="internet",
        client=Curl(),
        expect=Seen.REFUSED,
        arrives=Arrival.NOTHING,
        changes=(("shop", Change.KILLED),),
    ),
    Scenario(
        title="sidecar killed: into the pod",
        source="internet",
        target="shop",
        client=Curl(v6=True),
        expect=Seen.REFUSED,
        arrives=Arrival.NOTHING,
        changes=(("shop", Change.KILLED),),
    ),
    Scenario(
        title="sidecar back: PAN in a request body",
        source="shop",
        target="internet",
        client=Curl(body=f"card={VISA}"),
        expect=Seen.BLOCKED_403,
        reason=PAN,
    ),
)

SCENARIOS: Final = (*SEGMENTATION, *REQUESTS, *RESPONSES, *STREAMS, *CHANGES)
