"""An analysis as the command line runs it: to its end, or with the files of what there is when it is stopped."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from convexplain.analysis.sources import find_logs
from convexplain.errors import ConvexplainError, LogError, UsageError
from convexplain.explain.wording import counted
from convexplain.store import Summary
from convexplain.system.termination import stopped_by
from convexplain.text.visible import one_line
from convexplain.types import Judgement
from convexplain.workspace import AnalyzedRun, Workspace
from convexplain.workspace.findings import stored_explanation
from convexplain.workspace.inputs import rubrics_of
from convexplain.workspace.remote_logs import is_url
from convexplain.workspace.run_files import check_writable, run_folder

from .commands import command_line
from .explained import write_explanations
from .progress import ConsoleProgress, cut, plain
from .runs import show_cost, show_summary, show_worst, turn_name

_WORST = 5  # turns that are shown at the end
_PLACES = 3  # replies and records that are named in the last line
_DIGITS = 12


def mean_limits(texts: Sequence[str], rubrics: Sequence[str]) -> dict[str, float]:
    """Return the least mean score of maxims, by their ids, from texts such as `helpfulness=0.7`.

    Args:
        texts: the values of `--fail-under`.
        rubrics: what is judged by: ids, and paths of rubric files.

    Raises:
        UsageError: a text is not valid, or names a maxim that is not judged.
    """
    limits: dict[str, float] = {}
    if not texts:
        return limits
    ids = [rubric.id for rubric in rubrics_of(rubrics)]
    for text in texts:
        name, _, number = text.partition("=")
        try:
            limit = float(number)
        except ValueError:
            limit = -1.0
        if not 0 <= limit <= 1:
            raise UsageError(f"--fail-under {text!r} is not valid; write ID=SCORE, with a score from 0 to 1")
        if name not in ids:
            raise UsageError(f"--fail-under {text!r}: this run has no maxim {name!r}; valid are: {', '.join(ids)}")
        if name in limits:
            raise UsageError(f"--fail-under {text!r}: {name} is named twice; name it once")
        limits[name] = limit
    return limits


def limit_results(summary: Summary, limits: Mapping[str, float]) -> dict[str, tuple[bool, str]]:
    """Return for each limited maxim whether its mean score reaches the limit, and that in words."""
    means = {maxim.rubric: maxim.mean for maxim in summary.maxims}
    results = {}
    for rubric, limit in limits.items():
        mean = means.get(rubric)
        if mean is None:
            results[rubric] = False, f"{rubric} has no score (--fail-under {limit:g}): failed"
        elif mean < limit:
            results[rubric] = False, f"{rubric} {_rounded(mean, limit)} < {limit:g}: failed"
        else:
            results[rubric] = True, f"{rubric} {_rounded(mean, limit)} >= {limit:g}: passed"
    return results


def incomplete(run: AnalyzedRun) -> list[str]:
    """Return a sentence for each reason why a run is not complete, with up to three places."""
    summary, sentences = run.summary, unfinished(run)
    if not summary.turns:
        sentences.append("No reply was judged.")
    if count := summary.unscored_turns:
        reasons: dict[str, str] = {}
        for turn in summary.unscored_examples:
            reasons.setdefault(turn_name(turn), turn.reason)
        places = [f"{name} ({cut(reason)})" for name, reason in reasons.items()]
        replies = "1 reply has no score" if count == 1 else f"{count:,} replies have no score"
        sentences.append(f"{replies}: {_first_places(places, count)}.")
    if count := summary.problems:
        problems = [problem for problem in run.store.problems(run.id) if not problem.kept]
        records = "1 record or file" if count == 1 else f"{count:,} records or files"
        sentences.append(f"{records} could not be used: {_first_places([cut(str(p)) for p in problems], count)}.")
    return [one_line(sentence) for sentence in sentences]


def unfinished(run: AnalyzedRun) -> list[str]:
    """Return a sentence where a run was stopped before everything was judged; else nothing."""
    return [] if run.run.status == "done" else [f"Run {run.id} is not complete: the same analyze command goes on."]


def _first_places(places: Sequence[str], count: int) -> str:
    more = count - len(places[:_PLACES])
    return ", ".join(places[:_PLACES]) + (f", and {more:,} more" if more else "")


def _rounded(mean: float, limit: float) -> str:
    """The mean with two decimals, with more where the limit would look reached, or missed, by rounding alone."""
    digits = 2
    while digits < _DIGITS and (float(f"{mean:.{digits}f}") < limit) != (mean < limit):
        digits += 1
    return f"{mean:.{digits}f}"


class AnalysisProgress(ConsoleProgress):
    """Progress that remembers how much of a run is done, for when it is stopped.

    Attributes:
        run: the run's number; None before it begins, and after it is deleted.
        is_discarded: whether the run was deleted since nothing was read.
        total: how many judgements there will be; None before the logs are read.
        judgements: how many there are.
        judged_all: whether all of them are there, so that only explanations can be missing.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.run: int | None = None
        self.is_discarded = False
        self.total: int | None = None
        self.judgements = 0
        self.judged_all = False

    def started(self, run: int) -> None:
        """Remember the run."""
        self.run = run

    def discarded(self) -> None:
        """Forget the run."""
        self.run, self.is_discarded = None, True

    def begin(self, task: str, total: int | None = None) -> None:
        """Start a bar."""
        super().begin(task, total)
        if task == "explaining":
            self.judged_all = True
        else:
            self.total = total if task == "judging" else None

    def judged(self, judgement: Judgement) -> None:
        """Count a judgement."""
        self.judgements += 1
        super().judged(judgement)

    def skipped(self, count: int) -> None:
        """Count judgements of an earlier session."""
        self.judgements += count
        super().skipped(count)


