"""The table of annotations: what each takes, what it says about anything else, and that others understand its results."""

import argparse
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector import render
from injector.options import MAX_EXCLUSIONS, TABLE, OptionsError, Target, documentation, parse, settings
from injector.recipe import Recipe
from injector.tree import show
from sidecar import contract
from sidecar.net import command as net
from sidecar.net import redirect
from sidecar.ops import settings as sidecar
from tests.kit.golden import check_golden

IN_SCOPE = {"cdefence.io/pci-scope": "in-scope"}


def ours(**annotations: str) -> dict[str, str]:
    return IN_SCOPE | {f"cdefence.io/{name.replace('_', '-')}": text for name, text in annotations.items()}


def problems(annotations: dict[str, str], **labels: str) -> list[str]:
    with pytest.raises(OptionsError) as caught:
        parse(annotations, {f"cdefence.io/{name.replace('_', '-')}": text for name, text in labels.items()})
    return [str(problem) for problem in caught.value.problems]


PORTS = "different ports or ranges FIRST-LAST from 1 to 65535, separated by commas"
NETWORKS = (
    "different networks ADDRESS/PREFIX without host bits, separated by commas, none of them every address"
)
RESOLVERS = "different IP addresses of DNS servers, separated by commas, or none"
CPU = "an amount of CPU such as 100m or 0.5, more than 0 and below 1000"
MEMORY = "an amount of memory such as 96Mi or 1Gi, at least 1Mi"

PACKS = (
    "all of pci, pii, secrets and some of pci_retired, pii_network or secrets_generic,"
    " separated by commas without spaces"
)
NAME = "the name of an object in the pod's namespace"

BAD = [
    ("pci-scope", "", "in-scope, connected-to or out-of-scope"),
    ("pci-scope", "external", "in-scope, connected-to or out-of-scope"),
    ("pci-scope", "in-scope ", "in-scope, connected-to or out-of-scope"),
    ("mode", "enforce", "discover, monitor or protect"),
    ("mode", "Protect", "discover, monitor or protect"),
    ("inject", "no", "true or false"),
    ("rewrite-probes", "False", "true or false"),
    ("ipv6", "true", "on or off"),
    ("packs", "pci,pii", PACKS),
    ("packs", "pci,pii,secrets,secrets", PACKS),
    ("packs", "pci, pii, secrets", PACKS),
    ("packs", "pci,pii,secrets,own", PACKS),
    ("own-pack", "", NAME),
    ("own-pack", "our_patterns", NAME),
    ("hash-key", "../key", NAME),
    ("log-level", "warn", "debug, info, warning or error"),
    ("drain-seconds", "3601", "a whole number from 0 to 3600"),
    ("drain-seconds", "-1", "a whole number from 0 to 3600"),
    ("drain-seconds", "٣", "a whole number from 0 to 3600"),
    ("drain-seconds", "25s", "a whole number from 0 to 3600"),
    ("exclude-inbound-ports", "0", PORTS),
    ("exclude-inbound-ports", "80,80", PORTS),
    ("exclude-inbound-ports", "90-80", PORTS),
    ("exclude-inbound-ports", "80,", PORTS),
    ("exclude-outbound-ports", "*", PORTS),
    ("exclude-outbound-ports", "65536", PORTS),
    ("exclude-outbound-ports", "80\n,443", PORTS),
    ("exclude-outbound-ports", "443 --uid=0", PORTS),
    ("exclude-cidrs", "10.0.0.1/8", NETWORKS),
    ("exclude-cidrs", "0.0.0.0/0", NETWORKS),
    ("exclude-cidrs", "::/0", NETWORKS),
    ("exclude-cidrs", "example.org", NETWORKS),
    ("resolvers", "0.0.0.0", RESOLVERS),
    ("resolvers", "none,10.0.0.1", RESOLVERS),
    ("resolvers", "224.0.0.1", RESOLVERS),
    ("proxy-cpu", "0", CPU),
    ("proxy-cpu", "1e3", CPU),
    ("proxy-cpu", "100M", CPU),
    ("proxy-cpu-limit", "-1", CPU),
    ("proxy-cpu-limit", "1000", CPU),
    ("proxy-memory", "96", MEMORY),
    ("proxy-memory", "96m", MEMORY),
    ("proxy-memory", "96Mi\x00", MEMORY),
    ("proxy-memory-limit", "1.5Gi", MEMORY),
    ("proxy-memory-limit", "1 Gi", MEMORY),
]


@pytest.mark.parametrize(("name", "text", "allowed"), BAD)
def test_a_bad_value_names_annotation_value_and_what_is_allowed(name, text, allowed):
    assert problems(IN_SCOPE | {f"cdefence.io/{name}": text}) == [
        f"cdefence.io/{name}: is {text!r}; use {allowed}"
    ]


def test_every_annotation_has_a_bad_value_above():
    assert {f"cdefence.io/{name}" for name, _, _ in BAD} == {option.annotation for option in TABLE}


TOGETHER = {
    "an unknown name": (
        ours(modus="protect"),
        ["cdefence.io/modus: is no annotation of cdefence; see `cdefence annotations`"],
    ),
    "a name with a line break in it": (
        ours(**{"mode\nx": "protect"}),
        [r"cdefence.io/mode\nx: is no annotation of cdefence; see `cdefence annotations`"],
    ),
    "a limit below the request": (
        ours(proxy_cpu="2", proxy_cpu_limit="1500m"),
        ["cdefence.io/proxy-cpu-limit: 1500m is below the request, 2; raise it or lower the request"],
    ),
    "a request above the default limit": (
        ours(proxy_memory="1Gi"),
        ["cdefence.io/proxy-memory-limit: 512Mi is below the request, 1Gi; raise it or lower the request"],
    ),
    "the proxy's own port": (
        ours(exclude_inbound_ports="15406"),
        ["cdefence.io/exclude-inbound-ports: 15406 holds 15406, a port of the proxy; leave it out"],
    ),
    "too many exclusions": (
        ours(exclude_outbound_ports=",".join(map(str, range(1, 502)))),
        [
            "cdefence.io/exclude-…: have 501 entries together, the limit is 500; join neighbouring networks and ports"
        ],
    ),
    "nothing at all": ({}, ["cdefence.io/pci-scope: is missing; set in-scope, connected-to or out-of-scope"]),
}


