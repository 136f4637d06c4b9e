"""The set: which values in which texts, how many of each.  The same seed makes the same bytes.

development   templates.py, near.NEAR, benign, encodings      seed 5: to tune on
held out      unseen.py, near.UNSEEN, encodings               seed 8: reported apart, its misses are not shown
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random
from typing import Final, NamedTuple

from benchmarks.detection import accounts, benign, cards, identities, near, templates, tokens, unseen
from benchmarks.detection.digits import broken, digits
from benchmarks.detection.encodings.model import Encoding
from benchmarks.detection.encodings.table import ENCODINGS
from benchmarks.detection.fillers import around
from benchmarks.detection.sample import Group, Label, Sample, placed
from benchmarks.detection.score import RARE
from benchmarks.detection.templates import Template

DEVELOPMENT_SEED: Final = 5
HELD_OUT_SEED: Final = 8


class Part(NamedTuple):
    """A part of the set: its templates, and how much of everything."""

    seed: int
    named: Sequence[Template]
    alone: Sequence[Template]
    card_keys: Sequence[str]
    card_words: Sequence[str]
    near: dict[str, Callable[[Random], str]]
    unseen: bool


DEVELOPMENT: Final = Part(
    DEVELOPMENT_SEED,
    templates.NAMED,
    templates.ALONE,
    templates.CARD_KEYS,
    templates.CARD_WORDS,
    near.NEAR,
    False,
)
HELD_OUT: Final = Part(
    HELD_OUT_SEED, unseen.NAMED, unseen.ALONE, unseen.CARD_KEYS, unseen.CARD_WORDS, near.UNSEEN, True
)


def samples(part: Part) -> Iterator[Sample]:
    """Everything of a part but the benign documents; each family draws from a source of its own."""
    families: tuple[tuple[str, Callable[[Part, Random], Iterator[Sample]]], ...] = (
        ("pan", pans),
        ("sad", stripes),
        ("iban", ibans),
        ("id", numbers),
        ("secret", secrets),
        ("near", nearly),
        ("encoded", encoded),
    )
    for name, family in families:
        for at, made in enumerate(family(part, Random(f"{part.seed} {name}"))):
            yield _numbered(made, f"{'held' if part.unseen else 'dev'}-{name}-{at}", part.unseen)


def documents(seed: int, total: int) -> Iterator[Sample]:
    """Benign documents of about `total` bytes in all."""
    for at, (name, text) in enumerate(benign.documents(Random(f"{seed} benign"), total)):
        yield Sample(f"benign-{at}", Group.BENIGN, name, text.encode())


def _numbered(made: Sample, name: str, held_out: bool) -> Sample:
    return Sample(
        name,
        made.group,
        made.shape,
        made.data,
        made.labels,
        made.detail,
        made.via,
        made.content_type,
        made.content_encoding,
        made.port,
        held_out,
    )


def _positive(
    chance: Random, template: Template, value: tuple[str, str, str], key: str, word: str, detail: str = ""
) -> Sample:
    before, after = around(chance, template.text, key=key, word=word)
    data, labels = placed((before, value, after))
    return Sample("", Group.POSITIVE, template.name, data, labels, detail, content_type=template.content_type)


def pans(part: Part, chance: Random) -> Iterator[Sample]:
    """Every brand, length and separator, with a name before it and without."""
    for row, length in cards.shapes():
        for separator in cards.SEPARATORS:
            if separator != "none" and length not in cards.PRINTED:
                continue  # nobody prints these in groups
            for pool in (part.named, part.named, part.alone):
                template = chance.choice([one for one in pool if one.multiline or separator != "line break"])
                made = cards.card(chance, row, length, separator)
                detail = separator if template.named or made.common else RARE
                value = ("pan", made.brand, made.text)
                yield _positive(
                    chance,
                    template,
                    value,
                    chance.choice(part.card_keys),
                    chance.choice(part.card_words),
                    detail,
                )


def stripes(part: Part, chance: Random) -> Iterator[Sample]:
    """Tracks, verification codes, PIN blocks, expiry dates."""
    rows: tuple[tuple[str, Callable[[Random], str], Sequence[str], Sequence[Template]], ...] = (
        ("track1", cards.track1, ("track1", "track_data"), (*part.named, *part.alone)),
        ("track2", cards.track2, ("track2", "track2_data"), (*part.named, *part.alone)),
        ("track2 bare", partial(cards.track2, form="="), ("track2", "swipe"), part.named),
        ("track2 D", partial(cards.track2, form="D"), ("track2", "tag57"), part.named),
        (
            "cvv",
            lambda c: digits(c, 3),
            ("cvv", "cvv2", "cvc", "security_code", "cardVerificationCode"),
            part.named,
        ),
        ("pin_block", cards.pin_block, ("pin_block", "pinBlock", "pinblock"), part.named),
        (
            "expiry",
            partial(cards.expiry, form="mm/yy"),
            ("expiry", "exp_date", "card_expiry", "valid_thru"),
            part.named,
        ),
    )
    for kind, make, keys, pool in rows:
        for template in pool:
            key = chance.choice(keys)
            klass = "pan" if kind == "expiry" else "sad"
            yield _positive(chance, template, (klass, kind, make(chance)), key, key.replace("_", " "), kind)
    for _ in range(20):
        yield _card_and_code(chance)


def _card_and_code(chance: Random) -> Sample:
    """A whole card, as a form sends it."""
    card = cards.any_card(chance)
    code = digits(chance, 4 if card.brand == "amex" else 3)
    data, labels = placed(
        (
            "holder=A.+Berg&number=",
            ("pan", card.brand, card.text),
            f"&exp={cards.expiry(chance, 'mmyy')}&cvv=",
            ("sad", "cvv", code),
            "&x=1",
        )
    )
    return Sample("", Group.POSITIVE, "card form", data, labels, "cvv")


def ibans(part: Part, chance: Random) -> Iterator[Sample]:
    """Every country, printed and compact, with a name and without."""
    for country, structure in accounts.structures().items():
        for written in ("compact", "printed"):
            for pool in (part.named, part.alone):
                made = accounts.compact(chance, country, structure)
                text = accounts.printed(made) if written == "printed" else made
                yield _positive(
                    chance,
                    chance.choice(pool),
                    ("pii", "iban", text),
                    chance.choice(("iban", "account_iban", "IBAN")),
                    "IBAN",
                    f"iban {written}",
                )


def numbers(part: Part, chance: Random) -> Iterator[Sample]:
    """National ids and the like under their names; those that need none also without."""
    for row in identities.IDENTITIES:
        pools = (part.named,) * (24 if row.kind == "us_ssn" else 6) + (
            (part.alone,) * (8 if row.kind == "us_ssn" else 2) if row.bare else ()
        )
        for pool in pools:
            value = ("pii", row.kind, identities.make(chance, row))
            yield _positive(
                chance,
                chance.choice(pool),
                value,
                chance.choice(row.keys),
                chance.choice(row.words),
                row.kind,
            )


_TEXTUAL: Final = frozenset(("hl7", "receipt", "fixed width", "redis", "path", "query"))
"""Templates in which nobody writes a secret."""


def secrets(part: Part, chance: Random) -> Iterator[Sample]:
    """Every kind of secret in settings, code and logs."""
    pool = [one for one in part.named if one.name not in _TEXTUAL]
    for kind, make, keys in tokens.altogether():
        for _ in range(3):
            key = chance.choice(keys)
            yield _positive(
                chance, chance.choice(pool), ("secret", kind, make(chance)), key, key.replace("_", " "), kind
            )


def nearly(part: Part, chance: Random) -> Iterator[Sample]:
    """Almost values."""
    for name, make in part.near.items():
        for _ in range(12):
            yield Sample("", Group.NEAR, name, make(chance).encode())


def encoded(part: Part, chance: Random) -> Iterator[Sample]:
    """Every encoding with cards, their controls, and other values."""
    for encoding in ENCODINGS:
        for at in range(10):
            card = cards.any_card(
                chance, "none" if encoding.numbers or at % 2 else chance.choice(("space", "dash"))
            )
            key = chance.choice(
                ("card_number", "pan", "cardNumber")
                if not part.unseen
                else ("card", "ccNumber", "payment_card")
            )
            yield _encoded(encoding, chance, key, ("pan", card.brand, card.text), Group.ENCODED)
            yield _encoded(
                encoding, chance, key, ("pan", card.brand, broken(card.text, chance)), Group.CONTROL
            )
        if not encoding.numbers:
            for key, value in _others(chance):
                yield _encoded(encoding, chance, key, value, Group.ENCODED)


def _others(chance: Random) -> Iterator[tuple[str, tuple[str, str, str]]]:
    for _ in range(2):
        country = chance.choice(("DE", "GB", "NL", "PL", "AT"))
        yield "iban", ("pii", "iban", accounts.compact(chance, country, accounts.structures()[country]))
        made = next(make for name, make, _ in tokens.altogether() if name == "github_token")
        yield "token", ("secret", "github_token", made(chance))


def _encoded(
    encoding: Encoding, chance: Random, key: str, value: tuple[str, str, str], group: Group
) -> Sample:
    klass, kind, text = value
    made = encoding.make(chance, key, text)
    labels = (Label(klass, kind, text),)
    return Sample(
        "",
        group,
        encoding.name,
        made.data,
        labels,
        encoding.tier,
        made.via,
        made.content_type,
        made.content_encoding,
        made.port,
    )
