"""Dates of birth: dates to which a word says so."""

import re
from collections.abc import Iterator

from .spans import PersonalSpan

_WORD = (
    r"\b(?:born|d\.?o\.?b\b\.?|date of birth|birth\s?(?:date|day)|geboren|geburts\w+|née?|naissance|nac[ií]\w*|"
    r"nat[oa]|nascit\w+|nascid[oa]|nascimento|geboorte\w+|född|født|fødsels?dato|födelse\w+|syntynyt|urodz\w+|"
    r"naroz\w+|рожд\w+|родил\w+|doğum\w*|γεννή\w+)|生年月日|出生|생년월일"
)
_YEAR = r"(?:1[89]|20)\d\d"
_DATE = (
    rf"(?:{_YEAR}[-./]\d{{1,2}}[-./]\d{{1,2}}|\d{{1,2}}[-./]\d{{1,2}}[-./](?:{_YEAR}|\d\d)|{_YEAR}[01]\d[0-3]\d|"
    rf"{_YEAR}\s?年\s?\d{{1,2}}\s?月\s?\d{{1,2}}\s?日|"
    rf"\d{{1,2}}(?:st|nd|rd|th|er|[.ºª])?\s(?:of\s|de\s)?[^\W\d_]{{3,12}}\.?,?\s(?:de\s|del\s)?{_YEAR}|"
    rf"[^\W\d_]{{3,12}}\.?\s\d{{1,2}}(?:st|nd|rd|th)?,?\s{_YEAR})(?!\d)"
)
_BIRTH_DATE = re.compile(rf"(?:{_WORD})[^\d\n.!?]{{0,30}}?({_DATE})", re.IGNORECASE)


def birth_dates(text: str) -> Iterator[PersonalSpan]:
    """Yield dates of birth."""
    return (PersonalSpan(*match.span(1), "date of birth") for match in _BIRTH_DATE.finditer(text))