@pytest.mark.parametrize("case", TOGETHER)
def test_what_does_not_go_together(case):
    annotations, expected = TOGETHER[case]
    assert problems(annotations) == expected


def test_an_annotation_among_the_labels_is_no_annotation():
    assert problems(IN_SCOPE, mode="protect") == [
        "cdefence.io/mode: is a label here, and means nothing; make it an annotation"
    ]
    parse(IN_SCOPE, {"cdefence.io/inject": "true", "app": "shop"})


def test_what_is_not_ours_is_not_judged():
    parse(IN_SCOPE | {"example.org/mode": "\x00", "mode": "x", "cdefence.io/status": "whatever"})


def test_a_long_number_is_not_repeated():
    (problem,) = problems(ours(mode="4111 1111 1111 1111"))
    assert problem == "cdefence.io/mode: is '4111 1…1111'; use discover, monitor or protect"
    assert show("x" * 100) == "'" + "x" * 58 + "…"


def test_defaults_are_allowed_values():
    for option in TABLE:
        if text := option.written_default():
            assert option.about.kind.write(option.about.kind.parse(text)) == text


SAME = [
    ("proxy_cpu", "0.5", "500m"),
    ("proxy_cpu", "1000m", "1"),
    ("proxy_cpu", "1.250", "1250m"),
    ("proxy_memory_limit", "1024Mi", "1Gi"),
    ("proxy_memory_limit", "1536Mi", "1536Mi"),
    ("proxy_memory_limit", "1073741824", "1073741824"),
    ("proxy_memory_limit", "1000000k", "1G"),
    ("exclude_cidrs", "192.0.2.7, 2001:DB8::/32", "192.0.2.7/32,2001:db8::/32"),
    ("exclude_inbound_ports", "80, 090-99", "80,90-99"),
    ("resolvers", "none", "none"),
]


@pytest.mark.parametrize(("field", "text", "written"), SAME)
def test_one_spelling_for_one_value(field, text, written):
    (option,) = (each for each in TABLE if each.field == field)
    assert option.write(parse(ours(**{field: text}))) == written


# ---- others understand it ----------------------------------------------------------------------------------

NUMBERS = st.integers(1, 65535).filter(lambda port: port not in (15401, 15406))
PARTS = st.one_of(NUMBERS.map(str), st.integers(16000, 17000).map(lambda first: f"{first}-{first + 9}"))
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))


def listed(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(parts, min_size=1, max_size=4, unique=True).map(", ".join)


ANNOTATIONS = st.fixed_dictionaries(
    {"pci_scope": st.sampled_from(["in-scope", "connected-to", "out-of-scope"])},
    optional={
        "mode": st.sampled_from(["discover", "monitor", "protect"]),
        "exclude_inbound_ports": listed(PARTS),
        "exclude_outbound_ports": listed(PARTS),
        "exclude_cidrs": listed(ADDRESSES.map(str)),
        "resolvers": listed(ADDRESSES.map(str)),
        "ipv6": st.sampled_from(["on", "off"]),
        "drain_seconds": st.integers(0, 3600).map(str),
        "log_level": st.sampled_from(["debug", "error"]),
    },
)


@given(ANNOTATIONS)
def test_what_is_accepted_here_is_accepted_by_the_firewall_and_the_proxy(annotations):
    try:
        options = parse(ours(**annotations))
    except OptionsError:
        return  # an address that is every address, say
    parser = argparse.ArgumentParser()
    net.register(parser.add_subparsers())
    args = [str(arg) for arg in render.init_container(options, Recipe(), {})["args"]]
    asked = net.redirect_from(
        parser.parse_args([*args, *([] if "resolvers" in annotations else ["--resolver=none"])]), {}
    )
    for name, value in settings(options, Target.NET):
        if name != "ipv6":
            assert written(asked, name) == value
    env = dict(settings(options, Target.ENV))
    loaded = sidecar.load({contract.ENV_PREFIX + name: value for name, value in env.items()})
    assert (loaded.scope, loaded.mode, loaded.drain_s) == (
        options.pci_scope,
        options.mode,
        options.drain_seconds,
    )


def written(asked: redirect.Redirect, name: str) -> str:
    fields = {
        "exclude-inbound-ports": asked.exclude_inbound,
        "exclude-outbound-ports": asked.exclude_outbound,
        "exclude-cidrs": asked.exclude_cidrs,
        "resolver": asked.resolvers,
    }
    return ",".join(map(str, fields[name])) or "none"


def test_names_and_limits_are_those_of_the_others():
    assert {option.about.name for option in TABLE if option.about.target is Target.NET} <= {
        option.name for option in net.OPTIONS
    }
    assert {option.about.name.lower() for option in TABLE if option.about.target is Target.ENV} <= {
        option.name for option in sidecar.OPTIONS
    }
    assert MAX_EXCLUSIONS == redirect.MAX_EXCLUSIONS


# ---- documentation -----------------------------------------------------------------------------------------


def test_the_table_in_markdown():
    text = "".join(f"{line}\n" for line in documentation())
    check_golden("inject/annotations.md", text)
    assert len(re.findall(r"^\| `cdefence\.io/", text, re.MULTILINE)) == len(TABLE)
