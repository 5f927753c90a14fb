"""A run taken into a store from the Parquet files that a cluster left in a folder."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from convexplain.analysis.shard_files import ShardFolder
from convexplain.errors import StoreError
from convexplain.models.chat import Spend
from convexplain.store import Run, RunStore, delete_run
from convexplain.store.conversation_import import conversation_numbers, keep_conversations
from convexplain.store.serialization import to_rubric
from convexplain.store.store import JudgementRecord
from convexplain.types import Rubric


@dataclass(frozen=True, slots=True)
class ImportedRun:
    """A run that was taken in.

    Attributes:
        run: its number in the store.
        conversations: how many it has.
        judgements: how many it has.
        missing: shards of the folder that nobody has judged; their conversations are in the run, without scores.
    """

    run: int
    conversations: int
    judgements: int
    missing: int


def run_body(run: Run, rubrics: Sequence[Rubric]) -> str:
    """Return what a folder says of its run, as JSON: its judge, settings and rubrics."""
    body = {
        "judge": run.judge,
        "fingerprint": run.fingerprint,
        "settings": dict(run.settings),
        "judge_spec": run.judge_spec,
        "rubrics": [asdict(rubric) for rubric in rubrics],
    }
    return json.dumps(body, default=str)


def import_run(store: RunStore, url: str) -> ImportedRun:
    """Take the run of a folder into the store, as a new run.

    Args:
        store: the store.
        url: the run's folder, `run-NUMBER-…` in the one that the cluster was given; a path or a URL of fsspec.

    Raises:
        StoreError: the folder has no run, a file of it cannot be read, or the run is of a sample, whose strata only the
            store has that has drawn it.
        MissingExtraError: fsspec or pyarrow is not installed.
    """
    folder = ShardFolder(url)
    body = _read(folder)
    rubrics: list[Rubric] = body["rubrics"]
    run = store.begin_run(**body)
    try:
        return _taken_in(store, run.id, folder, {rubric.sha: rubric for rubric in rubrics})
    except BaseException:  # a part of a run would be taken for a run
        store.end_run(run.id, "stopped", Spend())
        delete_run(store, run.id)
        raise


def _taken_in(store: RunStore, run: int, folder: ShardFolder, rubrics: Mapping[str, Rubric]) -> ImportedRun:
    names, judged = sorted(folder.shards()), folder.judged()
    for name in names:
        with _naming(folder, f"conversations/{name}"):
            conversations = [assignment.conversation for assignment in folder.conversations(name)]
        keep_conversations(store, conversations, run)
    numbers = conversation_numbers(store, run)
    judgements = 0
    missing = sum(name not in judged for name in names)
    for name in filter(judged.__contains__, names):
        with _naming(folder, f"judgements/{name}"):
            rows = [
                JudgementRecord(numbers[record.digest], rubrics[record.rubric], record.judgement)
                for record in folder.judgements(name)
            ]
        store.keep_judgements(run, rows)
        judgements += len(rows)
    store.end_run(run, "stopped" if missing else "done", Spend())
    return ImportedRun(run, len(numbers), judgements, missing)


@contextmanager
def _naming(folder: ShardFolder, name: str) -> Iterator[None]:
    """Name the file that cannot be read, in place of what went wrong in it alone."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError) as error:  # those of pyarrow are ValueError, OSError or KeyError
        raise StoreError(f"{folder.url}/{name}.parquet cannot be read: {type(error).__name__}: {error}") from error


def _read(folder: ShardFolder) -> dict[str, Any]:
    text = folder.run()
    if text is None:
        raise StoreError(
            f"{folder.url} has no run.json, so it is no folder of a run; name one like run-3-0123456789ab in that of "
            "--ray-folder"
        )
    try:
        body: dict[str, Any] = json.loads(text)
        sampled = "sample" in body["settings"]
        described = {name: body[name] for name in ("judge", "fingerprint", "settings", "judge_spec")}
        described["rubrics"] = [to_rubric(rubric) for rubric in body["rubrics"]]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{folder.url}/run.json cannot be read: {type(error).__name__}: {error}") from error
    if sampled:
        raise StoreError(
            f"{folder.url} is of a sample: how it was drawn is only in the store that has drawn it; use that store"
        )
    return described
