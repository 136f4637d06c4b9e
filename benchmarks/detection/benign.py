"""Documents as machines write them, full of numbers and ids, with nothing to find: what fooled other detectors.

Numbers are random, so now and then one passes a check digit and begins like an issuer; that is what the rate of false hits per
megabyte measures.  Each row makes one document of about `size` bytes.
"""

import json
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from random import Random
from typing import Final

from benchmarks.detection.digits import BASE62, HEX, LETTERS, digits, text
from benchmarks.detection.fillers import fill
from benchmarks.detection.tokens import BASE64

Line = Callable[[Random], str]


def _lines(line: Line, head: str = "", end: str = "\n") -> Callable[[Random, int], str]:
    def document(chance: Random, size: int) -> str:
        parts, length = [head], len(head)
        while length < size:
            parts.append(line(chance) + end)
            length += len(parts[-1])
        return "".join(parts)

    return document


def _filled(template: str, head: str = "", end: str = "\n") -> Callable[[Random, int], str]:
    return _lines(lambda chance: fill(chance, template), head, end)


def _snowflake(chance: Random) -> str:
    """An id of 64 bits that begins with a time: eighteen or nineteen digits."""
    return str((chance.randrange(3 * 10**11, 5 * 10**11) << 22) + chance.getrandbits(22))


def _hexdump(chance: Random) -> str:
    pairs = [text(chance, HEX, 4) for _ in range(8)]
    return f"{chance.getrandbits(28):08x}: {' '.join(pairs)}  {text(chance, BASE62 + '.....', 16)}"


def _ean(chance: Random) -> str:
    body = chance.choice(("978", "400", "871", "501")) + digits(chance, 9)
    total = sum(int(char) * (3 if at % 2 else 1) for at, char in enumerate(body))
    return f"{body}{-total % 10}"


def _isbn(chance: Random) -> str:
    made = _ean(chance)
    return f"978-{made[3]}-{made[4:8]}-{made[8:12]}-{made[12]}"


def _minified(chance: Random) -> str:
    name = text(chance, BASE62[10:], 2)
    return f"function {name}(e,t){{return e<<{chance.randrange(32)}|t>>>{chance.randrange(32)}^{chance.getrandbits(31)}}}var {name}x=[{','.join(str(chance.getrandbits(32)) for _ in range(6))}];"


def _svg(chance: Random) -> str:
    points = " ".join(
        f"{chance.choice('LCM')}{chance.uniform(0, 900):.3f} {chance.uniform(0, 900):.4f}" for _ in range(8)
    )
    return f'<path d="M{chance.randrange(900)} {chance.randrange(900)} {points}z" fill="#{text(chance, HEX, 6)}"/>'


def _css(chance: Random) -> str:
    return f".c{digits(chance, 4)}{{width:{chance.uniform(0, 100):.14f}%;color:#{text(chance, HEX, 6)};transform:translate({chance.randrange(400)}px,{chance.randrange(400)}px)}}"


def _numbers(chance: Random) -> str:
    return ",".join(
        f"{chance.gauss(0, 1000):.6f}" if chance.randrange(2) else str(chance.randrange(10**6))
        for _ in range(9)
    )


def _tracking(chance: Random) -> str:
    made = chance.choice(
        (
            f"1Z{text(chance, BASE62[:36], 6)}{digits(chance, 10)}",
            digits(chance, 12),
            f"9400 1{digits(chance, 3)} {digits(chance, 4)} {digits(chance, 4)} {digits(chance, 4)} {digits(chance, 2)}",
            f"JD{digits(chance, 18)}",
            f"{text(chance, LETTERS, 2)}{digits(chance, 9)}DE",
        )
    )
    return fill(chance, "parcel $v left $city at $time", v=made)


def _phone(chance: Random) -> str:
    """Fictitious numbers only: 555-01xx, and the ranges that regulators keep for films."""
    made = chance.choice(
        (
            f"(202) 555-01{digits(chance, 2)}",
            f"020 7946 0{digits(chance, 3)}",
            f"030 23125 {digits(chance, 3)}",
        )
    )
    return fill(chance, "$name;$v;$city", v=made)


def _numpy(chance: Random) -> str:
    return "[" + " ".join(f"{chance.uniform(-9, 9): .8f}" for _ in range(5)) + "]"


def _order(chance: Random) -> str:
    order = (
        digits(chance, 16)
        if chance.randrange(2)
        else f"{digits(chance, 3)}-{digits(chance, 7)}-{digits(chance, 7)}"
    )
    return json.dumps(
        {
            "order_id": order,
            "customer": chance.randrange(10**6),
            "total": chance.randrange(10**4) / 100,
            "session": text(chance, HEX, 24),
        }
    )


