"""The addon of the mitmproxy peer, loaded by mitmdump by its path: one card pattern over whole bodies.

Imports nothing of ours, because mitmdump runs it by itself, and nothing of mitmproxy: it sees of a flow what it names here.
"""

import re
from typing import Protocol

CARD = re.compile(rb"(?<!\d)\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}(?!\d)")


class Message(Protocol):
    """A request or a response."""

    content: bytes | None


class Flow(Protocol):
    """An exchange."""

    request: Message
    response: Message

    def kill(self) -> None:
        """End it."""


def request(flow: Flow) -> None:
    """The whole request is here."""
    if has_card(flow.request.content or b""):
        flow.kill()


def response(flow: Flow) -> None:
    """The whole response is here."""
    if has_card(flow.response.content or b""):
        flow.kill()


def has_card(body: bytes) -> bool:
    """Sixteen digits, grouped or not, whose check digit holds."""
    return any(_luhn(found) for found in CARD.findall(body))


def _luhn(text: bytes) -> bool:
    digits = [byte - 48 for byte in text if 48 <= byte <= 57]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
