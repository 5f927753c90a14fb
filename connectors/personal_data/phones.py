"""Phone numbers: international ones by their form, national ones by their form, or by a word before them and a plan."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from .libraries import library
from .spans import DASHES, SPACES, WORD_START, PersonalSpan, is_word, text_before, valid_spans

_GAP = rf"[{SPACES}{DASHES}()/.]"
_START = rf"{WORD_START}(?<!\d[.,:/{DASHES}])"  # no part of a longer number
_PREFIXED = re.compile(rf"{_START}(?=((?:\(?\+|0(?=\d)|\(\d{{1,5}}\))(?:{_GAP}{{0,3}}\d){{5,16}}))")
_GROUPED = re.compile(rf"{_START}\d{{1,3}}(?:{_GAP}{{1,3}}\d{{2,4}}){{1,3}}{_GAP}{{1,3}}\d{{4}}(?!\d)")
_NATIONAL = re.compile(rf"{_START}(?=(\(?\d(?:{_GAP}{{0,2}}\d){{6,13}}))")
_THOUSANDS = re.compile(rf"\d{{1,3}}(?:[{SPACES}.]\d{{3}})+\Z")
_REGIONS = re.findall(
    r"\w+",
    "US GB AU IE NZ IN ZA DE AT CH FR BE NL IT ES PT SE NO DK FI PL CZ GR TR BR MX AR JP KR CN RU IL HU RO UA SG HK",
)
_EXTENSION = re.compile(
    rf"[{SPACES},;]{{0,2}}(?:x|ext(?:ension)?\.?|extn\.?|#|durchwahl|dw\.?|poste|int(?:erno)?\.?|anexo|ramal|toestel|wew\.?|доб\.?)"
    rf"[{SPACES}:]{{0,2}}\d{{1,6}}(?!\d)",
    re.IGNORECASE,
)
_CONTINUED = re.compile(rf"{_GAP}?\d")
_PHONE_WORD = re.compile(
    r"\b(?:(?:tele)?phone|call(?:ed)?|cell|mobile?|mob|fax|text(?:ed)?|txt|sms|ring|dial|reach|whatsapp|signal|landline|"
    r"tel[eé]?f\w*|tel|t[eé]l|handy|ruf\w*|erreichbar|natel|portable|appele[zr]?|gsm|mobiel|bel|cel[lu]*lar\w*|"
    r"numero|número|chiama\w*|m[oó]vil|ll[aá]ma\w*|telem[oó]vel|liga\w*|mobil\w*|tlf|nummer er|puhelin\w*|soita|"
    r"numer|zadzwo\w*|volejte|κινητό|τηλέφωνο|cep|telefon\w*|телефон\w*|звони\w*|номер)\b|手机|电话|電話|携帯|전화|휴대",
    re.IGNORECASE,
)
_OTHER_WORD = re.compile(
    r"(?:\b(?:order|ticket|case|invoice|ref(?:erence)?|tracking|serial|part|article|item|sku|model|version|isbn|ean|"
    r"build|bestell\w*|rechnung\w*|auftrag\w*|commande|pedido|ordine|zamówieni\w*)\b|订单|注文)[^\n]{0,16}\Z",
    re.IGNORECASE,
)


def phones(text: str) -> Iterator[PersonalSpan]:
    """Yield phone numbers with their extensions; dates must not be in the text any more.

    Raises:
        MissingExtraError: the extra `redact` is not installed.
    """
    for span in _numbers(text):
        extension = _EXTENSION.match(text, span.end)
        yield span if extension is None else replace(span, end=extension.end())


def _numbers(text: str) -> Iterator[PersonalSpan]:
    for span in _by_form(text):
        if text[span.start] == "+" or not _OTHER_WORD.search(text_before(text, span.start)):
            yield span
    for match in _NATIONAL.finditer(text):
        before = text_before(text, match.start())
        if _OTHER_WORD.search(before):
            continue
        by_word = _PHONE_WORD.search(before) is not None
        start, longest = match.span(1)
        ends = (end for end in range(longest, start + 6, -1) if text[end - 1].isdecimal() and not is_word(text, end))
        for end in ends:
            if (by_word or not _CONTINUED.match(text, end)) and _is_national(text[start:end], by_word):
                yield PersonalSpan(start, end, "phone")
                break


def _by_form(text: str) -> Iterator[PersonalSpan]:
    yield from valid_spans(_PREFIXED, text, "phone", _is_prefixed)
    for match in _GROUPED.finditer(text):
        digits = [character for character in match[0] if character.isdecimal()]
        if 10 <= len(digits) <= 15 and len(set(digits)) > 1 and match[0].count("(") == match[0].count(")"):
            yield PersonalSpan(*match.span(), "phone")


def _is_prefixed(text: str) -> bool:
    """Return whether digits with +, 00, 0 or (area) in front are neither too few nor too many for a phone number."""
    groups = re.findall(r"\d+", text)
    count = sum(map(len, groups))
    if len(set("".join(groups))) == 1:  # 000-000-0000
        return False
    if "+" in text:
        return 7 <= count <= 16
    if groups[0].startswith("00"):
        return 10 <= count <= 17 and groups[0][2:3] != "0"
    return 8 <= count <= 12 and (len(groups) > 1 or count >= 10)


@lru_cache(maxsize=4096)
def _is_national(text: str, by_word: bool) -> bool:
    """Return whether a country's plan has the number; without a word before it, also whether it is grouped as there."""
    groups = re.findall(r"\d+", text)
    if not by_word and (len(groups) < 3 or _THOUSANDS.match(text) or text.count("(") != text.count(")")):
        return False
    plans = library("phonenumbers")
    for region in _REGIONS:
        try:
            number = plans.parse(text, region)
        except plans.NumberParseException:
            return False
        if plans.is_valid_number_for_region(number, region):
            form = plans.format_number(number, plans.PhoneNumberFormat.NATIONAL)
            if by_word or re.findall(r"\d+", form) == groups:
                return True
    return False
