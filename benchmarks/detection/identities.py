"""Numbers of people and accounts: shapes drawn until python-stdnum (a third opinion) accepts them; own sums where it has none."""

import string
from collections.abc import Callable
from importlib import import_module
from random import Random
from typing import Final, NamedTuple

from benchmarks.detection.digits import LETTERS, with_luhn

DRAWS: Final = 60_000
"""Before a shape is given up; one in a few hundred is the rarest that passes."""


class Identity(NamedTuple):
    """One kind: name, the field names and words it stands under, how one is made."""

    kind: str
    keys: tuple[str, ...]
    words: tuple[str, ...]
    shape: str
    module: str = ""
    """Of python-stdnum; empty: the shape is enough, or `finish` makes it right."""
    finish: Callable[[str], str] | None = None
    bare: bool = False
    """Found without a name or word too."""


def draw(chance: Random, shape: str) -> str:
    """A shape's text: 9 digit, A letter, X either; dates by name; [what stands in brackets] and all other as it stands."""
    year, month, day = chance.randint(1950, 2003), chance.randint(1, 12), chance.randint(1, 28)
    dates = {
        "{date}": f"{year % 100:02}{month:02}{day:02}",
        "{long}": f"{year}{month:02}{day:02}",
        "{iso}": f"{year}-{month:02}-{day:02}",
        "{dmy}": f"{day:02}{month:02}{year % 100:02}",
        "{dmyy}": f"{day:02}{month:02}{year % 1000:03}",
    }
    for name, date in dates.items():
        shape = shape.replace(name, f"[{date}]")
    out, fixed = [], False
    for char in shape:
        if char in "[]":
            fixed = char == "["
        elif fixed or char not in "9AX":
            out.append(char)
        else:
            pool = {"9": string.digits, "A": LETTERS, "X": string.digits + LETTERS}[char]
            out.append(chance.choice(pool))
    return "".join(out)


def _nir(body: str) -> str:
    """France: 97 less the number mod 97, behind a space."""
    return f"{body} {97 - int(body.replace(' ', '')) % 97:02}"


def _npi(body: str) -> str:
    """United States: Luhn over 80840 and the number."""
    return with_luhn("80840" + body)[5:]


def _dea(body: str) -> str:
    """United States: 1st, 3rd, 5th and twice 2nd, 4th, 6th; the last digit of the sum."""
    number = [int(char) for char in body[2:]]
    return f"{body}{(sum(number[0::2]) + 2 * sum(number[1::2])) % 10}"


def _nric(body: str) -> str:
    """Singapore: weights 2 7 6 5 4 3 2 and a letter; T and G add four."""
    total = sum(int(char) * weight for char, weight in zip(body[1:], (2, 7, 6, 5, 4, 3, 2), strict=True))
    total += 4 if body[0] in "TG" else 0
    return body + ("JZIHGFEDCBA" if body[0] in "ST" else "XWUTRQPNMLK")[total % 11]


def _kvnr(body: str) -> str:
    """Germany, health insurance: letter as two digits, weights 1 2, sums of digits."""
    number = f"{ord(body[0]) - 64:02}{body[1:]}"
    return f"{body}{sum(sum(divmod(int(char) * (1 + at % 2), 10)) for at, char in enumerate(number)) % 10}"


