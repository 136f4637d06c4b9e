"""Cards, accounts and people as Faker invents them, as a second opinion on what such values look like.

Its card numbers are filtered through our table of issuers: some of its prefixes belong to nobody.  In a module of its own since
Faker is of the group `detection`; its version decides the values, so they are the same only for the same lock file.
"""

from collections.abc import Iterator
from random import Random
from typing import Any, Final

from benchmarks.detection import cards
from benchmarks.detection.assembly import Part
from benchmarks.detection.fillers import around
from benchmarks.detection.sample import Group, Sample, placed
from benchmarks.detection.templates import Template

LOCALES: Final = ("en_US", "de_DE", "fr_FR", "es_ES", "it_IT", "ja_JP", "pl_PL", "en_GB")
CARDS, PEOPLE = 240, 60


def samples(part: Part) -> Iterator[Sample]:
    """Cards, social security numbers and accounts in texts about Faker's people."""
    from faker import Faker

    chance = Random(f"{part.seed} faker")
    fakers = [Faker(locale) for locale in LOCALES]
    for faker in fakers:
        faker.seed_instance(part.seed)
    for at, (value, key, word, detail) in enumerate(_values(chance, fakers)):
        template = chance.choice((*part.named, *part.alone) if value[1] == "iban" else part.named)
        yield _sample(
            chance, template, value, (key, word, detail), chance.choice(fakers), f"{part.seed}-faker-{at}"
        )


def _values(chance: Random, fakers: list[Any]) -> Iterator[tuple[tuple[str, str, str], str, str, str]]:
    made = 0
    while made < CARDS:
        number = chance.choice(fakers).credit_card_number()
        if cards.looks_issued(number):
            made += 1
            separator = chance.choice(("none", "none", "space", "dash"))
            text = (
                cards.grouped(number, cards.SEPARATORS[separator]) if len(number) in cards.PRINTED else number
            )
            yield ("pan", "faker", text), "card_number", "card number", separator
    for _ in range(PEOPLE):
        yield ("pii", "us_ssn", fakers[0].ssn()), "ssn", "SSN", "us_ssn"
        yield ("pii", "iban", chance.choice(fakers[1:]).iban()), "iban", "IBAN", "iban"


def _sample(
    chance: Random,
    template: Template,
    value: tuple[str, str, str],
    names: tuple[str, str, str],
    faker: Any,
    name: str,
) -> Sample:
    """The names of people and towns are Faker's too, where they break no template."""
    key, word, detail = names
    plain = {"name": faker.name(), "first": faker.first_name(), "city": faker.city()}
    plain = {filler: text for filler, text in plain.items() if not set(text) & set("\"'<>&")}
    before, after = around(chance, template.text, key=key, word=word, **plain)
    data, labels = placed((before, value, after))
    return Sample(
        name, Group.POSITIVE, template.name, data, labels, detail, content_type=template.content_type
    )
