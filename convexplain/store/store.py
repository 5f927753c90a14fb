"""The run store: runs, conversations, judgements, problems, and the cache of every model call."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from convexplain.errors import Problem, StoreError
from convexplain.models.chat import LabelLogprobs, Reply, Spend
from convexplain.types import Conversation, Judgement, Rubric, sha256_json

from . import schema
from .conversation_facets import conversation_facets
from .database import connect, insert_for, is_in_memory, place, reading, writing
from .run_records import Purpose, Run, Status, is_alive, this_process, to_run
from .serialization import conversation_body, to_conversation, to_judgement

_PAGE = 200
_MOST = 2**31 - 1  # no store has as many runs


class RunStore:
    """A store in SQLite, or in PostgreSQL by its URL.

    Several processes may use one store. Every method is one short transaction, which survives the end of the process.

    Args:
        url: an SQLAlchemy URL, or the path of an SQLite file, which is created if it is missing.
    """

    def __init__(self, url: str) -> None:
        self._engine = connect(url)
        self._insert = insert_for(self._engine)

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
        table = schema.model_calls
        with reading(self._engine) as connection:
            fields = connection.execute(sa.select(table.c.reply).where(table.c.key == key)).scalar()
        if fields is None:
            return None
        labels, features = fields.pop("labels"), fields.pop("features", None)
        return Reply(
            **fields,
            labels=LabelLogprobs(**labels) if labels else None,
            features=tuple(features) if features is not None else None,
        )

    def put(self, key: str, model: str, reply: Reply) -> None:
        """Store a reply. The first reply under a key stays."""
        with writing(self._engine) as connection:
            connection.execute(
                self._insert(schema.model_calls)
                .values(key=key, model=model, created_at=_now(), reply=asdict(reply))
                .on_conflict_do_nothing()
            )

    # ---- runs

    def begin_run(
        self,
        judge: str,
        fingerprint: str,
        settings: Mapping[str, Any],
        rubrics: Iterable[Rubric],
        judge_spec: str | None = None,
        purpose: Purpose = "analysis",
    ) -> Run:
        """Continue an unfinished run of the same judge and settings, or begin a new one for a purpose.

        A run that another living process works on is not continued.
        """
        for rubric in rubrics:
            self.keep_rubric(rubric)
        signature = sha256_json({"fingerprint": fingerprint, "settings": settings})
        table = schema.runs
        with writing(self._engine) as connection:
            # The lock makes a second process wait here, and then see that the first is alive.
            # SQLite has no such lock and needs none: it runs one writing transaction at a time.
            unfinished = connection.execute(
                sa.select(table)
                .where(table.c.signature == signature, table.c.status != "done")
                .order_by(table.c.id)
                .with_for_update(key_share=True)
            ).all()
            row = next((row for row in unfinished if not is_alive(row.owner, row.alive_at, row.status)), None)
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

    def keep_alive(self, run: int, spend: Spend) -> None:
        """Record a sign of life of the run, and its cost so far."""
        table = schema.runs
        with writing(self._engine) as connection:
            connection.execute(sa.update(table).where(table.c.id == run).values(alive_at=_now(), spend=asdict(spend)))

    def end_run(self, run: int, status: Status, spend: Spend) -> None:
        """Mark the run as done, or as stopped before its end."""
        table = schema.runs
        finished = _now() if status == "done" else None
        with writing(self._engine) as connection:
            connection.execute(
                sa.update(table)
                .where(table.c.id == run)
                .values(status=status, finished_at=finished, alive_at=_now(), spend=asdict(spend))
            )

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

    def scored_judgements(self, run: int, conversation: int) -> set[tuple[int, str]]:
        """Return (turn, SHA of the rubric) of each score that the run has for this conversation."""
        table = schema.judgements
        query = sa.select(table.c.turn, table.c.rubric).where(
            table.c.run == run, table.c.conversation == conversation, table.c.score.is_not(None)
        )
        with reading(self._engine) as connection:
            return {(row.turn, row.rubric) for row in connection.execute(query)}

    def keep_judgement(self, run: int, conversation: int, rubric: Rubric, judgement: Judgement) -> None:
        """Store a judgement, in place of an earlier one of the same run, turn and rubric."""
        table = schema.judgements
        values = {
            "score": judgement.score,
            "label": judgement.label,
            "reason": judgement.reason,
            "evidence": asdict(judgement.evidence),
            "model": judgement.model,
            "prompt_sha": judgement.prompt_sha,
        }
        place = {"run": run, "conversation": conversation, "turn": judgement.turn, "rubric": rubric.sha}
        with writing(self._engine) as connection:
            connection.execute(
                self._insert(table)
                .values(**place, **values)
                .on_conflict_do_update(index_elements=["run", "conversation", "turn", "rubric"], set_=values)
            )

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

    def keep_problem(self, run: int, problem: Problem) -> None:
        """Store a problem that a reader reported."""
        values = {"source": problem.path, "line": problem.line, "reason": problem.reason, "kept": problem.kept}
        with writing(self._engine) as connection:
            connection.execute(sa.insert(schema.problems).values(run=run, **values))

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


def _now() -> datetime:
    return datetime.now(UTC)
