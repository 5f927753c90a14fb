"""The run store: runs, conversations, judgements, problems, and the cache of every model call."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from convexplain.errors import Problem, StoreError
from convexplain.models.chat import Reply, ReplyRecord, Spend
from convexplain.types import Conversation, Judgement, Rubric, sha256_json

from . import replies, schema
from .conversation_facets import conversation_facets
from .database import connect, insert_for, is_in_memory, place, reading, writing
from .run_records import Purpose, Run, Status, is_alive, this_process, to_run
from .serialization import conversation_body, evidence_body, to_conversation, to_judgement

_PAGE = 200
_PLACE = ("run", "conversation", "turn", "rubric")  # columns of a judgement: what was judged
_MEASURED = ("score", "label", "reason", "evidence", "model", "prompt_sha")  # and what came out
_MOST = 2**31 - 1  # no store has as many runs
# Built once: to build a statement costs more than to run it.
_LOCKED = sa.select(schema.runs).where(schema.runs.c.id == sa.bindparam("run")).with_for_update(key_share=True)


@dataclass(frozen=True, slots=True)
class JudgementRecord:
    """A judgement to be stored, with the number of its conversation and its rubric."""

    conversation: int
    rubric: Rubric
    judgement: Judgement

    def row(self, run: int) -> dict[str, Any]:
        """Return the columns of the judgement in a run."""
        judgement = self.judgement
        return {
            "run": run,
            "conversation": self.conversation,
            "turn": judgement.turn,
            "rubric": self.rubric.sha,
            "score": judgement.score,
            "label": judgement.label,
            "reason": judgement.reason,
            "evidence": evidence_body(judgement.evidence),
            "model": judgement.model,
            "prompt_sha": judgement.prompt_sha,
        }


class RunStore:
    """A store in SQLite, or in PostgreSQL by its URL.

    Several processes may use one store. Every method is one short transaction, which survives the end of the process.

    Args:
        url: an SQLAlchemy URL, or the path of an SQLite file, which is created if it is missing.
    """

    def __init__(self, url: str) -> None:
        self._engine = connect(url)
        self._insert = insert_for(self._engine)
        insert = self._insert(schema.judgements)
        replaced = {name: insert.excluded[name] for name in _MEASURED}
        self._put_judgement = insert.on_conflict_do_update(index_elements=_PLACE, set_=replaced)

    @property
    def place(self) -> str:
        """Return the store's file, or its URL without user and password."""
        return place(self._engine.url)

    @property
    def in_memory(self) -> bool:
        """Return whether the store is in this process's memory, and ends with it."""
        return is_in_memory(self._engine.url)

    @property
    def engine(self) -> sa.Engine:
        """Return the engine, for further queries."""
        return self._engine

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    # ---- model calls

    def get(self, key: str) -> Reply | None:
        """Return the reply that is stored under the key; None if there is none."""
        return replies.stored_reply(self._engine, key)

    def put(self, key: str, model: str, reply: Reply) -> None:
        """Store a reply. The first reply under a key stays."""
        replies.keep_replies(self._engine, [ReplyRecord(key, model, reply)])

    def claim(self, keys: Sequence[str], holder: str) -> dict[str, Reply | None]:
        """Return the stored replies, and lease the requests that have none, as `replies.claim` says."""
        return replies.claim(self._engine, keys, holder)

    def keep_replies(self, records: Sequence[ReplyRecord]) -> None:
        """Store replies, in the place of the leases of their requests. The first reply under a key stays."""
        replies.keep_replies(self._engine, records)

    def renew(self, keys: Collection[str], holder: str) -> None:
        """Renew leases of a holder in this process."""
        replies.renew(self._engine, keys, holder)

    def release(self, keys: Collection[str], holder: str) -> None:
        """End leases of a holder in this process."""
        replies.release(self._engine, keys, holder)

    # ---- runs

    def begin_run(
        self,
        judge: str,
        fingerprint: str,
        settings: Mapping[str, Any],
        rubrics: Iterable[Rubric],
        judge_spec: str | None = None,
        purpose: Purpose = "analysis",
        join: bool = False,
    ) -> Run:
        """Continue an unfinished run of the same judge and settings, or begin a new one for a purpose.

        A run that another living process works on is joined where `join` says so, and is left alone else.
        """
        for rubric in rubrics:
            self.keep_rubric(rubric)
        signature = sha256_json({"fingerprint": fingerprint, "settings": settings})
        table = schema.runs
        with writing(self._engine) as connection:
            unfinished = _locked_unfinished_runs(connection, signature)
            working = [row for row in unfinished if is_alive(row.owner, row.alive_at, row.status)]
            if join and working:
                shared = working[0]
                connection.execute(sa.update(table).where(table.c.id == shared.id).values(alive_at=_now()))
                return replace(to_run(shared, resumed=True, joined=shared.owner), purpose=purpose)
            row = next((row for row in unfinished if row not in working), None)
            now = {
                "owner": this_process(),
                "alive_at": _now(),
                "status": "running",
                "judge_spec": judge_spec,
                "fingerprint": fingerprint,
                "purpose": purpose,  # of a run that an earlier version began, it is not known
            }
            if row is not None:
                connection.execute(sa.update(table).where(table.c.id == row.id).values(**now))
                connection.execute(sa.delete(schema.problems).where(schema.problems.c.run == row.id))
                return replace(to_run(row, resumed=True), purpose=purpose)
            values = {"created_at": _now(), "signature": signature, "judge": judge, "settings": settings}
            insert = sa.insert(table).values(**values, **now, spend=asdict(Spend())).returning(table)
            return to_run(connection.execute(insert).one())

    def reopen_run(self, run: int) -> Run:
        """Take a run that has ended to work on it again; return it with the status that it had before.

        Raises:
            StoreError: there is no such run, or a process works on it.
        """
        table = schema.runs
        with writing(self._engine) as connection:
            row = connection.execute(sa.select(table).where(table.c.id == run).with_for_update(key_share=True)).first()
            if row is None:
                raise StoreError(f"there is no run {run}")
            if is_alive(row.owner, row.alive_at, row.status, include_self=True):
                raise StoreError(f"run {run} is being worked on by {row.owner}; wait for its end, or stop it")
            now = {"owner": this_process(), "alive_at": _now(), "status": "running"}
            connection.execute(sa.update(table).where(table.c.id == run).values(**now))
        before = to_run(row, resumed=True)
        return before if before.status == "done" else replace(before, status="stopped")

    def describe_run(
        self,
        run: int,
        *,
        judge: str,
        fingerprint: str,
        settings: Mapping[str, Any],
        rubrics: Iterable[Rubric],
        judge_spec: str | None = None,
    ) -> None:
        """Replace the description of a run that began before its judge was known; arguments as for `begin_run`."""
        for rubric in rubrics:
            self.keep_rubric(rubric)
        signature = sha256_json({"fingerprint": fingerprint, "settings": settings})
        values = {
            "judge": judge,
            "judge_spec": judge_spec,
            "fingerprint": fingerprint,
            "settings": settings,
            "signature": signature,
        }
        with writing(self._engine) as connection:
            connection.execute(sa.update(schema.runs).where(schema.runs.c.id == run).values(**values))

    def keep_alive(self, run: int, added: Spend) -> None:
        """Record a sign of life of the run, and what it has cost since the last one.

        Of several processes that work on a run, the last one that gave a sign of life is its owner.
        """
        table = schema.runs
        with writing(self._engine) as connection:
            spend = _spend(connection, run) + added
            signs = {"alive_at": _now(), "spend": asdict(spend)}
            connection.execute(sa.update(table).where(table.c.id == run).values(**signs))
            unfinished = (table.c.id == run, table.c.status != "done")
            connection.execute(sa.update(table).where(*unfinished).values(owner=this_process(), status="running"))

    def end_run(self, run: int, status: Status, added: Spend) -> None:
        """Mark the run as done, or as stopped before its end, unless another process works on it or has ended it.

        Args:
            run: the run.
            status: the status.
            added: what it has cost since the last sign of life.
        """
        table = schema.runs
        finished = _now() if status == "done" else None
        values = {"status": status, "finished_at": finished, "alive_at": _now()}
        with writing(self._engine) as connection:
            spend = _spend(connection, run) + added
            connection.execute(sa.update(table).where(table.c.id == run).values(spend=asdict(spend)))
            change = sa.update(table).where(table.c.id == run).values(**values)
            if status != "done":
                change = change.where(table.c.owner == this_process(), table.c.status != "done")
            connection.execute(change)

    def runs(self) -> list[Run]:
        """Return all analyses, newest first; validations and calibrations are no runs of their own."""
        table = schema.runs
        query = sa.select(table).where(table.c.purpose == "analysis").order_by(table.c.id.desc())
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return [to_run(row) for row in rows]

    def run(self, run: int | str | None = None) -> Run:
        """Return a run by its number or its name; the newest analysis unless one is named.

        Raises:
            StoreError: there is none.
        """
        table = schema.runs
        query = sa.select(table).order_by(table.c.id.desc()).limit(1)
        number = int(run) if isinstance(run, str) and run.isascii() and run.isdecimal() else run
        if isinstance(number, str):
            query = query.where(table.c.name == number)
        elif number is not None:
            query = query.where(table.c.id == min(number, _MOST))
        else:
            query = query.where(table.c.purpose == "analysis")
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            missing = "no run" if run is None else f"no run {number}" if isinstance(number, int) else f"no run {run!r}"
            raise StoreError(f"{self.place}: there is {missing}; `convexplain runs list` lists them")
        return to_run(row)

    # ---- conversations

    def keep_conversation(self, conversation: Conversation, run: int) -> int:
        """Store a conversation as part of the run, once however often it comes, and return its number in the store."""
        body = conversation_body(conversation)
        digest = sha256_json(body)
        table = schema.conversations
        with writing(self._engine) as connection:
            connection.execute(
                self._insert(table)
                .values(
                    digest=digest,
                    conversation_id=conversation.id,
                    source=conversation.source,
                    turns=len(conversation.turns),
                    imported=False,
                    body=body,
                )
                .on_conflict_do_nothing()
            )
            number = connection.execute(sa.select(table.c.id).where(table.c.digest == digest)).scalar_one()
            connection.execute(
                self._insert(schema.facets)
                .values(conversation=number, **conversation_facets(body))
                .on_conflict_do_nothing()
            )
            connection.execute(
                self._insert(schema.run_conversations).values(run=run, conversation=number).on_conflict_do_nothing()
            )
        return int(number)

    def run_size(self, run: int) -> int:
        """Return how many conversations belong to a run."""
        table = schema.run_conversations
        query = sa.select(sa.func.count()).select_from(table).where(table.c.run == run)
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def conversations(self, run: int | None = None) -> Iterator[Conversation]:
        """Yield the stored conversations, of one run or all, in the order in which they came."""
        return (conversation for _, conversation in self.numbered_conversations(run))

    def numbered_conversations(self, run: int | None) -> Iterator[tuple[int, Conversation]]:
        """Yield conversations with their numbers, a page in memory at a time; no cursor is open between pages."""
        return ((row.id, to_conversation(row.body)) for page in self._pages(run) for row in page)

    def _pages(self, run: int | None) -> Iterator[Sequence[Any]]:
        table, last = schema.conversations, 0
        while True:
            query = sa.select(table.c.id, table.c.body).where(table.c.id > last).order_by(table.c.id).limit(_PAGE)
            if run is not None:
                query = query.join(schema.run_conversations).where(schema.run_conversations.c.run == run)
            with reading(self._engine) as connection:
                rows = connection.execute(query).all()
            yield rows
            if len(rows) < _PAGE:
                return
            last = rows[-1].id

    # ---- judgements and problems

    def scored_judgements(self, run: int, conversations: Collection[int]) -> dict[int, set[tuple[int, str]]]:
        """Return (turn, SHA of the rubric) of each score that the run has for conversations, by their numbers."""
        table = schema.judgements
        query = sa.select(table.c.conversation, table.c.turn, table.c.rubric).where(
            table.c.run == run, table.c.conversation.in_(conversations), table.c.score.is_not(None)
        )
        scored: dict[int, set[tuple[int, str]]] = {number: set() for number in conversations}
        with reading(self._engine) as connection:
            for number, turn, rubric in connection.execute(query):
                scored[number].add((turn, rubric))
        return scored

    def keep_judgement(self, run: int, conversation: int, rubric: Rubric, judgement: Judgement) -> None:
        """Store a judgement, in place of an earlier one of the same run, turn and rubric."""
        self.keep_judgements(run, [JudgementRecord(conversation, rubric, judgement)])

    def keep_judgements(self, run: int, records: Sequence[JudgementRecord]) -> None:
        """Store judgements in one transaction, each in place of an earlier one of the same run, turn and rubric."""
        rows = {tuple(row[name] for name in _PLACE): row for row in (record.row(run) for record in records)}
        if not rows:
            return
        with writing(self._engine) as connection:
            _lock(connection, run)  # else two processes that store the same in another order would block each other
            connection.execute(self._put_judgement, list(rows.values()))

    def judgements(self, run: int) -> Iterator[tuple[Conversation, Judgement]]:
        """Yield the judgements of a run with their conversations, in the order of the conversations and turns."""
        return ((conversation, judgement) for _, conversation, judgement in self.numbered_judgements(run))

    def numbered_judgements(self, run: int) -> Iterator[tuple[int, Conversation, Judgement]]:
        """Yield (number, conversation, judgement) in the same order, a page of conversations in memory at a time."""
        table, rubric = schema.judgements, schema.rubrics
        query = (
            sa.select(table, rubric.c.rubric.label("rubric_id"))
            .join(rubric)
            .where(table.c.run == run)
            .order_by(table.c.conversation, table.c.turn, table.c.id)
        )
        for page in self._pages(run):
            conversations = {row.id: to_conversation(row.body) for row in page}
            with reading(self._engine) as connection:
                rows = connection.execute(query.where(table.c.conversation.in_(conversations))).all()
            for row in rows:
                conversation = conversations[row.conversation]
                yield row.conversation, conversation, to_judgement(row, conversation)

    def keep_problem(self, run: int, problem: Problem, position: int | None = None) -> None:
        """Store a problem that a reader reported.

        Args:
            run: the run.
            problem: the problem.
            position: which of the run's problems it is, from 1. Where the run has as many already, another process that
                reads the same logs has stored it.
        """
        table = schema.problems
        values = {"source": problem.path, "line": problem.line, "reason": problem.reason, "kept": problem.kept}
        with writing(self._engine) as connection:
            if position is not None:
                _lock(connection, run)
                count = sa.select(sa.func.count()).select_from(table).where(table.c.run == run)
                if connection.execute(count).scalar_one() >= position:
                    return
            connection.execute(sa.insert(table).values(run=run, **values))

    def problems(self, run: int) -> list[Problem]:
        """Return the problems that the readers reported."""
        table = schema.problems
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(table).where(table.c.run == run).order_by(table.c.id)).all()
        return [Problem(row.source, row.line, row.reason, kept=row.kept) for row in rows]

    def keep_rubric(self, rubric: Rubric) -> None:
        """Store a rubric, once for each of its wordings and thresholds."""
        with writing(self._engine) as connection:
            connection.execute(
                self._insert(schema.rubrics)
                .values(
                    sha=rubric.sha,
                    rubric=rubric.id,
                    title=rubric.title,
                    threshold=rubric.threshold,
                    body=asdict(rubric),
                )
                .on_conflict_do_nothing()
            )


def _lock(connection: sa.Connection, run: int) -> Any:
    """Hold a run's row to the end of the transaction, and return it: SQLite's transactions run one at a time anyway."""
    return connection.execute(_LOCKED, {"run": run}).first()


def _locked_unfinished_runs(connection: sa.Connection, signature: str) -> Sequence[Any]:
    """Return the rows of the unfinished runs of a signature, and hold them to the end of the transaction.

    The locks make a second process wait here, and then see that the first is alive; without the one on the signature,
    two that find no run would both begin one. SQLite runs one writing transaction at a time.
    """
    table = schema.runs
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(int(signature[:15], 16))))
    return connection.execute(
        sa.select(table)
        .where(table.c.signature == signature, table.c.status != "done")
        .order_by(table.c.id)
        .with_for_update(key_share=True)
    ).all()


def _spend(connection: sa.Connection, run: int) -> Spend:
    row = _lock(connection, run)
    return Spend() if row is None else Spend(**row.spend)


def _now() -> datetime:
    return datetime.now(UTC)
