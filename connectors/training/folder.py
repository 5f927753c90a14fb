"""Folders of training data: whole files or none."""

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from convexplain.errors import UsageError
from convexplain.explain.pairs import Pairs
from convexplain.system.files import make_folder
from convexplain.types import Conversation

from .card import TITLE
from .exporter import ConversationExporter, PairExporter
from .messages import UnwritableError
from .records import Record

_SPLITS = ("train", "test")
_CONVERSATIONS = "conversations.jsonl"


@dataclass(frozen=True, slots=True)
class ExportFiles:
    """The files that an export wrote.

    Attributes:
        files: the files and folders, the card aside.
        records: how many records they hold.
        left_out: how many records were not written, by reason.
    """

    files: tuple[Path, ...]
    records: int
    left_out: Mapping[str, int] = field(default_factory=dict)


def check_folder(folder: Path, exporter: PairExporter) -> None:
    """Check that files may be written to a folder: nothing is replaced in a folder without our data card.

    Raises:
        UsageError: a file of one of the names is there.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"folder={str(folder)!r} is not valid: a file is there")
    names = {split: f"{split}{exporter.suffix}" for split in _SPLITS}
    taken = [name for name in ("README.md", *names.values(), *exporter.extra_files(names)) if (folder / name).exists()]
    if taken and not _has_card(folder):
        raise UsageError(
            f"folder={str(folder)!r} is not valid: {taken[0]} is there, and no data card of convexplain; name another"
        )


def write_pairs(pairs: Pairs, exporter: PairExporter, folder: Path, card: str) -> ExportFiles:
    """Write `train` and, where there is one, `test`, with the card as README.md.

    Args:
        pairs: the pairs.
        exporter: their format.
        folder: is created. An earlier export of the same format is replaced there, and nothing else.
        card: the data card.

    Raises:
        UsageError: there is no pair to write, or the folder has files of these names and no data card.
        MissingExtraError: the format needs a package that is not installed.
    """
    if not pairs.pairs:
        raise UsageError("there is no pair to write")
    check_folder(folder, exporter)
    records, left_out = _records(pairs, exporter)
    if not records:
        raise UsageError(f"there is no record to write; left out: {', '.join(left_out) or 'nothing'}")
    names = {split: f"{split}{exporter.suffix}" for split in records}
    with _replacing(folder) as work:
        for split, rows in records.items():
            exporter.save(rows, work / names[split])
        for name, text in exporter.extra_files(names).items():
            (work / name).write_text(text, encoding="utf-8")
        (work / "README.md").write_text(card + _remarks(left_out), encoding="utf-8")
    # A test file of an earlier export would hold pairs that are trained on now.
    for name in {f"{split}{exporter.suffix}" for split in _SPLITS} - set(names.values()):
        _remove(folder / name)
    return ExportFiles(tuple(folder / name for name in names.values()), sum(map(len, records.values())), left_out)


def write_conversations(
    conversations: Iterable[Conversation], exporter: ConversationExporter, folder: Path
) -> ExportFiles:
    """Write conversations to `conversations.jsonl`.

    Raises:
        UsageError: a file of that name is there.
    """
    if (folder / _CONVERSATIONS).exists():  # it may be the log itself
        raise UsageError(f"folder={str(folder)!r} is not valid: {_CONVERSATIONS} is there already; name another")
    count = 0
    left_out: Counter[str] = Counter()
    with _replacing(folder) as work, (work / _CONVERSATIONS).open("w", encoding="utf-8", newline="\n") as file:
        for conversation in conversations:
            try:
                record = exporter.record(conversation)
            except UnwritableError as error:
                left_out[str(error)] += 1
                continue
            # ASCII, for then lone surrogates and every odd line end come back as they were.
            file.write(json.dumps(record, ensure_ascii=True) + "\n")
            count += 1
    return ExportFiles((folder / _CONVERSATIONS,), count, dict(left_out))


def _records(pairs: Pairs, exporter: PairExporter) -> tuple[dict[str, list[Record]], dict[str, int]]:
    """Return the records of each split that has any, and the number of those left out by reason."""
    selected: dict[str, list[Record]] = {}
    left_out: Counter[str] = Counter()
    for split in _SPLITS:
        records: list[Record] = []
        for pair in pairs.pairs:
            if pair.split == split:
                try:
                    records += exporter.records(pair)
                except UnwritableError as error:
                    left_out[str(error)] += 1
        records, reasons = exporter.select(records)
        left_out.update(reasons)
        if records:
            selected[split] = records
    return selected, dict(left_out)


def _remarks(left_out: Mapping[str, int]) -> str:
    lines = [f"- {count} records x {reason}" for reason, count in left_out.items()]
    return "\n".join(["", "Of the records of this format:", "", *lines, ""]) if lines else ""


def _has_card(folder: Path) -> bool:
    try:
        with (folder / "README.md").open(encoding="utf-8") as file:
            return file.readline(200).rstrip() == TITLE
    except (OSError, UnicodeDecodeError):
        return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Yield a folder inside the target folder; its content moves up at the end, if nothing went wrong."""
    make_folder(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as name:
        work = Path(name)
        yield work
        for source in sorted(work.iterdir(), key=lambda path: path.name == "README.md"):  # the card last: all is there
            target = folder / source.name
            if source.is_dir() or target.is_dir():
                _remove(target)
            for path in (source, *source.rglob("*")):
                path.chmod(0o700 if path.is_dir() else 0o600)
            os.replace(source, target)
