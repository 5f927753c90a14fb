"""Kinds of numbers that options take: none is NaN, none is larger than what the store and Python can count."""

import math
from typing import Any

import click

MOST_NUMBER = 10**9 - 1
"""No store has as many runs, and no conversation as many turns."""


class Count(click.IntRange):
    """A whole number, up to MOST_NUMBER."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        number = super().convert(value, param, ctx)
        if number > MOST_NUMBER:
            self.fail(f"{number} is too large; the largest valid number is {MOST_NUMBER}.", param, ctx)
        return number


class Percentage(click.ParamType[float]):
    """A share of turns in (0, 1), written as `5%` or as `0.05`."""

    name = "percentage"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the share."""
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = math.nan
        if not 0 < share < 1:
            self.fail(
                f"{value!r} is not valid; write a share of turns as 5% or as 0.05, above 0 and below 100%.", param, ctx
            )
        return share


class Share(click.FloatRange):
    """A number in [0, 1], with the ends that are asked for."""

    def __init__(self, *, min_open: bool = False, max_open: bool = False) -> None:
        super().__init__(0, 1, min_open=min_open, max_open=max_open)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not in the range {self._describe_range()}.", param, ctx)
        return number
