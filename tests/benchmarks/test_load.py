"""What is asked of wrk, and what is made of its answer."""

import json
from pathlib import Path

import pytest

from benchmarks import load
from benchmarks.load import Load, LoadError, Outcome
from benchmarks.questions import QUESTIONS
from benchmarks.topology import Pod

CLEAN = {"connect": 0, "read": 0, "write": 0, "status": 0, "timeout": 0}
FIGURES = {"duration_us": 2_000_000, "requests": 500, "bytes": 1_000_000, "p50_us": 90, "p99_us": 1_500}


def said(**changed):
    return "Running 2s test @ http://10.79.1.2:8080/\n  ...\n" + json.dumps(FIGURES | CLEAN | changed) + "\n"


def test_an_outcome_is_read():
    assert load.parse(said()) == Outcome(2.0, 500, 1_000_000, 90, 1_500)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"status": 3}, "3 answers with an error status"),
        ({"connect": 1, "timeout": 2}, "1 connections refused; 2 requests without an answer in time"),
        ({"bytes": 0}, "no byte came back"),
    ],
)
def test_a_measurement_with_failed_requests_is_none(changed, why):
    with pytest.raises(LoadError, match=why):
        load.parse(said(**changed))


def test_the_command_says_it_all():
    command = Load("http://10.79.1.2:8080/x", 3.0, 16, close=True).command()
    assert command[:4] == ["wrk", "--threads=1", "--connections=16", "--duration=3s"]
    assert command[-2:] == ["--header=Connection: close", "http://10.79.1.2:8080/x"]


def test_every_question_has_a_file_of_its_own_name():
    folder = Path(load.__file__).parent / "questions"
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "model", "memory"}
    assert {question.name for question in QUESTIONS} == files
    assert len(QUESTIONS) == len(files)


def test_a_question_becomes_a_load():
    pod, corpus = Pod("bare", 7, Path("/pod")), Path("/corpus")
    by_name = {question.name: question.load(pod, 3.0, corpus) for question in QUESTIONS}
    assert by_name["upload"].body == Path("/corpus/medium.json")
    assert by_name["tls"].url == "https://10.79.7.2:8443/medium.json"
    assert by_name["connect"].close
    assert all(each.seconds >= 1.0 for each in by_name.values())
