"""The redaction of stored conversations, with everything that was stored about them, and of the cache of replies."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from convexplain.errors import StoreError
from convexplain.types import Conversation, sha256_json

from . import schema
from .conversation_facets import conversation_facets
from .database import reading, store_errors, writing
from .run_records import is_alive
from .serialization import conversation_body
from .store import RunStore

_PAGE = 500  # replies that are read at a time
# Fields that hold names of convexplain's own or of models, or times: no text of people.
_NAMES = {"role", "part", "at", "level", "question", "goal", "search", "method", "scalarizer", "perturbed", "stopped"}
_NAMES |= {"rubric", "judge", "responder", "infiller", "kind", "reason_quotes"}


class Redaction(Protocol):
    """The redaction of a conversation, as `convexplain.connectors.redaction.Redactor.redaction` returns it."""

    @property
    def conversation(self) -> Conversation:
        """Return the conversation without personal data."""

    def clean(self, text: str) -> str:
        """Return a text about the conversation without personal data."""

    def moved(self, turn: int, start: int, end: int) -> tuple[int, int]:
        """Return where the text `[start:end]` of a turn is in its redacted content."""


@dataclass(frozen=True, slots=True)
class RedactionCounts:
    """Counts of what a redaction of stored conversations changed.

    Attributes:
        conversations: conversations that were gone over.
        changed: conversations in which, or in texts about which, something was replaced.
        judgements, explanations, notes: records that were changed; notes are those of labels, and reviewers' wordings.
        themes: themes that were changed.
        problems: remarks about logs that were changed.
        jobs: jobs of the dashboard whose texts were changed, of any run.
        names: names of runs that were changed.
        replies: replies of models that were deleted from the cache, since they held personal data.
        runs: numbers of all runs with a changed conversation.
    """

    conversations: int
    changed: int
    judgements: int
    explanations: int
    notes: int
    themes: int
    problems: int
    jobs: int
    names: int
    replies: int
    runs: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return {**asdict(self), "runs": list(self.runs)}


def delete_replies(store: RunStore, holds_data: Callable[[str], bool]) -> int:
    """Delete the cached replies in which a text holds personal data, and return how many there were."""
    table, last, deleted = schema.model_calls, "", 0
    while True:
        query = sa.select(table.c.key, table.c.reply).where(table.c.key > last).order_by(table.c.key).limit(_PAGE)
        with reading(store.engine) as connection:
            rows = connection.execute(query).all()
        keys = [row.key for row in rows if any(map(holds_data, _texts(row.reply)))]
        if keys:
            with writing(store.engine) as connection:
                connection.execute(sa.delete(table).where(table.c.key.in_(keys)))
        deleted += len(keys)
        if len(rows) < _PAGE:
            return deleted
        last = rows[-1].key


def redact_conversations(
    store: RunStore, run: int | None, redact: Callable[[Conversation], Redaction], replies: int = 0
) -> RedactionCounts:
    """Redact conversations and what was stored about them, by any run, each conversation in one transaction.

    Args:
        store: the store.
        run: the conversations of this run; None = all.
        redact: returns the redaction of a conversation.
        replies: the number of replies that were deleted before, for the counts.
    """
    changed, runs = 0, set[int]()
    counts = {"judgements": 0, "explanations": 0, "notes": 0}
    total = 0
    for number, conversation in store.numbered_conversations(run):
        total += 1
        redaction = redact(conversation)
        with writing(store.engine) as connection:
            edits = _redact_records(connection, number, redaction)
            is_changed = redaction.conversation != conversation
            if is_changed:
                _replace_conversation(connection, number, redaction.conversation)
            if is_changed or any(edits.values()):
                changed += 1
                runs |= _end_runs(connection, number)
        counts = {name: counts[name] + edits[name] for name in counts}
    return RedactionCounts(
        total, changed, **counts, themes=0, problems=0, jobs=0, names=0, replies=replies, runs=tuple(sorted(runs))
    )


def redact_texts_of_runs(store: RunStore, run: int | None, clean: Callable[[str], str]) -> dict[str, int]:
    """Redact what is stored about runs as a whole: themes, remarks about logs, names, jobs; return how many changed.

    Args:
        store: the store.
        run: the runs that share a conversation with this one, and it itself; None = all. Jobs are those of any run.
        clean: returns a text without personal data.

    Returns:
        The counts `themes`, `problems`, `jobs` and `names`.
    """
    members = schema.run_conversations
    of_run = sa.select(members.c.conversation).where(members.c.run == run)
    runs = sa.select(members.c.run).where(members.c.conversation.in_(of_run)).union(sa.select(sa.literal(run)))
    with writing(store.engine) as connection:

        def redact(table: sa.Table, names: tuple[str, ...], key: sa.Column[int]) -> int:
            query = sa.select(table.c.id, *(table.c[name] for name in names)).order_by(table.c.id)
            changed = 0
            for row in connection.execute(query if run is None else query.where(key.in_(runs))).all():
                before = {name: getattr(row, name) for name in names}
                after = _cleaned(before, clean)
                if after != before:
                    connection.execute(sa.update(table).where(table.c.id == row.id).values(**after))
                    changed += 1
            return changed

        table = schema.runs
        redact(table, ("sample",), table.c.id)  # its strata are named by bots
        return {
            "themes": redact(schema.themes, ("name", "body"), schema.themes.c.run),
            "problems": redact(schema.problems, ("reason",), schema.problems.c.run),
            "jobs": _redact_jobs(connection, clean),
            "names": _redact_run_names(connection, None if run is None else runs, clean),
        }


def _redact_jobs(connection: sa.Connection, clean: Callable[[str], str]) -> int:
    """Redact what jobs have reported, and the conversations that their settings name or hold; paths of logs stay."""
    table, changed = schema.jobs, 0
    for row in connection.execute(sa.select(table)).all():
        before = {name: getattr(row, name) for name in ("settings", "progress", "result", "error")}
        texts = {name: row.settings[name] for name in ("conversation", "messages") if name in row.settings}
        after = _cleaned({**before, "settings": texts}, clean)
        after["settings"] = {**row.settings, **after["settings"]}
        if after != before:
            connection.execute(sa.update(table).where(table.c.id == row.id).values(**after))
            changed += 1
    return changed


def _redact_run_names(connection: sa.Connection, runs: Any, clean: Callable[[str], str]) -> int:
    """Redact the names of runs, None = all; a name that another run has gets the run's number."""
    table, changed = schema.runs, 0
    names = {row.id: row.name for row in connection.execute(sa.select(table.c.id, table.c.name)) if row.name}
    chosen = names if runs is None else {number for (number,) in connection.execute(runs)} & names.keys()
    for number in sorted(chosen):
        name = clean(names[number])
        if name != names[number]:
            name = f"{name} {number}" if name in names.values() else name
            connection.execute(sa.update(table).where(table.c.id == number).values(name=name))
            names[number] = name
            changed += 1
    return changed


