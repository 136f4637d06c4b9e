"""`cdefence net`: what the options mean, what is said about wrong ones, exit codes, and the verbs on a real kernel."""

import argparse
from pathlib import Path

import pytest

from sidecar.net import command
from sidecar.net.errors import BadRedirectError
from sidecar.net.redirect import Redirect
from tests.net.netns import in_lab, namespace
from tests.net.test_redirect import CONFIGURATIONS


def parse(words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cdefence")
    command.register(parser.add_subparsers())
    return parser.parse_args(["net", *words.split()])


def run(words: str) -> int:
    args = parse(words)
    code = args.run(args)
    assert isinstance(code, int)
    return code


def requested(words: str, **env: str) -> Redirect:
    return command.redirect_from(parse(f"plan {words}"), env)


def problems(words: str, **env: str) -> list[str]:
    with pytest.raises(BadRedirectError) as caught:
        requested(words, **env)
    return list(caught.value.problems)


# ---- options -------------------------------------------------------------------------------------------------

SAME_AS = {
    "default": "--resolver 10.96.0.10",
    "no-dns": "--resolver none",
    "dual-stack-dns": "--resolver 10.96.0.10,fd00:96::a --resolver fe80::53%eth0",
    "exclusions": (
        "--resolver 10.96.0.10 --exclude-inbound-ports 9000,9100-9110 --exclude-outbound-ports 443"
        " --exclude-outbound-ports=8000-8100 --exclude-cidrs 192.0.2.7/32,2001:db8:7::/48,192.0.2.7"
    ),
    "no-ipv6": "--resolver 10.96.0.10 --ipv6 off",
    "other-identity": (
        "--resolver none --inbound-port 16006 --outbound-port 16001 --health-port 16021 --metrics-port 16090"
        " --uid 2000 --gid 3000"
    ),
}


@pytest.mark.parametrize("name", SAME_AS)
def test_options_ask_for_the_configuration(name: str) -> None:
    assert requested(SAME_AS[name]) == CONFIGURATIONS[name]


def test_ports_come_from_the_environment_that_the_proxy_reads_unless_an_option_says_otherwise() -> None:
    env = {
        "CDEFENCE_INBOUND_PORT": "16006",
        "CDEFENCE_OUTBOUND_PORT": "16001",
        "CDEFENCE_HEALTH_PORT": "16021",
    }
    assert requested("--resolver none --health-port 16022", **env) == Redirect(
        inbound_port=16006, outbound_port=16001, health_port=16022
    )


RESOLV_CONF = {
    "three servers, one twice": (
        "search cluster.local\n# nameserver 1.1.1.1\nnameserver 10.96.0.10\nnameserver fd00::a\nnameserver 10.96.0.10\n",
        ["10.96.0.10", "fd00::a"],
    ),
    "none": (
        "options ndots:5\nnameserver\n",
        "--resolver: {path} names no nameserver; list some, or say `none`",
    ),
    "nonsense": ("nameserver dns.example\n", "{path}: 'dns.example' is not an IP address"),
    "no file": (None, "--resolver: {path} names no nameserver; list some, or say `none`"),
}


@pytest.mark.parametrize("case", RESOLV_CONF)
def test_resolvers_come_from_resolv_conf(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, expected = RESOLV_CONF[case]
    path = tmp_path / "resolv.conf"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(command, "RESOLV_CONF", path)
    if isinstance(expected, str):
        assert problems("") == [expected.format(path=path)]
    else:
        assert list(map(str, requested("").resolvers)) == expected


def test_everything_that_is_wrong_is_said_at_once() -> None:
    words = (
        "--exclude-inbound-ports 80-,x,,443 --exclude-outbound-ports 90-80,70000 --exclude-cidrs 10.0.0.1/8,::/0"
        " --resolver 10.0.0.300 --uid root --gid 0 --ipv6 maybe"
    )
    assert problems(words, CDEFENCE_METRICS_PORT="http") == [
        "CDEFENCE_METRICS_PORT: 'http' is not a number",
        "--uid: 'root' is not a number",
        "--exclude-inbound-ports: '80-' is not PORT or FIRST-LAST",
        "--exclude-inbound-ports: 'x' is not PORT or FIRST-LAST",
        "--exclude-inbound-ports: '' is not PORT or FIRST-LAST",
        "--exclude-cidrs: '10.0.0.1/8' is not ADDRESS/PREFIX without host bits",
        "--resolver: '10.0.0.300' is not an IP address",
        "--ipv6: 'maybe' is not on or off",
        "gid: 0 is root's, and would let every root process around the proxy",
        "exclude-outbound-ports: 90-80 is no port or range, give FIRST-LAST from 1 to 65535",
        "exclude-outbound-ports: 70000 is no port or range, give FIRST-LAST from 1 to 65535",
        "exclude-cidrs: ::/0 is every address; if that is meant, do not inject the pod",
    ]


def test_what_kubernetes_sets_for_a_service_of_such_a_name_is_no_port() -> None:
    set_by_kubernetes = requested("--resolver none", CDEFENCE_METRICS_PORT="tcp://10.96.0.7:9090")
    assert set_by_kubernetes == requested("--resolver none")


def test_wrong_options_are_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan --resolver none --uid 0 --gid x") == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "cdefence net: --gid: 'x' is not a number",
        "cdefence net: uid: 0 is root's, and would let every root process around the proxy",
    ]


def test_plan_prints_the_reviewed_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan --resolver 10.96.0.10") == 0
    assert capsys.readouterr().out == CONFIGURATIONS["default"].table().script()


# ---- the verbs on a real kernel ------------------------------------------------------------------------------

TRANSCRIPT = """\
$ show
table inet cdefence: not there
exit 1
$ apply --resolver none
table inet cdefence: 47 changes made
exit 0
$ apply --resolver none
table inet cdefence: nothing to change
exit 0
$ apply --resolver none --exclude-outbound-ports 443
table inet cdefence: 2 changes made
exit 0
$ remove
table inet cdefence: removed
exit 0
$ remove
table inet cdefence: was not there
exit 0
"""


@in_lab
def test_a_session(capsys: pytest.CaptureFixture[str]) -> None:
    """Each verb changes what the next one says."""
    with namespace() as pod:
        for line in TRANSCRIPT.splitlines():
            if line.startswith("$ "):
                words = line.removeprefix("$ ")
                print(f"$ {words}")
                print(f"exit {pod.run(lambda: run(words))}")  # noqa: B023 - called at once
    assert capsys.readouterr().out == TRANSCRIPT
