"""Many conversations into the store at once: a transaction holds as many as memory bears."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from convexplain.types import Conversation, sha256_json

from . import schema
from .database import inserting, writing
from .facets import facets
from .store import RunStore, conversation_body

_BATCH = 500  # conversations in one transaction
_CHARACTERS = 1 << 22  # of the turns in one transaction, if a single conversation has not more


@dataclass(frozen=True, slots=True)
class Kept:
    """What has gone into the store so far.

    Attributes:
        conversations, turns: how many came.
        added: how many of the conversations had not been there before.
    """

    conversations: int = 0
    turns: int = 0
    added: int = 0


def keep_conversations(
    store: RunStore,
    conversations: Iterable[Conversation],
    run: int | None = None,
    on_batch: Callable[[Kept], None] | None = None,
) -> Kept:
    """Keeps conversations, each once however often it comes, in transactions of many. They stream through.

    What was kept before an error, or before the process ends, stays; the same again adds only what is missing.

    Args:
        store: where to.
        conversations: in the order in which the store will give them.
        run: makes them part of this run; None to keep them only.
        on_batch: is told after every transaction.

    Raises:
        StoreError: it cannot be written.
    """
    kept = Kept()
    for batch in _batches(conversations):
        added = _keep(store, batch, run)
        turns = sum(len(conversation.turns) for conversation in batch)
        kept = Kept(kept.conversations + len(batch), kept.turns + turns, kept.added + added)
        if on_batch is not None:
            on_batch(kept)
    return kept


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


def _keep(store: RunStore, batch: list[Conversation], run: int | None) -> int:
    """Keeps some conversations in one transaction. Returns how many were new."""
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
    table, insert = schema.conversations, inserting(store.engine)
    there = sa.select(table.c.id, table.c.digest).where(table.c.digest.in_(list(rows)))
    with writing(store.engine) as connection:
        before = {row.digest for row in connection.execute(there)}
        new = [row for digest, row in rows.items() if digest not in before]
        if new:
            connection.execute(insert(table).on_conflict_do_nothing(), new)
            there_now = [
                {"conversation": row.id, **facets(rows[row.digest]["body"])}
                for row in connection.execute(there)
                if row.digest not in before
            ]
            connection.execute(insert(schema.facets).on_conflict_do_nothing(), there_now)
        if run is None and before:  # a run has brought them so far
            connection.execute(sa.update(table).where(table.c.digest.in_(before)).values(imported=True))
        if run is not None:
            links = [{"run": run, "conversation": row.id} for row in connection.execute(there)]
            connection.execute(insert(schema.run_conversations).on_conflict_do_nothing(), links)
    return len(new)
