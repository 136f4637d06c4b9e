"""Tables as text: in CSV, Markdown, HTML and in SQL's INSERT the name of a value stands far before it, once for all rows.

    name,ssn,city            ──►  ssn: 536228145
    Berg,536228145,Gent

    INSERT INTO t (name, cpr) VALUES ('Berg', '011262-4387')  ──►  cpr: '011262-4387'

What belongs here: the columns whose names say that they hold sensitive values, each value behind its name; all else stands
in the text as it is.  What never does: whether such a value is one.  Which way it errs: a row that has not as many cells as
the header is not shown.
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from dlp_patterns import fieldname
from sidecar.core.views.view import Sign

NAMES: Final = tuple(
    b"""
    card cards card_number card_num card_no card_nr cc_number cc_num cc_no ccn pan primary_account_number credit_card
    debit_card cvv cvv2 cvc cvc2 cvn security_code verification_code pin_block track1 track2 expiry exp_date card_expiry
    valid_thru ssn social_security social_security_number social_security_no itin tax_id taxpayer_id ein npi mbi dea
    account_number bank_account routing_number dob date_of_birth birth_date passport passport_no passport_number
    driver_license driver_licence license_number national_id national_id_number national_number id_number identity_number
    identity_card id_card citizen_id sin nhs nhs_number nino utr steuer_id idnr svnr kvnr nir siret nif nie dni nuss
    codice_fiscale partita_iva p_iva piva bsn insz niss rrn cpr personnummer fodselsnummer fnr hetu henkilotunnus kennitala
    pesel nip rodne_cislo cnp egn oib emso amka afm taj isikukood asmens_kodas personas_kods rnokpp inn snils tckn
    tc_kimlik_no tc_kimlik aadhaar aadhaar_number gstin resident_registration_number my_number nric hkid cnic nik iin
    sa_id_number rsa_id tfn abn acn medicare_number ird ird_number cpf cnpj curp rfc clabe cuit cuil cbu rut nit cedula ruc
    rif imei imsi vin
    aba_routing my_kad aadhaar_no aadhar aadhar_number aba aba_number abn_number account_iban account_no acct_no
    acct_number acn_number adhaar adoazonosito adoazonosito_jel ahv ahv_nr ahv_number ahv_nummer
    australian_business_number australian_company_number ausweisnummer avs avs_number bic_code birth_number brn
    bsn_nummer burgerservicenummer business_registration_number can_cuoc cbu_number cccd cedula_ciudadania
    cedula_identidad c_f checking_account clabe_interbancaria cmnd cnic_no cnic_number cod_numeric_personal
    contribuinte cpf_cliente cpf_titular cpr_nr cpr_number cpr_nummer cuenta cuenta_bancaria cui data_nascimento
    data_nascita date_naissance dea_no dea_number dea_registration dl_number dln dni_number documento
    documento_identidad driver_number drivers_license driving_licence driving_licence_number egyptian_id emirates_id
    employer_id employer_identification_number encrypted_pin epic_number fecha_nacimiento fein fin_number fodselsnr
    foedselsnummer geburtsdatum hkid_no hkid_number iban iban_number ic_no ic_number id_no identifiant_fiscal
    imei_number insee ird_no ird_number israeli_id jmbg kad_pengenalan kartennummer kojin_bango
    krankenversichertennummer krankenversicherungsnummer kreditkarte ktp licence_number ma_so_thue medicare
    medicare_beneficiary_id medicare_beneficiary_identifier medicare_card medicare_id medicare_no mst mykad nas
    national_insurance national_insurance_number national_provider_identifier national_register_number nhs_no ni_no
    ni_number nicop no_kp no_ktp nomor_induk_kependudukan nomor_ktp npi_number nric_fin nric_no nric_number
    nro_documento nss num_secu numero_avs numero_carta numero_cartao numero_carte numero_contribuinte numero_cuenta
    numero_de_cuenta numero_fiscal numero_national numero_passeport numero_secu numero_securite_sociale
    numero_seguridad_social numero_tarjeta osobni_identifikacijski_broj pan_no pan_number pasaporte passaporto
    passeport passnummer passport_id passport_num permanent_account_number person_nr personal_code personal_number
    personalausweis personalausweisnummer personnr philhealth pps_no pps_number ppsn provider_id registro_federal
    reisepass reisepassnummer rentenversicherungsnummer resident_identity_card rfc_emisor rfc_receptor
    rijksregisternummer rntrc routing_no rtn rut_cliente rvnr sa_id samordningsnummer savings_account seguridad_social
    sfz shenfenzheng sin_number so_cccd social_insurance_number sofinummer south_african_id sozialversicherungsnummer
    ss_no ss_number ssn_number sss_no sss_number steueridentifikationsnummer sv_nr sv_nummer swift_bic swift_code
    taiwan_id taj_number taj_szam tarjeta tax_code tax_file_number tax_reference tc_no teudat_zehut tfn_number thai_id
    tin transit_number uae_id ubn umid unique_taxpayer_reference ust_id ustid utr_number vat_id vat_number
    vehicle_identification_number versichertennummer versicherungsnummer vin_number voter_id zehut
    cc carte cartao carta cvn2 cvd cav2 cvv_code cvc_code cvv_number cvc_number card_code card_cid card_csc
    card_verification_value card_verification_number card_verification cryptogramme card_exp card_expiration
    card_expiration_date card_expiry_date cc_exp cc_expiration good_thru pin_blk enc_pin bic swift isin birthday birth_day
    oasi num_fiscal kennitolu imei1 gst_number gst_no individual_number jumin matricule numero_matricule philsys kimlik_no
    roc_id unified_business_number tongbian beneficiary_id social_sec_no vehicle_id pps
    """.split()
)
"""Names of columns whose values are found only, or surer, where the name stands near; as `fieldname.normal` writes them.
They are those that the packs know (a test compares them): a view has no pattern to ask, and is the same whatever is on.
One that is not ASCII is shown whatever it says: there are too many languages to list."""


WIDEST: Final = 64
"""A row is shown with at least so many times fewer bytes than it has."""
LONGEST: Final = 4096
"""Bytes of a row, or of a header."""
_MISFITS: Final = 8
"""Rows in a row that have not as many cells as the header, behind which there is no table any more."""

_CELL: Final = rb"[ ]?[\"'`]?([A-Za-z_\x80-\xff][A-Za-z0-9_ .#/()\x80-\xff-]{0,63})[\"'`]?[ ]?"
_HEADERS: Final = {
    mark: re.compile(rb"(?:\xef\xbb\xbf)?" + _CELL + b"(?:" + re.escape(mark) + _CELL + rb"){1,255}")
    for mark in (b",", b";", b"\t", b"|")
}
_MARKDOWN: Final = re.compile(rb"\|" + _CELL + rb"(?:\|" + _CELL + rb"){1,255}\|[ ]?")
"""The header of a table in Markdown, whose rows begin and end with a mark."""
_UNDER: Final = re.compile(rb"(?:\A|\n)([^\n]*)\r?\n\|[ ]?:?---\Z")
"""That header, and the beginning of the line under it."""
_TAG: Final = re.compile(rb"<[^<>]{0,200}>")
_HEAD_CELL: Final = re.compile(
    rb"<[Tt][Hh]\b[^<>]{0,200}>\s*(?:<[^<>/]{1,100}>\s*)?([^<>]{1,64}?)\s*(?:</[A-Za-z]{1,8}>\s*)?</[Tt][Hh]>"
)
_MARKED_ROW: Final = re.compile(
    rb"\s*(?:</?[Tt](?:[Hh][Ee][Aa][Dd]|[Bb][Oo][Dd][Yy])\b[^<>]{0,100}>\s*){0,2}"
    rb"<[Tt][Rr]\b[^<>]{0,200}>([^<]*+(?:<(?!/?[Tt][Rr]\b)[^<]*+)*+)</[Tt][Rr]\s{0,4}>"
)
_MARKED_CELL: Final = re.compile(rb"<([Tt][HhDd])\b[^<>]{0,200}>(.*?)</\1\s{0,4}>", re.DOTALL)
_MARKED_BEGINS: Final = re.compile(
    rb"\s*(?:</?[Tt](?:[Hh][Ee][Aa][Dd]|[Bb][Oo][Dd][Yy])\b[^<>]{0,100}>\s*){0,2}(?:<[Tt][Rr]\b|<[^<>]{0,100}\Z|\Z)"
)
_QUOTED: Final = {
    mark: re.compile(b'[ ]?"((?:[^"]|"")*)"[ ]?(?:' + m + rb"|\Z)|([^" + m + b"]*)(?:" + m + rb"|\Z)")
    for mark, m in ((mark, re.escape(mark)) for mark in (b",", b";", b"\t", b"|"))
}

_INSERT: Final = re.compile(
    rb"\(\s*(" + _CELL + b"(?:," + rb"\s*" + _CELL + rb"){0,255})\)\s*[Vv][Aa][Ll][Uu][Ee][Ss]\s*(?=\()"
)
_NO_INSERT: Final = re.compile(rb"[Vv][Aa][Ll][Uu][Ee][Ss]\s*\S")
_ITEM: Final = rb"'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\"|\([^()]*\)|[^'\"()]"
_TUPLE: Final = re.compile(rb"\s*,?\s*\(((?:" + _ITEM + rb")*+)\)", re.DOTALL)
_BETWEEN: Final = re.compile(rb"\s*(?:,\s*)?(?:\(.*)?\Z", re.DOTALL)
_VALUE: Final = re.compile(
    rb"((?:'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\"|\([^()]*\)|[^'\"(),])*+)(?:,|\Z)", re.DOTALL
)


_BEGINS: Final = re.compile(rb"[A-Za-z_\"'|\x80-\xff]")


def header_end(text: bytes, limit: int) -> int | None:
    """Where the header ends with which a text begins, if a column is sensitive; 0: there is none; None: it goes on."""
    if not _BEGINS.match(text):
        return None if not text else 0
    end = text.find(b"\n", 0, limit)
    if end < 0:
        return None if len(text) < limit else 0
    rows, begin = _table(text[: end + 1])
    return begin if rows is not None and not rows.over else 0


class Kind(NamedTuple):
    """A way in which a table begins in the middle of a text, known by a sign."""

    sign: Sign
    ends: tuple[bytes, ...]
    """What the sign ends with, and no other does."""
    start: Callable[[bytes], int]
    """Where its header begins, in the text up to the end of the sign; at that end if the header comes behind it."""
    matters: Callable[[bytes], bool]
    """Whether one of its columns, as far as they are known there, is sensitive: most have none."""


def start(before: bytes) -> int:
    """Where the header begins in which, or behind which, the sign was seen."""
    kind = _kind(before)
    return kind.start(before) if kind is not None else 0


def matters(before: bytes) -> bool:
    """Whether a sensitive column is in the list before `VALUES`, or in the header above: most have none."""
    kind = _kind(before)
    return kind is None or kind.matters(before)


def _list_start(before: bytes) -> int:
    return max(before.rfind(b"(", 0, -1), 0)


def _list_matters(before: bytes) -> bool:
    column = before.rfind(b"(", 0, -1)
    return column < 0 or _sensitive(before[column:])


@lru_cache(maxsize=512)
def _sensitive(columns: bytes) -> bool:
    found = _INSERT.match(columns)
    return found is not None and any(_names(found[1].split(b",")))


def _file_start(before: bytes) -> int:
    """Behind the headers of a part of a form; where the text begins if its own first line is the header."""
    return len(before) if b"text/csv" in before and before.endswith((b"\n\n", b"\n\r\n")) else 0


def _under_start(before: bytes) -> int:
    found = _UNDER.search(before)
    return found.start(1) if found else len(before)


def _under_matters(before: bytes) -> bool:
    found = _UNDER.search(before)
    return found is not None and any(_names(found[1].split(b"|")))


def _marked_start(before: bytes) -> int:
    row = max(before.rfind(b"<tr"), before.rfind(b"<TR"))
    return row if row >= 0 else len(before)


def _marked_matters(before: bytes) -> bool:
    end = max(before.rfind(b"</th>"), before.rfind(b"</TH>"))
    begin = max(before.rfind(b"<th", 0, end), before.rfind(b"<TH", 0, end))
    cell = _HEAD_CELL.match(before, begin) if begin >= 0 else None
    return cell is not None and bool(_name(cell[1]))


# A header is looked for where a text begins, too: an engine that looks for a hundred names everywhere is a fifth slower.
_KINDS: Final = (
    Kind(Sign(rb"\)[\x20\n]?(?:VALUES|values)[\x20\n]?\("), (b"(",), _list_start, _list_matters),
    # A file in a form, whose own beginning is no text's.
    Kind(Sign(rb"text/csv[^\n]{0,30}\n\r?\n"), (b"\n",), _file_start, lambda _: True),
    # What stands under the header of a table in Markdown.
    Kind(Sign(rb"\|[ ]?:?---"), (b"---",), _under_start, _under_matters),
    # In HTML, what ends a header cell of a whole row of them.  Many tables have one in every row, which names that row: its
    # value has its name beside it (`dlp_patterns.fieldname`), and a sign in every row would cost more than it brings.
    Kind(
        Sign(rb"(?:</th>|</TH>)[\x20\t\r\n]{0,40}<(?:th|TH|/t|/T)"),
        (b"<th", b"<TH", b"</t", b"</T"),
        _marked_start,
        _marked_matters,
    ),
)
SIGNS: Final = tuple(kind.sign for kind in _KINDS)


def _kind(before: bytes) -> Kind | None:
    """None: no sign was seen, the text itself begins with a header."""
    return next((kind for kind in _KINDS if before.endswith(kind.ends)), None)


class Places:
    """Where rows stand that show something: as arrays, for a table can be nothing but rows of three bytes."""

    def __init__(self) -> None:
        self._begins, self._ends = array("Q"), array("Q")
        """In what was fed."""
        self._shown = array("Q")
        """Where what they show ends, in what was made."""

    def add(self, begin: int, end: int, shown: int) -> None:
        """One more row."""
        self._begins.append(begin)
        self._ends.append(end)
        self._shown.append(shown)

    def row(self, shown: int) -> tuple[int, int]:
        """Where the row begins and ends that shows what stands at an offset of what was made."""
        at = bisect_right(self._shown, shown)
        return self._begins[at], self._ends[at]

    def first_behind(self, shown: int) -> int | None:
        """Where the first row begins that shows something behind such an offset; those before it are forgotten."""
        gone = bisect_right(self._shown, shown)
        if gone:
            del self._begins[:gone], self._ends[:gone], self._shown[:gone]
        return self._begins[0] if self._begins else None


class Columns:
    """Shows the sensitive columns of one table."""

    def __init__(self) -> None:
        self.over: int | None = None
        self.places = Places()
        self._at = self._made = 0
        """Bytes that are done with, and those that were made of them."""
        self._rest = b""
        """What no row is complete of."""
        self._rows: _Rows | None = None

    @property
    def pending(self) -> int:
        """Bytes of a row that is not complete."""
        return len(self._rest)

    def feed(self, piece: bytes) -> bytes:
        """The sensitive values of the rows that are complete now, each behind its name."""
        if self.over is not None:
            self.over += len(piece)
            return b""
        text, at, made = self._rest + piece, 0, list[bytes]()
        if self._rows is None:
            self._rows, at = _table(text)
        while self._rows is not None and (row := self._rows.row(text, at)) is not None:
            shown, stop = row
            self._show(shown, at, stop)
            made += (shown, b"\n" * (-(-(stop - at) // WIDEST) - len(shown)))
            self._made += len(made[-1])
            at = stop
        self._rest = text[at:]
        self._at += at
        if self._ended(self._rest):
            self.over, self._rest = len(self._rest), b""
        return b"".join(made)

    def _ended(self, rest: bytes) -> bool:
        if self._rows is None:
            return not _could_be_header(rest)
        return self._rows.over or len(rest) > LONGEST or not self._rows.could_begin(rest)

    def end(self) -> bytes:
        """The last row, if no end of a line followed."""
        rest, self._rest = self._rest, b""
        shown = self._rows.last(rest) if self._rows is not None and self.over is None and rest else b""
        self._show(shown, 0, len(rest))
        return shown

    def _show(self, shown: bytes, begin: int, end: int) -> None:
        if shown:
            self._made += len(shown)
            self.places.add(self._at + begin, self._at + end, self._made)


def _could_be_header(text: bytes) -> bool:
    """Whether more of the text can make a header of what is none yet."""
    if len(text) > LONGEST:
        return False
    if text.startswith(b"<"):
        return _MARKED_ROW.match(text) is None
    return _NO_INSERT.search(text) is None if text.startswith(b"(") else b"\n" not in text


def _table(text: bytes) -> "tuple[_Rows | None, int]":
    """The table that begins with `text`, and where its rows begin; None if its header is not complete, or is none."""
    if text.startswith(b"("):
        found = _INSERT.match(text, 0, LONGEST)
        return (_Tuples(_names(found[1].split(b","))), found.end()) if found else (None, 0)
    if text.startswith(b"<"):
        found = _MARKED_ROW.match(text, 0, LONGEST)
        return (_Marked(found[1]), found.end()) if found else (None, 0)
    line, end, _ = text.partition(b"\n")
    line = line.removesuffix(b"\r")
    for mark, header in _HEADERS.items():
        if end and len(line) <= LONGEST and header.fullmatch(line):
            return _Lines(line, mark), text.index(b"\n") + 1
    if end and len(line) <= LONGEST and _MARKDOWN.fullmatch(line):
        return _Lines(line, b"|"), text.index(b"\n") + 1
    return None, 0


def _names(cells: Sequence[bytes]) -> tuple[bytes, ...]:
    """The name of each column, empty for those that are not shown."""
    return tuple(map(_name, cells))


def _name(cell: bytes) -> bytes:
    cell = cell.removeprefix(b"\xef\xbb\xbf").strip(b"\"'` \r")
    if not cell.isascii():
        return cell
    name = fieldname.normal(cell)
    listed = _listed(name) if name.replace(b"_", b"").isalpha() else fieldname.is_one_of(name, NAMES)
    return name if listed else b""


@lru_cache(maxsize=512)
def _listed(name: bytes) -> bool:
    """Remembered of what has no digits, which could be a number that is nobody's business."""
    return fieldname.is_one_of(name, NAMES)


