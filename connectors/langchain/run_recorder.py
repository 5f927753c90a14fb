"""A recorder of growing conversations and their judgements in a run of the store."""

import threading
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from convexplain.models.chat import Spend
from convexplain.store import RunStore, schema
from convexplain.store.database import writing
from convexplain.types import Judgement, Rubric
from convexplain.workspace import BackgroundJudge

from .threads import ThreadConversation

_RESULT_TABLES = (schema.judgements, schema.contrasts, schema.attributions)


class RunRecorder:
    """A recorder with its own run in the store, which begins with the first conversation.

    The judge may not be prepared then. The run is first described by the judge's spec, and described again with the
    first record after the judge was prepared: at the latest before the first judgement.

    Args:
        store: the store.
        judge: the judge.
        settings: further settings of the run.
    """

    def __init__(self, store: RunStore, judge: BackgroundJudge, settings: Mapping[str, Any]) -> None:
        self._store = store
        self._judge = judge
        # The mark distinguishes it from an earlier run that was not finished.
        self._settings = {"turns": "all", **settings, "mark": uuid.uuid4().hex}
        self._described: object = None
        self._beginning = threading.Lock()
        self._stored = Spend()  # what the run has in the store
        self.run: int | None = None

    def record_conversation(self, talk: ThreadConversation) -> None:
        """Store a conversation with its turns so far, in place of its earlier record."""
        number = self._store.keep_conversation(talk.visible, self._run_number())
        if talk.number is not None and talk.number != number:
            _replace(self._store, self._run_number(), talk.number, number)
        talk.number = number

    def record_judgement(self, talk: ThreadConversation, rubric: Rubric, judgement: Judgement) -> None:
        """Store a judgement of a conversation; the conversation is stored first where that failed before."""
        if talk.number is None:
            self.record_conversation(talk)
        if talk.number is not None:
            rubric = self._judge.as_judged(rubric)
            self._store.keep_judgement(self._run_number(), talk.number, rubric, judgement)

    def record_heartbeat(self, spend: Spend) -> None:
        """Record that the run is still active, and its cost so far."""
        if self.run is not None:
            self._store.keep_alive(self.run, spend - self._stored)
            self._stored = replace(spend)

    def end(self, complete: bool, spend: Spend) -> None:
        """Mark the run as done, or as stopped where a turn in it was not judged."""
        if self.run is not None:
            self._store.end_run(self.run, "done" if complete else "stopped", spend - self._stored)
            self._stored = replace(spend)

    def _run_number(self) -> int:
        with self._beginning:
            built = self._judge.built
            if self.run is None:
                self.run = self._store.begin_run(**self._judge.run_description(self._settings)).id
            elif built is not self._described:
                self._store.describe_run(self.run, **self._judge.run_description(self._settings))
            self._described = built
            return self.run


def _replace(store: RunStore, run: int, old: int, new: int) -> None:
    """Put a grown conversation in the place of its own beginning: only its last form is read.

    The run's results for the beginning hold for the grown one, whose turns have the same indices. The beginning is
    deleted where no other record refers to it.
    """
    conversations, members = schema.conversations, schema.run_conversations
    with writing(store.engine) as connection:
        for table in _RESULT_TABLES:
            of_old = (table.c.run == run, table.c.conversation == old)
            connection.execute(sa.delete(table).where(*of_old, _exists_for(table, new)))
            connection.execute(sa.update(table).where(*of_old).values(conversation=new))
        connection.execute(sa.delete(members).where(members.c.run == run, members.c.conversation == old))
        used = [sa.exists().where(table.c.conversation == old) for table in (members, *_RESULT_TABLES, schema.ratings)]
        connection.execute(sa.delete(conversations).where(conversations.c.id == old, ~sa.or_(*used)))


def _exists_for(table: sa.Table, new: int) -> sa.ColumnElement[bool]:
    """Return whether the grown conversation has the result already, as when a forgotten thread came again."""
    twin = table.alias()
    (unique,) = (constraint for constraint in table.constraints if isinstance(constraint, sa.UniqueConstraint))
    same_key = [twin.c[column.name] == column for column in unique.columns if column.name != "conversation"]
    return sa.exists().where(twin.c.conversation == new, *same_key)