def check_no_process(store: RunStore) -> None:
    """Raise StoreError while a process works on a run of the store: it would store what was read before."""
    table = schema.runs
    query = sa.select(table.c.id, table.c.owner, table.c.alive_at, table.c.status).where(table.c.status == "running")
    with reading(store.engine) as connection:
        for row in connection.execute(query):
            if is_alive(row.owner, row.alive_at, row.status, include_self=True):
                raise StoreError(f"run {row.id} is being worked on by {row.owner}; stop that first")


def erase_freed_space(store: RunStore) -> None:
    """Rewrite an SQLite file, so that replaced texts are no longer in its free pages or its log of changes.

    Raises:
        StoreError: another process uses the file.
    """
    if store.engine.dialect.name != "sqlite":
        return
    with store_errors(store.engine), store.engine.connect().execution_options(reading=True) as connection:
        cursor = connection.connection.cursor()
        for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            try:
                cursor.execute(statement)
            except Exception as error:
                raise StoreError(f"{store.place}: {error}") from error


def _redact_records(connection: sa.Connection, number: int, redaction: Redaction) -> dict[str, int]:
    """Redact what was stored about a conversation, and return how many records of each kind changed."""
    contrasts = schema.contrasts
    explanations = (contrasts, schema.attributions)
    of_conversation = sa.select(contrasts.c.id).where(contrasts.c.conversation == number)
    reviews = schema.pair_reviews

    def redact(table: sa.Table, names: tuple[str, ...], where: sa.ColumnElement[bool]) -> int:
        columns, changed = [table.c[name] for name in names], 0
        for row in connection.execute(sa.select(table.c.id, *columns).where(where)).all():
            before = {name: getattr(row, name) for name in names}
            after = {name: _redacted(value, redaction) for name, value in before.items()}
            if after != before:
                connection.execute(sa.update(table).where(table.c.id == row.id).values(**after))
                changed += 1
        return changed

    judgements, ratings = schema.judgements, schema.ratings
    return {
        "judgements": redact(judgements, ("reason", "evidence"), judgements.c.conversation == number),
        "explanations": sum(redact(table, ("body",), table.c.conversation == number) for table in explanations),
        "notes": redact(ratings, ("note",), ratings.c.conversation == number)
        + redact(reviews, ("text",), reviews.c.contrast.in_(of_conversation)),
    }


