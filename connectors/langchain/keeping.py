"""Keeps conversations that grow, and their judgements, in a run of the store."""

import threading
import uuid
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from convexplain.models.chat import Spend
from convexplain.store import RunStore, schema
from convexplain.store.database import writing
from convexplain.types import Judgement, Rubric
from convexplain.workspace import BackgroundJudge

from .threads import Talk

_MOVED = (schema.judgements, schema.contrasts, schema.attributions)


class Keeper:
    """A run of its own in the store, begun when the first conversation comes.

    That may be before the judge is there. The run is then described by the judge's spec, and described anew as soon as
    something is kept after the judge was prepared: at the latest before the first judgement.

    Args:
        store: the store.
        judge: the judge.
        settings: what else says how the run came about.
    """

    def __init__(self, store: RunStore, judge: BackgroundJudge, settings: Mapping[str, Any]) -> None:
        self._store = store
        self._judge = judge
        # The mark keeps it from being taken for an earlier run that was not finished.
        self._settings = {"turns": "all", **settings, "mark": uuid.uuid4().hex}
        self._described: object = None
        self._beginning = threading.Lock()
        self.run: int | None = None

    def keep(self, talk: Talk) -> None:
        """Keep a conversation with its turns so far, in place of what was kept of it before."""
        number = self._store.keep_conversation(talk.shown, self._begun())
        if talk.number is not None and talk.number != number:
            _replace(self._store, self._begun(), talk.number, number)
        talk.number = number

    def keep_judgement(self, talk: Talk, rubric: Rubric, judgement: Judgement) -> None:
        """Keep a judgement of a conversation, which is kept first where that failed before."""
        if talk.number is None:
            self.keep(talk)
        if talk.number is not None:
            rubric = self._judge.as_judged(rubric)
            self._store.keep_judgement(self._begun(), talk.number, rubric, judgement)

    def alive(self, spend: Spend) -> None:
        """Say that the run goes on, and what it has cost."""
        if self.run is not None:
            self._store.keep_alive(self.run, spend)

    def end(self, complete: bool, spend: Spend) -> None:
        """Mark the run as done, or as stopped where something in it was not judged."""
        if self.run is not None:
            self._store.end_run(self.run, "done" if complete else "stopped", spend)

    def _begun(self) -> int:
        with self._beginning:
            built = self._judge.built
            if self.run is None:
                self.run = self._store.begin_run(**self._judge.run_description(self._settings)).id
            elif built is not self._described:
                self._store.describe_run(self.run, **self._judge.run_description(self._settings))
            self._described = built
            return self.run


def _replace(store: RunStore, run: int, old: int, new: int) -> None:
    """Puts a conversation in the place of its own beginning: of one that grew, the last form is the one to look at.

    What the run found for the beginning holds for the whole, whose turns have the same indices. The beginning is
    deleted where nothing else refers to it.
    """
    conversations, members = schema.conversations, schema.run_conversations
    with writing(store.engine) as connection:
        for table in _MOVED:
            of_old = (table.c.run == run, table.c.conversation == old)
            connection.execute(sa.delete(table).where(*of_old, _found_again(table, new)))
            connection.execute(sa.update(table).where(*of_old).values(conversation=new))
        connection.execute(sa.delete(members).where(members.c.run == run, members.c.conversation == old))
        used = [sa.exists().where(table.c.conversation == old) for table in (members, *_MOVED, schema.ratings)]
        connection.execute(sa.delete(conversations).where(conversations.c.id == old, ~sa.or_(*used)))


def _found_again(table: sa.Table, new: int) -> sa.ColumnElement[bool]:
    """Whether the same was found for the whole already, as when a thread was forgotten and came again."""
    other = table.alias()
    (unique,) = (found for found in table.constraints if isinstance(found, sa.UniqueConstraint))
    same = [other.c[column.name] == column for column in unique.columns if column.name != "conversation"]
    return sa.exists().where(other.c.conversation == new, *same)
