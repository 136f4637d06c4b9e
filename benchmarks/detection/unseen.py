"""Templates of the held-out part: other texts, other names, other languages.  Nobody tunes on these: the misses are not shown.

What never belongs here: a template that has been changed because of what was found in it.
"""

from typing import Final

from benchmarks.detection.templates import Template

NAMED: Final[tuple[Template, ...]] = (
    Template(
        "jsonl event",
        '{"v":2,"type":"customer.updated","object":{"metadata":{"$key":"$value"},"livemode":true}}',
        "application/json",
    ),
    Template(
        "json-rpc",
        '{"jsonrpc":"2.0","method":"store","params":{"who":"$first","$key":"$value"},"id":$small}',
        "application/json",
    ),
    Template(
        "form tail",
        "step=3&csrf=$b62&billing%5Bcity%5D=$city&$key=$value",
        "application/x-www-form-urlencoded",
    ),
    Template(
        "soap",
        '<s:Body><m:Save xmlns:m="urn:x"><m:Name>$name</m:Name><m:$key>$value</m:$key></m:Save></s:Body>',
        "text/xml",
    ),
    Template("logfmt", 'time="$dateT$timeZ" level=debug msg="row" $key="$value" dur=$ms'),
    Template(
        "stack trace",
        "ValueError: cannot parse $word '$value' (row $small)\n  at Importer.run(importer.py:$n3)",
    ),
    Template(
        "letter",
        "Hello $first,\n\nplease find my $word ($value) enclosed.\n\nKind regards\n$name",
        multiline=True,
    ),
    Template("ticket", "#$id opened by $last: customer gave $word: $value on the phone, see notes"),
    Template("sql update", 'UPDATE "people" SET "$key" = \'$value\', "city" = \'$city\' WHERE id = $small;'),
    Template("yaml map", 'people:\n  $first: {$key: "$value", since: $date}\n', "application/yaml"),
    Template("properties", "person.name=$name\nperson.$key=$value\n"),
    Template("javascript", "const person = { name: '$name', $key: '$value' };"),
    Template("shell", "curl -s https://api.internal/v1 -d $key=$value -d city=$city"),
    Template("markdown", "| name | $word |\n|---|---|\n| $name | $value |\n"),
    Template("slack", "<@U$n4> here you go -> $word $value :+1:", multiline=True),
    Template("hl7", "PID|1||$id^^^H||$last^$first||$key:$value|\r"),
    Template("multi line json", '{\n\t"$key":\n\t\t"$value"\n}', "application/json"),
    Template("php dump", 'array(2) { ["name"]=> string(4) "$first" ["$key"]=> string(16) "$value" }'),
    Template("go struct", "{Name:$first $key:$value City:$city}"),
    Template("header value", "X-Customer: $key=$value; city=$city"),
)

ALONE: Final[tuple[Template, ...]] = (
    Template("semicolon csv", "$name;$city;$value;$amount;$date\r\n", "text/csv", named=False),
    Template("quoted column", "'$first','$value',NULL,$amount", named=False),
    Template("json object of lists", '{"rows":[[$small,"$value","$city"]]}', "application/json", named=False),
    Template("remark", "as discussed: $value. greetings from $city", named=False, multiline=True),
    Template("angle", "<td>$value</td><td>$city</td>", "text/html", named=False),
    Template("question", "Is $value still valid?", named=False, multiline=True),
    Template("log tail", "$time processed $value in $ms ms", named=False),
)

CARD_KEYS: Final = (
    "cardNo",
    "card-number",
    "account.card.number",
    "payment_card",
    "CCNumber",
    "kartennummer",
    "numeroTarjeta",
    "card_num",
    "debitCardNumber",
)
CARD_WORDS: Final = (
    "credit card number",
    "Mastercard",
    "Kreditkarte",
    "tarjeta",
    "payment card",
    "carte bancaire",
    "cc no",
    "bank card",
)
