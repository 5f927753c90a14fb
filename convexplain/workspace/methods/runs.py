"""Logs and runs: what is recognised, imported, judged and reported."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Unpack

from convexplain.analysis.imports import Imported, import_logs
from convexplain.analysis.pipeline import Turns
from convexplain.analysis.progress import Progress
from convexplain.analysis.runs import Plan, Source, find_logs
from convexplain.connectors.logs import LogInspection
from convexplain.errors import UsageError
from convexplain.judges.spec import JudgeOptions
from convexplain.report.printing import print_page
from convexplain.report.run_report import write_report
from convexplain.rubrics import HEADLINE
from convexplain.store import Run, summarise

from ..build import JudgeLike
from ..inputs import (
    Logs,
    RubricLike,
    conversations_of,
    rubrics_of,
)
from ..logs import LogSettings
from ..results import AnalyzedRun
from ..runs import Analysis, held, log_analysis, plan_analysis, run_analysis
from .base import StoreMethods, are_paths, as_paths, check_turns, tell_replaced


class RunMethods(StoreMethods):
    """Logs and runs: what is recognised, imported, judged and reported."""

    async def runs(self) -> list[Run]:
        """Return the runs of the store, newest first."""
        return self.store.runs()

    async def run(self, number: int | None = None) -> AnalyzedRun:
        """Return a run; the newest unless told.

        Raises:
            StoreError: there is none.
        """
        return AnalyzedRun(self.store, self.store.run(number))

    async def inspect_logs(
        self, logs: str | Path | Sequence[str | Path], settings: LogSettings = LogSettings(), limit: int = 100
    ) -> list[tuple[Path, LogInspection | UsageError]]:
        """Return for each log file what is recognised in its first conversations, or why it cannot be read as asked.

        Args:
            logs: files or folders.
            settings: how they are read.
            limit: conversations that are read of each file.

        Raises:
            UsageError: a path does not exist, or the settings are not valid.
        """
        reader = settings.reader()
        inspected: list[tuple[Path, LogInspection | UsageError]] = []
        for log in find_logs(as_paths(logs)):
            try:
                inspected.append((log, reader.inspect(log, limit)))
            except UsageError as error:  # a table whose columns cannot be told
                inspected.append((log, error))
        return inspected

    async def import_logs(
        self,
        logs: str | Path | Sequence[str | Path],
        settings: LogSettings = LogSettings(),
        *,
        limit: int | None = None,
        progress: Progress = Progress(),
    ) -> Imported:
        """Read logs into the store, once, to be judged many times; what is there already is not kept again.

        Args:
            logs: files or folders.
            settings: how they are read.
            limit: only so many conversations, the first ones.
            progress: is told how far it is.

        Raises:
            UsageError: a path does not exist, or the settings are not valid.
            StoreError: the store cannot be written; what was kept until then stays.
        """
        reader = settings.reader()
        imported = import_logs(Source(reader, find_logs(as_paths(logs)), limit=limit), self.store, progress)
        tell_replaced(reader.replaced, progress)
        return imported

    async def analyze(
        self,
        logs: Logs | None = None,
        rubrics: RubricLike | Sequence[RubricLike] = HEADLINE,
        judge: JudgeLike = "embedded",
        *,
        turns: Turns = "all",
        stored: int | None = None,
        limit: int | None = None,
        settings: LogSettings = LogSettings(),
        progress: Progress = Progress(),
        **options: Unpack[JudgeOptions],
    ) -> AnalyzedRun:
        """Judge every assistant turn into a run of the store; a run that was stopped goes on.

        Args:
            logs: log files or folders; or conversations, messages, or a pandas DataFrame.
            rubrics: rubrics, ids of shipped ones, or paths of YAML files; one or several.
            judge: the judge's text form or spec, a model of your own (prepared; it is not closed), or a function from a
                prompt to a reply.
            turns: `all` assistant turns or the `last` one.
            stored: instead of logs, judge the conversations of this run of the store; 0 = all that it holds.
            limit: only so many conversations, the first ones.
            settings: how logs are read.
            progress: is told how far it is.
            options: fields of `JudgeSpec` that count instead of the judge's own.

        Raises:
            UsageError, RubricError: an argument is not valid.
            UnavailableError: the model cannot be had; what was judged until then is kept.
        """
        analysis, reader = self._analysis(logs, rubrics, turns, stored, limit, settings)
        analyzed = await run_analysis(self.store, analysis, judge, progress, **options)
        if reader is not None:
            tell_replaced(reader.replaced, progress)
        return analyzed

    async def plan(
        self,
        logs: Logs | None = None,
        rubrics: RubricLike | Sequence[RubricLike] = HEADLINE,
        judge: JudgeLike = "embedded",
        *,
        turns: Turns = "all",
        stored: int | None = None,
        limit: int | None = None,
        settings: LogSettings = LogSettings(),
        **options: Unpack[JudgeOptions],
    ) -> Plan:
        """Return what `analyze` would ask with the same arguments, without asking anything.

        Raises:
            UsageError, RubricError: an argument is not valid.
            UnavailableError: the judge's server cannot be reached.
        """
        analysis, _ = self._analysis(logs, rubrics, turns, stored, limit, settings)
        return await plan_analysis(self.store, analysis, judge, **options)

    def _analysis(
        self,
        logs: Logs | None,
        rubrics: RubricLike | Sequence[RubricLike],
        turns: Turns,
        stored: int | None,
        limit: int | None,
        settings: LogSettings,
    ) -> tuple[Analysis, Any]:
        chosen = rubrics_of(rubrics)
        check_turns(turns)
        if (logs is None) == (stored is None):
            raise UsageError("name either log files or stored conversations, and one of them")
        if isinstance(logs, (list, tuple)) and not logs:
            raise UsageError("logs: the list is empty; there is nothing to judge")
        if stored is not None and settings.redacts:
            raise UsageError("redact is for log files; stored takes conversations as they were kept")
        if logs is not None and not are_paths(logs):
            return held(conversations_of(logs)[:limit], chosen, turns), None
        reader = settings.reader()
        if stored:
            self.store.run(stored)  # says so when there is none
        paths = find_logs(as_paths(logs)) if logs is not None else ()
        return log_analysis(reader, paths, chosen, turns=turns, stored=stored, limit=limit), reader

    async def report(
        self, run: int | None = None, *, html: Path | None = None, pdf: Path | None = None
    ) -> dict[str, Path]:
        """Write a run as one HTML page that needs nothing else, or print it.

        Args:
            run: the run's number; the newest unless given.
            html: where the page goes; convexplain-out/report-RUN.html where neither is given.
            pdf: where the printed page goes; needs Chromium or Chrome.

        Returns:
            `Report` and `PDF` to the files that were written.

        Raises:
            StoreError: there is no such run.
            UnavailableError: there is no browser to print with.
        """
        summary = summarise(self.store, self.store.run(run))
        if html is None and pdf is None:
            html = Path("convexplain-out") / f"report-{summary.run.id}.html"
        written: dict[str, Path] = {}
        with TemporaryDirectory() as folder:
            page = html or Path(folder) / "report.html"
            page.parent.mkdir(parents=True, exist_ok=True)
            write_report(self.store, summary, page)
            if html is not None:
                written["Report"] = html
            if pdf is not None:
                pdf.parent.mkdir(parents=True, exist_ok=True)
                print_page(page, pdf)
                written["PDF"] = pdf
        return written
