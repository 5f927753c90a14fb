"""Analyses: from logs, conversations or the store to a judged run."""

import contextlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convexplain import __version__
from convexplain.analysis.pipeline import Choice, TurnJudge, Turns, chosen_turns
from convexplain.analysis.plans import Plan, plan
from convexplain.analysis.progress import Progress
from convexplain.analysis.runs import analyse
from convexplain.analysis.sampling import Sample, SampleSettings, draw_sample
from convexplain.analysis.sources import ConversationSource, LogSource, MemorySource
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import LogError, Problem, StoreError, UnavailableError, UsageError
from convexplain.judges import SAMPLES
from convexplain.judges.heads import head_of
from convexplain.judges.spec import JudgeSpec
from convexplain.models.calls import Calls
from convexplain.models.chat import Spend
from convexplain.store import Run, RunStore, discard_run, name_run
from convexplain.store.run_list import check_run_name
from convexplain.store.run_records import Purpose
from convexplain.store.serialization import conversation_body
from convexplain.types import Conversation, Rubric, sha256_json

from .build import BuiltJudge, PendingJudge, open_judge, single_judge
from .cluster import Cluster, connected
from .judge_arguments import JudgeLike, judge_spec, located
from .logs import LogReader
from .remote_logs import RemoteLog
from .results import AnalyzedRun
from .trust import trust, trust_keys


@dataclass(frozen=True, slots=True)
class Analysis:
    """An analysis: conversations, and the rubrics that they are judged by.

    Attributes:
        source: the conversations.
        rubrics: the rubrics.
        turns: `all` assistant turns, the `last` one, or those that a function returns.
        total: how many judgements that will be; None counts them.
        settings: further values that distinguish this analysis, as JSON values: an unfinished run with the same
            settings, judge and rubrics goes on.
        selective: leave out the rubrics on which the judge is known to be no better than chance or length.
        sample: what is drawn of the source; a sample that was drawn before is judged again; None judges everything.
        purpose: what the run is for; only an `analysis` is listed and can be the newest run.
    """

    source: ConversationSource
    rubrics: Sequence[Rubric]
    turns: Choice = "all"
    total: int | None = None
    settings: dict[str, Any] | None = None
    selective: bool = False
    sample: SampleSettings | Sample | None = None
    purpose: Purpose = "analysis"


def log_analysis(
    reader: LogReader,
    logs: Sequence[Path],
    rubrics: Sequence[Rubric],
    *,
    turns: Choice,
    stored: int | None,
    limit: int | None,
) -> Analysis:
    """Return the analysis of log files, or of conversations that the store holds (`stored`: a run, 0: all)."""
    source = LogSource(reader, tuple(logs), stored, limit)
    settings = {
        "logs": [reader.place(str(log)) for log in source.logs],
        "reading": [*reader.settings.signature, [_state(log, reader.remote) for log in source.logs]],
        "stored": stored,
        "limit": limit,
    }
    return Analysis(source, rubrics, turns, settings=settings)


def _state(log: Path, remote: Mapping[Path, RemoteLog]) -> tuple[int, int] | str:
    """A value that changes when the file does: a run does not go on with a log that has changed.

    The content of a pipe is not known: it never goes on.
    """
    if log in remote:
        return remote[log].state
    if not log.is_file():
        return uuid.uuid4().hex
    status = log.stat()
    return status.st_size, status.st_mtime_ns


