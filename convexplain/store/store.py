"""The run store: runs, conversations, judgements, problems, and the cache of every model call."""

import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from convexplain.errors import Problem, StoreError
from convexplain.models.chat import LabelLogprobs, Reply, Spend
from convexplain.types import Conversation, Evidence, Judgement, Rubric, Turn, sha256_json

from . import schema
from .database import connect, inserting, place, reading, writing
from .facets import facets

Status = Literal["running", "done", "stopped"]

_ALIVE = timedelta(seconds=60)
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Run:
    """One analysis of a set of conversations.

    Attributes:
        id: its number in the store.
        created_at, finished_at: finished_at is None until it is done.
        status: `running` is only what was last written; a killed run says so too.
        judge: the judge's model.
        settings: what was asked for (rubrics, turns, sources, …).
        spend: what it has cost, in the sessions that worked on it together.
        judge_spec: the text form of its `JudgeSpec`, without passwords; None where it cannot be built again from one,
            and for runs of an earlier version.
        resumed: it had been begun before.
    """

    id: int
    created_at: datetime
    finished_at: datetime | None
    status: Status
    judge: str
    settings: Mapping[str, Any]
    spend: Spend
    judge_spec: str | None = None
    resumed: bool = False


class RunStore:
    """A store in SQLite, or in PostgreSQL by its URL.

    Several processes may use one store. Every method is one short transaction; what it wrote survives the end
    of the process.

    Args:
        url: an SQLAlchemy URL, or the path of an SQLite file, which is made if need be.
    """

    def __init__(self, url: str) -> None:
        self._engine = connect(url)
        self._insert = inserting(self._engine)

    @property
    def place(self) -> str:
        """Where it lies, without user and password."""
        return place(self._engine.url)

    @property
    def engine(self) -> sa.Engine:
        """For queries of one's own."""
        return self._engine

    def close(self) -> None:
        """Gives back the connections."""
        self._engine.dispose()

    # ---- model calls

    def get(self, key: str) -> Reply | None:
        """The reply that is kept under the key."""
        table = schema.model_calls
        with reading(self._engine) as connection:
            kept = connection.execute(sa.select(table.c.reply).where(table.c.key == key)).scalar()
        if kept is None:
            return None
        labels, features = kept.pop("labels"), kept.pop("features", None)
        return Reply(
            **kept,
            labels=LabelLogprobs(**labels) if labels else None,
            features=tuple(features) if features is not None else None,
        )

    def put(self, key: str, model: str, reply: Reply) -> None:
        """Keeps a reply. The first one kept under a key stays."""
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
    ) -> Run:
        """Goes on with an unfinished run of the same judge and settings, or begins a new one.

        A run that another living process works on is left to it.
        """
        for rubric in rubrics:
            self._keep_rubric(rubric)
        signature = sha256_json({"fingerprint": fingerprint, "settings": settings})
        table = schema.runs
        with writing(self._engine) as connection:
            # Locked, so that of several processes at once the second waits here and sees that the first is alive.
            # SQLite needs and knows no such lock: there the whole transaction is alone.
            unfinished = connection.execute(
                sa.select(table)
                .where(table.c.signature == signature, table.c.status != "done")
                .order_by(table.c.id)
                .with_for_update(key_share=True)
            ).all()
            left = next((row for row in unfinished if not _alive(row.owner, row.alive_at, row.status)), None)
            now = {"owner": _owner(), "alive_at": _now(), "status": "running", "judge_spec": judge_spec}
            if left is not None:
                connection.execute(sa.update(table).where(table.c.id == left.id).values(**now))
                connection.execute(sa.delete(schema.problems).where(schema.problems.c.run == left.id))
                return _run(left, resumed=True)
            values = {"created_at": _now(), "signature": signature, "judge": judge, "settings": settings}
            made = connection.execute(sa.insert(table).values(**values, **now, spend=asdict(Spend())).returning(table))
            return _run(made.one())

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
        """Describe a run anew, for one that had to begin before its judge was there; the rest as of `begin_run`."""
        for rubric in rubrics:
            self._keep_rubric(rubric)
        signature = sha256_json({"fingerprint": fingerprint, "settings": settings})
        values = {"judge": judge, "judge_spec": judge_spec, "settings": settings, "signature": signature}
        with writing(self._engine) as connection:
            connection.execute(sa.update(schema.runs).where(schema.runs.c.id == run).values(**values))

    def keep_alive(self, run: int, spend: Spend) -> None:
        """Says that somebody works on the run, and what it has cost so far."""
        table = schema.runs
        with writing(self._engine) as connection:
            connection.execute(sa.update(table).where(table.c.id == run).values(alive_at=_now(), spend=asdict(spend)))

    def end_run(self, run: int, status: Status, spend: Spend) -> None:
        """Marks the run as done, or as stopped before its end."""
        table = schema.runs
        finished = _now() if status == "done" else None
        with writing(self._engine) as connection:
            connection.execute(
                sa.update(table)
                .where(table.c.id == run)
                .values(status=status, finished_at=finished, alive_at=_now(), spend=asdict(spend))
            )

    def runs(self) -> list[Run]:
        """All runs, newest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(schema.runs).order_by(schema.runs.c.id.desc())).all()
        return [_run(row) for row in rows]

    def run(self, number: int | None = None) -> Run:
        """The run of that number, the newest unless told. Raises StoreError when there is none."""
        query = sa.select(schema.runs).order_by(schema.runs.c.id.desc()).limit(1)
        if number is not None:
            query = query.where(schema.runs.c.id == number)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            what = f"no run {number}" if number is not None else "no run"
            raise StoreError(f"{self.place}: there is {what}; `convexplain runs list` lists them")
        return _run(row)

    # ---- conversations

    def keep_conversation(self, conversation: Conversation, run: int) -> int:
        """Keeps a conversation, once however often it comes, as part of the run. Returns its number in the store."""
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
                self._insert(schema.facets).values(conversation=number, **facets(body)).on_conflict_do_nothing()
            )
            connection.execute(
                self._insert(schema.run_conversations).values(run=run, conversation=number).on_conflict_do_nothing()
            )
        return int(number)

    def conversations(self, run: int | None = None) -> Iterator[Conversation]:
        """The stored conversations, of one run or all, in the order in which they came."""
        return (conversation for _, conversation in self._numbered(run))

    def _numbered(self, run: int | None) -> Iterator[tuple[int, Conversation]]:
        """Conversations with their numbers, a page in memory at a time and no cursor held open between pages."""
        table, last = schema.conversations, 0
        while True:
            query = sa.select(table.c.id, table.c.body).where(table.c.id > last).order_by(table.c.id).limit(_PAGE)
            if run is not None:
                query = query.join(schema.run_conversations).where(schema.run_conversations.c.run == run)
            with reading(self._engine) as connection:
                rows = connection.execute(query).all()
            yield from ((row.id, to_conversation(row.body)) for row in rows)
            if len(rows) < _PAGE:
                return
            last = rows[-1].id

    # ---- judgements and problems

    def judged(self, run: int, conversation: int) -> set[tuple[int, str]]:
        """(turn, SHA of the rubric) of what the run has a score for in this conversation."""
        table = schema.judgements
        query = sa.select(table.c.turn, table.c.rubric).where(
            table.c.run == run, table.c.conversation == conversation, table.c.score.is_not(None)
        )
        with reading(self._engine) as connection:
            return {(row.turn, row.rubric) for row in connection.execute(query)}

    def keep_judgement(self, run: int, conversation: int, rubric: Rubric, judgement: Judgement) -> None:
        """Keeps a judgement, in place of an earlier one of the same run, turn and rubric."""
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
        """Everything that the run has judged, with its conversation, in the order of the conversations and turns."""
        table, rubric = schema.judgements, schema.rubrics
        for number, conversation in self._numbered(run):
            query = (
                sa.select(table, rubric.c.rubric.label("rubric_id"))
                .join(rubric)
                .where(table.c.run == run, table.c.conversation == number)
                .order_by(table.c.turn, table.c.id)
            )
            with reading(self._engine) as connection:
                rows = connection.execute(query).all()
            for row in rows:
                yield conversation, to_judgement(row, conversation)

    def keep_problem(self, run: int, problem: Problem) -> None:
        """Keeps what a reader reported."""
        values = {"source": problem.path, "line": problem.line, "reason": problem.reason, "kept": problem.kept}
        with writing(self._engine) as connection:
            connection.execute(sa.insert(schema.problems).values(run=run, **values))

    def problems(self, run: int) -> list[Problem]:
        """What the readers reported."""
        table = schema.problems
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(table).where(table.c.run == run).order_by(table.c.id)).all()
        return [Problem(row.source, row.line, row.reason, kept=row.kept) for row in rows]

    def _keep_rubric(self, rubric: Rubric) -> None:
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


def _owner() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _alive(owner: str, alive_at: datetime, status: str) -> bool:
    """Whether another process still works on a run: it gave a sign of life lately, and was not seen to have ended."""
    if status != "running" or _now() - alive_at > _ALIVE:
        return False
    host, _, process = owner.rpartition(":")
    if host != socket.gethostname() or os.name == "nt":  # Windows has no signal that only asks
        return True
    if int(process) == os.getpid():
        return False  # an earlier run of this very process that never came to its end
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _run(row: Any, resumed: bool = False) -> Run:
    return Run(
        id=row.id,
        created_at=row.created_at,
        finished_at=row.finished_at,
        status=row.status,
        judge=row.judge,
        settings=row.settings,
        spend=Spend(**row.spend),
        judge_spec=row.judge_spec,
        resumed=resumed,
    )


def conversation_body(conversation: Conversation) -> dict[str, Any]:
    """A conversation as JSON values."""
    return {
        "id": conversation.id,
        "source": conversation.source,
        "metadata": dict(conversation.metadata),
        "turns": [turn_body(turn) for turn in conversation.turns],
    }


def turn_body(turn: Turn) -> dict[str, Any]:
    """A turn as JSON values."""
    return {
        "role": turn.role,
        "content": turn.content,
        "name": turn.name,
        "at": turn.at.isoformat() if turn.at else None,
        "metadata": dict(turn.metadata),
    }


def to_turn(body: dict[str, Any]) -> Turn:
    """A turn from what `turn_body` made of it."""
    return Turn(**{**body, "at": datetime.fromisoformat(body["at"]) if body["at"] else None})


def to_conversation(body: dict[str, Any]) -> Conversation:
    """A conversation from the `body` column."""
    turns = tuple(map(to_turn, body["turns"]))
    return Conversation(id=body["id"], turns=turns, source=body["source"], metadata=body["metadata"])


def to_judgement(row: Any, conversation: Conversation) -> Judgement:
    """A judgement from a row of `judgements` with the rubric's id as `rubric_id`."""
    evidence = {**row.evidence, "unseen": tuple(row.evidence["unseen"]), "notes": tuple(row.evidence["notes"])}
    return Judgement(
        conversation_id=conversation.id,
        turn=row.turn,
        rubric=row.rubric_id,
        score=row.score,
        label=row.label,
        reason=row.reason,
        evidence=Evidence(**evidence),
        model=row.model,
        prompt_sha=row.prompt_sha,
    )
