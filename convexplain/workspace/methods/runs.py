"""Logs and runs: what is recognised, imported, judged and reported."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
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
from convexplain.report.pdf import print_page
from convexplain.report.run_report import write_report
from convexplain.rubrics import HEADLINE
from convexplain.store import DeletedRun, delete_run, name_run, run_contents, run_overviews, run_rubrics
from convexplain.store.audit import record_event
from convexplain.system.files import make_folder, replacing

from ..alarms import apply_alarms, check_alarms
from ..cluster import Cluster, cluster_of
from ..findings import check_explain, explain_worst
from ..inputs import Logs, RubricLike, RunLike, conversations_of, rubrics_of
from ..judge_arguments import JudgeLike
from ..judge_defaults import judge_or_default
from ..logs import LogReader, LogSettings
from ..remote_logs import LocalLogs, local_logs
from ..results import AnalyzedRun, Runs
from ..run_files import OUT, write_run_files
from ..run_story import RunStory, run_story
from ..runs import Analysis, log_analysis, memory_analysis, plan_analysis, run_analysis
from ..stored_redaction import StoredRedaction, redact_store
from ..trust import run_trust
from ..unscored import retry_run
from .base import StoreMethods, are_paths, as_paths, check_turns, tell_replaced


class RunMethods(StoreMethods):
    """Logs and runs: what is recognised, imported, judged and reported."""

    async def runs(self) -> Runs:
        """Return the runs of the store with counts and means of each maxim, the newest first."""
        trust = {run.id: run_trust(self.store, run, run_rubrics(self.store, run.id), {}) for run in self.store.runs()}
        return Runs(run_overviews(self.store), trust)

    async def run(self, run: RunLike | None = None) -> AnalyzedRun:
        """Return a run by its number or its name; the newest unless one is named.

        Raises:
            StoreError: there is none.
        """
        return AnalyzedRun(self.store, self.store.run(run))

    async def name_run(self, run: RunLike, name: str | None) -> AnalyzedRun:
        """Give a run a name, which stands for its number everywhere, or take its name away (None); return the run.

        Raises:
            StoreError: there is no such run.
            UsageError: the name is a whole number, not printable, or the name of another run.
        """
        number = self.store.run(run).id
        name_run(self.store, number, name)
        return AnalyzedRun(self.store, self.store.run(number))

    async def retry(
        self, run: RunLike | None = None, judge: JudgeLike | None = None, *, progress: Progress = Progress()
    ) -> AnalyzedRun:
        """Judge again what has no score in a run, and keep the results in it; nothing else is asked.

        Its judge and rubrics are those of the run. Replies of the judge that were kept are not asked for again.

        Args:
            run: the run's number or name; the newest unless given.
            judge: the run's judge, where it cannot be opened by its name (a model of your own, a function).
            progress: receives how far it is.

        Raises:
            UsageError: the judge cannot be opened by its name, or is not the one of the run.
            StoreError: there is no such run, or a process works on it.
            UnavailableError: the model cannot be had; what was judged until then is kept.
        """
        return await retry_run(self.store, self.store.run(run), judge, progress)

    async def plan_deletion(self, run: RunLike) -> DeletedRun:
        """Return what `delete_run` would delete, and what would stay.

        Raises:
            StoreError: there is no such run.
        """
        return run_contents(self.store, self.store.run(run).id)

    async def delete_run(self, run: RunLike) -> DeletedRun:
        """Delete a run with its judgements, attributions and contrasts; return what was deleted, and what stays.

        A conversation goes too, unless another run has it, people have labelled it, or it was imported. Labels of
        people stay. Replies of models stay in the cache.

        Raises:
            StoreError: there is no such run, or a process works on it.
        """
        number = self.store.run(run).id
        deleted = delete_run(self.store, number)
        record_event(self.store, "", "delete run", {"run": number})
        return deleted

    async def redact_run(self, run: RunLike, *, names: Path | None = None, presidio: bool = False) -> StoredRedaction:
        """Replace personal data in the conversations of a run, and in all that any run has stored about them, for good.

        Scores stay. Cached replies of models that hold personal data are deleted. Files that were written, and
        uploads of the dashboard with what their jobs wrote, stay as they are.

        Args:
            run: the run's number or name; 0 = all conversations of the store.
            names: a file of names to be replaced too, one a line.
            presidio: replace what Presidio finds too (people, places, …).

        Raises:
            StoreError: there is no such run, or a process works on a run.
            MissingExtraError, UnavailableError: the extra `redact` is missing, or Presidio cannot be had.
            UsageError: the file has no names.
        """
        number = None if run in (0, "0") else self.store.run(run).id
        redacted = redact_store(self.store, number, names, presidio)
        record_event(self.store, "", "redact run", {"run": number})
        return redacted

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
            if other := [rubric.id for rubric in analysis.rubrics if rubric.scope not in judged]:
                raise UsageError(f"{', '.join(other)}: run {run.id} has drawn {' and '.join(judged)}s only")
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

    async def story(self, run: RunLike | None = None) -> RunStory:
        """Return the overview of a run: how good it is, since last time, its problems, where they are, what to do next.

        Nothing is asked of a model: it holds what the store has.

        Args:
            run: the run's number or name; the newest unless given.

        Raises:
            StoreError: there is no such run.
        """
        return run_story(AnalyzedRun(self.store, self.store.run(run)))

    async def report(
        self, run: RunLike | None = None, *, html: Path | None = None, pdf: Path | None = None, out: Path = OUT
    ) -> dict[str, Path]:
        """Write a run as files: all of them, or only as one HTML page that needs nothing else, or as a printed one.

        Args:
            run: the run's number or name; the newest unless given.
            html: where the page goes.
            pdf: where the printed page goes; needs Chromium or Chrome.
            out: where neither is given, the folder in which the run's own folder lies (`run-3/`): it gets the page, the
                judgements as JSON lines, and the scores as a table.

        Returns:
            `Report`, `PDF`, `Judgements`, `Scores` and `Spreadsheet` to the files that were written.

        Raises:
            StoreError: there is no such run.
            UnavailableError: there is no browser to print with.
            OSError: a file cannot be written.
        """
        analyzed = AnalyzedRun(self.store, self.store.run(run))
        summary, marks, story = analyzed.summary, analyzed.marks, run_story(analyzed)
        if html is None and pdf is None:
            return write_run_files(self.store, summary, marks, out, story)
        written: dict[str, Path] = {}
        with TemporaryDirectory() as folder:
            page = html or Path(folder) / "report.html"
            make_folder(page.parent)
            write_report(self.store, summary, marks, page, story)
            if html is not None:
                written["Report"] = html
            if pdf is not None:
                with replacing(pdf) as part:
                    print_page(page, part)
                written["PDF"] = pdf
        return written


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
