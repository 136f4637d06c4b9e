"""`cdefence inject -f`, `uninject`, `annotations`: files as people write them, and what is said about them."""

import io
import sys

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from injector import offline
from injector.mutate import inject
from injector.options import parse
from injector.recipe import Recipe
from sidecar import cli
from tests.injector.pods import INPUTS, documents, pods, source

RECIPE = Recipe(image="registry.example/cdefence:1", version="1")
POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: app
  annotations:
    cdefence.io/pci-scope: in-scope
spec:
  containers:
    - name: app
"""


def kept(before: str, after: str) -> bool:
    """Every line of `before` is in `after`, in order."""
    rest = iter(after.splitlines())
    return all(line in rest for line in before.splitlines())


# ---- comments and layout -----------------------------------------------------------------------------------

LAYOUTS = {
    "comments everywhere": (
        "# first\n\n"
        + POD.replace("spec:", "# before spec\nspec:   # the spec").replace(
            "    - name: app", "    # the one\n    - name: app   # its name\n      # behind it"
        )
        + "# last\n"
    ),
    "no space to the left": POD.replace("    - name", "  - name"),
    "quotes of both kinds": POD.replace("name: app\n  ann", "name: 'app'\n  ann") + '      image: "app:1"\n',
    "a text of many lines": POD
    + "      args:\n        - |\n          # no comment\n          --- no border\n",
    "values that two versions read differently": (
        POD
        + "      env: [{name: A, value: yes}, {name: B, value: 0644}, {name: C, value: 12:30}]\n  hostPID: no\n"
    ),
    "an empty list": POD.replace("spec:", "spec:\n  volumes: []\n  initContainers: []  # none yet"),
    "an empty list at the end": POD + "  volumes: [] # none\n# the end\n",
    "a long line": POD + f"      image: {'a' * 300}\n",
    "a document that begins": f"---\n{POD}",
    "a document that begins with a comment": f"--- # here\n{POD}",
    "two documents": f"{POD}---\n{POD}",
    "an init container with comments": POD
    + "  initContainers:\n    # first\n    - name: a\n    # second\n    - name: b\n",
    "Windows line ends": POD.replace("\n", "\r\n"),
    "no line end": POD.rstrip("\n"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_there_stays_as_it_was(layout):
    before = LAYOUTS[layout]
    report = offline.inject(before, RECIPE)
    assert (report.problems, report.changed) == ([], before.count("kind: Pod"))
    if "empty list" not in layout:
        assert kept(before, report.text)
    assert offline.inject(report.text, RECIPE).text == report.text
    back = offline.uninject(report.text)
    assert back.text.rstrip() == before.rstrip()


def test_a_comment_stays_above_what_it_is_about():
    text = offline.inject(
        POD.replace("spec:", "\n# about the spec\nspec:")
        + "      # about the ports\n      ports: [{containerPort: 80}]\n",
        RECIPE,
    ).text
    lines = [line.strip() for line in text.splitlines()]
    assert lines[lines.index("# about the spec") + 1] == "spec:"
    assert lines[lines.index("# about the ports") + 1] == "ports: [{containerPort: 80}]"


def test_what_is_added_is_a_text_to_every_reader():
    text = offline.inject(POD.replace("in-scope", "in-scope\n    cdefence.io/ipv6: 'off'"), RECIPE).text
    assert '    prometheus.io/scrape: "true"' in text
    assert '    prometheus.io/port: "15490"' in text
    assert 'value: "25"\n' in text


@given(pods(), st.sampled_from([True, False, None]))
@settings(max_examples=60, deadline=None)
def test_a_file_comes_to_the_same_as_the_pod_in_it(given, flow):
    """`flow`: how PyYAML writes it; None is its mixture of both."""
    whole = {"apiVersion": "v1", "kind": "Pod", **given}
    text = yaml.safe_dump(whole, default_flow_style=flow, allow_unicode=True, sort_keys=False)
    report = offline.inject(text, RECIPE)
    (new,) = documents(report.text)
    assert new == inject(whole, parse(whole["metadata"]["annotations"]), RECIPE).pod
    assert yaml.safe_load(report.text) == new
    (back,) = documents(offline.uninject(report.text).text)
    assert back == whole


UNCHANGED = {
    "nothing": "",
    "a comment": "# only\n",
    "another kind": "kind:  ConfigMap\napiVersion: v1\ndata: {kind: Pod}\n",
    "a kind of somebody else": POD.replace("apiVersion: v1", "apiVersion: example.org/v1"),
    "no mapping": "- a\n- b\n",
    "no text at all": "7\n---\nnull\n...\n",
    "an empty JSON list": '{"kind":"List","apiVersion":"v1","items":[]}',
    "odd spaces": "a:    1\nb:   [ 1,2 ]\n",
    "a system namespace": POD.replace("  name: app\n  ann", "  name: app\n  namespace: kube-system\n  ann"),
}


@pytest.mark.parametrize("case", UNCHANGED)
def test_what_has_no_pods_to_change_is_passed_through(case):
    for report in (offline.inject(UNCHANGED[case], RECIPE), offline.uninject(UNCHANGED[case])):
        assert (report.text, report.changed, report.problems) == (UNCHANGED[case], 0, [])


PROBLEMS = {
    "no YAML": (
        "a: [\n",
        "the file is no YAML: expected the node content, but found '<stream end>' in line 2",
    ),
    "a tab": (
        "a:\n\tb: 1\n",
        "the file is no YAML: found character '\\t' that cannot start any token in line 2",
    ),
    "a key twice": (
        "a: 1\na: 2\n",
        'the file is no YAML: found duplicate key "a" with value "2" (original value: "1") in line 2',
    ),
    "the second of two": (
        f"{POD}---\nkind: Pod\napiVersion: v1\nspec: 7\n",
        "document 2, Pod: spec: is no mapping; see the Kubernetes API reference",
    ),
    "something in itself": ("[" * 1000, "the file is nested too deep, or in itself"),
    "no scope": (
        "kind: Pod\napiVersion: v1\nmetadata: {generateName: x-}\n",
        "Pod x-: cdefence.io/pci-scope: is missing; set in-scope, connected-to or out-of-scope",
    ),
    "a scope without quotes": (
        "kind: Pod\napiVersion: v1\nmetadata: {annotations: {cdefence.io/inject: no}}\n",
        "Pod: cdefence.io/inject: is no text; put it in quotes",
    ),
    "a null byte": ("a: \x00\n", "the file is no YAML: a character is not allowed"),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_what_is_wrong_with_a_file(case):
    text, problem = PROBLEMS[case]
    assert offline.inject(text, RECIPE).problems == [problem]


def test_a_record_that_is_not_ours_is_not_followed():
    forged = POD.replace("in-scope", "in-scope\n    cdefence.io/status: '{}'")
    assert offline.uninject(forged).problems == [
        "Pod app: cdefence.io/status: has no version; write it as it was"
    ]


# ---- the command line --------------------------------------------------------------------------------------


def run(*words: str) -> int:
    return cli.main(words)


def test_inject_and_uninject_a_file(tmp_path, capsys):
    assert (
        run("inject", "-f", str(INPUTS / "plain.yaml"), "--image", "here:1", "--image-pull-policy", "Never")
        == 0
    )
    injected = capsys.readouterr()
    assert (
        injected.out.count("image: here:1"),
        injected.out.count("imagePullPolicy: Never"),
        injected.err,
    ) == (2, 2, "")
    (tmp_path / "injected.yaml").write_text(injected.out)
    assert run("uninject", "-f", str(tmp_path / "injected.yaml")) == 0
    assert capsys.readouterr().out == source("plain")


def test_standard_input(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(source("list").encode())))
    assert run("inject", "-f", "-") == 0
    told = capsys.readouterr()
    assert told.out.count("name: cdefence-proxy") == 1
    assert told.err == 'cdefence inject: Pod shop/two: left alone, cdefence.io/inject is "false"\n'


def test_what_is_refused_prints_nothing_but_why(capsys):
    golden = INPUTS.parent / "no-scope.refused.txt"
    assert run("inject", "-f", str(INPUTS / "no-scope.yaml")) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [f"cdefence inject: {line}" for line in golden.read_text().splitlines()]


def test_files_that_cannot_be_read(tmp_path, capsys):
    (tmp_path / "latin").write_bytes(b"a: \xe4\n")
    assert run("inject", "-f", str(tmp_path / "none")) == 2
    assert run("uninject", "-f", str(tmp_path / "latin")) == 2
    assert capsys.readouterr().err.replace(str(tmp_path), "DIR") == (
        "cdefence: DIR/none: No such file or directory\n"
        "cdefence: DIR/latin: is not UTF-8 (byte 3); save it as UTF-8\n"
    )


def test_annotations_prints_the_table(capsys):
    assert run("annotations") == 0
    out = capsys.readouterr().out
    assert out.startswith("| annotation | allowed | default | sets | what it does |\n")
    assert "`cdefence.io/pci-scope`" in out
