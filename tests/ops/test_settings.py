"""Settings: one table, read from the environment and a file, and every problem told at once."""

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from dlp_patterns.load import PACKS as PACK_FOLDERS
from dlp_patterns.load import default
from sidecar import contract
from sidecar.contract import DEFAULT_PACKS, PACKS
from sidecar.core.scopes import Mode, PeerClass
from sidecar.ops.kinds import Origin
from sidecar.ops.probes import Probe, ProbeKind
from sidecar.ops.settings import OPTIONS, LogLevel, Settings, SettingsError, load

MINIMAL = {"CDEFENCE_SCOPE": "in-scope"}

# Variable, text, field, value.  One row at least for every setting: test_every_setting_is_read.
READ = [
    ("CDEFENCE_SCOPE", "connected-to", "scope", PeerClass.CONNECTED_TO),
    ("CDEFENCE_MODE", "monitor", "mode", Mode.MONITOR),
    ("CDEFENCE_POLICY", "/etc/cdefence/policy.yaml", "policy", Path("/etc/cdefence/policy.yaml")),
    ("CDEFENCE_OWN_PACKS", "a,b", "own_packs", (Path("a"), Path("b"))),
    ("CDEFENCE_HASH_KEY", "key", "hash_key", Path("key")),
    ("CDEFENCE_SCOPE_MAP", "map.json", "scope_map", Path("map.json")),
    ("CDEFENCE_SCOPE_API", "https://scopes.x.svc:8443", "scope_api", Origin("scopes.x.svc", 8443)),
    ("CDEFENCE_SCOPE_API", "https://scopes/", "scope_api", Origin("scopes", 443)),
    ("CDEFENCE_SCOPE_API", "https://[fd00::1]:8443", "scope_api", Origin("fd00::1", 8443)),
    ("CDEFENCE_TOKEN", "/run/token", "token", Path("/run/token")),
    ("CDEFENCE_CA", "/run/ca.crt", "ca", Path("/run/ca.crt")),
    ("CDEFENCE_POD_IPS", "10.1.2.3,fd00::7", "pod_ips", ("10.1.2.3", "fd00::7")),
    ("CDEFENCE_POD_IPS", "", "pod_ips", ()),
    ("CDEFENCE_PROBES", "{}", "probes", ()),
    (
        "CDEFENCE_PROBES",
        '{"/app/shop/livez": {"kind": "tcp", "port": 80}}',
        "probes",
        (Probe("/app/shop/livez", ProbeKind.TCP, 80, 1),),
    ),
    ("CDEFENCE_POD", "checkout-1", "pod", "checkout-1"),
    ("CDEFENCE_NAMESPACE", "shop", "namespace", "shop"),
    ("CDEFENCE_BIND", "127.0.0.1, ::1", "bind", ("127.0.0.1", "::1")),
    ("CDEFENCE_INBOUND_PORT", "1", "inbound_port", 1),
    ("CDEFENCE_OUTBOUND_PORT", "2", "outbound_port", 2),
    ("CDEFENCE_HEALTH_PORT", "3", "health_port", 3),
    ("CDEFENCE_METRICS_PORT", "65535", "metrics_port", 65_535),
    ("CDEFENCE_EVENTS", "/var/log/events", "events", "/var/log/events"),
    ("CDEFENCE_EVENTS_QUEUE", "7", "events_queue", 7),
    ("CDEFENCE_LOG_LEVEL", "debug", "log_level", LogLevel.DEBUG),
    ("CDEFENCE_CACHE_DIR", "/cache", "cache_dir", Path("/cache")),
    ("CDEFENCE_PACKS", "pci,secrets", "packs", ("pci", "secrets")),
    ("CDEFENCE_CONNECT_TIMEOUT_S", "2.5", "connect_timeout_s", 2.5),
    ("CDEFENCE_IDLE_TIMEOUT_S", "60", "idle_timeout_s", 60.0),
    ("CDEFENCE_HOLD_IDLE_MS", "5", "hold_idle_ms", 5),
    ("CDEFENCE_DRAIN_S", "0", "drain_s", 0.0),
    ("CDEFENCE_MAX_CONNECTIONS", "100", "max_connections", 100),
    ("CDEFENCE_RELOAD_S", "0.1", "reload_s", 0.1),
    ("CDEFENCE_SCOPE_MAP_STALE_AFTER_S", "60", "scope_map_stale_after_s", 60.0),
    ("CDEFENCE_SCOPE_MAP_EXPIRE_AFTER_S", "600", "scope_map_expire_after_s", 600.0),
    ("CDEFENCE_SPLICE", "false", "splice", False),
    ("CDEFENCE_ALLOW_ROOT", "true", "allow_root", True),
]

