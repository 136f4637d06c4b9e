"""`cdefence settings` and `cdefence policy check`."""

import argparse

import pytest

from sidecar.ops.command import register
from sidecar.ops.settings import OPTIONS


def cdefence(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers(required=True))
    args = parser.parse_args(arguments)
    code: int = args.run(args)
    return code


def test_settings_prints_the_table(capsys):
    assert cdefence("settings") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].startswith(
        "| `CDEFENCE_SCOPE` | `scope` | in-scope, connected-to or out-of-scope | required | PCI"
    )
    assert [line.split("`")[1] for line in lines[3:]] == [option.variable for option in OPTIONS]
    assert {line.count("|") for line in lines} == {6}
    assert any("| a number, 1 or more (s) | `28800` |" in line for line in lines)


GOOD = """apiVersion: cdefence.io/v1
kind: Policy
mode: monitor
segmentation: [{from: in-scope, to: external, action: allow, why: acquirer}]
dlp: [{pattern: pci/pan, action: mask}]
"""


def test_a_good_policy(tmp_path, capsys):
    file = tmp_path / "policy.yaml"
    file.write_text(GOOD)
    assert cdefence("policy", "check", str(file)) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{file}: good, version ")
    assert out.endswith(", mode monitor, 1 segmentation and 1 dlp rules\n")
    assert err == ""


EXCUSED = (
    GOOD
    + """exclusions:
- {name: probes, to: node, why: our own}
exceptions:
- {name: legacy, class: [pan, sad], to: node, owner: payments, expires: 2027-03-31, reason: migration, why: old gateway}
"""
)
FIRST = "exception legacy: "
LAST = "; payments; migration: old gateway"


@pytest.mark.parametrize(
    ("day", "told"),
    [
        ("2027-03-01", "until 2027-03-31, 30 days left"),
        ("2027-03-31", "until 2027-03-31, 0 days left"),
        ("2027-04-01", "ended 2027-03-31, WITHOUT EFFECT"),
        (
            "2026-03-01",
            "until 2027-03-31, 395 days left; longer than a year, review it in between (PCI DSS 12.3.1)",
        ),
    ],
)
def test_what_a_policy_lets_pass_and_until_when(tmp_path, capsys, day, told):
    file = tmp_path / "policy.yaml"
    file.write_text(EXCUSED)
    assert cdefence("policy", "check", str(file), "--on", day) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == ["exclusion probes", FIRST + told + LAST]


def test_a_day_that_is_none(tmp_path, capsys):
    assert cdefence("policy", "check", str(tmp_path), "--on", "tomorrow") == 2
    assert capsys.readouterr().err == "--on: is 'tomorrow'; write a day such as 2027-03-31\n"


def test_a_bad_policy(tmp_path, capsys):
    file = tmp_path / "policy.yaml"
    file.write_text(GOOD.replace("pci/pan", "pci/pam").replace("why", "because"))
    assert cdefence("policy", "check", str(file)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.partition(": ")[2].partition(";")[0] for line in err.splitlines()] == [
        "segmentation[0].because: is no known key",
        "segmentation[0].why: is missing",
        "dlp[0].pattern: is 'pci/pam', which no pack has",
    ]


@pytest.mark.parametrize("arguments", [("policy",), ("policy", "check")])
def test_usage(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cdefence(*arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err