class AnalysisCommand:
    """Runs an analysis, writes its files and shows what came out.

    Args:
        workspace: the workspace.
        out: the folder in which the run's own folder lies.
        limits: the least mean score of maxims, by their ids.
        db: the store, where a command has to name it.
    """

    def __init__(self, workspace: Workspace, out: Path, limits: Mapping[str, float], db: str | None) -> None:
        self._workspace, self._out, self._limits, self._db = workspace, out, limits, db
        self._console, self._errors = Console(), Console(stderr=True)
        self._began = time.monotonic()

    def run(self, arguments: Mapping[str, Any]) -> int:
        """Run the analysis, and return the exit code.

        Args:
            arguments: those of `Workspace.analyze`.
        """
        local = [log for log in arguments["logs"] or () if not is_url(log)]
        piped = any(not log.is_file() for log in find_logs(local))
        check_writable(self._out)
        progress = AnalysisProgress(self._errors)
        try:
            run = self._workspace.analyze(**arguments, progress=progress)
        except (KeyboardInterrupt, Exception) as error:
            if isinstance(error, LogError) or (progress.run is None and not progress.is_discarded):
                raise
            if progress.run is None and isinstance(error, ConvexplainError | OSError):
                raise  # it says all that there is to say
            return self._stopped(error, progress, piped)
        written = self._show(run)
        limits = limit_results(run.summary, self._limits)
        for _, sentence in limits.values():
            self._errors.print(plain(sentence), soft_wrap=True)
        reasons = incomplete(run)
        if not written:
            reasons.append(f"The files of run {run.id} were not written.")
        if missed := [rubric for rubric, (passed, _) in limits.items() if not passed]:
            reasons.insert(0, f"{', '.join(missed)} failed --fail-under.")
        code = 3 if missed else 1 if reasons else 0
        if reasons:
            self._errors.print(plain(f"Exit code {code}: {' '.join(reasons)}"), soft_wrap=True)
        if run.summary.unscored_turns:
            again = self._command("runs retry", run.id)
            self._errors.print(plain(f"`{again}` asks again for what has no score."), soft_wrap=True)
        return code

    def _stopped(self, error: BaseException, progress: AnalysisProgress, piped: bool) -> int:
        """Show and write what there is of a run that an error or Ctrl-C has stopped."""
        interrupted = isinstance(error, KeyboardInterrupt)
        signal_name, signal_code = stopped_by()
        reason = f"Stopped by {signal_name}." if interrupted else f"Stopped: {_sentence(error)}"
        self._errors.print(plain(reason), soft_wrap=True)
        code = signal_code if interrupted else 1
        if progress.is_discarded:
            self._errors.print(f"Exit code {code}: no conversation was read, so there is no run.")
            return code
        stored = 0
        try:
            if progress.judgements:
                run = self._workspace.run(progress.run)
                stored = sum(maxim.judged for maxim in run.summary.maxims)
                if stored:
                    self._show(run)
        except KeyboardInterrupt:
            self._errors.print(plain(f"Stopped again: `{self._command('report', progress.run)}` writes the files."))
        except ConvexplainError as problem:  # the store is gone too
            self._errors.print(plain(f"Error: {problem}"), soft_wrap=True)
        self._errors.print(plain(f"Exit code {code}: {_missing(progress, stored)}"), soft_wrap=True)
        if progress.judged_all:
            self._errors.print(plain(f"`{self._command('explain', progress.run)}` explains the worst turns."))
        elif piped:
            self._errors.print("To go on, pipe the same log in again: replies that came are not asked for again.")
        else:
            again = command_line(["convexplain", *sys.argv[1:]])
            self._errors.print(plain(f"The same command goes on where it stopped:\n  {again}"), soft_wrap=True)
        return code

    def _command(self, name: str, run: int | None) -> str:
        return command_line(["convexplain", *name.split(), str(run), *(["--db", self._db] if self._db else [])])

    def _show(self, run: AnalyzedRun) -> bool:
        """Write the files of a run and show it; return False where the files cannot be written."""
        try:
            written = {**self._workspace.report(run.id, out=self._out), **self._write_explanations(run)}
            problem = ""
        except OSError as error:
            written = {}
            problem = (
                f"The files of run {run.id} cannot be written: {error}. Nothing of the run is lost, it is in the "
                f"store: `{self._command('report', run.id)}` writes the files."
            )
        show_summary(self._console, run)
        show_cost(self._console, run.summary, time.monotonic() - self._began)
        if run.escalated:
            self._console.print(plain(run.escalated), soft_wrap=True)
        show_worst(self._console, run, _WORST, self._db)
        if written:
            folder = written["Report"].parent
            names = ", ".join(path.name for path in written.values())
            self._console.print(plain(f"\nFiles in {folder}: {names}   Store: {run.store.place}"), soft_wrap=True)
        else:
            self._errors.print(plain(problem), soft_wrap=True)
        return bool(written)

    def _write_explanations(self, run: AnalyzedRun) -> dict[str, Path]:
        """Write the explanations of the worst turns that there are, as `convexplain explain` does."""
        explanations = [stored_explanation(run.store, finding) for finding in run.worst(_WORST)]
        bodies = [explanation.to_dict() for explanation in explanations if explanation.attributions]
        file = run_folder(self._out, run.id) / "explanations.jsonl"
        if not bodies or not write_explanations(bodies, file):
            return {}
        return {"Explanations": file}


def _missing(progress: AnalysisProgress, stored: int) -> str:
    """Return what is missing of a stopped run; a judgement that could not be stored is missing too."""
    if progress.judged_all:
        return "Everything is judged and kept; the explanations of the worst turns are not complete."
    if progress.total is None:
        return "The log was not read to its end, and nothing was judged yet. What was read is kept."
    missing = progress.total - min(progress.judgements, stored)
    return f"{missing:,} of {counted(progress.total, 'judgement')} are missing. What was judged is kept."


def _sentence(error: BaseException) -> str:
    text = str(error) if isinstance(error, ConvexplainError | OSError) else f"{type(error).__name__}: {error}"
    return text if text.endswith((".", "!", "?")) else f"{text}."
