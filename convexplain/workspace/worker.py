"""Does one job of the store: `python -m convexplain.workspace.worker JOB`, with the store in `CONVEXPLAIN_DB`."""

import asyncio
import contextlib
import logging
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from convexplain.analysis.progress import Progress
from convexplain.errors import ConvexplainError, Problem, StoreError, UnavailableError, UsageError
from convexplain.explain.explanations import TurnChoice
from convexplain.explain.pairs import PairSettings
from convexplain.explain.wording import counted
from convexplain.models.chat import Spend
from convexplain.rubrics import parse_rubric
from convexplain.store import RunStore
from convexplain.store.jobs import end_job, find_job, keep_progress
from convexplain.system.termination import hear_termination
from convexplain.types import Conversation, Judgement, Turn

from .job_specs import AnalyzeJob, ExplainJob, ExportJob, JobSpec, JudgeJob, RedactJob, RetryJob, ThemesJob, job_spec
from .tasks import AttributionTask, ContrastTask, Task
from .workspace import AsyncWorkspace

_TICK = 1.0  # seconds between looks at whether there is something to keep
_SIGN_OF_LIFE = 5.0  # seconds between signs of life where nothing happens
_NOTES = 40


class JobProgress(Progress):
    """Remembers how far a job is, for a thread that keeps it in the store.

    Attributes:
        run: the run that the job works on; None until that is known, and where it is deleted since nothing was read.
    """

    def __init__(self) -> None:
        self.run: int | None = None
        self._state: dict[str, Any] = {"notes": []}  # replaced, never changed: another thread reads it

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return self._state

    def started(self, run: int) -> None:
        """Remember the run."""
        self.run = run

    def discarded(self) -> None:
        """Forget the run."""
        self.run = None

    def begin(self, task: str, total: int | None = None) -> None:
        """Remember the step, and count anew; the judgements of an analysis stay counted while turns are explained."""
        judged = {"judged": self._state["done"]} if self._state.get("task") == "judging" else {}
        self._set(task=task, done=0, total=total, **judged)

    def advance(self, count: int = 1) -> None:
        """Count what is done."""
        self._set(done=self._state.get("done", 0) + count, doing=None)

    def doing(self, item: str) -> None:
        """Remember the item."""
        self._set(doing=item)

    def judged(self, judgement: Judgement) -> None:
        """Count it."""
        self.advance()

    def skipped(self, count: int) -> None:
        """Count what was there before."""
        self.advance(count)

    def spent(self, *spends: Spend) -> None:
        """Remember how many calls there were."""
        self._set(calls=sum(spend.calls for spend in spends))

    def problem(self, problem: Problem) -> None:
        """Note it."""
        self.note(f"! {problem}")

    def note(self, text: str) -> None:
        """Note it."""
        self._set(notes=[*self._state["notes"], text][-_NOTES:])

    def _set(self, **values: Any) -> None:
        self._state = {**self._state, **values}


async def work(workspace: AsyncWorkspace, spec: JobSpec, progress: Progress) -> dict[str, Any]:
    """Do what a job is to do, and return what came out as JSON values.

    Raises:
        ConvexplainError: it cannot be done.
    """
    if isinstance(spec, AnalyzeJob):
        return await _analyze(workspace, spec, progress)
    if isinstance(spec, ExplainJob):
        task = ContrastTask(spec.contrast) if spec.contrast is not None else AttributionTask(spec.attribution)
        return await _explain(workspace, spec, task, progress)
    if isinstance(spec, ExportJob):
        return await _export(workspace, spec, progress)
    if isinstance(spec, ThemesJob):
        return await _find_themes(workspace, spec, progress)
    if isinstance(spec, RetryJob):
        return await _retry(workspace, spec, progress)
    if isinstance(spec, RedactJob):
        return await _redact(workspace, spec, progress)
    return await _judge(workspace, spec)


async def _analyze(workspace: AsyncWorkspace, spec: AnalyzeJob, progress: Progress) -> dict[str, Any]:
    run = await workspace.analyze(
        spec.logs,
        spec.rubrics,
        spec.judge,
        turns=spec.turns,
        limit=spec.limit,
        settings=spec.reading,
        explain=spec.explain,
        sample=spec.sample,
        progress=progress,
    )
    summary = run.summary
    turns = f"{counted(summary.conversations, 'conversation')}, {counted(summary.turns, 'assistant turn')}"
    progress.note(f"Run {run.id}: {turns}")
    counts = {"conversations": summary.conversations, "turns": summary.turns, "problems": summary.problems}
    return {"run": run.id, **counts, "unscored": summary.unscored_judgements}


async def _explain(workspace: AsyncWorkspace, spec: ExplainJob, task: Task[Any], progress: Progress) -> dict[str, Any]:
    choice = TurnChoice(place=(spec.conversation, spec.turn), number=spec.number)
    explained = await workspace.explain_turns(spec.run, task, choice, [spec.rubric], progress=progress)
    if not explained.explained:
        scopes = await workspace.plan_explanations(spec.run, task, choice, [spec.rubric])
        raise UsageError(" ".join(note for scope in scopes for note in scope.notes) or "there is nothing to explain")
    return {"turns": len(explained.explained), "failed": explained.failed}


