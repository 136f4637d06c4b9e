"""What is printed and written: figures that add up, and never a card number in full."""

import json
from datetime import UTC, datetime

from benchmarks.detection import report, score
from benchmarks.detection.run import Result
from benchmarks.detection.sample import Found, Group, Label, Sample, placed
from benchmarks.machine import Machine

CARD = "4539148803436467"
MACHINE = Machine("cpu", 2, 8.0, "6", "3.13", 0.1, "abc1234", ())


def result():
    """Of a subject that misses a card, finds a broken one, and fires in natural text."""
    out = Result("somebody")
    data, labels = placed(("pay with card ", ("pan", "visa", CARD), " today"))
    missed = Sample("dev-pan-1", Group.POSITIVE, "prose", data, labels, "none")
    broken = Sample("dev-near-1", Group.NEAR, "luhn broken", b'{"card":"4539148803436468"}')
    behind = Sample("dev-encoded-1", Group.ENCODED, "gzip", b"..", (Label("pan", "visa", CARD),), "must")
    hit = Found("pan", "pci/pan", True, 9, 25, "453914******6468")
    for sample, findings in ((missed, []), (broken, [hit]), (behind, [])):
        outcome = score.judge(sample, findings)
        score.enter(out.development, outcome)
        out.outcomes.append(outcome)
    out.natural.add("logs", "/var/log/x", 2_000_000, [Found("pan", "card", True, 0, 16, CARD)])
    return out


def test_what_was_missed_is_told_without_the_number():
    told = report.misses(result())
    assert "MISSED pan none  (1)" in told
    assert "MISSED encoded: gzip [pan]  (1)" in told
    assert "FALSE near: luhn broken -> pci/pan  (1)" in told
    assert "NATURAL: 2.0 MB" in told
    assert CARD[:12] not in told
    assert "453914******6467" in told


def test_the_table_and_the_json_say_the_same():
    one = result()
    table = report.render([one])
    written = json.loads(report.as_json([one], MACHINE, datetime(2026, 1, 1, tzinfo=UTC)))
    (subject,) = written["subjects"]
    assert subject["development"]["recall"]["class"]["pan"] == {"labels": 1, "likely": 0, "certain": 0}
    assert subject["development"]["false"]["near, pan"] == [1, 1]
    assert subject["natural"]["per_megabyte"]["pan"] == {"likely": 0.5, "certain": 0.5}
    assert "0.000 / 0.000" in table
    assert "0.500 / 0.500  (2 MB)" in table
    assert CARD not in table
    assert CARD not in json.dumps(written)
