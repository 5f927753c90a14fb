"""What other packages add: readers, writers, models and infillers, through entry points.

A package registers under `convexplain.log_formats`, `convexplain.writers`, `convexplain.models` or
`convexplain.infillers`, in its `pyproject.toml`:

    [project.entry-points."convexplain.log_formats"]
    mine = "my_package:FORMAT"
"""

import logging
from collections.abc import Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from convexplain.errors import ConvexplainError, UsageError

Group = Literal["log_formats", "writers", "models", "infillers"]

_logger = logging.getLogger(__name__)


def plugins(group: Group) -> Iterator[tuple[str, Any]]:
    """The names and objects that other packages register in a group, in the order of the names.

    A plugin that cannot be loaded is warned of, once, and left out: it must not take the program down.
    """
    for point in sorted(entry_points(group=f"convexplain.{group}")):
        if (found := _load(group, point)) is not None:
            yield point.name, found


def plugin(group: Group, name: str) -> Any:
    """The object that is registered under the name; None where there is none, or where it cannot be loaded."""
    return next((_load(group, point) for point in entry_points(group=f"convexplain.{group}", name=name)), None)


def opened_by_plugin(group: Literal["models", "infillers"], prefix: str, rest: str) -> Any:
    """What the plugin that is registered under the prefix makes of the rest of a name; None where there is none.

    Raises:
        UsageError: the plugin fails, or makes nothing.
    """
    opener = plugin(group, prefix)
    if opener is None:
        return None
    try:
        made = opener(rest)
    except ConvexplainError:
        raise
    except Exception as error:
        raise UsageError(
            f"the plugin {prefix!r} of convexplain.{group} failed: {type(error).__name__}: {error}"
        ) from error
    if made is None:
        raise UsageError(f"the plugin {prefix!r} of convexplain.{group} made nothing of {rest!r}")
    return made


def warn(group: Group, name: str, reason: str) -> None:
    """Says, once for each reason, why a plugin is left out."""
    _warn_once(f"the plugin {name!r} of convexplain.{group} is left out: {reason}")


@cache
def _load(group: Group, point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:  # noqa: BLE001 - a foreign package may fail in any way when it is imported
        warn(group, point.name, f"it cannot be loaded ({type(error).__name__}: {error})")
        return None


@cache
def _warn_once(message: str) -> None:
    _logger.warning("%s", message)
