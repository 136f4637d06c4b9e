"""Almost values: what a careless detector takes for one.  Each row makes one text in which nothing may be found.

What belongs here: rows whose answer is beyond doubt.  What never does: a random number that might be a real one; those are
in `benign`, where the rate counts and not the single hit.
"""

from collections.abc import Callable
from random import Random
from typing import Final

from benchmarks.detection import accounts, cards, identities, tokens
from benchmarks.detection.digits import BASE62, HEX, LETTERS, broken, digits, luhn, text
from benchmarks.detection.fillers import fill

Maker = Callable[[Random], str]


def _valid(chance: Random) -> str:
    """The digits of a card, to be put where they are none."""
    return cards.any_card(chance).number


def _no_issuer(chance: Random) -> str:
    while True:
        made = chance.choice("0179") + digits(chance, 15)
        if luhn(made) and not cards.looks_issued(made):
            return made


def _iban(chance: Random) -> str:
    country = chance.choice(("DE", "FR", "GB", "NL", "ES", "PL", "IT"))
    return accounts.compact(chance, country, accounts.structures()[country])


def _row(template: str, make: Maker) -> Maker:
    def made(chance: Random) -> str:
        value = make(chance)
        return fill(chance, template, v=value)

    return made


def _lists(chance: Random) -> str:
    """Small numbers in a row, which joined are a card number."""
    number = _valid(chance)
    return "[" + ", ".join(number[at : at + 2].lstrip("0") or "0" for at in range(0, len(number), 2)) + "]"


def _hexed(chance: Random) -> str:
    """A card's digits in a hexadecimal number."""
    return text(chance, "abcdef", 3) + _valid(chance) + text(chance, HEX, 12) + text(chance, "abcdef", 1)


def _uuid(chance: Random) -> str:
    """A UUID of which four groups are digits only."""
    number = cards.card(chance, cards.visa(), 16, "none").number
    return f"{text(chance, 'abcdef', 8)}-{number[:4]}-{number[4:8]}-{number[8:12]}-{number[12:]}{text(chance, HEX, 7)}a"


def _uuid_tail(chance: Random) -> str:
    """A UUID whose first groups are a card's digits."""
    number = cards.card(chance, cards.visa(), 16, "none").number
    return f"{number[:8]}-{number[8:12]}-{number[12:]}-a{text(chance, HEX, 3)}-{text(chance, HEX, 11)}c"


