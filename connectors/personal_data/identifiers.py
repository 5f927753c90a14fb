"""Numbers by which states know a person: identity, tax, social insurance and health; by their shape and check digits.

A number of digits alone passes the check of some country by chance, so that its shape counts only after a word such as
"SSN" or "tax number". Shapes that are rare in other texts (536-90-4399, RSSMRA66A12H501C) need no word.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache

from .libraries import library
from .spans import WORD, WORD_START, PersonalSpan, is_word, text_before

_MOST_GROUPS = 7
_MOST_CHARACTERS = 20  # letters and digits of a number
_GROUP = re.compile(rf"{WORD_START}{WORD}{{1,20}}(?:[-./+]{WORD}{{1,20}})*")

# Modules of python-stdnum with the shapes of their numbers: 9 for a digit, A for a letter, other signs as they are.
_DISTINCT = {
    "us.ssn": "999-99-9999",
    "us.itin": "999-99-9999",
    "ie.pps": "9999999A, 9999999AA",
    "in_.aadhaar": "9999 9999 9999",
    "in_.pan": "AAAAA9999A",
    "za.idnr": "9999999999999, 999999 9999 999",
    "ch.ssn": "9999999999999, 999.9999.9999.99",
    "fr.nir": "9 99 99 99 999 999 99, 9 99 99 9A 999 999 99, 999999999999999",
    "be.nn": "99.99.99-999.99",
    "it.codicefiscale": "AAAAAA99A99A999A",
    "es.dni": "99999999A, 99999999-A, 99.999.999-A",
    "es.nie": "A9999999A, A-9999999-A, A9999999-A",
    "se.personnummer": "999999-9999, 99999999-9999, 999999+9999",
    "no.fodselsnummer": "999999 99999, 99999999999",
    "dk.cpr": "999999-9999",
    "fi.hetu": "999999-999A, 999999-9999, 999999A999A, 999999A9999",
    "pl.pesel": "99999999999",
    "cz.rc": "999999/9999, 999999/999",
    "ro.cnp": "9999999999999",
    "tr.tckimlik": "99999999999",
    "br.cpf": "999.999.999-99",
    "mx.curp": "AAAA999999AAAAAA99, AAAA999999AAAAAAA9",
    "ar.cuit": "99-99999999-9",
    "cl.rut": "99.999.999-9, 99.999.999-A, 9.999.999-9",
    "cn.ric": "999999999999999999, 99999999999999999A",
    "kr.rrn": "999999-9999999",
    "th.pin": "9-9999-99999-99-9, 9999999999999",
    "pk.cnic": "99999-9999999-9",
    "id.nik": "9999999999999999",
    "my.nric": "999999-99-9999",
    "ee.ik": "99999999999",
    "lt.asmens": "99999999999",
    "si.emso": "9999999999999",
    "gr.amka": "99999999999",
}
_AFTER_WORD = {
    "us.ssn": "999999999, 999 99 9999",
    "ca.sin": "999999999, 999 999 999, 999-999-999",
    "gb.nhs": "9999999999, 999 999 9999, 999-999-9999",
    "au.tfn": "999999999, 999 999 999",
    "nz.ird": "999999999, 99999999, 999-999-999, 99-999-999",
    "in_.aadhaar": "999999999999, 9999-9999-9999",
    "de.idnr": "99999999999, 99 999 999 999",
    "at.vnr": "9999999999, 9999 999999, 9999/999999",
    "be.nn": "99999999999, 99 99 99 999 99",
    "nl.bsn": "999999999, 9999.99.999, 9999 99 999, 999 999 999",
    "pt.nif": "999999999, 999 999 999",
    "dk.cpr": "9999999999",
    "se.personnummer": "9999999999, 999999999999",
    "is_.kennitala": "999999-9999, 9999999999",
    "bg.egn": "9999999999",
    "hr.oib": "99999999999",
    "il.idnr": "999999999, 99999999-9",
    "br.cpf": "99999999999",
    "ar.cuit": "99999999999",
    "cl.rut": "99999999-9, 999999999, 99999999A, 99999999-A",
    "cz.rc": "9999999999, 999999999",
    "jp.in_": "999999999999, 9999 9999 9999, 9999-9999-9999",
    "kr.rrn": "9999999999999",
    "ec.ci": "9999999999, 999999999-9",
    "ua.rntrc": "9999999999",
    "ru.inn": "999999999999",
    "co.nit": "9999999999",
}
_WORD = re.compile(
    r"\b(?:ssn|social (?:security|insurance)|sin|itin|national insurance|ni (?:no|number)|nino|nhs|pps\w?|"
    r"tfn|tax (?:file|id\w*|number|no)|ird|aadhaa?r|pan|id(?:entity)? ?(?:no|number|card)|id|steuer\w*|"
    r"sv(?:nr|-nummer)?|sozialversicherung\w*|ausweis\w*|ahv\w*|"
    r"s[ée]cu\w*|nir|numéro national|rijksregister\w*|bsn|burgerservice\w*|sofi\w*|codice fiscale|cf|dni|nie|nif|cif|"
    r"contribuinte|person\w*nummer|pnr|fødselsnummer|fnr|cpr\w*|henkil\w+|hetu|pesel|rodn[ée]\w*|rč|cnp|oib|kimlik\w*|tckn?|"
    r"isikukood|asmens kod\w+|teudat|zehut|cpf|curp|rfc|cui[tl]|rut|run|cédula|nit|kennitala|"
    r"my ?number|nik|mykad|nric|cnic|"
    r"αμκα|αφμ|егн|инн|снилс|[іi]пн|рнокпп)\b|身份证|マイナンバー|주민",
    re.IGNORECASE,
)
_NINO = re.compile(
    r"(?<![^\W_])[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?:\s?\d\d){3}\s?[A-D](?![^\W_])|(?<![^\W_])QQ123456[A-D](?![^\W_])",
    re.IGNORECASE,
)
_DOCUMENT = re.compile(
    r"(?:\bpass(?:port|eport|aporte|aporto)\w*|\breisepass\w*|\b(?:personal)?ausweis\w*|"
    r"\b(?:driver|driving)(?:'?s|’s)? licen[cs]e|"
    r"\bführerschein\w*|\bпаспорт\w*|护照|旅券)(?:\s?(?:no|nr|n[º°]|number|nummer|num)\b\.?)?\s{0,2}"
    r"(?:is|lautet|ist|:|=|#)?\s{0,2}"
    r"((?=[A-Z]{0,3}\d|\w{0,6}\d)[A-Z\d]{6,12}|\d\d\s\d\d\s\d{6})(?![^\W_])",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_KIND = "national number"


def identifiers(text: str) -> Iterator[PersonalSpan]:
    """Yield national numbers of persons, and numbers of passports and driving licences.

    Raises:
        MissingExtraError: the extra `redact` is not installed.
    """
    for match in _NINO.finditer(text):
        yield PersonalSpan(*match.span(), _KIND)
    for match in _DOCUMENT.finditer(text):
        yield PersonalSpan(*match.span(1), _KIND)
    groups = [match.span() for match in _GROUP.finditer(text)]
    for first, (start, stop) in enumerate(groups):
        if not _DIGIT.search(text, start, stop):
            continue
        end = _longest_number(text, groups[first : first + _MOST_GROUPS])
        if end:
            yield PersonalSpan(start, end, _KIND)


def _longest_number(text: str, groups: list[tuple[int, int]]) -> int:
    """Return the end of the longest national number that begins with the first of the groups; 0 where there is none."""
    start, longest, last, size = groups[0][0], 0, groups[0][0], 0
    for begin, end in groups:
        size += end - begin
        if begin - last > 1 or size > _MOST_CHARACTERS + 6 or (begin > last and not text[last].isspace()):
            break
        last = end
        if not is_word(text, end) and _is_number(text, start, end):
            longest = end
    return longest


def _is_number(text: str, start: int, end: int) -> bool:
    number = text[start:end]
    rules = _shapes().get(_shape(number), ())
    if not rules:
        return False
    named = _WORD.search(text_before(text, start)) is not None
    return any((named or distinct) and _is_valid(module)(number) for module, distinct in rules)


def _shape(number: str) -> str:
    return "".join(
        "9" if sign.isdecimal() else "A" if sign.isalpha() else " " if sign.isspace() else sign for sign in number
    )


@cache
def _shapes() -> dict[str, list[tuple[str, bool]]]:
    """Return for each shape the modules whose numbers have it, and whether it needs no word before it."""
    shapes: dict[str, list[tuple[str, bool]]] = {}
    for table, distinct in ((_DISTINCT, True), (_AFTER_WORD, False)):
        for module, forms in table.items():
            for form in forms.split(", "):
                shapes.setdefault(form, []).append((module, distinct))
    return shapes


@cache
def _is_valid(module: str) -> Callable[[str], bool]:
    check: Callable[[str], bool] = library(f"stdnum.{module}").is_valid
    return check