def _lock_npm(chance: Random) -> str:
    return fill(
        chance,
        '    "$first-$last": {"version": "$small.$small.$n2", "resolved": "https://registry.example/$b62.tgz", "integrity": "sha512-$v=="},',
        v=text(chance, BASE64, 86),
    )


def _wide(chance: Random) -> str:
    return json.dumps(
        {
            "k": text(chance, HEX, 16),
            "ids": [chance.getrandbits(53) for _ in range(4)],
            "n": chance.getrandbits(63),
        }
    )


def _base64(chance: Random) -> str:
    return text(chance, BASE64, 76)


BENIGN: Final[dict[str, Callable[[Random, int], str]]] = {
    "prometheus": _filled(
        'http_request_duration_seconds_sum{handler="/api/$b62",code="200",pod="web-$hex8-$caps"} $float'
    ),
    "prometheus, large": _filled('process_start_time_seconds{instance="$ip:$port"} 1.$n8$n4e+09'),
    "otlp": _filled(
        '{"traceId":"$hex32","spanId":"$hex16","startTimeUnixNano":"$epoch$n6$n3","endTimeUnixNano":"$epoch$n6$n3","value":{"intValue":"$n8"}}'
    ),
    "orders": _lines(_order),
    "tracking": _lines(_tracking),
    "snowflakes": _lines(
        lambda chance: fill(
            chance,
            '{"id":"$v","channel":"$w","text":"ok $first"}',
            v=_snowflake(chance),
            w=_snowflake(chance),
        )
    ),
    "lock file, npm": _lines(_lock_npm),
    "lock file, python": _filled(
        '    {file = "$first-$small.$small.$small.tar.gz", hash = "sha256:$hex64"},'
    ),
    "go sums": _lines(
        lambda chance: fill(
            chance, "example.org/$first/$last v0.$small.$small h1:$v=", v=text(chance, BASE64, 43)
        )
    ),
    "hex dump": _lines(_hexdump),
    "access log": _filled(
        '$ip - - [$date:$time +0000] "GET /item/$id?session=$hex32 HTTP/1.1" 200 $n4 "-" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36" $float'
    ),
    "git log": _filled("commit $hex40\nAuthor: $name\nDate:   $date $time +0100\n\n    fix #$id in $city\n"),
    "books": _lines(lambda chance: fill(chance, "$name: on $goods, ISBN $v, $price EUR", v=_isbn(chance))),
    "ean table": _lines(lambda chance: fill(chance, "$v,$goods,$price,$small", v=_ean(chance))),
    "phone list": _lines(_phone),
    "gps trace": _filled('<trkpt lat="$lat" lon="$lon"><ele>$ms</ele><time>$dateT$timeZ</time></trkpt>'),
    "number table": _lines(_numbers),
    "float array": _lines(_numpy),
    "minified js": _lines(_minified, end=""),
    "css": _lines(_css, end=""),
    "svg": _lines(_svg),
    "kernel log": _filled("[$n6.$n6] eth0: rx $n8 tx $n8 addr 0x$hex16 seq $n8"),
    "uuids": _filled('{"id":"$uuid","parent":"$uuid","at":$millis,"ref":"REF-$n8"}'),
    "acquirer": _filled(
        '{"rrn":"$n8$n4","auth_code":"$n6","stan":"$n6","arn":"$n8$n8$n6","amount":$amount,"currency":"EUR"}'
    ),
    "base64": _lines(_base64),
    "wide integers": _lines(_wide),
    "bank statement": _filled("$date;$name;invoice $n6 customer $n8;-$amount;EUR;$n4"),
    "inventory": _filled("$n8-$n4-$n2,$goods,$small,$price,$city,$n6"),
    "vtt subtitles": _filled("$time.$n3 --> $time.$n3\n$first said the $goods was $price in $city\n"),
    "sql dump": _filled(
        "INSERT INTO `events` VALUES ($id,'$uuid',$epoch,$millis,$lat,$lon,'$hex40',NULL,$n8);"
    ),
}


def documents(chance: Random, total: int, size: int = 16_384) -> Iterator[tuple[str, str]]:
    """Documents of every row in turn, about `total` bytes in all."""
    done = 0
    for name, make in chain.from_iterable(repeat(tuple(BENIGN.items()))):
        if done >= total:
            return
        made = make(chance, size)
        done += len(made)
        yield name, made
