"""Logs that people upload: kept by their content, looked at, and counted before they are judged."""

import asyncio
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import platformdirs

from convexplain.analysis.pipeline import Turns
from convexplain.analysis.runs import Plan, Source, plan
from convexplain.cli.reading import Reading as Logs
from convexplain.cli.reading import columns_of
from convexplain.connectors.logs import Inspected, inspect_log
from convexplain.connectors.models import LlamaCppModel, LocalModel, open_model
from convexplain.errors import ConvexplainError
from convexplain.judges import Judge
from convexplain.models.calls import Calls
from convexplain.rubrics import HEADLINE, load_rubric
from convexplain.store import RunStore

_FIRST = 100  # conversations that are read to see what a log is
_AT_ONCE = 1 << 20
_NAME = 100  # characters of a file name that are kept
PARTS = ("conversation", "role", "content", "order", "name", "at")
"""What columns of a table may be."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How logs are read, as the options of the command line say it.

    Attributes:
        format: a format's name; None to recognise it.
        columns: the columns of a table, as `--columns` writes them; None to go by their names.
        assistant: speakers who are the assistant.
        redact: whether personal data is replaced before anything else sees it.
    """

    format: str | None = None
    columns: str | None = None
    assistant: tuple[str, ...] = ()
    redact: bool = False

    @property
    def logs(self) -> Logs:
        """The same as the command line has it."""
        return Logs(self.format, self.columns, self.assistant, self.redact)


@dataclass(frozen=True, slots=True)
class Options:
    """What an analysis is to do.

    Attributes:
        rubrics: ids of maxims, or paths of rubric files.
        judge: the judge, as `--judge` names it.
        turns: which assistant turns.
        limit: at most so many conversations; None for all.
        samples: so many sampled replies instead of label probabilities; None for these.
        explain: whether the judge is asked for its reasons too.
        reading: how the logs are read.
    """

    rubrics: tuple[str, ...] = HEADLINE
    judge: str = "embedded"
    turns: Turns = "all"
    limit: int | None = None
    samples: int | None = None
    explain: bool = False
    reading: Reading = Reading()


@dataclass(frozen=True, slots=True)
class Preview:
    """What was recognised in one file; or the reader's message, where it cannot be read as asked."""

    path: Path
    found: Inspected | None
    error: str | None


def upload_folder() -> Path:
    """Where uploaded logs are kept: in the user's data folder."""
    return Path(platformdirs.user_data_dir("convexplain")) / "uploads"


def keep_upload(name: str, content: BinaryIO, folder: Path | None = None) -> Path:
    """Keeps an uploaded file and returns its path; the same content under the same name is kept once.

    Args:
        name: what the browser calls it; only letters, digits, dots, hyphens and underscores of it are kept.
        content: what is in it.
        folder: where to; None for `upload_folder`.
    """
    folder = folder or upload_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".coming-", delete=False) as file:
        coming = Path(file.name)
        try:
            content.seek(0)
            while some := content.read(_AT_ONCE):
                digest.update(some)
                file.write(some)
        except BaseException:
            coming.unlink()
            raise
    kept = folder / digest.hexdigest()[:16] / safe_name(name)
    kept.parent.mkdir(exist_ok=True)
    if kept.exists():
        coming.unlink()  # its time stays as it was: a run of this file goes on
    else:
        os.replace(coming, kept)
    return kept


def safe_name(name: str) -> str:
    """A file name that is one anywhere: no folder, no leading dot or hyphen, its endings kept."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", re.split(r"[/\\]", name)[-1]).lstrip(".-_")
    return plain[-_NAME:].lstrip(".-_") or "log"


def preview(path: Path, reading: Reading) -> Preview:
    """What is recognised in the first conversations of a file."""
    try:
        reader = reading.logs.reader()
        found = inspect_log(
            path, format=reading.format, columns=reader.columns, assistant=reading.assistant, limit=_FIRST
        )
    except (ConvexplainError, OSError) as error:  # columns that cannot be told, an extra that is missing
        return Preview(path, None, str(error))
    first = None if found.first is None else reader.shown(found.first)
    return Preview(path, replace(found, first=first), None)


def column_map(columns: dict[str, str]) -> str | None:
    """The columns that a person named, as `--columns` writes them; None where none is named.

    Raises:
        UsageError: they cannot be written like that; the message says how.
    """
    given = {part: name.strip() for part, name in columns.items() if name.strip()}
    if not given:
        return None
    text = ",".join(f"{part}={given[part]}" for part in PARTS if part in given)
    columns_of(text)
    return text


def estimate(database: str, files: Sequence[Path], options: Options) -> Plan:
    """What an analysis would ask, without asking: all logs are read once.

    Raises:
        ConvexplainError: the options cannot be meant, or the judge's server is not there.
    """
    return asyncio.run(_estimate(database, files, options))


async def _estimate(database: str, files: Sequence[Path], options: Options) -> Plan:
    rubrics = [load_rubric(rubric) for rubric in options.rubrics]
    source = Source(options.reading.logs.reader(), tuple(files), limit=options.limit)
    model = open_model(options.judge)
    store = RunStore(database)
    make_judge: Callable[[Calls], Judge] = partial(Judge, samples=options.samples, explain=options.explain)
    try:
        # A server tells its model's name; weights are not loaded for counting.
        if not isinstance(model, (LocalModel, LlamaCppModel)):
            await model.prepare()
        calls = Calls(model, store)
        return plan(source, store, rubrics, make_judge(calls), calls, options.turns)
    finally:
        await model.aclose()
        store.close()
