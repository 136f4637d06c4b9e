"""The scope map: who an address is, for IPv4 and IPv6, for one port or all, listed or not, and when entries disagree."""

import pytest

from sidecar.core.scopes import Entry, PeerClass, ScopeMap

IN, CONNECTED, OUT = PeerClass.IN_SCOPE, PeerClass.CONNECTED_TO, PeerClass.OUT_OF_SCOPE
EXTERNAL, NODE, UNKNOWN = PeerClass.EXTERNAL, PeerClass.NODE, PeerClass.UNKNOWN

MAP = ScopeMap.build(
    [
        Entry("10.77.0.11", IN),
        Entry("fd77::11", IN),
        Entry("FD77:0:0:0:0:0:0:12", CONNECTED),
        Entry("10.77.0.50", OUT),
        Entry("10.77.0.50", CONNECTED, 8080),
        Entry("fd77::50", IN, 5432),
        Entry("10.77.0.1", NODE),
        Entry("192.0.2.9", CONNECTED),
        Entry("10.77.0.99", EXTERNAL),
    ],
    cluster=["10.77.0.0/24", "fd77::/64"],
    epoch=7,
)


@pytest.mark.parametrize(
    ("what", "ip", "port", "expected"),
    [
        ("listed", "10.77.0.11", None, IN),
        ("listed, whatever port", "10.77.0.11", 443, IN),
        ("IPv6", "fd77::11", None, IN),
        ("IPv6, written long and large in the map", "fd77::12", 80, CONNECTED),
        ("for this port", "10.77.0.50", 8080, CONNECTED),
        ("for another port", "10.77.0.50", 8081, OUT),
        ("as a source, without a port", "10.77.0.50", None, OUT),
        ("only one port is listed", "fd77::50", 5432, IN),
        ("only another port is listed", "fd77::50", 80, UNKNOWN),
        ("node", "10.77.0.1", None, NODE),
        ("listed outside the cluster", "192.0.2.9", None, CONNECTED),
        ("listed as external inside the cluster", "10.77.0.99", None, EXTERNAL),
        ("not listed, inside the cluster", "10.77.0.200", 80, UNKNOWN),
        ("not listed, inside the cluster, IPv6", "fd77::200", 80, UNKNOWN),
        ("not listed, outside", "203.0.113.5", 443, EXTERNAL),
        ("not listed, outside, IPv6", "2001:db8::1", 443, EXTERNAL),
        ("the edge of the cluster", "10.77.0.255", None, UNKNOWN),
        ("just beyond the edge", "10.77.1.0", None, EXTERNAL),
    ],
)
def test_classify(what: str, ip: str, port: int | None, expected: PeerClass) -> None:
    assert MAP.classify(ip, port) is expected


def test_facts_about_the_map() -> None:
    assert MAP.epoch == 7
    assert MAP.conflicts == 0
    assert MAP.counts() == {IN: 3, CONNECTED: 3, OUT: 1, EXTERNAL: 1, NODE: 1, UNKNOWN: 0}


STRICTER = [IN, CONNECTED, OUT, NODE, EXTERNAL, UNKNOWN]
"""From the most trusted to the least."""


@pytest.mark.parametrize("port", [None, 8080])
@pytest.mark.parametrize("one", PeerClass)
@pytest.mark.parametrize("other", PeerClass)
def test_a_conflict_takes_the_stricter_and_is_counted(
    one: PeerClass, other: PeerClass, port: int | None
) -> None:
    built = ScopeMap.build([Entry("10.0.0.1", one, port), Entry("10.0.0.1", other, port)], ["10.0.0.0/8"])
    assert built.classify("10.0.0.1", 8080) is max(one, other, key=STRICTER.index)
    assert built.conflicts == (one is not other)


def test_the_same_address_written_differently_is_a_conflict_too() -> None:
    built = ScopeMap.build([Entry("fd77::1", IN), Entry("FD77:0::1", OUT)])
    assert built.classify("fd77::1") is OUT
    assert built.conflicts == 1


