"""The name of the field that a value stands in, in every way in which traffic writes one."""

import pytest

from dlp_patterns import fieldname

FIELDS: list[tuple[bytes, bytes]] = [
    (b'{"cardNumber": "', b"card_number"),
    (b'{"a":1,"card-number":', b"card_number"),
    (b'{\\"card_number\\":\\"', b"card_number"),
    (b"{'pan': '", b"pan"),
    (b"POST /pay?x=1&PAN=", b"pan"),
    (b"a=b&payment[card][number]=", b"payment_card_number"),
    (b"X-Card-Number: ", b"x_card_number"),
    (b"Cookie: a=b; cc=", b"cc"),
    (b"card number: ", b"card_number"),
    (b"<ns2:CardNumber>", b"ns2_card_number"),
    (b'<card type="visa">\n  ', b"card"),
    (b"<pan><![CDATA[", b"pan"),
    (b'<card number="', b"card_number"),
    (b"<tr><th>Card number</th><td>", b"card_number"),
    (b'<TR>\n  <TH scope="row"><b>PAN:</b></TH>\n  <TD class="x">\n    ', b"pan"),
    (b"<dl><dt>Card no. </dt><dd>", b"card_no"),
    (b"<tr><th>PAN</th><th>Name</th></tr><tr><td>", b"td"),
    (b"<tr><td>Berg</td><td>", b"td"),
    (b"<th>PAN</th><p>", b"p"),
    (b"level=info card_no=", b"info_card_no"),
    (b"  pan: ", b"pan"),
    (b"$cardNo = '", b"card_no"),
    (b":pan => '", b"pan"),
    (b'"PANs": ["', b"pa_ns"),
    (b"IBANCode=", b"iban_code"),
    (b'<input type="text" name="cardNumber" class="x" value="', b"card_number"),
    (b"<input name='pan' value=", b"pan"),
    (b'array(2) {\n  ["a"]=>\n  int(7)\n  ["cardNumber"]=>\n  string(16) "', b"card_number"),
    (b'["pan":"Card":private]=> string(16) "', b"pan"),
    (b'["pan"]=> int(', b"pan"),
    (b'string(16) "', b""),
    (b's:3:"pan";s:16:"', b"pan"),
    (b'a:1:{s:10:"cardNumber";i:', b"card_number"),
    (b'i:0;s:16:"', b""),
    (b'<input name="q"><input id="b" value="', b"value"),
    (b'Content-Disposition: form-data; name="card"\r\n\r\n', b"card"),
    (b'form-data; name="cards"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n', b"cards"),
    (b'form-data; name="card"\r\n\r\nx\n\n', b""),
    (b"data-x='{&quot;cardNumber&quot;:&quot;", b"card_number"),
    (b"q=%7B%22pan%22%3A%22", b"pan"),
    (b"q=%7B%22pan%22%3A%20%22", b"pan"),
    (b"hello ", b""),
    (b"4111 ", b""),
    (b"", b""),
    (b"12:30:", b""),
    (b"x", b""),
]


@pytest.mark.parametrize(("before", "name"), FIELDS)
def test_the_name_before_a_value(before: bytes, name: bytes) -> None:
    assert fieldname.before(before) == name


@pytest.mark.parametrize(
    ("name", "listed", "same"),
    [
        (b"card_number", b"card_number", True),
        (b"cardnumber", b"card_number", True),
        (b"customer_card_number", b"card_number", True),
        (b"card_number_hash", b"card_number", False),
        (b"discard", b"card", False),
        (b"span", b"pan", False),
        (b"", b"card", False),
    ],
)
def test_names_compare_by_their_last_words(name: bytes, listed: bytes, same: bool) -> None:
    assert fieldname.is_one_of(name, (b"other", listed)) is same


def test_no_names_fit_nothing() -> None:
    assert not fieldname.is_one_of(b"card", ())
