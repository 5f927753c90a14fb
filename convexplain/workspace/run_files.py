"""The files of a run: its report, its judgements, and a table of scores for spreadsheets."""

import csv
import importlib.util
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from convexplain.analysis.runs import judgement_json
from convexplain.connectors.training.exporters.csv import safe_cell
from convexplain.errors import UsageError
from convexplain.explain.wording import marked_reason
from convexplain.report.run_report import write_report
from convexplain.report.trust_marks import TrustMark
from convexplain.store import RunStore, Summary, run_rubrics
from convexplain.system.files import make_folder, replacing
from convexplain.text.visible import visible
from convexplain.types import Conversation, Judgement, Rubric

from .run_story import RunStory

OUT = Path("convexplain-out")
"""The folder in which each run has a folder of its own."""
_SHEET_ROWS = 1_000_000  # a sheet holds 1,048,576
_SHEET_CELL = 32_767  # characters that a cell holds
_DECIMALS = 3  # of a score
_WIDE = {"question": 50, "text": 60, "reason": 40}  # columns of sentences, in characters; the others are as wide as
_NARROW = 12  # their names, and so wide at least

Add = Callable[[Sequence[Any]], None]


def run_folder(out: Path, run: int) -> Path:
    """Return the folder of a run's files."""
    return out / f"run-{run}"


def check_writable(folder: Path, option: str = "--out") -> None:
    """Check that files can be written to a folder, or to the folder in which it would be made; nothing stays there.

    Args:
        folder: the folder.
        option: what names it, for the message.

    Raises:
        UsageError: they cannot.
    """
    try:
        place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        with tempfile.NamedTemporaryFile(dir=place, prefix=".convexplain-") as file:
            file.write(b"0" * 4096)
            file.flush()
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            f"{option} {str(folder)!r}: no file can be written there ({reason}); name another folder"
        ) from error


def write_run_files(
    store: RunStore, summary: Summary, marks: Mapping[str, TrustMark], out: Path, story: RunStory | None = None
) -> dict[str, Path]:
    """Write the report, the judgements and the scores of a run into its folder, in place of earlier ones.

    Each file appears once it is complete. `scores.xlsx` is written where openpyxl is installed.

    Args:
        store: the store.
        summary: of the run.
        marks: how far its judge is to be trusted, by the maxims' ids.
        out: the folder in which the run's own folder lies.
        story: the run's overview, for the first page of the report.

    Returns:
        `Report`, `Judgements`, `Scores` and, where it is written, `Spreadsheet` to the files.

    Raises:
        OSError: they cannot be written.
    """
    run = summary.run.id
    folder = run_folder(out, run)
    make_folder(folder)
    written = {"Report": folder / "report.html"}
    with replacing(written["Report"]) as path:
        write_report(store, summary, marks, path, story)
    written |= _write_tables(store, run, marks, folder)
    return written


def _write_tables(store: RunStore, run: int, marks: Mapping[str, TrustMark], folder: Path) -> dict[str, Path]:
    """Write all tables in one pass: the conversations of a run may be many."""
    rubrics = run_rubrics(store, run)
    written = {"Judgements": folder / "judgements.jsonl", "Scores": folder / "scores.csv"}
    with ExitStack() as stack:
        lines = stack.enter_context(
            stack.enter_context(replacing(written["Judgements"])).open("w", encoding="ascii", newline="\n")
        )
        tables = [stack.enter_context(_csv_table(written["Scores"]))]
        if _has_openpyxl():
            written["Spreadsheet"] = folder / "scores.xlsx"
            tables.append(stack.enter_context(_sheet_table(written["Spreadsheet"])))
        for add in tables:
            add(_header(rubrics))
        for conversation, turn, judgements in _judged_turns(store, run):
            for judgement in judgements:
                lines.write(judgement_json(judgement, trust=marks[judgement.rubric].word) + "\n")
            for add in tables:
                add(_row(conversation, turn, judgements, rubrics, marks))
    return written


def _judged_turns(store: RunStore, run: int) -> Iterator[tuple[Conversation, int, list[Judgement]]]:
    rows = store.numbered_judgements(run)
    for (_, turn), group in groupby(rows, key=lambda row: (row[0], row[2].turn)):
        judged = list(group)
        yield judged[0][1], turn, [judgement for _, _, judgement in judged]