# Variable, text, what the error says after the variable's name.
REFUSED = [
    ("CDEFENCE_SCOPE", "external", "is 'external'; use in-scope, connected-to or out-of-scope"),
    ("CDEFENCE_SCOPE", "", "is ''; use in-scope, connected-to or out-of-scope"),
    ("CDEFENCE_MODE", "Protect", "is 'Protect'; use discover, monitor or protect"),
    ("CDEFENCE_POLICY", "", "is ''; use a path"),
    ("CDEFENCE_SCOPE_API", "http://scopes:80", "is 'http://scopes:80'; use https://NAME[:PORT]"),
    ("CDEFENCE_SCOPE_API", "scopes:8443", "is 'scopes:8443'; use https://NAME[:PORT]"),
    ("CDEFENCE_SCOPE_API", "https://scopes:0", "is 'https://scopes:0'; use https://NAME[:PORT]"),
    ("CDEFENCE_SCOPE_API", "https://scopes:x", "is 'https://scopes:x'; use https://NAME[:PORT]"),
    ("CDEFENCE_SCOPE_API", "https://me@scopes", "is 'https://me@scopes'; use https://NAME[:PORT]"),
    ("CDEFENCE_SCOPE_API", "https://scopes/v1", "is 'https://scopes/v1'; use https://NAME[:PORT]"),
    ("CDEFENCE_SCOPE_API", "https://scopes?x", "is 'https://scopes?x'; use https://NAME[:PORT]"),
    (
        "CDEFENCE_POD_IPS",
        "10.1.2.3,",
        "is '10.1.2.3,'; use IP addresses, separated by commas, or nothing",
    ),
    ("CDEFENCE_PROBES", "[]", "probes: are no mapping; write JSON as the injector does"),
    (
        "CDEFENCE_PROBES",
        '{"/app/shop/livez": {"kind": "tcp", "port": 0}}',
        "/app/shop/livez.port: is 0; write a whole number from 1 to 65535",
    ),
    ("CDEFENCE_POD", "a\nb", "is 'a\\nb'; use printable text"),
    ("CDEFENCE_BIND", "localhost", "is 'localhost'; use different IP addresses, separated by commas"),
    ("CDEFENCE_BIND", "::,0::0", "is '::,0::0'; use different IP addresses, separated by commas"),
    ("CDEFENCE_INBOUND_PORT", "0", "is '0'; use a whole number from 1 to 65535"),
    ("CDEFENCE_INBOUND_PORT", "65536", "is '65536'; use a whole number from 1 to 65535"),
    ("CDEFENCE_INBOUND_PORT", "+80", "is '+80'; use a whole number from 1 to 65535"),
    ("CDEFENCE_INBOUND_PORT", "٨٠", "is '٨٠'; use a whole number from 1 to 65535"),
    ("CDEFENCE_LOG_LEVEL", "loud", "is 'loud'; use debug, info, warning or error"),
    (
        "CDEFENCE_PACKS",
        "pci,pan",
        "is 'pci,pan'; use some of pci, pci_retired, pii, pii_network, secrets or secrets_generic, separated by commas",
    ),
    (
        "CDEFENCE_PACKS",
        "pci,pci",
        "is 'pci,pci'; use some of pci, pci_retired, pii, pii_network, secrets or secrets_generic, separated by commas",
    ),
    ("CDEFENCE_DRAIN_S", "-1", "is '-1'; use a number, 0 or more"),
    ("CDEFENCE_DRAIN_S", "inf", "is 'inf'; use a number, 0 or more"),
    ("CDEFENCE_DRAIN_S", "1e3", "is '1e3'; use a number, 0 or more"),
    ("CDEFENCE_SPLICE", "yes", "is 'yes'; use true or false"),
    # An error must not say what promise 1 forbids, wherever it was pasted.
    ("CDEFENCE_SPLICE", "4111111111111111", "is '411111******1111'; use true or false"),
    ("CDEFENCE_MODES", "protect", "is no setting; see `cdefence settings` for all of them"),
]

