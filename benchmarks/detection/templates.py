"""Texts that hold one value, as programs and people write them: name, text, media type.  To tune on.

`with name` templates have a field's name or a word before the value, `alone` have neither: a bare number in a sentence or a column.
"""

from typing import Final, NamedTuple


class Template(NamedTuple):
    """One text around a value."""

    name: str
    text: str
    content_type: str = ""
    named: bool = True
    """The value's name or a word for it stands right before it."""
    multiline: bool = False
    """A value may be broken over two lines here."""


NAMED: Final[tuple[Template, ...]] = (
    Template(
        "json",
        '{"id":$id,"customer":"$name","$key":"$value","amount":$amount,"at":"$dateT$timeZ"}',
        "application/json",
    ),
    Template(
        "json pretty", '{\n  "order": "$id",\n  "$key": "$value",\n  "city": "$city"\n}\n', "application/json"
    ),
    Template(
        "json nested",
        '{"data":{"payment":{"kind":"x","$key" : "$value"},"ref":"$hex8"},"ok":true}',
        "application/json",
    ),
    Template(
        "form", "name=$first+$last&$key=$value&amount=$amount&submit=1", "application/x-www-form-urlencoded"
    ),
    Template(
        "xml",
        '<?xml version="1.0"?><req><ref>$id</ref><$key>$value</$key><city>$city</city></req>',
        "application/xml",
    ),
    Template("xml attribute", '<customer name="$name" $key="$value" city="$city"/>', "application/xml"),
    Template(
        "log key=value",
        "$dateT$time.$n3Z INFO gateway[$n4]: accepted amount=$amount $key=$value client=$ip ms=$ms",
    ),
    Template(
        "log json",
        '{"level":"info","ts":"$dateT$timeZ","msg":"accepted","$key":"$value","trace_id":"$hex32"}',
        "application/json",
    ),
    Template("log prose", "[$date $time] WARN  PaymentService - could not store $word $value for user $id"),
    Template(
        "prose",
        "Dear $first, we have registered your $word: $value. It will be used from $date on.",
        multiline=True,
    ),
    Template("prose is", "My $word is $value, please update it for $name in $city.", multiline=True),
    Template("sql insert", "INSERT INTO customers (name, $key) VALUES ('$name', '$value');"),
    Template("sql where", "SELECT id, city FROM customers WHERE $key = '$value' LIMIT 1;"),
    Template(
        "e-mail",
        "From: $first@example.org\nTo: help@example.org\nSubject: change\n\nHi,\n\n$word: $value\n\nBest, $first\n",
        multiline=True,
    ),
    Template("yaml", "customer:\n  name: $name\n  $key: $value\n  city: $city\n", "application/yaml"),
    Template("yaml quoted", "- name: $name\n  $key: '$value'\n", "application/yaml"),
    Template("header", "GET /profile HTTP/1.1\r\nHost: api\r\nX-$key: $value\r\nAccept: */*\r\n\r\n"),
    Template("cookie", "Cookie: lang=en; $key=$value; theme=dark"),
    Template("query", "GET /v1/lookup?page=2&$key=$value&sort=asc HTTP/1.1"),
    Template("chat", "$first: what's your $word?\n$last: $word $value\n$first: thanks", multiline=True),
    Template("receipt", "$goods  $price\nTOTAL  $amount EUR\n$word: $value\nTHANK YOU\n"),
    Template("csv quoted", '"name","$key","city"\n"$name","$value","$city"\n', "text/csv"),
    Template("ini", "[customer]\nname = $name\n$key = $value\n"),
    Template("env", 'NAME=$first\nexport $key="$value"\nCITY=$city\n'),
    Template("python", 'client.charge(name="$name", $key="$value", amount=$amount)'),
    Template("toml", 'name = "$name"\n$key = "$value"\n'),
    Template(
        "html input", '<label>$word</label><input type="text" name="$key" value="$value"><br>', "text/html"
    ),
    Template("html table", "<tr><td>$name</td></tr><tr><th>$word</th><td>$value</td></tr>", "text/html"),
    Template("graphql", 'mutation { save(name: "$name", $key: "$value") { id } }'),
    Template("syslog", '<134>1 $dateT$timeZ host pay $n4 - - user=$first $key="$value" ok'),
)

ALONE: Final[tuple[Template, ...]] = (
    Template("csv column", "$id,$name,$value,$city,$amount\n", "text/csv", named=False),
    Template("tsv column", "$date\t$first\t$value\t$amount\n", "text/tab-separated-values", named=False),
    Template("json list", '["$first","$value","$city"]', "application/json", named=False),
    Template("sentence", "Sure, it's $value - thanks, $first", named=False, multiline=True),
    Template("line", "$value\n", named=False),
    Template("brackets", "$name ($value) called from $city", named=False, multiline=True),
    Template("path", "GET /v2/customers/$value/history HTTP/1.1", named=False),
    Template("pipe", "$date|$first|$value|$amount|OK", named=False),
    Template("fixed width", "$name        $value        $city", named=False),
    Template("redis", "*3\r\n$$3\r\nSET\r\n$$8\r\ncust:$n3\r\n$$16\r\n$value\r\n", named=False),
)

CARD_KEYS: Final = (
    "card_number",
    "cardNumber",
    "pan",
    "cc",
    "card",
    "creditCard",
    "PAN",
    "ccnum",
    "primary_account_number",
    "number",
)
CARD_WORDS: Final = (
    "card number",
    "credit card",
    "Visa card",
    "card",
    "card no.",
    "PAN",
    "debit card number",
)
