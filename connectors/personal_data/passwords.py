"""Secrets: keys and tokens by their form, passwords and codes by the word before them."""

import re
from collections.abc import Iterator

from .spans import PersonalSpan

_TOKEN = re.compile(
    r"(?<![^\W_])(?:sk-[\w-]{16,200}|(?:sk|pk|rk)_(?:live|test)_\w{10,200}|(?:AKIA|ASIA)[A-Z\d]{12,20}|AIza[\w-]{30,60}|"
    r"gh[pousr]_\w{20,255}|github_pat_\w{20,255}|glpat-[\w-]{16,64}|xox[abeoprs]-[\w-]{10,250}|hf_[A-Za-z\d]{20,64}|"
    r"npm_[A-Za-z\d]{30,64}|pypi-[\w-]{30,250}|ya29\.[\w-]{20,250}|SG\.[\w-]{16,64}\.[\w-]{16,64}|"
    r"eyJ[\w-]{8,2000}\.[\w-]{8,4000}\.[\w-]{8,1000})(?![^\W_])"
)
_PEM = re.compile(r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----")
_PEM_END = "-----END"
_IN_URL = re.compile(r"://[^\s:/@]{0,64}:([^\s@/]{1,128})@")
_BEARER = re.compile(r"\bbearer\s{1,3}([\w.~+/=-]{16,4000})", re.IGNORECASE)
_LOGIN = (
    r"pass(?:word|wd|phrase|code)|pwd|passwort|kennwort|mot de passe|contraseña|senha|palavra-passe|wachtwoord|"
    r"lösenord|hasło|adgangskode|passord|salasana|heslo|parola|пароль|密码|パスワード|비밀번호"
)
_KEY = r"(?:api|access|private|secret|account|auth|encryption)[_ -]?key|token|secret"
_VALUE = r"[\"'`]?([^\s\"'`,;<>\[\](){}]{4,200})"
_ASSIGNED = re.compile(
    rf"(?:({_LOGIN})|(?:{_KEY})(?:_\w{{1,20}})?)[\"']?\s{{0,3}}(?::|=>?|：)\s{{0,3}}{_VALUE}", re.IGNORECASE
)
_STATED = re.compile(
    rf"(?:({_LOGIN})|{_KEY})\s(?:now\s)?(?:is|was|to|lautet|ist|est|es|è|é|är|er|to:|jest)\s(?:now\s)?{_VALUE}",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"\b(?:pin|tan|otp|cvv2?|cvc2?|csc|passcode|one[- ]time (?:code|password|pin)|"
    r"(?:verification|security|sms|login) code)"
    r"(?:[- ](?:code|number|nummer))?\s{0,2}(?:is|was|ist|:|=)?\s{0,2}(\d{3,8})(?!\d)",
    re.IGNORECASE,
)
_MARK = re.compile(r"\d|[^\w\s].*\w")  # a digit, or a sign within: no word of a sentence
_SENTENCE_END = ".!?…:"


def passwords(text: str) -> Iterator[PersonalSpan]:
    """Yield keys, tokens, passwords and codes."""
    for match in _TOKEN.finditer(text):
        yield PersonalSpan(*match.span(), "secret")
    for match in _PEM.finditer(text):
        end = text.find(_PEM_END, match.end())
        yield PersonalSpan(match.end(), len(text) if end < 0 else end, "secret")
    for pattern in (_IN_URL, _BEARER, _CODE):
        for match in pattern.finditer(text):
            yield PersonalSpan(*match.span(1), "secret")
    for match in _ASSIGNED.finditer(text):
        if match[1] or not match[2].isdecimal():  # max_token: 4096
            yield PersonalSpan(*match.span(2), "secret")
    for match in _STATED.finditer(text):
        if _MARK.search(match[2].rstrip(_SENTENCE_END)) and (match[1] or not match[2].isdecimal()):
            yield PersonalSpan(*match.span(2), "secret")