NEAR: Final[dict[str, Maker]] = {
    "luhn broken": _row('{"card_number":"$v"}', lambda c: broken(_valid(c), c)),
    "luhn broken, in groups": _row(
        "card $v was declined", lambda c: broken(cards.any_card(c, c.choice(("space", "dash"))).text, c)
    ),
    "luhn broken, form": _row("pan=$v&cvv=***", lambda c: broken(_valid(c), c)),
    "no issuer": _row('{"card":"$v"}', _no_issuer),
    "20 digits": _row("ref $v", lambda c: (_valid(c) + digits(c, 20))[:20]),
    "longer number, before": _row("ref=$v;", lambda c: digits(c, 8) + _valid(c)),
    "digits behind in groups": _row(
        "no. $v",
        lambda c: (
            f"{digits(c, 4)} {digits(c, 4)} "
            + cards.card(c, cards.visa(), 16, "space").text
            + f" 7{digits(c, 3)}"
        ),
    ),
    "in hex": _row('"digest":"$v"', _hexed),
    "in a hash, no name": _row(
        "$v  archive.tar.gz",
        lambda c: text(c, HEX, 20) + "a" + _valid(c) + "b" + text(c, HEX, 64)[: 64 - 22 - 16],
    ),
    "in a uuid": _row('{"request":"$v"}', _uuid),
    "in a uuid's head": _row("urn:uuid:$v", _uuid_tail),
    "in base64": _row(
        '"blob":"$v=="', lambda c: text(c, BASE62, 19) + "q" + _valid(c) + "Z" + text(c, BASE62, 25)
    ),
    "in base64, slash": _row(
        "$v", lambda c: text(c, BASE62, 30) + "/" + _valid(c) + "+" + text(c, BASE62, 30)
    ),
    "float fraction": _row('{"score":0.$v}', _valid),
    "float fraction, negative": _row("loss=-3.$v acc=0.81", _valid),
    "exponent": _row("value: 1.$v", lambda c: f"{_valid(c)}e-05"),
    "list of small numbers": _lists,
    "epoch milliseconds": _row('{"at":$v}', lambda c: f"17{digits(c, 11)}"),
    "epoch nanoseconds": _row('"timeUnixNano":"$v"', lambda c: f"17{digits(c, 17)}"),
    "same digit": _row("placeholder $v", lambda c: c.choice("456") * 16),
    "counting": _row("sample $v", lambda _: "1234567890123456"),
    "masked": _row("card $v", lambda c: (n := _valid(c))[:6] + "*" * (len(n) - 10) + n[-4:]),
    "masked with x": _row("card XXXX-XXXX-XXXX-$v", lambda c: digits(c, 4)),
    "iban broken": _row("IBAN $v", lambda c: accounts.printed(accounts.broken(_iban(c), c))),
    "iban broken, compact": _row('{"iban":"$v"}', lambda c: accounts.broken(_iban(c), c)),
    "ssn area 000": _row("SSN $v", lambda c: f"000-{c.randint(10, 99)}-{digits(c, 4)}"),
    "ssn area 666": _row("ssn: $v", lambda c: f"666-{c.randint(10, 99)}-{digits(c, 4)}"),
    "ssn group 00": _row("SSN $v", lambda c: f"{c.randint(100, 600)}-00-{digits(c, 4)}"),
    "phone like an ssn": _row("Tel. $v", lambda c: f"{c.randint(200, 600)}-{digits(c, 3)}-{digits(c, 4)}"),
    "date and number": _row("on $date-$v", lambda c: digits(c, 4)),
    "nine digits, no name": _row('{"row":$v}', lambda c: digits(c, 9)),
    "placeholder secret": _row(
        'api_key = "$v"',
        lambda c: c.choice(
            (
                "YOUR_API_KEY_HERE",
                "xxxxxxxxxxxxxxxxxxxx",
                "<insert key>",
                "changeme",
                "${API_KEY}",
                "sk_test_placeholder",
            )
        ),
    ),
    "github, broken": _row("token=$v", lambda c: broken("ghp_" + text(c, BASE62, 35) + "1", c)),
    "aws id, short": _row("AWS_ACCESS_KEY_ID=$v", lambda c: "AKIA" + text(c, LETTERS, 9)),
    "public key": _row(
        "$v",
        lambda c: "-----BEGIN PUBLIC KEY-----\nMIIB" + text(c, BASE62, 60) + "\n-----END PUBLIC KEY-----",
    ),
    "commit id": _row("commit $v", lambda c: text(c, HEX, 40)),
    "integrity": _row('"integrity": "sha512-$v=="', lambda c: text(c, tokens.BASE64, 86)),
    "mac address": _row("ether $v", lambda c: ":".join(digits(c, 2) for _ in range(6))),
    "ip list": _row(
        "$v",
        lambda c: ", ".join(
            f"{c.randint(1, 223)}.{c.randint(0, 255)}.{c.randint(0, 255)}.{c.randint(1, 254)}"
            for _ in range(4)
        ),
    ),
    "version": _row("pkg@$v", lambda c: f"{c.randint(0, 30)}.{c.randint(0, 99)}.{c.randint(0, 9999)}"),
    "time of day": _row(
        "$v",
        lambda c: (
            f"20{c.randint(24, 27)}{c.randint(10, 12)}{c.randint(10, 28)}{c.randint(10, 23)}{c.randint(10, 59)}{c.randint(10, 59)}"
        ),
    ),
    "code, no card": _row("HTTP $v OK", lambda c: digits(c, 3)),
    "aba and account": _row("build $v", lambda c: f"{digits(c, 9)} {digits(c, 10)}"),
}

UNSEEN: Final[dict[str, Maker]] = {
    "luhn broken, xml": _row("<CardNumber>$v</CardNumber>", lambda c: broken(_valid(c), c)),
    "luhn broken, sentence": _row(
        "I typed $v by mistake", lambda c: broken(cards.any_card(c, c.choice(("space", "dash"))).text, c)
    ),
    "luhn broken, csv": _row("$name;$v;$city", lambda c: broken(_valid(c), c)),
    "percentage": _row("done 97.$v %", _valid),
    "etag": _row('ETag: W/"$v"', lambda c: text(c, "abcdef", 2) + _valid(c) + text(c, HEX, 9) + "e"),
    "object id": _row('ObjectId("$v")', lambda c: "6" + _valid(c)[:14].ljust(14, "7") + text(c, "abcdef", 9)),
    "matrix": _row("[$v]", lambda c: " ".join(digits(c, 2) for _ in range(12))),
    "iban broken, prose": _row(
        "transfer to $v please", lambda c: accounts.printed(accounts.broken(_iban(c), c))
    ),
    "ssn serial 0000": _row(
        "social security number $v", lambda c: f"{c.randint(100, 600)}-{c.randint(10, 99)}-0000"
    ),
    "national id, broken": _row("BSN: $v", lambda c: _broken_bsn(c)),
    "template secret": _row(
        "password: {{ $v }}", lambda c: c.choice(("vault_password", "lookup('env','PW')", "secrets.DB_PASS"))
    ),
    "subresource": _row('<script integrity="sha384-$v">', lambda c: text(c, tokens.BASE64, 64)),
}


def _broken_bsn(chance: Random) -> str:
    row = next(each for each in identities.IDENTITIES if each.kind == "nl_bsn")
    return broken(identities.make(chance, row), chance)
