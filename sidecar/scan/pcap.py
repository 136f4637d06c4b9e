"""Captures: every connection in a pcap or pcapng file, inspected like one that passes the proxy, and every datagram."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.core.findings import Finding
from sidecar.core.flow import Flow
from sidecar.core.inspection import Step
from sidecar.core.reading import read
from sidecar.scan.connections import Connection, Connections
from sidecar.scan.packets import (
    PCAP,
    PCAPNG,
    CaptureError,
    Datagram,
    End,
    Segment,
    packets,
)

if TYPE_CHECKING:
    from sidecar.scan.look import Looker, Stream


def is_capture(head: bytes) -> bool:
    """Whether something that begins like that is a capture."""
    return head.startswith((*PCAP, PCAPNG))


def look_at_capture(looker: Looker, stream: Stream) -> None:
    """Every connection of a capture."""

    def tell(source: End, target: End, step: Step) -> None:
        if step.findings:
            looker.tell(stream.member(f"{source}>{target}"), step.findings)

    def ended(connection: Connection, lost: int) -> None:
        name = f"{stream.path}!{connection.client}>{connection.server}"
        if lost:
            looker.report.note("gaps", name, f"bytes are missing in {lost} places")
        sides = (connection.flow.client, connection.flow.server)
        unseen = sum(sum(side.uninspected.values()) for side in sides)
        if unseen:
            looker.report.note(
                "connections that cannot be read", name, f"{unseen:,} bytes cannot be read (encrypted)"
            )

    connections = Connections(lambda: Flow(looker.engine.inspector), tell, ended)
    unread: dict[str, int] = {}
    try:
        for packet in packets(stream.data):
            if isinstance(packet, Segment):
                connections.take(packet)
            elif isinstance(packet, Datagram):
                _datagram(looker, stream, packet)
            else:
                unread[packet.why] = unread.get(packet.why, 0) + 1
    except CaptureError as error:
        looker.tell_unscannable(stream, str(error))
    finally:
        connections.end()
    for why, count in unread.items():
        looker.report.note("packets", stream.path, f"{count} packets not looked at: {why}")


def _datagram(looker: Looker, stream: Stream, packet: Datagram) -> None:
    findings = read(looker.inspector, packet.data)
    if findings:
        looker.tell(stream.member(f"{packet.source}>{packet.target}"), findings, _in_datagram)


def _in_datagram(_: Finding) -> str:
    return "datagram"
