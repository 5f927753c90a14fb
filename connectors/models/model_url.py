"""URLs of models, and the options in their queries."""

import re
from collections.abc import Mapping, Set
from urllib.parse import SplitResult, parse_qs, urlsplit, urlunsplit

from convexplain.errors import UsageError
from convexplain.judges.passwords import check_no_password


def split_url(url: str) -> SplitResult:
    """Return the parts of a URL.

    Raises:
        UsageError: it is none, or there is a password in it. Python's own words for that are left out: they may show
            the password.
    """
    try:
        parts = urlsplit(url)
        named, port = bool(parts.hostname), parts.port
    except ValueError:
        named, port = True, 0
    if not named or port == 0:
        reason = "its host or port is not valid" if named else "it names no host"
        raise UsageError(
            f"the model's URL is not valid: {reason}; valid is http://HOST:PORT/v1?model=NAME (within a user, "
            "/ : @ ? # are written as %2F %3A %40 %3F %23; a password stands in no URL)"
        )
    check_no_password(url)
    return parts


def base_of(parts: SplitResult) -> str:
    """Return a URL without user, options and a slash at its end."""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def url_options(parts: SplitResult, base: str, valid: Set[str]) -> dict[str, str]:
    """Return the options of a URL. No value is shown in a message: it may be a key.

    Args:
        parts: the URL.
        base: the URL without secrets, for messages.
        valid: the names of options that may be there.

    Raises:
        UsageError: there is another option, or one of them twice.
    """
    options = parse_qs(parts.query)
    rule = f"valid are {', '.join(sorted(valid))} (a key goes into an environment variable, never into a name)"
    if unknown := options.keys() - valid:
        raise UsageError(f"model {base}: unknown option {', '.join(sorted(unknown))}; {rule}")
    if several := [option for option, values in options.items() if len(values) > 1]:
        raise UsageError(f"model {base}: option {', '.join(several)} stands there twice; {rule}")
    return {option: value for option, (value,) in options.items()}


def with_options(address: str, options: Mapping[str, str]) -> str:
    """Return an address with options behind those that it has."""
    mark = "&" if "?" in address else "?"
    return address + (mark + "&".join(f"{option}={value}" for option, value in options.items()) if options else "")


def number_option(name: str, text: str, least: float) -> float:
    """Return the number in an option. Raises UsageError where it is none, or less than the least valid one."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not least <= number < 1e6:
        raise UsageError(f"{name}={text!r} in the model's URL: must be a number of at least {least:g}")
    return number


def effort_option(text: str) -> str:
    """Return the value of `reasoning_effort`. Raises UsageError where it is no word."""
    if not re.fullmatch(r"[a-z]{0,16}", text):
        raise UsageError(
            "reasoning_effort in the model's URL is not valid; valid are none, minimal, low, medium, high…"
        )
    return text
