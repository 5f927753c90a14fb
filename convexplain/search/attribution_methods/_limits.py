"""Checks of the options of attribution methods."""

from convexplain.errors import UsageError


def check_at_least(least: int, **options: int | None) -> None:
    """Raise a UsageError for the first option that is a number below the least valid one."""
    for name, number in options.items():
        if number is not None and number < least:
            raise UsageError(f"{name}={number} is not valid; it must be at least {least}")
