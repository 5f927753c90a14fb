"""Replies of models by their content address, and leases of the requests that are in flight.

Several processes, also on several machines, may judge from one store. Each asks the model only what it has leased: it
inserts a row with the request's key, which one process alone can do. The reply takes the place of the lease in one
transaction. A lease ends with its process where that ran on the machine that looks, and after `LEASE_SECONDS`
otherwise; its owner renews it until then. Where the clocks of two machines differ by more than that, a request may be
asked twice; nothing is lost.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, cast

import sqlalchemy as sa

from convexplain.models.chat import LabelLogprobs, Reply, ReplyRecord

from . import schema
from .database import insert_for, reading, writing
from .run_records import has_ended, this_process

LEASE_SECONDS = 30.0
"""Seconds after which a lease that was not renewed is void."""

_KEYS = 500  # keys in one statement

# Built once: to build a statement costs more than to run it.
_CALLS, _LEASES = schema.model_calls, schema.leases
_IN_KEYS: sa.BindParameter[Any] = sa.bindparam("keys", expanding=True)
_STORED = sa.select(_CALLS.c.key, _CALLS.c.reply).where(_CALLS.c.key.in_(_IN_KEYS))
_LEASED = sa.select(_LEASES).where(_LEASES.c.key.in_(_IN_KEYS))
_OWN = sa.select(_LEASES.c.key).where(_LEASES.c.key.in_(_IN_KEYS), _LEASES.c.owner == sa.bindparam("mine"))
_END_OWN = sa.delete(_LEASES).where(_LEASES.c.key.in_(_IN_KEYS), _LEASES.c.owner == sa.bindparam("mine"))
_RENEW_OWN = (
    sa.update(_LEASES)
    .where(_LEASES.c.key.in_(_IN_KEYS), _LEASES.c.owner == sa.bindparam("mine"))
    .values(expires_at=sa.bindparam("until", type_=schema.UtcTime))
)
_END_ALL = sa.delete(_LEASES).where(_LEASES.c.key.in_(_IN_KEYS))


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
        connection.execute(_put(insert_for(engine), _CALLS), rows)
        connection.execute(_END_ALL, {"keys": keys})


def renew(engine: sa.Engine, keys: Collection[str], holder: str) -> None:
    """Renew leases of a holder in this process."""
    _change(engine, keys, holder, _RENEW_OWN, until=_expiry())


def release(engine: sa.Engine, keys: Collection[str], holder: str) -> None:
    """End leases of a holder in this process, whose requests have no reply that is stored."""
    _change(engine, keys, holder, _END_OWN)


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
    return {key: _to_reply(body) for key, body in connection.execute(_STORED, {"keys": keys})}


def _claim(engine: sa.Engine, keys: Sequence[str], owner: str) -> dict[str, Reply | None]:
    with reading(engine) as connection:
        claims: dict[str, Reply | None] = dict(_replies(connection, keys))
        missing = [key for key in keys if key not in claims]
        leases = connection.execute(_LEASED, {"keys": missing}).all() if missing else []
    now = datetime.now(UTC)
    void = sorted((row.key, row.owner) for row in leases if row.expires_at < now or has_ended(row.owner))
    leased = {row.key for row in leases if row.owner != owner} - {key for key, _ in void}
    free = [key for key in missing if key not in leased]
    if not free:
        return claims
    expiry = _expiry()
    with writing(engine) as connection:
        for key, former in void:
            connection.execute(_END_OWN, {"keys": [key], "mine": former})
        if void:
            connection.execute(
                sa.delete(_LEASES).where(_LEASES.c.expires_at < now)
            )  # of requests that nobody makes again
        rows = [{"key": key, "owner": owner, "expires_at": expiry} for key in sorted(free)]
        connection.execute(_put(insert_for(engine), _LEASES), rows)
        claimed = list(connection.execute(_OWN, {"keys": free, "mine": owner}).scalars())
        # A reply that came after the first look is there now: it took the place of its lease.
        replies = _replies(connection, claimed)
        if replies:
            connection.execute(_END_OWN, {"keys": list(replies), "mine": owner})
    return claims | dict.fromkeys(claimed) | replies


@cache
def _put(insert: Callable[[sa.Table], Any], table: sa.Table) -> sa.Insert:
    return cast(sa.Insert, insert(table).on_conflict_do_nothing())


def _change(
    engine: sa.Engine, keys: Collection[str], holder: str, change: sa.Update | sa.Delete, **values: datetime
) -> None:
    ordered, owner = sorted(keys), _owner(holder)
    for start in range(0, len(ordered), _KEYS):
        with writing(engine) as connection:
            connection.execute(change, {"keys": ordered[start : start + _KEYS], "mine": owner, **values})


def _owner(holder: str) -> str:
    return f"{this_process()}#{holder}"


def _expiry() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS)
