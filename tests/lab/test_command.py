"""The command line: one clear line and exit code 2 for whatever cannot be done."""

import argparse
import os
import re
import subprocess

import pytest

from sidecar.lab import command
from sidecar.lab.table import render


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers())
    args = parser.parse_args(["lab", *words])
    code: int = args.run(args)
    return code


REFUSED = {
    ("up", "--name", "No Name"): "lab name 'No Name': use up to 40",
    ("exec", "till", "--", "true"): "no pod 'till' in the lab; there are: checkout",
    ("exec", "vault"): "exec: no command",
    ("exec", "vault", "--"): "exec: no command",
}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_cannot_be(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"cdefence lab: {REFUSED[words]}")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "words", [("up",), ("down",), ("status",), ("demo",), ("exec", "vault", "--", "true")]
)
def test_without_root(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert run(*words) == 2
    assert capsys.readouterr().err.startswith("cdefence lab: the lab needs root")


def test_without_its_tools(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", "/nowhere")
    assert run("up") == 2
    assert (
        "needs Debian packages: curl iproute2 nftables openssl util-linux; remedy" in capsys.readouterr().err
    )


def test_a_step_that_does_not_end(capsys: pytest.CaptureFixture[str]) -> None:
    """On a machine with too much to do: what was waited for is named, and no traceback is shown."""

    def too_long(args: argparse.Namespace) -> int:
        return subprocess.run(["sleep", "60"], timeout=0.1, check=True).returncode

    assert command._reported(too_long, argparse.Namespace()) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(r"cdefence lab: not done in 0\.\d+ s, this machine is too busy: sleep 60\n", said)


def test_exec_takes_the_command_as_it_stands() -> None:
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers())
    args = parser.parse_args(["lab", "exec", "--uid", "7", "vault", "--", "ls", "-l", "--name"])
    assert (args.pod, args.uid, args.name) == ("vault", 7, "cdefence-lab")
    assert args.command[-3:] == ["ls", "-l", "--name"]


def test_tables_are_aligned() -> None:
    assert render(("a", "long"), [("wide cell", "x"), ("", "y")]).splitlines() == [
        "a          long",
        "─────────  ────",
        "wide cell  x",
        "           y",
    ]
