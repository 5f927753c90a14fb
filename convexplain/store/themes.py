"""Themes of runs: groups of flagged turns, with the names, pins and corrections that people gave them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from convexplain.analysis.themes.theme import CommonCause, GroupExcess, LowScores, Place, Theme, ThemeMember, Trend
from convexplain.errors import StoreError

from . import schema
from .database import reading, writing
from .store import RunStore

_MOST = 2**31 - 1  # no store has as many themes


@dataclass(frozen=True, slots=True)
class StoredTheme:
    """A theme of a run with its number in the store."""

    number: int
    run: int
    theme: Theme


@dataclass(frozen=True, slots=True)
class ThemeSearch:
    """The last search for themes in a run.

    Attributes:
        judged: the turns that have a score.
        flagged: those of them that were grouped.
        basis: the sentence that says which turns these are.
        ungrouped: those of them that belong to no theme.
        lowest: the share of the lowest scores that counted as flagged; None where the search chose it.
        explain: how many members of each theme were explained for it.
        notes: sentences about what the search left out or could not do.
        at: when it was.
    """

    judged: int
    flagged: int
    basis: str
    ungrouped: tuple[Place, ...] = ()
    lowest: float | None = None
    explain: int = 0
    notes: tuple[str, ...] = ()
    at: datetime = field(default_factory=lambda: datetime.now(UTC), compare=False)


def keep_themes(store: RunStore, run: int, search: ThemeSearch, themes: Sequence[Theme]) -> None:
    """Keep the themes of a run in place of those of an earlier search.

    A pinned theme of the run keeps its number. One that no other run has, and that this search did not find, stays.

    Args:
        store: the store.
        run: the run's number.
        search: the search that found them.
        themes: the themes; `pinned` names the line of pinned themes that one continues.
    """
    table, body = schema.themes, {name: value for name, value in asdict(search).items() if name != "at"}
    lines = {theme.pinned for theme in themes if theme.pinned is not None}
    with writing(store.engine) as connection:
        elsewhere = set(connection.scalars(sa.select(table.c.pinned).where(table.c.run != run)))
        earlier = connection.execute(sa.select(table.c.id, table.c.pinned).where(table.c.run == run)).all()
        same = {row.pinned: row.id for row in earlier if row.pinned in lines}
        last = {row.id for row in earlier if row.pinned is not None and row.pinned not in lines | elsewhere}
        numbers = {*same.values(), *last}
        connection.execute(sa.delete(table).where(table.c.run == run, table.c.id.not_in(numbers)))
        connection.execute(sa.delete(schema.theme_sets).where(schema.theme_sets.c.run == run))
        connection.execute(sa.insert(schema.theme_sets).values(run=run, body=body, created_at=search.at))
        for theme in themes:
            if theme.pinned in same:
                _update(connection, same[theme.pinned], theme)
            else:
                _insert(connection, run, theme)


def theme_search(store: RunStore, run: int) -> ThemeSearch | None:
    """Return the last search for themes in a run; None where there was none."""
    table = schema.theme_sets
    with reading(store.engine) as connection:
        row = connection.execute(sa.select(table).where(table.c.run == run)).first()
    if row is None:
        return None
    places = tuple((number, turn) for number, turn in row.body["ungrouped"])
    return ThemeSearch(**{**row.body, "ungrouped": places, "notes": tuple(row.body["notes"])}, at=row.created_at)


def keep_ungrouped(store: RunStore, run: int, places: Sequence[Place]) -> None:
    """Keep which flagged turns of a run belong to no theme, after people have moved some into themes."""
    table = schema.theme_sets
    with writing(store.engine) as connection:
        body = connection.execute(sa.select(table.c.body).where(table.c.run == run)).scalar_one()
        change = sa.update(table).where(table.c.run == run)
        connection.execute(change.values(body={**body, "ungrouped": [list(place) for place in places]}))


def stored_themes(store: RunStore, run: int) -> list[StoredTheme]:
    """Return the themes of a run, the largest first."""
    stored = _themes(store, schema.themes.c.run == run)
    return sorted(stored, key=lambda stored: (-len(stored.theme.members), stored.number))


def stored_theme(store: RunStore, number: int) -> StoredTheme:
    """Return a theme by its number.

    Raises:
        StoreError: there is none.
    """
    stored = _themes(store, schema.themes.c.id == min(number, _MOST))
    if not stored:
        raise StoreError(f"{store.place}: there is no theme {number}; `convexplain themes` lists those of a run")
    return stored[0]


def pinned_themes(store: RunStore) -> dict[int, list[StoredTheme]]:
    """Return the pinned themes of all runs: by the number of their line, from the oldest run to the newest."""
    lines: dict[int, list[StoredTheme]] = {}
    for stored in _themes(store, schema.themes.c.pinned.is_not(None)):
        if stored.theme.pinned is not None:
            lines.setdefault(stored.theme.pinned, []).append(stored)
    return {line: sorted(themes, key=lambda stored: stored.run) for line, themes in lines.items()}


def rename_theme(store: RunStore, number: int, name: str) -> None:
    """Give a theme another name; a pinned theme has it in all runs."""
    _update_line(store, number, name=name)


def pin_theme(store: RunStore, number: int) -> None:
    """Pin a theme, so that it is found again in later runs."""
    table = schema.themes
    change = sa.update(table).where(table.c.id == number, table.c.pinned.is_(None))
    with writing(store.engine) as connection:
        connection.execute(change.values(pinned=number))


def unpin_theme(store: RunStore, number: int) -> None:
    """Unpin a theme in all runs; its rows stay as themes of their runs."""
    _update_line(store, number, pinned=None)


def replace_themes(store: RunStore, run: int, changed: Mapping[int, Theme], new: Iterable[Theme] = ()) -> list[int]:
    """Replace all themes of a run after a merge or a split; return the numbers of the new ones.

    Args:
        store: the store.
        run: the run's number.
        changed: by their numbers, the themes that stay; all others of the run are deleted.
        new: themes that the run does not have yet.
    """
    table = schema.themes
    with writing(store.engine) as connection:
        connection.execute(sa.delete(table).where(table.c.run == run, table.c.id.not_in(list(changed))))
        for number, theme in changed.items():
            _update(connection, number, theme)
        return [_insert(connection, run, theme) for theme in new]


def _update_line(store: RunStore, number: int, **values: Any) -> None:
    """Change a theme, and where it is pinned all themes of its line."""
    table = schema.themes
    with writing(store.engine) as connection:
        line = connection.scalar(sa.select(table.c.pinned).where(table.c.id == number))
        same = table.c.id == number if line is None else table.c.pinned == line
        connection.execute(sa.update(table).where(same).values(**values))


def _themes(store: RunStore, condition: sa.ColumnElement[bool]) -> list[StoredTheme]:
    table, member = schema.themes, schema.theme_members
    members: dict[int, list[ThemeMember]] = {}
    with reading(store.engine) as connection:
        rows = connection.execute(sa.select(table).where(condition).order_by(table.c.id)).all()
        of_themes = sa.select(member).join(table, table.c.id == member.c.theme).where(condition)
        for row in connection.execute(of_themes):
            members.setdefault(row.theme, []).append(ThemeMember(row.conversation, row.turn, row.similarity))
    return [StoredTheme(row.id, row.run, _to_theme(row, members.get(row.id, ()))) for row in rows]


def _insert(connection: sa.Connection, run: int, theme: Theme) -> int:
    insert = sa.insert(schema.themes).values(run=run, **_row(theme)).returning(schema.themes.c.id)
    number = int(connection.execute(insert).scalar_one())
    _insert_members(connection, number, theme)
    return number


def _update(connection: sa.Connection, number: int, theme: Theme) -> None:
    connection.execute(sa.update(schema.themes).where(schema.themes.c.id == number).values(**_row(theme)))
    connection.execute(sa.delete(schema.theme_members).where(schema.theme_members.c.theme == number))
    _insert_members(connection, number, theme)


def _insert_members(connection: sa.Connection, number: int, theme: Theme) -> None:
    rows = [
        {"theme": number, "conversation": member.number, "turn": member.turn, "similarity": member.similarity}
        for member in theme.members
    ]
    if rows:
        connection.execute(sa.insert(schema.theme_members), rows)


def _row(theme: Theme) -> dict[str, Any]:
    fields = asdict(replace(theme, members=()))
    body = {field: value for field, value in fields.items() if field not in ("name", "members", "pinned")}
    body["order"] = [(member.number, member.turn) for member in theme.members]  # the most typical first
    return {"name": theme.name, "pinned": theme.pinned, "body": body}


def _to_theme(row: Any, members: Iterable[ThemeMember]) -> Theme:
    body = row.body
    trend, cause, low = body["trend"], body["cause"], body.get("low")  # older stores have no `low`
    order = {(number, turn): i for i, (number, turn) in enumerate(body["order"])}
    return Theme(
        name=row.name,
        phrases=tuple(body["phrases"]),
        members=tuple(sorted(members, key=lambda member: order[member.number, member.turn])),
        share=body["share"],
        interval=(body["interval"][0], body["interval"][1]),
        excesses=tuple(GroupExcess(**excess) for excess in body["excesses"]),
        trend=None if trend is None else Trend(**{**trend, "interval": tuple(trend["interval"])}),
        cause=None if cause is None else CommonCause(**cause),
        pinned=row.pinned,
        low=None if low is None else LowScores(**low),
    )
