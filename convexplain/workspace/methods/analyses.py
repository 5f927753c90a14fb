"""Logs and their analyses: what is recognised, imported and judged."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from convexplain.analysis.imports import ImportSummary, import_logs
from convexplain.analysis.pipeline import Turns
from convexplain.analysis.plans import Plan
from convexplain.analysis.progress import Progress
from convexplain.analysis.sampling import STRATA, SampleSettings, stored_sample
from convexplain.analysis.sources import LogSource, find_logs
from convexplain.connectors.logs import LogInspection
from convexplain.errors import Problem, UsageError
from convexplain.judges.spec import JudgeOptions
from convexplain.rubrics import HEADLINE
from convexplain.store import run_rubrics

from ..alarms import apply_alarms, check_alarms
from ..cluster import Cluster, cluster_of
from ..findings import check_explain, explain_worst
from ..inputs import Logs, RubricLike, RunLike, conversations_of, rubrics_of
from ..judge_arguments import JudgeLike
from ..judge_defaults import judge_or_default
from ..logs import LogReader, LogSettings
from ..remote_logs import LocalLogs, local_logs
from ..results import AnalyzedRun
from ..runs import Analysis, log_analysis, memory_analysis, plan_analysis, run_analysis
from .base import StoreMethods, are_paths, as_paths, check_turns, tell_replaced


class AnalysisMethods(StoreMethods):
    """Logs and their analyses: what is recognised, imported and judged."""

    async def inspect_logs(
        self, logs: str | Path | Sequence[str | Path], settings: LogSettings = LogSettings(), limit: int = 100
    ) -> list[tuple[Path, LogInspection | UsageError]]:
        """Return for each log file what is recognised in its first conversations, or why it cannot be read as asked.

        Conversations of several files (requests of batches with their results) count with the file of the results.

        Args:
            logs: files or folders.
            settings: how they are read.
            limit: conversations that are read of each file.

        Raises:
            UsageError: a path does not exist, or the settings are not valid.
        """
        files = list(find_logs(as_paths(logs)))
        reader = settings.reader().joining() if len(files) > 1 else settings.reader()
        inspected: list[tuple[Path, LogInspection | UsageError]] = []
        for log in files:
            try:
                inspected.append((log, reader.inspect(log, limit)))
            except UsageError as error:  # a map that fits nothing
                inspected.append((log, error))
        if reader.joint is not None:
            _add_joined(reader, {log: seen for log, seen in inspected if isinstance(seen, LogInspection)})
        return inspected

    async def import_logs(
        self,
        logs: str | Path | Sequence[str | Path],
        settings: LogSettings = LogSettings(),
        *,
        limit: int | None = None,
        progress: Progress = Progress(),
    ) -> ImportSummary:
        """Read logs into the store, once, to be judged many times; what is there already is not kept again.

        Args:
            logs: files or folders.
            settings: how they are read.
            limit: only so many conversations, the first ones.
            progress: receives how far it is.

        Raises:
            UsageError: a path does not exist, or the settings are not valid.
            StoreError: the store cannot be written; what was kept until then stays.
        """
        reader = settings.reader()
        source = LogSource(reader, find_logs(as_paths(logs)), limit=limit)
        imported = await import_logs(source, self.store, progress)
        tell_replaced(reader.replaced, progress)
        return imported

    async def analyze(
        self,
        logs: Logs | None = None,
        rubrics: RubricLike | Sequence[RubricLike] = HEADLINE,
        judge: JudgeLike | None = None,
        *,
        turns: Turns = "all",
        stored: RunLike | None = None,
        limit: int | None = None,
        settings: LogSettings = LogSettings(),
        name: str | None = None,
        alarms: float | None = None,
        explain: int = 0,
        sample: int | None = None,
        strata: str | Sequence[str] = STRATA,
        seed: int = 0,
        cluster: Cluster | str | None = None,
        progress: Progress = Progress(),
        **options: Unpack[JudgeOptions],
    ) -> AnalyzedRun:
        """Judge every assistant turn, or each conversation once, into a run of the store; a stopped run goes on.

        Args:
            logs: log files or folders, or their URLs as fsspec takes them (`s3://bucket/logs`), copied here to be read;
                or conversations, messages, or a pandas DataFrame.
            rubrics: rubrics, ids of shipped ones, or paths of YAML files; one or several. Unless given, the headline
                ones without those on which the judge is known to be no better than chance or length; a note says so.
            judge: the judge's text form or spec, a model of your own (prepared; it is not closed), or a function from a
                prompt to a reply; None takes the default one (`workspace.default_judge`).
            turns: `all` assistant turns or the `last` one; on rubrics of conversations each is judged once anyway.
            stored: instead of logs, judge the conversations of this run (number or name); 0 = all of the store.
            limit: only so many conversations, the first ones.
            settings: how logs are read.
            name: names the run; a name that is not valid or that another run has is refused before any call.
            alarms: the share of ordinary turns that may be flagged, in (0, 1); the run's thresholds are chosen by it
                (`run.run.alarms`) in place of the rubrics'. None leaves the rubrics' thresholds.
            explain: explain so many of the worst turns afterwards, each by at most 24 evaluations
                (`tasks.FINDING_TASK`), and keep the explanations in the store. Where that fails, a note says so. The
                command line explains three.
            sample: judge a random sample of so many assistant turns, each with its whole conversation before it (on
                maxims of conversations: so many conversations); means and shares are estimates for all turns, with
                intervals. Logs are read twice. None judges everything; of a run that judged a sample (`stored`), the
                same turns.
            strata: what the sample is drawn by, in proportion to the number of turns: `source`, `bot`, or both.
            seed: of the sample: the same seed draws the same turns of the same logs.
            cluster: judge on this Ray cluster (its settings, or its address: `local`, `auto`, HOST:PORT), with the same
                scores; explanations are made here. Needs the extra `ray`.
            progress: receives how far it is.
            options: fields of `JudgeSpec` that count instead of the judge's own.

        Raises:
            UsageError, RubricError: an argument is not valid.
            LogError: there was no conversation to read; no run is kept.
            UnavailableError: the model cannot be had; what was judged until then is kept.
        """
        check_alarms(alarms)
        check_explain(explain)
        machines, chosen = cluster_of(cluster), judge_or_default(judge)
        with local_logs(logs) as local:
            analysis, reader = self._analysis(local, rubrics, turns, stored, limit, settings)
            analysis = self._sampled(analysis, stored, sample, strata, seed)
            analysis = replace(analysis, selective=rubrics is HEADLINE)
            if alarms is not None:
                analysis = replace(analysis, settings={**(analysis.settings or {}), "alarms": alarms})
            analyzed = await run_analysis(
                self.store, analysis, chosen, progress, name=name, cluster=machines, **options
            )
        if reader is not None:
            tell_replaced(reader.replaced, progress)
        if alarms is not None:
            analyzed = replace(analyzed, run=apply_alarms(self.store, analyzed.run, alarms))
        await explain_worst(analyzed, explain, chosen, progress)
        return analyzed

    async def plan(
        self,
        logs: Logs | None = None,
        rubrics: RubricLike | Sequence[RubricLike] = HEADLINE,
        judge: JudgeLike | None = None,
        *,
        turns: Turns = "all",
        stored: RunLike | None = None,
        limit: int | None = None,
        settings: LogSettings = LogSettings(),
        sample: int | None = None,
        strata: str | Sequence[str] = STRATA,
        seed: int = 0,
        **options: Unpack[JudgeOptions],
    ) -> Plan:
        """Return what `analyze` would ask with the same arguments, without asking anything.

        Where the judge cannot be reached, replies in the cache are not counted, and `unreached` of the plan says why.

        Raises:
            UsageError, RubricError: an argument is not valid.
        """
        with local_logs(logs) as local:
            analysis, _ = self._analysis(local, rubrics, turns, stored, limit, settings)
            analysis = self._sampled(analysis, stored, sample, strata, seed)
            return await plan_analysis(self.store, analysis, judge_or_default(judge), **options)

    def _analysis(
        self,
        local: LocalLogs,
        rubrics: RubricLike | Sequence[RubricLike],
        turns: Turns,
        stored: RunLike | None,
        limit: int | None,
        settings: LogSettings,
    ) -> tuple[Analysis, Any]:
        logs, chosen = local.logs, rubrics_of(rubrics)
        check_turns(turns)
        if (logs is None) == (stored is None):
            raise UsageError("name either log files or stored conversations, and one of them")
        if isinstance(logs, (list, tuple)) and not logs:
            raise UsageError("logs: the list is empty; there is nothing to judge")
        if stored is not None and (settings.format or settings.map or settings.assistant):
            raise UsageError("format, map and assistant are for log files; stored takes conversations as they are")
        if stored is not None and settings.redacts:
            raise UsageError("redact is for log files; stored takes conversations as they were kept")
        if logs is not None and not are_paths(logs):
            return memory_analysis(conversations_of(logs)[:limit], chosen, turns), None
        reader = settings.reader(local.remote)
        number = 0 if stored in (0, "0") else None if stored is None else self.store.run(stored).id
        paths = find_logs(as_paths(logs)) if logs is not None else ()
        return log_analysis(reader, paths, chosen, turns=turns, stored=number, limit=limit), reader

    def _sampled(
        self, analysis: Analysis, stored: RunLike | None, sample: int | None, strata: str | Sequence[str], seed: int
    ) -> Analysis:
        """Return the analysis of a sample; that of the same sample where the stored run has judged one."""
        run = None if stored in (None, 0, "0") else self.store.run(stored)
        drawn = None if run is None else stored_sample(self.store, run)
        if run is not None and drawn is not None:
            if sample is not None:
                raise UsageError(
                    f"sample={sample}: run {run.id} has judged {drawn.design.words()} already; leave sample out to "
                    "judge the same turns, or name the logs"
                )
            judged = {rubric.scope for rubric in run_rubrics(self.store, run.id)}
            if undrawn := [rubric.id for rubric in analysis.rubrics if rubric.scope not in judged]:
                raise UsageError(f"{', '.join(undrawn)}: run {run.id} has drawn {' and '.join(judged)}s only")
            return replace(analysis, sample=drawn)
        if sample is None:
            return analysis
        if isinstance(analysis.source, LogSource) and not all(log.is_file() for log in analysis.source.logs):
            raise UsageError(
                f"sample={sample} reads the logs twice, so they cannot be a pipe: save them as a file, or import them "
                "(`convexplain logs import -`) and judge what is stored"
            )
        fields = tuple(filter(None, strata.split(","))) if isinstance(strata, str) else tuple(strata)
        return replace(analysis, sample=SampleSettings(sample, fields if fields != ("none",) else (), seed))


def _add_joined(reader: LogReader, inspections: Mapping[Path, LogInspection]) -> None:
    """Add the conversations that several logs make up to the inspections of the logs that hold their answers."""
    problems: list[Problem] = []
    for conversation in reader.joined(on_problem=problems.append):
        inspection = _inspection_of(Path(conversation.source), inspections)
        if inspection is not None:
            inspection.add(conversation)
    for problem in problems:
        inspection = _inspection_of(Path(problem.path), inspections)
        if inspection is not None:
            inspection.problems.append(problem)


def _inspection_of(source: Path, inspections: Mapping[Path, LogInspection]) -> LogInspection | None:
    """Return the inspection of a log, or of the archive of which it is a member."""
    return next((inspections[path] for path in (source, *source.parents) if path in inspections), None)