# What Kubernetes puts into every container of a namespace that has a Service called cdefence or cdefence-...
SERVICE_LINKS = {
    "CDEFENCE_SERVICE_HOST": "10.0.0.1",
    "CDEFENCE_SERVICE_PORT": "8443",
    "CDEFENCE_PORT": "tcp://10.0.0.1:8443",
    "CDEFENCE_PORT_8443_TCP": "tcp://10.0.0.1:8443",
    "CDEFENCE_PORT_8443_TCP_PROTO": "tcp",
    "CDEFENCE_PORT_8443_TCP_PORT": "8443",
    "CDEFENCE_PORT_8443_TCP_ADDR": "10.0.0.1",
    "CDEFENCE_CONTROLLER_SERVICE_HOST": "10.0.0.1",
    "CDEFENCE_CONTROLLER_SERVICE_PORT_HTTPS": "8443",
    "CDEFENCE_METRICS_PORT": "tcp://10.0.0.1:9090",
}


def complaints(environ: dict[str, str], file: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(environ, file)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(("variable", "text", "name", "value"), READ)
def test_the_environment_is_read(variable, text, name, value):
    assert getattr(load(MINIMAL | {variable: text}), name) == value


def test_every_setting_is_read():
    assert {name for _, _, name, _ in READ} == {field.name for field in fields(Settings)}


@pytest.mark.parametrize(("variable", "text", "complaint"), REFUSED)
def test_what_is_not_allowed_is_refused(variable, text, complaint):
    assert complaints(MINIMAL | {variable: text}) == [f"{variable}: {complaint}"]


def test_the_defaults():
    settings = load(MINIMAL)
    assert settings == Settings(scope=PeerClass.IN_SCOPE)
    assert settings.mode is Mode.PROTECT
    assert settings.bind == ("0.0.0.0", "::")
    ports = (settings.inbound_port, settings.outbound_port, settings.health_port, settings.metrics_port)
    assert ports == (
        contract.INBOUND_PORT,
        contract.OUTBOUND_PORT,
        contract.HEALTH_PORT,
        contract.METRICS_PORT,
    )
    with pytest.raises(FrozenInstanceError):
        settings.splice = False


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_a_default_is_a_value_of_its_own_kind(option):
    if option.render():
        assert option.about.kind.parse(option.render()) == option.default
    else:
        assert option.required or option.default in (None, "", ())


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_the_table_explains_every_setting(option):
    assert option.about.help.endswith(".")
    assert option.about.unit == {"s": "s", "ms": "ms"}.get(option.name.rpartition("_")[2], "")


def test_the_packs_are_the_folders_that_exist():
    assert tuple(sorted(folder.name for folder in PACK_FOLDERS.iterdir() if folder.is_dir())) == PACKS
    assert default() == DEFAULT_PACKS


def test_all_problems_are_told_at_once():
    assert complaints(
        {"CDEFENCE_MODE": "on", "CDEFENCE_TYPO": "1", "CDEFENCE_BIND": "x", "PATH": "/bin"}
    ) == [
        "CDEFENCE_TYPO: is no setting; see `cdefence settings` for all of them",
        "CDEFENCE_SCOPE: is not set; use in-scope, connected-to or out-of-scope",
        "CDEFENCE_MODE: is 'on'; use discover, monitor or protect",
        "CDEFENCE_BIND: is 'x'; use different IP addresses, separated by commas",
    ]


def test_values_that_contradict_each_other():
    environ = MINIMAL | {
        "CDEFENCE_HEALTH_PORT": "15406",
        "CDEFENCE_SCOPE_MAP_STALE_AFTER_S": "60",
        "CDEFENCE_SCOPE_MAP_EXPIRE_AFTER_S": "30",
    }
    assert complaints(environ) == [
        "CDEFENCE_HEALTH_PORT: is 15406, like CDEFENCE_INBOUND_PORT; give each listener its own port",
        "CDEFENCE_SCOPE_MAP_EXPIRE_AFTER_S: is 30, below 60, the age at which it is stale; raise it",
    ]


def test_the_scope_api_is_instead_of_files():
    environ = MINIMAL | {
        "CDEFENCE_SCOPE_API": "https://scopes",
        "CDEFENCE_POLICY": "p",
        "CDEFENCE_SCOPE_MAP": "m",
    }
    assert complaints(environ) == [
        f"CDEFENCE_{name}: is set, and so is CDEFENCE_SCOPE_API, which tells that too; remove one of them"
        for name in ("SCOPE_MAP", "POLICY")
    ]


def test_with_the_scope_api_a_map_ages():
    api = MINIMAL | {"CDEFENCE_SCOPE_API": "https://scopes"}
    never = {"CDEFENCE_SCOPE_MAP_STALE_AFTER_S": "0"}
    ages = [
        (settings.scope_map_stale_after_s, settings.scope_map_expire_after_s)
        for settings in (load(MINIMAL), load(api), load(api | never))
    ]
    assert ages == [(0, 0), (30, 600), (0, 600)]


def test_the_service_links_of_kubernetes_are_no_settings():
    assert load(MINIMAL | SERVICE_LINKS) == load(MINIMAL)


FILE = """
scope: out-of-scope
mode: discover
bind: [127.0.0.1]
idle_timeout_s: 90
drain_s: 1.5
splice: false
packs: [pci]
"""


def test_a_file_is_read_and_the_environment_wins(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text(FILE)
    settings = load({"CDEFENCE_SETTINGS": str(file), "CDEFENCE_MODE": "protect"})
    assert settings == load({"CDEFENCE_MODE": "protect"}, file)
    assert settings == Settings(
        scope=PeerClass.OUT_OF_SCOPE,
        mode=Mode.PROTECT,
        bind=("127.0.0.1",),
        idle_timeout_s=90.0,
        drain_s=1.5,
        splice=False,
        packs=("pci",),
    )


def test_problems_of_a_file_name_file_and_field(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text("scope: in-scope\nmode: no\nsplice: 1\nmodus: protect\nbind: [[x]]\ninbound_port: 80.5\n")
    assert complaints({}, file) == [
        f"{file}: modus: is no known key; use {', '.join(o.name for o in OPTIONS[:-1])} or {OPTIONS[-1].name}",
        f'{file}: bind: is [["x"]]; use different IP addresses, separated by commas',
        f"{file}: mode: is 'no'; use discover, monitor or protect",
        f"{file}: inbound_port: is '80.5'; use a whole number from 1 to 65535",
        f"{file}: splice: is '1'; use true or false",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("mode: [", "is no YAML"),
        ("- scope", "is no mapping"),
        ("mode: monitor\nmode: protect\n", "has the key 'mode' twice in line 2"),
    ],
)
def test_a_file_that_cannot_be_understood(tmp_path, text, complaint):
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    assert any(line.startswith(f"{file}: file: {complaint}") for line in complaints(MINIMAL, file))


def test_a_file_that_is_not_there(tmp_path):
    file = tmp_path / "settings.yaml"
    first, *_ = complaints({"CDEFENCE_SETTINGS": str(file)} | MINIMAL)
    assert (
        first
        == f"{file}: file: cannot be read: No such file or directory; check the path and the permissions"
    )