def run_description(judge: BuiltJudge | PendingJudge, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `RunStore.begin_run` for a run by this judge.

    Args:
        judge: the judge.
        settings: further values that distinguish the run, as JSON values.
    """
    return {
        "judge": judge.model.name,
        "fingerprint": judge.fingerprint,
        "settings": {
            **settings,
            "version": __version__,
            "rubrics": {rubric.id: rubric.sha for rubric in judge.rubrics},
            **judge.settings,
        },
        "rubrics": judge.rubrics,
        "judge_spec": located(judge.spec).public if judge.reopens else None,
    }


async def run_analysis(
    store: RunStore,
    analysis: Analysis,
    judge: JudgeLike,
    progress: Progress,
    *,
    name: str | None = None,
    cluster: Cluster | None = None,
    on_built: Callable[[BuiltJudge], None] = lambda built: None,
    **options: Any,
) -> AnalyzedRun:
    """Judge everything into a run of the store.

    Args:
        store: the store, which keeps every reply and judgement as soon as it is there.
        analysis: the conversations and rubrics.
        judge: the judge.
        progress: receives how far it is.
        name: names the run.
        cluster: judges there, in place of this process.
        on_built: receives the judge when it is open.
        options: fields of `JudgeSpec` that count instead of the judge's own.

    Raises:
        UsageError: an option is not valid, a calibration that is asked for is not there, or no rubric remains.
        LogError: there was no conversation to read; no run is kept.
        UnavailableError: a model is gone; the run goes on when the same is asked for again.
    """

    def spent() -> None:
        progress.spent(*built.spends)

    if name is not None:
        check_run_name(store, name)
    async with (
        connected(cluster) as remote,
        open_judge(judge, analysis.rubrics, cache=store, on_change=spent, **options) as opened,
    ):
        if remote is not None:
            remote.check_folder()
        built, total = opened, analysis.total
        if analysis.selective and (useless := _useless_rubrics(store, built)):
            built, total = _without_rubrics(built, analysis.rubrics, useless, store, progress), None
        turns = analysis.turns if isinstance(analysis.turns, str) else "labelled"
        sample = await _sample(store, analysis, built.rubrics, progress)
        drawn = {} if sample is None else {"sample": _drawn(sample)}
        description = run_description(built, {**(analysis.settings or {}), "turns": turns, **drawn})
        run = store.begin_run(**description, purpose=analysis.purpose, join=cluster is None)
        if name is not None:
            _name_begun(store, run, name)
        _tell_begun(run, progress)
        on_built(built)
        with _discarded_if_empty(store, run.id, progress):
            await analyse(
                analysis.source,
                store,
                run,
                built.rubrics,
                built.judge,
                built.all_calls,
                progress,
                analysis.turns,
                total,
                sample,
                pipeline=None if remote is None else remote.pipeline(store, run, judge, built, progress),
            )
        if not store.run_size(run.id):
            problems = store.problems(run.id)
            _discard(store, run.id, progress)
            raise _unread(problems, analysis)
        return AnalyzedRun(store, store.run(run.id), built.escalated)


async def _sample(
    store: RunStore, analysis: Analysis, rubrics: Sequence[Rubric], progress: Progress = Progress()
) -> Sample | None:
    """Return the sample that an analysis judges; None where it judges everything."""
    if not isinstance(analysis.sample, SampleSettings):
        return analysis.sample
    turns: Turns = "last" if analysis.turns == "last" else "all"
    progress.begin("drawing the sample")
    try:
        scopes = frozenset(rubric.scope for rubric in rubrics)
        return await draw_sample(analysis.source, store, analysis.sample, scopes, turns)
    finally:
        progress.end()


def _drawn(sample: Sample) -> dict[str, Any]:
    """Return what distinguishes a sample, as JSON values."""
    design = sample.design
    return {"size": design.size, "strata": list(design.fields), "seed": design.seed}


def _useless_rubrics(store: RunStore, built: BuiltJudge) -> list[str]:
    """Return the ids of the rubrics on which the judge is known to be no better than chance or length."""
    keys = trust_keys(built.fingerprint, built.settings)
    return [rubric.id for rubric in built.rubrics if not trust(store, keys, built.model.name, rubric).better]


def _without_rubrics(
    built: BuiltJudge, rubrics: Sequence[Rubric], useless: Sequence[str], store: RunStore, progress: Progress
) -> BuiltJudge:
    """Return the judge for the rubrics on which it is useful, and note on which it is not.

    Raises:
        UsageError: no rubric remains.
    """
    left_out = _left_out(useless, built.model.name)
    progress.note(left_out)
    remaining = [rubric for rubric in rubrics if rubric.id not in useless]
    if not remaining:
        raise UsageError(left_out)
    return built.for_rubrics(remaining, store)


def _left_out(rubrics: Sequence[str], judge: str) -> str:
    named = " ".join(f"--rubric {rubric}" for rubric in rubrics)
    return (
        f"Not scored: {', '.join(rubrics)}. There {judge} is no better than chance or the length of a turn, by your "
        f"people's labels or the reference set. Take another judge (--judge), or score all the same: {named} (from "
        "Python: name the rubrics)."
    )


def _tell_begun(run: Run, progress: Progress) -> None:
    progress.started(run.id)
    if run.joined:
        progress.note(f"Joining run {run.id}, which {run.joined} works on: neither asks what the other asks.")
    elif run.resumed:
        progress.note(f"Going on with run {run.id}, which was not finished.")


@contextlib.contextmanager
def _discarded_if_empty(store: RunStore, run: int, progress: Progress) -> Iterator[None]:
    """Discard the run where judging fails before any conversation is stored: it must not be the newest run."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(StoreError):
            if not store.run_size(run):
                _discard(store, run, progress)
        raise


def _name_begun(store: RunStore, run: Run, name: str) -> None:
    """Name a run; where that is refused, the run does not stay unless it was begun before."""
    try:
        name_run(store, run.id, name)
    except UsageError:
        store.end_run(run.id, "stopped", Spend())
        if not run.resumed:
            discard_run(store, run.id)
        raise


def _discard(store: RunStore, run: int, progress: Progress) -> None:
    progress.discarded()
    discard_run(store, run)


def _unread(problems: Sequence[Problem], analysis: Analysis) -> LogError:
    """Return the error that says why no conversation was read: the first problem that cost one, in full."""
    no_run = "no conversation was read, so there is no run"
    causes = [problem for problem in problems if not problem.kept] or problems
    if not causes:
        return LogError(", ".join((analysis.settings or {}).get("logs") or ()) or "the store", None, no_run)
    others = f" (the first of {len(causes):,} problems)" if len(causes) > 1 else ""
    return LogError(causes[0].path, causes[0].line, f"{no_run}{others}: {causes[0].reason}")


async def plan_analysis(store: RunStore, analysis: Analysis, judge: JudgeLike, **options: Any) -> Plan:
    """Return the calls that an analysis would make, without making any; the judge need not be reachable."""
    spec = judge_spec(judge, **options).raw()
    chosen = spec if isinstance(judge, (str, JudgeSpec)) else judge
    samples = 1 if spec.samples else SAMPLES  # those that are asked for are counted already
    asks_flagged = spec.reasons == "flagged"

    sample = await _sample(store, analysis, analysis.rubrics)

    async def counts(single: TurnJudge, calls: Calls) -> Plan:
        return await plan(analysis.source, store, analysis.rubrics, single, calls, analysis.turns, samples, sample)

    try:
        async with open_judge(
            chosen, analysis.rubrics, cache=store, load=False, samples=spec.samples, reasons=spec.reasons
        ) as built:
            unread = [rubric for rubric in built.rubrics if built.spec.samples or head_of(built.model, rubric) is None]
            return replace(await counts(built.judge, built.calls), flagged_reasons=asks_flagged and bool(unread))
    except UnavailableError as error:
        async with Calls(ScriptedModel("", name=spec.model_alone().public)) as calls:
            counted = await counts(single_judge(spec, calls), calls)
            return replace(counted, unreached=str(error), flagged_reasons=asks_flagged)


def memory_analysis(
    conversations: Sequence[Conversation], rubrics: Sequence[Rubric], turns: Choice = "all"
) -> Analysis:
    """Return the analysis of conversations in memory."""
    sha = sha256_json([conversation_body(conversation) for conversation in conversations])
    total = None
    if isinstance(turns, str):
        total = sum(len(chosen_turns(talk, turns, rubric)) for talk in conversations for rubric in rubrics)
    sources = list(dict.fromkeys(conversation.source for conversation in conversations))
    return Analysis(MemorySource(conversations), rubrics, turns, total, {"logs": sources, "conversations": sha})
