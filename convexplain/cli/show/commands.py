"""Commands that a person can copy into a shell."""

import re
from collections.abc import Iterable

from convexplain.text.visible import visible

_BARE = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
_PASSWORDS = (
    re.compile(r"(://[^/?#:@\s]*:)[^/?#\s]*(@)"),  # only in the part before the first slash
    re.compile(r"(%3A%2F%2F(?:(?!%3A|%2F|%40)\S)*%3A)(?:(?!%2F)\S)*?(%40)", re.IGNORECASE),  # of a quoted URL
    re.compile(r"(\bpassword=)[^&\s]+()"),
)
_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def command_line(words: Iterable[str]) -> str:
    """Return a command as one line for a shell; passwords in URLs are hidden."""
    return " ".join(shell_quoted(_without_password(word)) for word in words)


def _without_password(word: str) -> str:
    for password in _PASSWORDS:
        word = password.sub(r"\1***\2", word)
    return word


def shell_quoted(text: str) -> str:
    r"""Return a text as one word for a shell.

    Characters that a terminal would act on, and line breaks, are written as escapes in the form `$'\x1b'`, which bash
    and zsh read. NUL and lone surrogates, which no argument can hold, are written as the store writes them.
    """
    text = text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\x00", "\\x00")
    if _BARE.fullmatch(text):
        return text
    if visible(text) == text and not set(text) & {"\n", "\t"}:
        return "'" + text.replace("'", "'\"'\"'") + "'"
    return "$'" + "".join(map(_escaped, text)) + "'"


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if visible(character) == character:
        return character
    return f"\\x{ord(character):02x}" if ord(character) < 0x80 else f"\\u{ord(character):04x}"