# kind, field names, words, shape, module of python-stdnum, what makes it right
IDENTITIES: Final[tuple[Identity, ...]] = (
    Identity(
        "us_ssn",
        ("ssn", "social_security_number"),
        ("SSN", "social security number"),
        "999-99-9999",
        "us.ssn",
        bare=True,
    ),
    Identity(
        "us_ssn",
        ("ssn", "socialSecurityNumber", "taxpayer_ssn"),
        ("SSN", "Social Security No."),
        "999999999",
        "us.ssn",
    ),
    Identity("us_itin", ("itin",), ("ITIN",), "[9]99-99-9999", "us.itin"),
    Identity(
        "us_ein", ("ein", "employer_id"), ("EIN", "employer identification number"), "99-9999999", "us.ein"
    ),
    Identity(
        "us_routing", ("routing_number", "aba"), ("routing number", "ABA routing"), "0[2]9999999", "us.rtn"
    ),
    Identity("us_npi", ("npi",), ("NPI", "national provider identifier"), "199999999", finish=_npi),
    Identity("us_dea", ("dea_number",), ("DEA number",), "[B]A999999", finish=_dea),
    Identity(
        "us_mbi",
        ("mbi", "medicare_beneficiary_id"),
        ("MBI", "Medicare beneficiary identifier"),
        "[1EG]9-[TE]9-[MK]99",
    ),
    Identity(
        "us_passport", ("passport_number", "us_passport"), ("US passport number", "passport no."), "999999999"
    ),
    Identity(
        "ca_sin",
        ("sin", "social_insurance_number"),
        ("SIN", "social insurance number"),
        "999 999 999",
        "ca.sin",
    ),
    Identity(
        "gb_nino",
        ("nino", "national_insurance_number"),
        ("NINO", "National Insurance number"),
        "[AB] 99 99 99 [C]",
        bare=True,
    ),
    Identity("gb_nhs", ("nhs_number",), ("NHS number", "NHS no."), "999 999 9999", "gb.nhs"),
    Identity("gb_utr", ("utr",), ("UTR", "unique taxpayer reference"), "9999999999", "gb.utr"),
    Identity("ie_pps", ("pps", "ppsn"), ("PPS number", "PPSN"), "9999999A", "ie.pps"),
    Identity(
        "de_idnr",
        ("steuer_id", "idnr"),
        ("Steuer-ID", "Steueridentifikationsnummer"),
        "99999999999",
        "de.idnr",
    ),
    Identity(
        "de_kvnr",
        ("kvnr", "versichertennummer"),
        ("Krankenversichertennummer", "KVNR"),
        "A99999999",
        finish=_kvnr,
    ),
    Identity(
        "fr_nir",
        ("nir", "numero_securite_sociale"),
        ("numéro de sécurité sociale", "NIR"),
        "2 85 07 33 281 999",
        finish=_nir,
    ),
    Identity("fr_siret", ("siret",), ("SIRET",), "999 999 999 99999", "fr.siret"),
    Identity(
        "it_codice_fiscale",
        ("codice_fiscale", "cf"),
        ("codice fiscale", "C.F."),
        "AAAAAA85[D]18[D969]A",
        "it.codicefiscale",
        bare=True,
    ),
    Identity("it_iva", ("partita_iva", "p_iva"), ("partita IVA", "P.IVA"), "99999999999", "it.iva"),
    Identity("es_dni", ("dni", "nif"), ("DNI", "NIF"), "99999999A", "es.dni"),
    Identity("es_nie", ("nie",), ("NIE",), "[X]9999999A", "es.nie"),
    Identity("pt_nif", ("nif", "contribuinte"), ("NIF", "contribuinte"), "299999999", "pt.nif"),
    Identity("nl_bsn", ("bsn", "burgerservicenummer"), ("BSN", "burgerservicenummer"), "999999999", "nl.bsn"),
    Identity(
        "be_nn",
        ("rijksregisternummer", "nn"),
        ("rijksregisternummer", "numéro national"),
        "{date}99999",
        "be.nn",
    ),
    Identity(
        "at_vnr",
        ("svnr", "sozialversicherungsnummer"),
        ("SVNR", "Sozialversicherungsnummer"),
        "9999 {dmy}",
        "at.vnr",
    ),
    Identity(
        "ch_ahv", ("ahv", "avs_nummer"), ("AHV-Nummer", "numéro AVS"), "756.9999.9999.99", "ch.ssn", bare=True
    ),
    Identity("se_personnummer", ("personnummer",), ("personnummer",), "{date}-9999", "se.personnummer"),
    Identity(
        "no_fodselsnummer",
        ("fodselsnummer",),
        ("fødselsnummer", "fodselsnummer"),
        "{dmy}99999",
        "no.fodselsnummer",
    ),
    Identity("dk_cpr", ("cpr", "cpr_nummer"), ("CPR-nr", "CPR-nummer"), "{dmy}-9999", "dk.cpr"),
    Identity(
        "fi_hetu", ("hetu", "henkilotunnus"), ("henkilötunnus", "hetu"), "{dmy}-999X", "fi.hetu", bare=True
    ),
    Identity("is_kennitala", ("kennitala",), ("kennitala",), "{dmy}-9999", "is_.kennitala"),
    Identity("pl_pesel", ("pesel",), ("PESEL",), "{date}99999", "pl.pesel"),
    Identity("pl_nip", ("nip",), ("NIP",), "999-999-99-99", "pl.nip"),
    Identity("cz_rc", ("rodne_cislo", "rc"), ("rodné číslo", "r.č."), "{date}/9999", "cz.rc"),
    Identity("ro_cnp", ("cnp",), ("CNP", "cod numeric personal"), "1{date}999999", "ro.cnp"),
    Identity("bg_egn", ("egn",), ("ЕГН", "EGN"), "{date}9999", "bg.egn"),
    Identity("hr_oib", ("oib",), ("OIB",), "99999999999", "hr.oib"),
    Identity("ee_ik", ("isikukood",), ("isikukood",), "3{date}9999", "ee.ik"),
    Identity("lt_asmens", ("asmens_kodas",), ("asmens kodas",), "3{date}9999", "lt.asmens"),
    Identity("lv_pk", ("personas_kods",), ("personas kods",), "{dmy}-19999", "lv.pvn"),
    Identity("si_emso", ("emso",), ("EMŠO", "EMSO"), "{dmyy}509999", "si.emso"),
    Identity("gr_amka", ("amka",), ("AMKA", "ΑΜΚΑ"), "{dmy}99999", "gr.amka"),
    Identity("tr_tckn", ("tckn", "tc_kimlik_no"), ("TC Kimlik No", "TCKN"), "99999999999", "tr.tckimlik"),
    Identity("il_id", ("teudat_zehut",), ("teudat zehut", "Israeli ID"), "999999999", "il.idnr"),
    Identity("za_id", ("sa_id_number",), ("SA ID number", "South African ID"), "{date}999909[]9", "za.idnr"),
    Identity(
        "in_aadhaar",
        ("aadhaar", "aadhaar_number"),
        ("Aadhaar", "Aadhaar number"),
        "9999 9999 9999",
        "in_.aadhaar",
    ),
    Identity(
        "in_pan",
        ("pan_number", "income_tax_pan"),
        ("Permanent Account Number", "income tax PAN"),
        "AAA[P]A9999A",
        "in_.pan",
    ),
    Identity(
        "cn_ric",
        ("id_card", "shenfenzheng"),
        ("身份证号", "resident identity card"),
        "110105{long}9999",
        "cn.ric",
        bare=True,
    ),
    Identity(
        "kr_rrn", ("rrn", "resident_registration_number"), ("주민등록번호", "RRN"), "{date}-1999999", "kr.rrn"
    ),
    Identity(
        "jp_my_number",
        ("my_number", "kojin_bango"),
        ("マイナンバー", "My Number"),
        "9999 9999 9999",
        "jp.in_",
    ),
    Identity(
        "th_pin", ("thai_id", "citizen_id"), ("Thai ID", "เลขประจำตัวประชาชน"), "1-9999-99999-99-9", "th.pin"
    ),
    Identity("my_nric", ("mykad", "nric"), ("MyKad", "NRIC"), "{date}-14-9999", "my.nric"),
    Identity("sg_nric", ("nric", "fin"), ("NRIC", "NRIC/FIN"), "[S]9999999", finish=_nric),
    Identity("id_nik", ("nik",), ("NIK", "nomor induk kependudukan"), "317101{dmy}9999", "id.nik"),
    Identity("pk_cnic", ("cnic",), ("CNIC",), "34201-9999999-9", "pk.cnic"),
    Identity("au_tfn", ("tfn", "tax_file_number"), ("TFN", "tax file number"), "999 999 999", "au.tfn"),
    Identity(
        "au_medicare",
        ("medicare_number",),
        ("Medicare number", "Medicare card"),
        "2999 99999 9",
        finish=lambda body: _medicare(body),
    ),
    Identity("nz_ird", ("ird", "ird_number"), ("IRD number",), "99-999-999", "nz.ird"),
    Identity("br_cpf", ("cpf",), ("CPF",), "999.999.999-99", "br.cpf", bare=True),
    Identity("br_cpf", ("cpf", "cpfCliente"), ("CPF",), "99999999999", "br.cpf"),
    Identity("br_cnpj", ("cnpj",), ("CNPJ",), "99.999.999/0001-99", "br.cnpj", bare=True),
    Identity("mx_curp", ("curp",), ("CURP",), "[BOXW]{date}[HNERXN0]9", "mx.curp", bare=True),
    Identity("ar_cuit", ("cuit", "cuil"), ("CUIT", "CUIL"), "20-99999999-9", "ar.cuit"),
    Identity("cl_rut", ("rut",), ("RUT",), "99.999.999-9", "cl.rut"),
    Identity("co_nit", ("nit",), ("NIT",), "[9]00.999.999-9", "co.nit"),
    Identity("ec_ci", ("cedula",), ("cédula", "cedula"), "1719999999", "ec.ci"),
    Identity("do_cedula", ("cedula",), ("cédula",), "001-9999999-9", "do.cedula"),
    Identity("pe_cui", ("dni",), ("DNI",), "99999999-9", "pe.cui"),
    Identity("ve_rif", ("rif",), ("RIF",), "[V]-99999999-9", "ve.rif"),
    Identity(
        "email",
        ("email", "contact_email"),
        ("e-mail", "mail"),
        "[anna.]999[@mailbox-]99[.example.org]",
        bare=True,
    ),
    Identity("phone", ("phone", "mobile"), ("phone", "call me at"), "+[49] 30 [90182]0999", bare=True),
    Identity("date_of_birth", ("date_of_birth", "dob", "birthDate"), ("date of birth", "DOB"), "{iso}"),
    Identity("imei", ("imei",), ("IMEI",), "35999999999999", finish=with_luhn),
    Identity("vin", ("vin",), ("VIN",), "[1HGCM82633A004352]"),
)


def _medicare(body: str) -> str:
    """Australia: weights 1 3 7 9 over eight digits; the ninth is the check digit, the tenth the issue."""
    number = body.replace(" ", "")
    check = sum(int(char) * weight for char, weight in zip(number[:8], (1, 3, 7, 9) * 2, strict=True)) % 10
    return f"{body[:9]}{check} {body[-1]}"


def make(chance: Random, row: Identity) -> str:
    """One number of a kind."""
    valid = import_module(f"stdnum.{row.module}").is_valid if row.module else None
    for _ in range(DRAWS):
        made = draw(chance, row.shape)
        if row.finish is not None:
            made = row.finish(made)
        if valid is None or _accepts(valid, made):
            return made
    raise RuntimeError(f"python-stdnum accepts no {row.kind} of shape {row.shape}")


def _accepts(valid: Callable[[str], bool], made: str) -> bool:
    try:
        return bool(valid(made))
    except Exception:  # noqa: BLE001 - some modules raise what they do not promise
        return False