def _header(rubrics: Sequence[Rubric]) -> list[str]:
    names = ("", "_trust", "_threshold", "_below_threshold", "_reason")
    return ["conversation", "turn", "question", "text", *(f"{rubric.id}{name}" for rubric in rubrics for name in names)]


def _row(
    conversation: Conversation,
    turn: int,
    judgements: Sequence[Judgement],
    rubrics: Sequence[Rubric],
    marks: Mapping[str, TrustMark],
) -> list[Any]:
    """Return the cells of a turn; `below_threshold` is empty where a score may not be held against the threshold."""
    before = reversed(conversation.turns[:turn])
    question = next((earlier.content for earlier in before if earlier.role == "user"), "")
    row: list[Any] = [conversation.id, turn, question, conversation.turns[turn].content]
    by_rubric = {judgement.rubric: judgement for judgement in judgements}
    for rubric in rubrics:
        judgement, mark = by_rubric.get(rubric.id), marks[rubric.id]
        if judgement is None:
            row += [None, mark.word, rubric.threshold, "", "not judged"]
        elif judgement.score is None:
            row += [None, mark.word, rubric.threshold, "", judgement.reason or "no score, and no reason given"]
        else:
            below = {"low": "yes", "good": "no", "grey": ""}[mark.tone(judgement.score, rubric.threshold)]
            reason = marked_reason(judgement.reason, judgement.evidence.reason_quotes)
            row += [round(judgement.score, _DECIMALS), mark.word, rubric.threshold, below, reason]
    return row


@contextmanager
def _csv_table(path: Path) -> Iterator[Add]:
    """A table that spreadsheets open: UTF-8 with a mark, and no text that they take for a formula."""
    with replacing(path) as part, part.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        yield lambda row: table.writerow([safe_cell(value) for value in row])


@contextmanager
def _sheet_table(path: Path) -> Iterator[Add]:
    book = _ScoreBook()
    yield book.add
    with replacing(path) as part:
        book.save(part)


class _ScoreBook:
    """A workbook of scores. The first row that is added is the header, and stands at the head of every sheet."""

    def __init__(self) -> None:
        self._book = importlib.import_module("openpyxl").Workbook(write_only=True)
        self._written_cell = importlib.import_module("openpyxl.cell").WriteOnlyCell
        self._column_letter = importlib.import_module("openpyxl.utils").get_column_letter
        self._wrapped = importlib.import_module("openpyxl.styles").Alignment(wrap_text=True, vertical="top")
        self._header: list[Any] = []
        self._sheets = 0
        self._rows = 0  # of the last sheet, with its header
        self._sheet: Any = None

    def add(self, row: Sequence[Any]) -> None:
        """Add a row, to a further sheet where the last one is full."""
        if not self._header:
            self._header = list(row)
            self._begin_sheet()
            return
        if self._rows == _SHEET_ROWS:
            self._begin_sheet()
        self._append(row)

    def save(self, path: Path) -> None:
        """Write the workbook to a file."""
        self._book.save(path)

    def _begin_sheet(self) -> None:
        self._sheets += 1
        self._sheet = self._book.create_sheet("scores" if self._sheets == 1 else f"scores {self._sheets}")
        self._sheet.freeze_panes = "A2"
        for position, name in enumerate(self._header, 1):
            width = _WIDE.get(name.rpartition("_")[2], max(_NARROW, len(name) + 2))
            self._sheet.column_dimensions[self._column_letter(position)].width = width
        self._rows = 0
        self._append(self._header)

    def _append(self, row: Sequence[Any]) -> None:
        self._sheet.append([self._cell(value) for value in row])
        self._rows += 1

    def _cell(self, value: Any) -> Any:
        cell = self._written_cell(self._sheet, visible(value)[:_SHEET_CELL] if isinstance(value, str) else value)
        if isinstance(value, str):
            cell.data_type = "s"  # never a formula
        cell.alignment = self._wrapped
        return cell


def _has_openpyxl() -> bool:
    return importlib.util.find_spec("openpyxl") is not None
