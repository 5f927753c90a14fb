"""Libraries of the extra `redact`."""

import importlib
from typing import Any

from convexplain.errors import MissingExtraError


def library(name: str) -> Any:
    """Return a module of one of the libraries.

    Raises:
        MissingExtraError: the library is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError("Redaction", "redact") from error


def check_libraries() -> None:
    """Raise MissingExtraError where a library of the extra is not installed."""
    for name in ("phonenumbers", "stdnum"):
        library(name)
