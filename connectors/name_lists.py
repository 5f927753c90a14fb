"""Finder of listed names, of which there may be many thousands."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from unicodedata import category, normalize

from convexplain.errors import UsageError

from .personal_data import PersonalSpan

_LETTERS = 3  # first letters of names, by which they are grouped


def names(listed_names: Iterable[str]) -> Callable[[str], Iterator[PersonalSpan]]:
    """Return a finder of these names as whole words, in any case; longer names first.

    In scripts without capital letters, as Chinese, names are found within words too: no spaces separate words.

    Raises:
        UsageError: the list is empty.
    """
    plain = {" ".join(name.split()) for name in listed_names} - {""}
    if not plain:
        raise UsageError("the list of names holds none")
    forms = sorted({normalize(form, name) for form in ("NFC", "NFD") for name in plain}, key=len, reverse=True)
    cased, uncased = [name for name in forms if _has_case(name[0])], [name for name in forms if not _has_case(name[0])]
    parts = [rf"(?<![^\W_])(?:{_any_of(cased)})"] * bool(cased) + [_any_of(uncased)] * bool(uncased)
    pattern = re.compile("|".join(parts), re.IGNORECASE)

    def find(text: str) -> Iterator[PersonalSpan]:
        return (PersonalSpan(*match.span(), "name") for match in pattern.finditer(text))

    return find


def _any_of(names: Sequence[str], at: int = 0) -> str:
    """Return a pattern for the names from that letter on, grouped by first letters: there may be many thousands."""
    if at == _LETTERS or len(names) == 1:
        return "|".join(_spaced_pattern(name[at:]) + _end(name) for name in names)
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name[at : at + 1].lower(), []).append(name)
    return "|".join(
        f"{_spaced_pattern(group[0][at])}(?:{_any_of(group, at + 1)})" if first else _end(group[0])
        for first, group in groups.items()
    )


def _spaced_pattern(text: str) -> str:
    return re.escape(text).replace(r"\ ", r"\s{1,4}")


def _end(name: str) -> str:
    return r"(?![^\W_])" if _has_case(name[-1]) else ""


def _has_case(letter: str) -> bool:
    """Return whether its script has capital letters, and thus, most likely, spaces between words."""
    return category(letter) != "Lo"