def _shown(names: Sequence[bytes], cells: Sequence[bytes]) -> bytes:
    return b"".join(
        b"\n%b: %b" % (name, cell) for name, cell in zip(names, cells, strict=True) if name and cell
    )


class _Lines:
    """The rows of CSV and the like (RFC 4180), one a line."""

    def __init__(self, header: bytes, mark: bytes) -> None:
        self._mark, self._quoted = mark, _QUOTED[mark]
        self._names = _names(self._cells(header))
        self._misfits = 0
        self.over = not any(self._names)

    def row(self, text: bytes, at: int) -> tuple[bytes, int] | None:
        """What the row at `at` shows and where it ends; None if it is not complete, or the table is over."""
        most = at + LONGEST + 1
        end = -1 if self.over else text.find(b"\n", at, most)
        while end >= 0 and text.count(b'"', at, end) % 2:
            end = text.find(b"\n", end + 1, most)  # in quotes
        if end < 0:
            return None
        return self.last(text[at:end]), end + 1

    def last(self, line: bytes) -> bytes:
        """What a whole row shows."""
        cells = self._cells(line.removesuffix(b"\r"))
        fits = len(cells) == len(self._names)
        self._misfits = 0 if fits else self._misfits + 1
        self.over = self._misfits >= _MISFITS
        return _shown(self._names, cells) if fits else b""

    def could_begin(self, _rest: bytes) -> bool:
        return True

    def _cells(self, line: bytes) -> Sequence[bytes]:
        if b'"' not in line:
            return line.split(self._mark)
        return [found[1] or found[2] or b"" for found in self._found(line)]

    def _found(self, line: bytes) -> Iterator[re.Match[bytes]]:
        """The cells; the last ends where no mark follows it."""
        for found in self._quoted.finditer(line):
            yield found
            if not found[0].endswith(self._mark):
                return


