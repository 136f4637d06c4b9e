"""The scorer's arithmetic: what covers a label, what is false, and what the rates are over."""

import pytest

from benchmarks.detection import rates, score
from benchmarks.detection.peers import Expressions, entropy
from benchmarks.detection.rates import Rate
from benchmarks.detection.sample import Found, Group, Label, Sample, placed
from benchmarks.detection.score import Board

CARD = "4539148803436467"


def found(
    klass="pan", start=0, end=1, certain=True, shown="453914******6467", view="plain", pattern="pci/pan"
):
    return Found(klass, pattern, certain, start, end, shown, view)


def sample(*parts, group=Group.POSITIVE, detail="none"):
    data, labels = placed(parts)
    return Sample("s", group, "shape", data, labels, detail)


LABELLED = sample("card ", ("pan", "visa", CARD), " for Anna")


@pytest.mark.parametrize(
    ("finding", "covers", "wrong"),
    [
        (found(start=5, end=21), True, False),
        (found(start=0, end=6), True, False),  # overlaps by a byte
        (found(start=0, end=5), False, True),
        (found(start=21, end=30), False, True),
        (found("test_pan", 5, 21), True, False),
        (found("pii", 5, 21), False, True),  # told as something else
        (found("unscannable", 5, 21), False, False),
        (found(start=900, end=916, view="base64"), True, False),  # in a decoded text: by its last digits
        (found(start=900, end=916, view="base64", shown="453914******6460"), False, True),
    ],
)
def test_what_covers_a_label_and_what_is_false(finding, covers, wrong):
    outcome = score.judge(LABELLED, [finding])
    assert (outcome.covered != (None,)) is covers
    assert bool(outcome.wrong) is wrong


def test_an_expiry_date_may_be_told_as_personal_data_and_a_card_may_not():
    dated = sample("exp ", ("pan", "expiry", "11/29"))
    assert score.judge(dated, [found("pii", 4, 9)]).covered != (None,)
    assert score.judge(LABELLED, [found("pii", 5, 21)]).covered == (None,)


def test_the_more_certain_of_two_findings_counts():
    outcome = score.judge(
        LABELLED, [found(start=5, end=21, certain=False), found(start=5, end=21, certain=True)]
    )
    assert [one.certain for one in outcome.covered] == [True]


def test_a_broken_control_has_nothing_to_find_and_every_card_hit_is_false():
    label = Label("pan", "visa", CARD)
    control = Sample("s", Group.CONTROL, "gzip", b"..", (label,), "must")
    outcome = score.judge(control, [found(), found("pii", pattern="pii/email")])
    assert outcome.covered == (None,)
    assert [one.klass for one in outcome.wrong] == ["pan"]
    board = Board()
    score.enter(board, outcome)
    assert board.recall == {}
    assert board.wrong["control", "pan"].likely == 1


def test_recall_precision_and_false_hits_are_what_one_counts_by_hand():
    board = Board()
    for findings in (
        [found(start=5, end=21)],
        [found(start=5, end=21, certain=False)],
        [],
        [found(start=0, end=2)],
    ):
        score.enter(board, score.judge(LABELLED, findings))
    count = board.recall["class", "pan"]
    assert (count.labels, count.likely, count.certain) == (4, 2, 1)
    assert (count.recall, count.recall_certain) == (0.5, 0.25)
    assert board.precision("pan") == pytest.approx(2 / 3)
    assert board.precision("secret") is None
    assert board.recall["separator", "none"].labels == 4
    assert board.recall["length", "16"].labels == 4


def test_benign_documents_do_not_count_for_precision():
    board = Board()
    score.enter(board, score.judge(LABELLED, [found(start=5, end=21)]))
    score.enter(board, score.judge(sample("nothing here", group=Group.BENIGN), [found()]))
    assert board.precision("pan") == 1.0


@pytest.mark.parametrize(
    ("label", "detail", "name"),
    [
        (("pan", "visa", CARD), score.RARE, "pan, rare length without a name"),
        (("pan", "expiry", "11/29"), "expiry", "expiry"),
        (("pii", "us_ssn", "219-09-9998"), "us_ssn", "us_ssn"),
        (("pii", "nl_bsn", "111222333"), "nl_bsn", "pii"),
    ],
)
def test_what_is_counted_beside_its_class(label, detail, name):
    board = Board()
    score.enter(board, score.judge(sample("x ", label, detail=detail), []))
    assert [value for dimension, value in board.recall if dimension == "class"] == [name]


def test_encodings_are_counted_by_tier_and_name():
    board = Board()
    one = Sample("s", Group.ENCODED, "gzip", b"..", (Label("secret", "github_token", "ghp_x"),), "must")
    score.enter(board, score.judge(one, [found("secret", shown="ghp_************", view="gzip")]))
    assert board.recall["encoding", "gzip"].recall == 1.0
    assert board.recall["tier, secret", "must"].labels == 1
    assert ("class", "secret") not in board.recall


def test_a_rate_is_hits_by_megabyte_without_what_is_found_rightly():
    rate = Rate()
    rate.add("logs", "a.log", 1_500_000, [found(certain=False), found(certain=True)])
    rate.add(
        "html",
        "b.html",
        500_000,
        [found("pii", pattern="pii/email"), found("secret", pattern="secrets/private_key")],
    )
    assert rate.megabytes == 2.0
    assert rate.per_megabyte("pan", certain=False) == 1.0
    assert rate.per_megabyte("pan", certain=True) == 0.5
    assert rate.per_megabyte("pii", certain=False) == 0.0
    assert rate.patterns["pii/email", "certain"] == 1


def test_telephone_numbers_in_a_list_of_them_are_not_false():
    class Caller:
        name = "caller"

        def look(self, _sample):
            return [found("pii", pattern="pii/other"), found("pan")]

    rate = rates.synthetic(Caller(), [Sample("d", Group.BENIGN, "phone list", b"x" * 1_000_000)])
    assert rate.per_megabyte("pii", certain=False) == 0.0
    assert rate.per_megabyte("pan", certain=False) == 1.0


def test_nothing_is_shown_that_a_peer_did_not_mask():
    assert rates.masked(found(shown=CARD)) == "16 characters"
    assert rates.masked(found()) == "453914******6467"


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        (f"pay with {CARD}", ["pan"]),
        ("pay with 4539148803436468", []),
        ("219-09-9998", ["pii"]),
        ("password = " + "aaaaaaaaaaaaaaaaaaaa", []),
        ("password = " + "q8Zr4TyLw0XnB5vKe2Hd", ["secret"]),
    ],
)
def test_the_expressions_that_are_asked_beside_us(text, classes):
    findings = list(Expressions().look(Sample("s", Group.POSITIVE, "x", text.encode())))
    assert [one.klass for one in findings] == classes


def test_entropy_is_bits_a_character():
    assert entropy("aaaa") == 0
    assert entropy("abcd") == 2


def test_offsets_of_peers_are_bytes():
    text = f"größe {CARD}"
    (one,) = Expressions().look(Sample("s", Group.POSITIVE, "x", text.encode()))
    assert text.encode()[one.start : one.end] == CARD.encode()
