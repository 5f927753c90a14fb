"""Writes training data into a folder: whole files or none."""

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
from convexplain.types import Conversation

from .card import TITLE
from .conversations import message_record
from .formats import WriterFormat
from .records import Record

_SPLITS = ("train", "test")
_CONVERSATIONS = "conversations.jsonl"


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes:
        files: the files and folders, the card aside.
        records: how many records they hold.
        left_out: how many records were made and not written, by the reason.
    """

    files: tuple[Path, ...]
    records: int
    left_out: Mapping[str, int] = field(default_factory=dict)


def check_folder(folder: Path, form: WriterFormat) -> None:
    """Whether files may be written there: a folder with a data card is ours, in others nothing is replaced.

    Raises:
        UsageError: something of one of the names is there.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"folder={str(folder)!r} is not valid: a file is there")
    names = {split: f"{split}{form.suffix}" for split in _SPLITS}
    taken = [name for name in ("README.md", *names.values(), *form.extra_files(names)) if (folder / name).exists()]
    if taken and not _has_card(folder):
        raise UsageError(
            f"folder={str(folder)!r} is not valid: {taken[0]} is there, and no data card of convexplain; name another"
        )


def write_pairs(made: Pairs, form: WriterFormat, folder: Path, card: str) -> Written:
    """Writes `train` and, where there is one, `test`, with the card as README.md.

    Args:
        made: the pairs.
        form: as what.
        folder: is made. An earlier export of the same form is replaced there, and nothing else.
        card: the data card.

    Raises:
        UsageError: there is no pair to write, or the folder holds other files of these names.
        MissingExtraError: the form needs a package that is not installed.
    """
    if not made.pairs:
        raise UsageError("there is no pair to write")
    check_folder(folder, form)
    records, left_out = _records(made, form)
    if not records:
        raise UsageError(f"there is no record to write; left out: {', '.join(left_out) or 'nothing'}")
    names = {split: f"{split}{form.suffix}" for split in records}
    with _replacing(folder) as work:
        for split, rows in records.items():
            form.save(rows, work / names[split])
        for name, text in form.extra_files(names).items():
            (work / name).write_text(text, encoding="utf-8")
        (work / "README.md").write_text(card + _said(left_out), encoding="utf-8")
    # A test file of an earlier export would hold pairs that are trained on now.
    for name in {f"{split}{form.suffix}" for split in _SPLITS} - set(names.values()):
        _remove(folder / name)
    return Written(tuple(folder / name for name in names.values()), sum(map(len, records.values())), left_out)


def write_conversations(conversations: Iterable[Conversation], folder: Path) -> Written:
    """Writes conversations as OpenAI messages, `conversations.jsonl`, which `read_log` reads back the same.

    Raises:
        UsageError: a file of that name is there.
    """
    if (folder / _CONVERSATIONS).exists():  # it may be the log itself
        raise UsageError(f"folder={str(folder)!r} is not valid: {_CONVERSATIONS} is there already; name another")
    count = 0
    with _replacing(folder) as work, (work / _CONVERSATIONS).open("w", encoding="utf-8", newline="\n") as file:
        for conversation in conversations:
            # ASCII, for then lone surrogates and every odd line end come back as they were.
            file.write(json.dumps(message_record(conversation), ensure_ascii=True) + "\n")
            count += 1
    return Written((folder / _CONVERSATIONS,), count)


def _records(made: Pairs, form: WriterFormat) -> tuple[dict[str, list[Record]], dict[str, int]]:
    """Each split's records, without splits that have none; and how many records are left out, by the reason."""
    found: dict[str, list[Record]] = {}
    left_out: Counter[str] = Counter()
    for split in _SPLITS:
        rows, without = form.settle([row for pair in made.pairs if pair.split == split for row in form.records(pair)])
        left_out.update(without)
        if rows:
            found[split] = rows
    return found, dict(left_out)


def _said(left_out: Mapping[str, int]) -> str:
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
    """A folder beside the wanted one, whose content moves there at the end, if nothing went wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as name:
        work = Path(name)
        yield work
        for made in sorted(work.iterdir(), key=lambda path: path.name == "README.md"):  # the card last: all is there
            target = folder / made.name
            if made.is_dir() or target.is_dir():
                _remove(target)
            os.replace(made, target)