async def _find_themes(workspace: AsyncWorkspace, spec: ThemesJob, progress: Progress) -> dict[str, Any]:
    themes = await workspace.themes(spec.run, lowest=spec.lowest, explain=spec.explain, progress=progress)
    progress.note(f"Run {spec.run}: {counted(len(themes.themes), 'theme')}")
    return {"run": spec.run, "themes": len(themes.themes)}


async def _retry(workspace: AsyncWorkspace, spec: RetryJob, progress: Progress) -> dict[str, Any]:
    before = (await workspace.run(spec.run)).summary.unscored_judgements
    remaining = (await workspace.retry(spec.run, progress=progress)).summary.unscored_judgements
    scored = before - remaining
    progress.note(f"Run {spec.run}: {counted(before, 'judgement')} had no score, {scored:,} of them have one now.")
    return {"run": spec.run, "scored": scored, "unscored": remaining}


async def _redact(workspace: AsyncWorkspace, spec: RedactJob, progress: Progress) -> dict[str, Any]:
    redaction = await workspace.redact_run(spec.run)
    progress.note(redaction.sentences)
    return {"run": spec.run, **redaction.to_dict()}


async def _export(workspace: AsyncWorkspace, spec: ExportJob, progress: Progress) -> dict[str, Any]:
    settings = PairSettings(spec.min_margin, spec.test, unreviewed=spec.unreviewed)
    exported = await workspace.export(spec.run, spec.form, spec.out, settings=settings, progress=progress)
    pairs, written = exported.pairs, exported.written
    for reason, count in {**(pairs.left_out if pairs else {}), **(written.left_out if written else {})}.items():
        progress.note(f"left out {count:,} x: {reason}")
    if pairs is None or written is None:
        note = f" {pairs.unreviewed_note}." if pairs and pairs.unreviewed_note else ""
        count = pairs.contrasts if pairs else 0
        raise UsageError(f"None of {count:,} contrasts makes a pair; nothing was written.{note}")
    counts = f"{counted(len(pairs.pairs), 'pair')} of {counted(pairs.contrasts, 'contrast')}"
    progress.note(f"{counts}, {counted(written.records, 'record')}: {', '.join(file.name for file in written.files)}")
    return {"folder": str(spec.out), **exported.to_dict()}


async def _judge(workspace: AsyncWorkspace, spec: JudgeJob) -> dict[str, Any]:
    talk = Conversation("trial", tuple(Turn(role, text) for role, text in spec.messages))
    rubric = parse_rubric(spec.rubric, "rubric")
    (judgement,) = await workspace.judge(talk, rubric, spec.judge, turns="last", reasons="all")
    return asdict(judgement)


@contextmanager
def _recorded(store: RunStore, job: int, progress: JobProgress) -> Iterator[None]:
    """Keep the progress in the store, from a thread: reading a long log holds up everything else in this one."""
    ended = threading.Event()

    def record() -> None:
        last: tuple[Any, ...] = ()
        idle = 0.0
        while not ended.wait(_TICK):
            now = (progress.to_dict(), progress.run)
            idle += _TICK
            if now != last or idle >= _SIGN_OF_LIFE:
                with contextlib.suppress(StoreError):  # the job itself meets it, and says so
                    keep_progress(store, job, *now)
                    last, idle = now, 0.0

    thread = threading.Thread(target=record, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        keep_progress(store, job, progress.to_dict(), progress.run)


def do_job(store: RunStore, job: int) -> None:
    """Do a job of the store, and keep in it how the job ended."""
    progress = JobProgress()
    try:
        with _recorded(store, job, progress):
            result = asyncio.run(work(AsyncWorkspace(store), job_spec(find_job(store, job)), progress))
    except KeyboardInterrupt:
        end_job(store, job, "stopped")
    except UnavailableError as error:
        end_job(store, job, "failed" if find_job(store, job).run is None else "stopped", error=str(error))
    except (ConvexplainError, OSError) as error:
        end_job(store, job, "failed", error=str(error))
    except Exception as error:  # noqa: BLE001 - whoever started it reads the store, not this process's output
        traceback.print_exc()
        end_job(store, job, "failed", error=f"{type(error).__name__}: {error}")
    else:
        end_job(store, job, "done", result=result)


def main() -> None:
    """Do the job that the command line numbers."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for chatty in ("httpx2", "transformers", "huggingface_hub", "alembic"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a dashboard in a shell's background ignores it
    hear_termination()
    workspace = AsyncWorkspace()
    try:
        do_job(workspace.store, int(sys.argv[1]))
    finally:
        workspace.close()


if __name__ == "__main__":
    main()
