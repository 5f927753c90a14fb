"""Runs of the store: named, judged again, redacted, deleted, and reported."""

from pathlib import Path
from tempfile import TemporaryDirectory

from convexplain.analysis.progress import Progress
from convexplain.report.pdf import print_page
from convexplain.report.run_report import write_report
from convexplain.store import DeletedRun, delete_run, name_run, run_contents, run_overviews, run_rubrics
from convexplain.store.audit import record_event
from convexplain.system.files import make_folder, replacing

from ..inputs import RunLike
from ..judge_arguments import JudgeLike
from ..results import AnalyzedRun, Runs
from ..run_files import OUT, write_run_files
from ..run_story import RunStory, run_story
from ..shard_import import ImportedRun, import_run
from ..stored_redaction import StoredRedaction, redact_store
from ..themes import search_missing_themes
from ..trust import run_trust
from ..unscored import retry_run
from .base import StoreMethods


class RunMethods(StoreMethods):
    """Runs of the store: named, judged again, redacted, deleted, and reported."""

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

    async def import_run(self, folder: str) -> ImportedRun:
        """Take a run into the store, as a new run, from the Parquet files that a cluster left in a folder.

        Args:
            folder: the run's folder (`run-NUMBER-…` in that of `Cluster.folder`), or its URL as fsspec takes it.

        Raises:
            StoreError: there is no run, a file of it cannot be read, or the run is of a sample.
            MissingExtraError: fsspec or pyarrow is not installed.
        """
        return import_run(self.store, folder)

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

        The themes of a complete run are found and kept before, where nobody has looked for any, and it has up to 5,000
        turns and 500 of them below a threshold.

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
        await search_missing_themes(analyzed)
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
