"""National and financial numbers that are written behind their name: one table, a row a number.

What belongs here: which validator, how many places, how sure.  What never does: the sums (issued.py, python-stdnum by way
of stdnums.py), the words and fields that name a number (its pattern).

The expression of such a pattern begins with a word, since an engine finds a word for nothing and a run of digits for a
lot; so the number is the end of the hit, as many letters and digits as it has places.  A pattern names its row as
`national.us_npi`.

Which way it errs: a labelled number whose check digit does not hold is none.  A row is WEAK where more than about one in
a hundred invented numbers would pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from dlp_patterns import issued, stdnums
from dlp_patterns.model import Confirmed, Evidence

_DIGITS = frozenset(b"0123456789")
_PLACES = _DIGITS | frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz&")

_ONE_MORE = re.compile(rb"-[0-9A-Za-z](?![0-9A-Za-z])")
_RUN = re.compile(rb"[0-9A-Za-z]+(?:-[0-9A-Za-z]+){0,4}\Z")


class Row(NamedTuple):
    """One kind of number.

    places: how many letters and digits it has; the first that fits counts, so the longest comes first.  None: as many as
    stand there in one run, with hyphens.
    keeps: separators that are a part of the number for its validator.
    whole: with a hyphen and one more letter or digit, which is the check character of another country's, it is none.
    """

    valid: Callable[[str], bool]
    places: tuple[int, ...]
    evidence: Evidence
    keeps: bytes = b""
    whole: bool = False


def _by(name: str, *places: int, evidence: Evidence = Evidence.WEAK, keeps: bytes = b"") -> Row:
    """A number that python-stdnum knows."""
    return Row(partial(stdnums.is_valid, name), places, evidence, keeps)


def _own(valid: Callable[[str], bool], *places: int, evidence: Evidence = Evidence.WEAK) -> Row:
    """A number that only issued.py knows."""
    return Row(valid, places, evidence)


FAIR = Evidence.FAIR
STRONG = Evidence.STRONG

ROWS: Mapping[str, Row] = MappingProxyType(
    {
        "us_itin": _by("us.itin", 9),
        "us_ein": _by("us.ein", 9),
        "us_routing": _by("us.rtn", 9),
        "us_bank_account": _own(issued.digits),
        "passport": _own(issued.shape, 9, 8),
        "us_driving_licence": _own(issued.us_driving_licence),
        "us_mbi": _own(issued.shape, 11, evidence=FAIR),
        "us_npi": _own(issued.us_npi, 10),
        "us_dea": _own(issued.us_dea, 9),
        "ca_sin": _by("ca.sin", 9),
        "gb_nhs": _by("gb.nhs", 10),
        "gb_utr": _by("gb.utr", 10),
        "gb_nino": _own(issued.gb_nino, 9, evidence=FAIR),
        "gb_driving_licence": _own(issued.shape, 16, evidence=FAIR),
        "ie_pps": _by("ie.pps", 9, 8),
        "de_idnr": _by("de.idnr", 11, evidence=FAIR),
        "de_svnr": _own(issued.de_svnr, 12),
        "de_id_card": _own(issued.icao, 10),
        "de_passport": _own(issued.de_passport, 10, 9),
        "de_kvnr": _own(issued.de_kvnr, 10),
        "de_vat": _by("de.vat", 11),
        "at_svnr": _by("at.vnr", 10),
        "ch_ahv": _by("ch.ssn", 13, evidence=FAIR),
        "fr_nir": _by("fr.nir", 15, evidence=FAIR),
        "fr_nif": _by("fr.nif", 13, evidence=FAIR),
        "fr_siret": _by("fr.siret", 14),
        "it_codice_fiscale": _by("it.codicefiscale", 16, evidence=STRONG),
        "it_partita_iva": _by("it.iva", 11),
        "es_dni": _by("es.dni", 9),
        "es_nie": _by("es.nie", 9, evidence=FAIR),
        "es_nuss": _own(issued.es_nuss, 12, 11, evidence=FAIR),
        "es_ccc": _by("es.ccc", 20),
        "pt_nif": _by("pt.nif", 9),
        "nl_bsn": _by("nl.bsn", 9),
        "be_nn": _by("be.nn", 11, evidence=FAIR),
        "lu_matricule": _own(issued.lu_matricule, 13, evidence=FAIR),
        "se_personnummer": _by("se.personnummer", 12, 10, evidence=FAIR, keeps=b"+-"),
        "no_fodselsnummer": _by("no.fodselsnummer", 11, evidence=FAIR),
        "dk_cpr": _by("dk.cpr", 10),
        "fi_hetu": _by("fi.hetu", 10, evidence=FAIR, keeps=b"+-"),
        "is_kennitala": _by("is_.kennitala", 10, evidence=FAIR),
        "pl_pesel": _by("pl.pesel", 11),
        "pl_nip": _by("pl.nip", 10),
        "cz_rc": _by("cz.rc", 10, 9),
        "ro_cnp": _by("ro.cnp", 13, evidence=FAIR),
        "bg_egn": _by("bg.egn", 10, evidence=FAIR),
        "hr_oib": _by("hr.oib", 11),
        "ee_isikukood": _by("ee.ik", 11, evidence=FAIR),
        "lt_asmens_kodas": _by("lt.asmens", 11, evidence=FAIR),
        "lv_personas_kods": _by("lv.pvn", 11),
        "si_emso": _by("si.emso", 13, evidence=FAIR),
        "gr_amka": _by("gr.amka", 11, evidence=FAIR),
        "gr_afm": _by("gr.vat", 9),
        "hu_taj": _own(issued.hu_taj, 9),
        "hu_adoazonosito": _own(issued.hu_tax, 10),
        "ua_rntrc": _by("ua.rntrc", 10),
        "ru_inn": _by("ru.inn", 12, 10),
        "ru_snils": _own(issued.ru_snils, 11, evidence=FAIR),
        "tr_tckn": _by("tr.tckimlik", 11, evidence=FAIR),
        "il_idnr": _by("il.idnr", 9),
        "za_idnr": _by("za.idnr", 13, evidence=FAIR),
        "eg_nid": _own(issued.eg_nid, 14, evidence=FAIR),
        "in_aadhaar": _by("in_.aadhaar", 12),
        "in_pan": _by("in_.pan", 10, evidence=FAIR),
        "in_gstin": _by("in_.gstin", 15, evidence=STRONG),
        "in_voter": _by("in_.epic", 10),
        "cn_ric": _by("cn.ric", 18, evidence=STRONG),
        "kr_rrn": _by("kr.rrn", 13, evidence=FAIR),
        "kr_brn": _by("kr.brn", 10),
        "jp_my_number": _by("jp.in_", 12),
        "th_pin": _by("th.pin", 13),
        "sg_nric": _own(issued.sg_nric, 9, evidence=FAIR),
        "my_nric": _by("my.nric", 12),
        "id_nik": _by("id.nik", 16),
        "ph_ids": _own(issued.digits),
        "tw_id": _own(issued.tw_id, 10, evidence=FAIR),
        "tw_ubn": _by("tw.ubn", 8),
        "vn_cccd": _own(issued.shape, 12),
        "vn_mst": _by("vn.mst", 13, 10),
        "pk_cnic": _by("pk.cnic", 13),
        "hk_hkid": _own(issued.hk_hkid, 9, 8, evidence=FAIR),
        "kz_iin": _own(issued.kz_iin, 12, evidence=FAIR),
        "ae_emirates_id": _own(issued.with_luhn, 15, evidence=FAIR),
        "au_tfn": _by("au.tfn", 9, 8),
        "au_abn": _by("au.abn", 11),
        "au_acn": _by("au.acn", 9),
        "au_medicare": _own(issued.au_medicare, 11, 10),
        "nz_ird": _by("nz.ird", 9, 8),
        "br_cpf": _by("br.cpf", 11, evidence=FAIR),
        "br_cnpj": _by("br.cnpj", 14, evidence=FAIR),
        "mx_curp": _by("mx.curp", 18, evidence=STRONG),
        "mx_rfc": _by("mx.rfc", 13, 12),
        "mx_clabe": _own(issued.mx_clabe, 18),
        "ar_cuit": _by("ar.cuit", 11, evidence=FAIR),
        "ar_dni": Row(issued.shape, (8, 7), Evidence.WEAK, whole=True),
        "ar_cbu": _by("ar.cbu", 22, evidence=FAIR),
        "cl_rut": _by("cl.rut", 9, 8),
        "co_nit": _by("co.nit", 10),
        "co_cedula": _own(issued.shape, 10, 9, 8, 7),
        "pe_ruc": _by("pe.ruc", 11),
        "pe_dni": _by("pe.cui", 9),
        "ec_ci": _by("ec.ci", 10),
        "uy_rut": _by("uy.rut", 12, evidence=FAIR),
        "uy_ci": _own(issued.uy_ci, 8),
        "do_cedula": _by("do.cedula", 11),
        "ve_rif": _by("ve.rif", 10),
        "bic": _by("bic", 11, 8),
        "imei": _own(issued.with_luhn, 15),
        "imsi": _own(issued.subscriber, 15, 14),
        "vin": _own(issued.vehicle, 17),
        "isin": _by("isin", 12),
    }
)


def _check(kind: str, row: Row, window: bytes, start: int, end: int) -> Confirmed | None:
    """The number at the end of window[start:end], if it has as many places as one of its lengths and is valid."""
    for places in row.places or (0,):
        begin = _begin(window, start, end, places)
        if begin is None or not _stands_apart(window, begin) or (row.whole and _ONE_MORE.match(window, end)):
            continue
        compact = bytes(byte for byte in window[begin:end] if byte in _PLACES or byte in row.keeps)
        text = compact.decode("ascii").upper()
        if len(set(text)) > 1 and _holds(row.valid, text):
            return Confirmed(begin, end, kind, row.evidence)
    return None


def _begin(window: bytes, start: int, end: int, places: int) -> int | None:
    """Where the last `places` letters and digits of window[start:end] begin (0: its last run); None if there are fewer."""
    if not places:
        run = _RUN.search(window, start, end)
        return run.start() if run else None
    left = places
    for at in range(end - 1, start - 1, -1):
        left -= window[at] in _PLACES
        if not left:
            return at
    return None


def _stands_apart(window: bytes, begin: int) -> bool:
    """Whether no number, and no word where the value begins with a letter, runs on into the value."""
    if begin == 0:
        return True
    inside = _DIGITS if window[begin] in _DIGITS else _PLACES
    return window[begin - 1] not in inside


def _holds(valid: Callable[[str], bool], text: str) -> bool:
    """What the validator says; whatever it raises on text of another form is a no."""
    try:
        return valid(text)
    except (ValueError, KeyError, IndexError, TypeError):
        return False


CHECKS = MappingProxyType({kind: partial(_check, kind, row) for kind, row in ROWS.items()})
"""The checks of this module, by the second half of the name that a pattern gives."""
