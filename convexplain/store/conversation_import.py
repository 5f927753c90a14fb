"""The import of many conversations into the store, in transactions that fit into memory."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from convexplain.types import Conversation, sha256_json

from . import schema
from .conversation_facets import conversation_facets
from .database import insert_for, reading, writing
from .serialization import conversation_body
from .store import RunStore

_BATCH = 500  # conversations in one transaction
_CHARACTERS = 1 << 22  # of the turns in one transaction, unless a single conversation has more


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """Counts of an import so far.

    Attributes:
        conversations, turns: how many arrived.
        added: how many of the conversations were new to the store.
    """

    conversations: int = 0
    turns: int = 0
    added: int = 0


def keep_conversations(
    store: RunStore,
    conversations: Iterable[Conversation],
    run: int | None = None,
    on_batch: Callable[[ImportCounts], None] | None = None,
) -> ImportCounts:
    """Store conversations, each once however often it comes, in transactions of many. They stream through.

    Conversations stored before an error, or before the process ends, stay; a repeated import adds only missing ones.

    Args:
        store: the store.
        conversations: in the order in which the store will return them.
        run: the run that they become part of; None for no run.
        on_batch: called with the counts so far after every transaction.

    Raises:
        StoreError: it cannot be written.
    """
    counts = ImportCounts()
    for batch in _batches(conversations):
        added = _keep_batch(store, batch, run)
        turns = sum(len(conversation.turns) for conversation in batch)
        counts = ImportCounts(counts.conversations + len(batch), counts.turns + turns, counts.added + added)
        if on_batch is not None:
            on_batch(counts)
    return counts


def conversation_numbers(store: RunStore, run: int) -> dict[str, int]:
    """Return the numbers of a run's conversations in the store, by their SHA-256."""
    table, members = schema.conversations, schema.run_conversations
    query = sa.select(table.c.digest, table.c.id).join(members, members.c.conversation == table.c.id)
    with reading(store.engine) as connection:
        return {row.digest: row.id for row in connection.execute(query.where(members.c.run == run))}


def _batches(conversations: Iterable[Conversation]) -> Iterator[list[Conversation]]:
    batch: list[Conversation] = []
    size = 0
    for conversation in conversations:
        batch.append(conversation)
        size += sum(len(turn.content) for turn in conversation.turns)
        if len(batch) >= _BATCH or size >= _CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _keep_batch(store: RunStore, batch: list[Conversation], run: int | None) -> int:
    """Store conversations in one transaction, and return how many were new."""
    rows: dict[str, dict[str, Any]] = {}
    for conversation in batch:
        body = conversation_body(conversation)
        digest = sha256_json(body)
        rows[digest] = {
            "digest": digest,
            "conversation_id": conversation.id,
            "source": conversation.source,
            "turns": len(conversation.turns),
            "imported": run is None,
            "body": body,
        }
    table, insert = schema.conversations, insert_for(store.engine)
    stored = sa.select(table.c.id, table.c.digest).where(table.c.digest.in_(list(rows)))
    with writing(store.engine) as connection:
        before = {row.digest for row in connection.execute(stored)}
        new = [row for digest, row in rows.items() if digest not in before]
        if new:
            connection.execute(insert(table).on_conflict_do_nothing(), new)
            facets = [
                {"conversation": row.id, **conversation_facets(rows[row.digest]["body"])}
                for row in connection.execute(stored)
                if row.digest not in before
            ]
            connection.execute(insert(schema.facets).on_conflict_do_nothing(), facets)
        if run is None and before:  # so far only runs have stored them
            connection.execute(sa.update(table).where(table.c.digest.in_(before)).values(imported=True))
        if run is not None:
            links = [{"run": run, "conversation": row.id} for row in connection.execute(stored)]
            connection.execute(insert(schema.run_conversations).on_conflict_do_nothing(), links)
    return len(new)