def test_a_port_of_its_own_is_no_conflict() -> None:
    assert ScopeMap.build([Entry("10.0.0.1", OUT), Entry("10.0.0.1", IN, 1)]).conflicts == 0


def test_an_empty_map_knows_nobody() -> None:
    empty = ScopeMap.build([])
    assert empty.classify("10.0.0.1") is EXTERNAL
    assert ScopeMap.build([], ["0.0.0.0/0"]).classify("10.0.0.1") is UNKNOWN


@pytest.mark.parametrize(
    ("entries", "cluster"),
    [([Entry("10.0.0.256", IN)], []), ([Entry("shop", IN)], []), ([], ["10.0.0.1/8"]), ([], ["cluster"])],
)
def test_what_is_no_address_is_refused(entries: list[Entry], cluster: list[str]) -> None:
    with pytest.raises(ValueError):
        ScopeMap.build(entries, cluster)


def test_a_map_does_not_show_its_addresses_by_accident() -> None:
    assert "10.77.0.11" not in repr(MAP)


NETWORKS = ScopeMap.build(
    [
        Entry("203.0.113.0/24", CONNECTED),
        Entry("203.0.113.128/25", OUT),
        Entry("203.0.113.200", IN),
        Entry("10.8.0.0/16", EXTERNAL),
        Entry("2001:db8::/32", OUT),
    ],
    cluster=["10.0.0.0/8", "10.8.1.0/24", "fd77::/64"],
)


@pytest.mark.parametrize(
    ("what", "ip", "expected"),
    [
        ("in a network", "203.0.113.7", CONNECTED),
        ("in the longer network", "203.0.113.129", OUT),
        ("listed by address", "203.0.113.200", IN),
        ("in none", "198.51.100.1", EXTERNAL),
        ("cluster", "10.1.2.3", UNKNOWN),
        ("a network inside the cluster", "10.8.2.3", EXTERNAL),
        ("the cluster inside that", "10.8.1.3", UNKNOWN),
        ("IPv6", "2001:db8::1", OUT),
        ("cluster, IPv6", "fd77::9", UNKNOWN),
    ],
)
def test_the_longest_network_decides(what: str, ip: str, expected: PeerClass) -> None:
    assert NETWORKS.classify(ip, 443) is expected


def test_a_network_of_the_cluster_that_is_also_named_is_the_stricter() -> None:
    assert ScopeMap.build([Entry("10.0.0.0/8", IN)], ["10.0.0.0/8"]).classify("10.0.0.1") is UNKNOWN


@pytest.mark.parametrize("entry", [Entry("10.0.0.0/8", IN, 80), Entry("10.0.0.1/8", IN), Entry("x", IN)])
def test_what_is_no_entry(entry: Entry) -> None:
    with pytest.raises(ValueError):
        ScopeMap.build([entry])


def test_the_next_snapshot() -> None:
    put = {("10.77.0.11", None): OUT, ("10.77.0.60", 443): IN, ("10.77.3.0/24", None): CONNECTED}
    after = MAP.changed(8, put, [("10.77.0.50", 8080), ("10.77.0.99", None)])
    assert (after.epoch, after.cluster, after.conflicts) == (8, MAP.cluster, MAP.conflicts)
    assert after.classify("10.77.0.11") is OUT
    assert after.classify("10.77.0.50", 8080) is OUT
    assert after.classify("10.77.0.99") is UNKNOWN
    assert after.classify("10.77.3.1") is CONNECTED
    assert (after.is_service("10.77.0.60", 443), MAP.is_service("10.77.0.60", 443)) == (True, False)
    assert MAP.classify("10.77.0.11") is IN
    assert after.changed(9, {}, [("10.77.3.0/24", None)]).classify("10.77.3.1") is EXTERNAL
    with pytest.raises(KeyError):
        MAP.changed(8, {}, [("10.77.0.77", None)])
