"""E-mail addresses, as they are written and as they are spelled out ("ann at mail dot com")."""

import re
from collections.abc import Iterator

from .spans import PersonalSpan

_LONGEST_LOCAL = 64  # characters before the @
_ADDRESS_END = re.compile(
    r"(?:@|%40)(?:[\w-]{1,63}\.){1,8}(?:xn--[a-z\d-]{2,59}|[^\W\d_]{2,24})(?![^\W_])", re.IGNORECASE
)
_QUOTED_LOCAL = re.compile(r'"[^"\s]{1,62}"\Z')

_DOT = r"dot|punkt|punto|point|ponto|punt|kropka|prick|piste"
_AT = r"at|ät|arroba|arobase|chiocciola|snabel-a|małpa"
_DOMAINS = (
    r"com|net|org|edu|gov|info|biz|io|me|dev|app|ai|eu|de|at|ch|fr|it|es|pt|nl|be|se|no|dk|fi|pl|cz|sk|hu|ro|bg|hr|si|"
    r"gr|uk|ie|us|ca|au|nz|in|jp|cn|kr|tw|sg|za|br|mx|ar|cl|ru|ua|tr|il|example"
)
_BETWEEN = rf"\s{{0,2}}(?:\.|[\[({{<]\s?(?:{_DOT}|\.)\s?[\])}}>]|\s(?:{_DOT})\s)\s{{0,2}}"
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_SPELLED_END = re.compile(
    rf"(?:\s?[\[({{<]\s?(?:{_AT}|@)\s?[\])}}>]\s?|\s(?:{_AT})\s)(?:{_LABEL}{_BETWEEN}){{1,4}}(?:{_DOMAINS})(?![^\W_])",
    re.IGNORECASE,
)
_JOINER = rf"(?:{_DOT}|underscore|dash|minus|hyphen|unterstrich|bindestrich|guion|tiret|plus)"
_SPELLED_LOCAL = re.compile(rf"(?<![\w.+-])[\w.+'-]{{1,40}}(?:\s{_JOINER}\s[\w.+-]{{1,40}}){{0,3}}\Z", re.IGNORECASE)
_BRACKET = re.compile(r"[\[({<]")
_NO_LOCALS = re.compile(  # words before "at example dot com" where that is a place to look
    r"look(?:ing)?|see|find|found|us|me|available|visit|is|are|was|be|shop|buy|order|sign|log|listed|site|page|here|"
    r"online|live|hosted|check|read|more|work(?:s|ing)?",
    re.IGNORECASE,
)


def emails(text: str) -> Iterator[PersonalSpan]:
    """Yield e-mail addresses."""
    yield from _written(text)
    for match in _SPELLED_END.finditer(text):
        first = max(0, match.start() - 2 * _LONGEST_LOCAL)
        local = _SPELLED_LOCAL.search(text[first : match.start()])
        plain = "." in match[0] and not _BRACKET.search(match[0])  # "look at shop.example": no address
        if local and not plain and not _NO_LOCALS.fullmatch(local[0]):
            yield PersonalSpan(first + local.start(), match.end(), "e-mail")


def _written(text: str) -> Iterator[PersonalSpan]:
    last = 0
    for match in _ADDRESS_END.finditer(text):
        start = match.start()
        first = max(last, start - _LONGEST_LOCAL)
        if quoted := _QUOTED_LOCAL.search(text[first:start]):
            start = first + quoted.start()
        else:
            while start > first and (text[start - 1].isalnum() or text[start - 1] in "._%+-'&"):
                start -= 1
            while text[start] in ".'&":
                start += 1
        if start < match.start():
            last = match.end()
            yield PersonalSpan(start, last, "e-mail")