class _Tuples:
    """The rows of an INSERT, one in each pair of parentheses."""

    def __init__(self, names: tuple[bytes, ...]) -> None:
        self._names = names
        self.over = not any(names)

    def row(self, text: bytes, at: int) -> tuple[bytes, int] | None:
        """What the row at `at` shows and where it ends; None if it is not complete, or the table is over."""
        found = None if self.over else _TUPLE.match(text, at, at + LONGEST)
        if found is None:
            return None
        cells = [value[1].strip() for value in _VALUE.finditer(found[1])]
        cells = cells[: len(self._names)] if len(cells) == len(self._names) + 1 and not cells[-1] else cells
        return _shown(self._names, cells) if len(cells) == len(self._names) else b"", found.end()

    def could_begin(self, rest: bytes) -> bool:
        """Whether a row can begin with what is no whole one."""
        return _BETWEEN.match(rest) is not None

    def last(self, _rest: bytes) -> bytes:
        """Half a row shows nothing: the text has it as it is."""
        return b""


class _Marked:
    """The rows of a table in HTML, below one of nothing but header cells."""

    def __init__(self, header: bytes) -> None:
        cells = _MARKED_CELL.findall(header)
        named = all(kind.lower() == b"th" for kind, _ in cells)
        self._names = _names([_TAG.sub(b"", cell).strip() for _, cell in cells]) if named else ()
        self.over = not any(self._names)

    def row(self, text: bytes, at: int) -> tuple[bytes, int] | None:
        """What the row at `at` shows and where it ends; None if it is not complete, or the table is over."""
        found = None if self.over else _MARKED_ROW.match(text, at, at + LONGEST)
        if found is None:
            return None
        cells = [_TAG.sub(b"", cell).strip() for _, cell in _MARKED_CELL.findall(found[1])]
        return _shown(self._names, cells) if len(cells) == len(self._names) else b"", found.end()

    def could_begin(self, rest: bytes) -> bool:
        """Whether a row can begin with what is no whole one."""
        return _MARKED_BEGINS.match(rest) is not None

    def last(self, _rest: bytes) -> bytes:
        """Half a row shows nothing: the text has it as it is."""
        return b""


_Rows = _Lines | _Tuples | _Marked
