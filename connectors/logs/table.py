"""Tables: CSV or TSV with one turn a row."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from convexplain.errors import LogError

from .columns import ColumnMap, find
from .csvrows import Row, delimiter_of, rows, strip_all
from .drafts import Draft, Entry, Said
from .problems import Report
from .text import LogText
from .values import clean, extras, moment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Group:
    """The rows of one conversation as they came, each with its order cell."""

    line: int
    said: list[Said] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)


def entries(text: LogText, columns: ColumnMap | None, report: Report) -> Iterator[Entry]:
    """The conversations of a table, in the order of their first rows.

    The rows of one conversation may stand anywhere in the file, so the whole table is held in memory before
    the first conversation comes. A row that cannot be read is reported and left out; its conversation comes
    without it.

    Args:
        text: the log.
        columns: the columns to read; None to go by their usual names.
        report: is told of rows that cannot be read.

    Raises:
        UsageError: the columns cannot be told.
        LogError: the first row cannot be read.
    """
    delimiter, _ = delimiter_of(text.head, columns)
    found = rows(text.lines(), delimiter)
    first = next(found, Row(1, []))
    if first.error is not None:
        raise LogError(text.path, first.line, f"the row of column names cannot be read: {first.error}")
    header = strip_all(first.cells)
    places = find(header, columns)
    groups: dict[str, _Group] = {}
    for row in found:
        if row.error is not None:
            report(row.line, row.error)
        elif (reason := _add(groups, row, header, places)) is not None:
            report(row.line, reason)
    for number, (own, group) in enumerate(groups.items(), 1):
        draft = Draft(_ordered(group))
        if group.empty:
            draft.remarks.append(f"the turn in line {', '.join(map(str, group.empty))} is empty")
        if places.order is not None and draft.said is group.said:
            draft.remarks.append(
                f"the column {places.order!r} does not order its rows (not all are numbers or moments); "
                "they are in the order of the file"
            )
        yield Entry(group.line, number, own or None, [draft])


def _add(groups: dict[str, _Group], row: Row, header: Sequence[str], places: ColumnMap) -> str | None:
    """Adds a row to its conversation, or says why it cannot be."""
    if len(row.cells) > len(header):
        return f"the row has {len(row.cells)} cells, the first row {len(header)}; a delimiter without quotes?"
    cells = dict.fromkeys(header, "")
    for name, cell in zip(reversed(header[: len(row.cells)]), reversed(row.cells), strict=True):
        cells[name] = cell  # of two columns with one name, the first one counts
    own = ""
    if places.conversation is not None:
        own = clean(cells[places.conversation].strip())
        if not own:
            return f"the row has no {places.conversation!r}"
    speaker, content = cells[places.role].strip(), cells[places.content]
    if not speaker:
        return f"the row has no {places.role!r}"
    group = groups.setdefault(own, _Group(row.line))
    if not content.strip():
        group.empty.append(row.line)
    group.said.append(_said(cells, speaker, content, places))
    group.order.append(cells[places.order].strip() if places.order else "")
    return None


def _said(cells: dict[str, str], speaker: str, content: str, places: ColumnMap) -> Said:
    at = moment(cells[places.at]) if places.at else None
    used = {places.conversation, places.role, places.content, places.order, places.name}
    used = used | {places.at} if at is not None else used - {places.at}
    rest = {name: cell for name, cell in cells.items() if cell.strip()}
    name = cells[places.name].strip() or None if places.name else None
    return Said(speaker, content, name, at, extras(rest, used))


def _ordered(group: _Group) -> list[Said]:
    """The turns by their order cells; the very list of the group where those do not order them."""
    orders = _numbers(group.order) or _moments(group.order)
    if orders is None:
        return group.said
    places = sorted(range(len(orders)), key=lambda place: orders[place])
    return [group.said[place] for place in places]


def _numbers(cells: Sequence[str]) -> list[float] | None:
    try:
        found = [float(cell) for cell in cells]
    except ValueError:
        return None
    return found if all(map(math.isfinite, found)) else None


def _moments(cells: Sequence[str]) -> list[float] | None:
    found = [at for at in map(moment, cells) if at is not None]
    if len(found) < len(cells) or len({at.tzinfo is None for at in found}) > 1:
        return None
    # Moments without a zone are taken as they stand: the machine's own zone would bend them twice a year.
    aware = [at if at.tzinfo else at.replace(tzinfo=UTC) for at in found]
    return [(at - _EPOCH).total_seconds() for at in aware]