def _replace_conversation(connection: sa.Connection, number: int, conversation: Conversation) -> None:
    table, facets = schema.conversations, schema.facets
    body = conversation_body(conversation)
    digest = sha256_json(body)
    equal = sa.select(table.c.id).where(table.c.digest == digest, table.c.id != number)
    if connection.execute(equal).first() is not None:  # two conversations that differed only in personal data
        digest = sha256_json({"number": number, "body": body})
    values = {"digest": digest, "conversation_id": conversation.id, "source": conversation.source, "body": body}
    connection.execute(sa.update(table).where(table.c.id == number).values(**values))
    connection.execute(sa.update(facets).where(facets.c.conversation == number).values(**conversation_facets(body)))


def _end_runs(connection: sa.Connection, number: int) -> set[int]:
    """Return the runs with this conversation. A stopped one is not continued: its logs hold what was replaced."""
    members, runs = schema.run_conversations, schema.runs
    query = (
        sa.select(runs.c.id, runs.c.signature, runs.c.status)
        .join(members, members.c.run == runs.c.id)
        .where(members.c.conversation == number)
    )
    rows = connection.execute(query).all()
    for row in rows:
        if row.status != "done":
            signature = sha256_json({"redacted": row.id})
            connection.execute(sa.update(runs).where(runs.c.id == row.id).values(signature=signature))
    return {row.id for row in rows}


def _redacted(value: Any, redaction: Redaction, in_metadata: bool = False) -> Any:
    """Return a JSON value without personal data; places in the conversation's turns move with the text."""
    if isinstance(value, str):
        return redaction.clean(value)
    if isinstance(value, list):
        return [_redacted(inner, redaction, in_metadata) for inner in value]
    if not isinstance(value, Mapping):
        return value
    if in_metadata:
        return {redaction.clean(name): _redacted(inner, redaction, True) for name, inner in value.items()}
    redacted: dict[str, Any] = {
        name: inner if name in _NAMES and isinstance(inner, str) else _redacted(inner, redaction, name == "metadata")
        for name, inner in value.items()
    }
    turns = redaction.conversation.turns
    if isinstance(redacted.get("conversation_id"), str):
        redacted["conversation_id"] = redaction.conversation.id
    if {"turn", "start", "end"} <= redacted.keys() and 0 <= redacted["turn"] < len(turns):
        redacted["start"], redacted["end"] = redaction.moved(redacted["turn"], redacted["start"], redacted["end"])
    if {"unit", "before"} <= redacted.keys() and 0 <= redacted["unit"]["turn"] < len(turns):  # maybe a part of the data
        unit = redacted["unit"]
        redacted["before"] = turns[unit["turn"]].content[unit["start"] : unit["end"]]
    return redacted


def _cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {name: _cleaned(inner, clean) for name, inner in value.items()}
    return [_cleaned(inner, clean) for inner in value] if isinstance(value, list) else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(inner)
