"""Filters of a run's judgements, as conditions of a query: by conversation, turn, score and text."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from . import schema
from .store import RunStore

_JSON_FRAME = (  # what surrounds the texts in a conversation's body; a search for text must not match it
    *(f'"role":"{role}"' for role in ("system", "user", "assistant", "tool")),
    *(f'"part":"{kind}"' for kind in ("text", "reasoning", "tool_call", "tool_result", "media")),
    *(f'"{key}":' for key in ("id", "source", "metadata", "turns", "role", "content", "name", "at", "parts", "part")),
    *(f'"{key}":' for key in ("text", "arguments", "kind")),
    "null",
)


@dataclass(frozen=True, slots=True)
class JudgementFilters:
    """Filters of a run's judgements on one rubric; a filter that is empty or None excludes nothing.

    Attributes:
        run: the run's number.
        rubric: SHA of a rubric that the run has judged by.
        threshold: of that rubric.
        sources, bots: of the conversation; "" stands for a bot that is not named.
        since, until: days (UTC) between which a conversation began, both included.
        length: least and largest number of turns in a conversation.
        turns: first and last index of a judged turn.
        scores: least score, and the score that it is below (1 is below 1 here, so that intervals tile [0, 1]).
        text: a string in the conversation's texts, names, id, source or metadata; letters A to Z match in either case.
    """

    run: int
    rubric: str
    threshold: float
    sources: tuple[str, ...] = ()
    bots: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    length: tuple[int, int] | None = None
    turns: tuple[int, int] | None = None
    scores: tuple[float, float] | None = None
    text: str = ""


def filter_judgements(
    store: RunStore, query: sa.Select[Any], filters: JudgementFilters, facets: bool = False
) -> sa.Select[Any]:
    """Return the query over the judgements that pass the filters.

    Args:
        store: the store.
        query: selects columns of judgements, and of facets if they are joined.
        filters: the filters.
        facets: join the conversations' facets even if no filter needs them.
    """
    table, columns = schema.judgements, schema.facets
    query = query.select_from(table).where(table.c.run == filters.run, table.c.rubric == filters.rubric)
    conditions = list(_facet_conditions(filters))
    if facets or conditions:
        joined = table.join(columns, columns.c.conversation == table.c.conversation)
        query = query.select_from(joined).where(*conditions)
    if filters.turns is not None:
        query = query.where(table.c.turn.between(*filters.turns))
    if filters.scores is not None:
        low, high = filters.scores
        query = query.where(table.c.score >= low, table.c.score <= 1 if high >= 1 else table.c.score < high)
    if filters.text:
        query = query.where(table.c.conversation.in_(_conversations_with(store, filters.text)))
    return query


def _facet_conditions(filters: JudgementFilters) -> Iterable[sa.ColumnElement[bool]]:
    facets = schema.facets
    if filters.sources:
        yield facets.c.source.in_(filters.sources)
    if filters.bots:
        named = facets.c.bot.in_([bot for bot in filters.bots if bot])
        yield sa.or_(named, facets.c.bot.is_(None)) if "" in filters.bots else named
    if filters.since is not None:
        yield facets.c.began_at >= _midnight(filters.since)
    if filters.until is not None:
        yield facets.c.began_at < _midnight(filters.until + timedelta(days=1))
    if filters.length is not None:
        yield facets.c.turns.between(*filters.length)


def _midnight(day: date) -> Any:
    return sa.literal(datetime.combine(day, time()), sa.DateTime)


def _conversations_with(store: RunStore, text: str) -> sa.Select[Any]:
    """Return a query of the numbers of the conversations that contain a text, as JSON writes it in their bodies."""
    table = schema.conversations
    body: Any = sa.type_coerce(table.c.body, sa.Text)
    needle = json.dumps(text)[1:-1]
    for part in _JSON_FRAME:
        if needle.lower() in part:
            body = sa.func.replace(body, part, "")
    if store.engine.dialect.name == "postgresql":
        return sa.select(table.c.id).where(body.icontains(needle, autoescape=True))
    return sa.select(table.c.id).where(body.contains(needle, autoescape=True))  # SQLite's LIKE ignores case
