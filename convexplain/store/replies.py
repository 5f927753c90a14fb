"""Replies of models by their content address, and leases of the requests that are in flight.

Several processes, also on several machines, may judge from one store. Each asks the model only what it has leased: it
inserts a row with the request's key, which one process alone can do. The reply takes the place of the lease in one
transaction. A lease ends with its process where that ran on the machine that looks, and after `LEASE_SECONDS`
otherwise; its owner renews it until then. Where the clocks of two machines differ by more than that, a request may be
asked twice; nothing is lost.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from convexplain.models.chat import LabelLogprobs, Reply, ReplyRecord

from . import schema
from .database import insert_for, reading, writing
from .run_records import has_ended, this_process

LEASE_SECONDS = 30.0
"""Seconds after which a lease that was not renewed is void."""

_KEYS = 500  # keys in one statement


def stored_reply(engine: sa.Engine, key: str) -> Reply | None:
    """Return the reply that is stored under the key; None if there is none."""
    with reading(engine) as connection:
        return _replies(connection, [key]).get(key)


def claim(engine: sa.Engine, keys: Sequence[str], holder: str) -> dict[str, Reply | None]:
    """Return the stored replies, and lease the requests that have none.

    Args:
        engine: the store's.
        keys: of the requests.
        holder: who leases, among those in this process.

    Returns:
        By their keys the replies that are stored, and None for each request that is leased to the holder now. A request
        that somebody else has leased is not among them.
    """
    claims: dict[str, Reply | None] = {}
    for start in range(0, len(keys), _KEYS):
        claims |= _claim(engine, keys[start : start + _KEYS], _owner(holder))
    return claims


def keep_replies(engine: sa.Engine, records: Sequence[ReplyRecord]) -> None:
    """Store replies, in the place of the leases of their requests. The first reply under a key stays."""
    now = datetime.now(UTC)
    rows: list[dict[str, Any]] = [
        {"key": record.key, "model": record.model, "created_at": now, "reply": reply_body(record.reply)}
        for record in records
    ]
    if not rows:
        return
    rows.sort(key=lambda row: row["key"])  # two processes take locks in one order
    keys = [row["key"] for row in rows]
    with writing(engine) as connection:
        connection.execute(insert_for(engine)(schema.model_calls).on_conflict_do_nothing(), rows)
        connection.execute(sa.delete(schema.leases).where(schema.leases.c.key.in_(keys)))


def renew(engine: sa.Engine, keys: Collection[str], holder: str) -> None:
    """Renew leases of a holder in this process."""
    _change(engine, keys, holder, sa.update(schema.leases).values(expires_at=_expiry()))


def release(engine: sa.Engine, keys: Collection[str], holder: str) -> None:
    """End leases of a holder in this process, whose requests have no reply that is stored."""
    _change(engine, keys, holder, sa.delete(schema.leases))


def reply_body(reply: Reply) -> dict[str, Any]:
    """Return a reply as JSON values."""
    body = {name: getattr(reply, name) for name in Reply.__slots__}
    if reply.labels is not None:
        body["labels"] = asdict(reply.labels)
    return body


def _to_reply(body: Mapping[str, Any]) -> Reply:
    fields = dict(body)
    labels, features = fields.pop("labels"), fields.pop("features", None)
    return Reply(
        **fields,
        labels=LabelLogprobs(**labels) if labels else None,
        features=tuple(features) if features is not None else None,
    )


def _replies(connection: sa.Connection, keys: Sequence[str]) -> dict[str, Reply]:
    table = schema.model_calls
    query = sa.select(table.c.key, table.c.reply).where(table.c.key.in_(keys))
    return {key: _to_reply(body) for key, body in connection.execute(query)}


def _claim(engine: sa.Engine, keys: Sequence[str], owner: str) -> dict[str, Reply | None]:
    table = schema.leases
    with reading(engine) as connection:
        claims: dict[str, Reply | None] = dict(_replies(connection, keys))
        missing = [key for key in keys if key not in claims]
        leases = connection.execute(sa.select(table).where(table.c.key.in_(missing))).all() if missing else []
    now = datetime.now(UTC)
    void = sorted((row.key, row.owner) for row in leases if row.expires_at < now or has_ended(row.owner))
    leased = {row.key for row in leases if row.owner != owner} - {key for key, _ in void}
    free = [key for key in missing if key not in leased]
    if not free:
        return claims
    expiry = _expiry()
    with writing(engine) as connection:
        for key, former in void:
            connection.execute(sa.delete(table).where(table.c.key == key, table.c.owner == former))
        if void:
            connection.execute(sa.delete(table).where(table.c.expires_at < now))  # of requests that nobody makes again
        rows = [{"key": key, "owner": owner, "expires_at": expiry} for key in sorted(free)]
        connection.execute(insert_for(engine)(table).on_conflict_do_nothing(), rows)
        query = sa.select(table.c.key).where(table.c.key.in_(free), table.c.owner == owner)
        claimed = list(connection.execute(query).scalars())
        # A reply that came after the first look is there now: it took the place of its lease.
        replies = _replies(connection, claimed)
        if replies:
            connection.execute(sa.delete(table).where(table.c.key.in_(list(replies)), table.c.owner == owner))
    return claims | dict.fromkeys(claimed) | replies


def _change(engine: sa.Engine, keys: Collection[str], holder: str, change: sa.Update | sa.Delete) -> None:
    ordered, owner, table = sorted(keys), _owner(holder), schema.leases
    for start in range(0, len(ordered), _KEYS):
        with writing(engine) as connection:
            some = ordered[start : start + _KEYS]
            connection.execute(change.where(table.c.key.in_(some), table.c.owner == owner))


def _owner(holder: str) -> str:
    return f"{this_process()}#{holder}"


def _expiry() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS)
