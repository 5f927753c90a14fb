"""The argument of commands that take a theme."""

import click

from .numbers import Count

THEME = Count(min=1)
theme_argument = click.argument("theme", type=THEME)
