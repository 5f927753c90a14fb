"""Writes training data into a folder: whole files or none."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from convexplain.errors import UsageError
from convexplain.pairs import Pairs
from convexplain.types import Conversation

from .conversations import message_record
from .formats import WriterFormat


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes:
        files: the files and folders, the card aside.
        records: how many records they hold.
    """

    files: tuple[Path, ...]
    records: int


def write_pairs(made: Pairs, form: WriterFormat, folder: Path, card: str) -> Written:
    """Writes `train` and, where there is one, `test`, with the card as README.md.

    Args:
        made: the pairs.
        form: as what.
        folder: is made; files of the same names are replaced, others stay.
        card: the data card.

    Raises:
        UsageError: there is no pair to write.
        MissingExtraError: the form needs a package that is not installed.
    """
    if not made.pairs:
        raise UsageError("there is no pair to write")
    splits = {split: [one for one in made.pairs if one.split == split] for split in ("train", "test")}
    records = {split: [row for pair in some for row in form.records(pair)] for split, some in splits.items() if some}
    names = {split: f"{split}{form.suffix}" for split in records}
    with _replacing(folder) as work:
        for split, rows in records.items():
            form.save(rows, work / names[split])
        for name, text in form.extra_files(names).items():
            (work / name).write_text(text, encoding="utf-8")
        (work / "README.md").write_text(card, encoding="utf-8")
    return Written(tuple(folder / name for name in names.values()), sum(map(len, records.values())))


def write_conversations(conversations: Iterable[Conversation], folder: Path) -> Written:
    """Writes conversations as OpenAI messages, `conversations.jsonl`, which `read_log` reads back the same."""
    count = 0
    with _replacing(folder) as work, (work / "conversations.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        for conversation in conversations:
            # ASCII, for then lone surrogates and every odd line end come back as they were.
            file.write(json.dumps(message_record(conversation), ensure_ascii=True) + "\n")
            count += 1
    return Written((folder / "conversations.jsonl",), count)


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A folder beside the wanted one, whose content moves there at the end, if nothing went wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as name:
        work = Path(name)
        yield work
        for made in sorted(work.iterdir()):
            target = folder / made.name
            if target.is_dir():
                shutil.rmtree(target)
            os.replace(made, target)
