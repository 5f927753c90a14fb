"""Formats of other packages, which may fail in any way: no failure of theirs is one of the file or of other formats."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from convexplain.connectors.plugins import plugins, warn
from convexplain.errors import ConvexplainError

from .drafts import Draft, Entry, Report, UnreadableError
from .form import Format
from .text import LogText


def foreign(taken: Collection[str]) -> Iterator[Format]:
    """The formats that other packages register; one that is none, or whose name is taken, is warned of and left out.

    Args:
        taken: the names of the formats of this package.
    """
    used = set(taken)
    for name, found in plugins("log_formats"):
        if not isinstance(found, Format):
            warn("log_formats", name, f"is no Format but {type(found).__name__}")
        elif not found.name or found.name in used:
            warn("log_formats", name, f"its format's name {found.name!r} is empty or there already")
        else:
            used.add(found.name)
            yield _guarded(found)


def _guarded(format: Format) -> Format:
    return replace(
        format,
        is_record=lambda value: _told(format, format.is_record, value),
        is_text=lambda head: _told(format, format.is_text, head),
        drafts=None if format.drafts is None else _safe_drafts(format.name, format.drafts),
        joined=None if format.joined is None else _safe_joined(format.name, format.joined),
        of_text=None if format.of_text is None else _safe_text(format.name, format.of_text),
    )


def _told(format: Format, test: Callable[[Any], bool], value: Any) -> bool:
    try:
        return bool(test(value))
    except Exception as error:  # noqa: BLE001 - another package's code
        warn("log_formats", format.name, f"cannot say whether a log is its own: {_said(error)}")
        return False


def _safe_drafts(name: str, drafts: Callable[[Any], list[Draft]]) -> Callable[[Any], list[Draft]]:
    def safe(record: Any) -> list[Draft]:
        try:
            return list(drafts(record))
        except UnreadableError:
            raise
        except Exception as error:
            raise UnreadableError(_failed(name, error)) from error

    return safe


def _safe_joined(
    name: str, joined: Callable[[Sequence[tuple[int, Any]], Report], Iterator[Entry]]
) -> Callable[[Sequence[tuple[int, Any]], Report], Iterator[Entry]]:
    def safe(records: Sequence[tuple[int, Any]], report: Report) -> Iterator[Entry]:
        try:
            yield from joined(records, report)
        except Exception as error:  # noqa: BLE001 - another package's code
            report(None, f"the rest is left out: {_failed(name, error)}")

    return safe


def _safe_text(
    name: str, of_text: Callable[[LogText, frozenset[str], Report], Iterator[Entry]]
) -> Callable[[LogText, frozenset[str], Report], Iterator[Entry]]:
    def safe(text: LogText, assistant: frozenset[str], report: Report) -> Iterator[Entry]:
        try:
            yield from of_text(text, assistant, report)
        except ConvexplainError:  # of the file
            raise
        except Exception as error:  # noqa: BLE001 - another package's code
            report(None, f"the rest is left out: {_failed(name, error)}")

    return safe


def _failed(name: str, error: Exception) -> str:
    return f"the reader of the format {name!r} failed: {_said(error)}"


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
