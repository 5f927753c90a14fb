"""Numbers of accounts and cards, by their check digits."""

import re
from collections.abc import Iterator
from string import ascii_uppercase

from .spans import DASHES, SPACES, WORD_START, PersonalSpan, valid_spans

_IBAN = re.compile(rf"{WORD_START}(?=([a-z]{{2}}\d\d(?:[{SPACES}{DASHES}]?[a-z\d]){{11,30}}))", re.IGNORECASE)
_CARD = re.compile(rf"{WORD_START}(?<!\d[.,])(?=\d{{4}})(?=(\d(?:[{SPACES}{DASHES}.]?\d){{12,18}}))")
_SEPARATORS = re.compile(r"[\W_]+")
_VALUES = {ord(letter): str(int(letter, 36)) for letter in ascii_uppercase}


def accounts(text: str) -> Iterator[PersonalSpan]:
    """Yield IBANs and numbers of payment cards."""
    yield from valid_spans(_IBAN, text, "IBAN", _is_iban)
    yield from valid_spans(_CARD, text, "card", _is_card)


def _is_iban(text: str) -> bool:
    """Check an IBAN (ISO 13616): country and check digits moved to the end, letters as numbers, modulo 97 is 1."""
    plain = _SEPARATORS.sub("", text)
    if not 15 <= len(plain) <= 34 or not plain.isascii():
        return False
    number = int((plain[4:] + plain[:4]).upper().translate(_VALUES))
    # Account numbers have digits: four words after "AB12" are none, even where they happen to add up.
    return number % 97 == 1 and sum(map(str.isdigit, plain)) >= 8


def _is_card(text: str) -> bool:
    """Check a card number (ISO 7812): Luhn's sum ends with 0.

    Times in milliseconds and smaller units begin with a 1, as only airlines' cards do.
    """
    digits = [int(character) for character in text if character.isdecimal()]
    if not 13 <= len(digits) <= 19 or digits[0] == 0 or (digits[0] == 1 and len(digits) != 15):
        return False
    doubled = (digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
