"""Who is measured: names that can be interfaces, scanners that find the same card, a bootstrap without surprises."""

import json
from pathlib import Path

import pytest

from benchmarks import bars, corpus
from benchmarks.peers import OURS, PEERS, envoy, envoy_lua, mitmproxy_addon
from benchmarks.topology import PREFIX


def test_names_are_interfaces_and_namespaces_and_the_bars_mean_them():
    names = [peer.name for peer in PEERS]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 15 and f"{PREFIX}{name}".isascii() for name in names)
    assert OURS.name == bars.OURS
    assert {bar.peer for bar in bars.BARS if isinstance(bar, bars.Bar)} <= set(names)


def test_every_peer_has_a_file_of_its_own():
    folder = Path(envoy.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "model", "envoy", "mitmproxy_addon"}
    assert len(files) == len(PEERS)


@pytest.mark.parametrize(
    ("body", "card"),
    [
        (b'{"card":"4111 1111 1111 1111"}', True),
        (b"5555-5555-5555-4444", True),
        (b"4111111111111112", False),
        (b"14111111111111111", False),
        (corpus.document(10_000), False),
        (b"", False),
    ],
)
def test_the_addon_finds_cards(body, card):
    assert mitmproxy_addon.has_card(body) is card


def test_the_addon_looks_for_what_the_corpus_avoids():
    assert mitmproxy_addon.CARD.pattern.decode() == corpus.NAIVE


def test_envoy_reads_only_what_it_is_given():
    text = json.dumps(envoy.bootstrap([envoy.http(envoy.typed("http.lua", "http.lua.v3.Lua"))], 1024))
    static = json.loads(text)["static_resources"]
    (listener,), (cluster,) = static["listeners"], static["clusters"]
    assert cluster["type"] == "ORIGINAL_DST"
    assert listener["per_connection_buffer_limit_bytes"] == 1024
    (manager,) = listener["filter_chains"][0]["filters"]
    names = [each["name"] for each in manager["typed_config"]["http_filters"]]
    assert names == ["envoy.filters.http.lua", "envoy.filters.http.router"]
    assert "envoy_on_request" in envoy_lua.SCRIPT
