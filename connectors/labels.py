"""Labels files: labels of people for turns, or their preferences between two conversations, as CSV, TSV or JSON."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from convexplain.agreement.labels import FileLabel, FilePreference, LabelsFile, score_of
from convexplain.errors import Problem, UsageError
from convexplain.text.visible import one_line
from convexplain.types import Rubric

from .label_cells import cell_text, is_missing, parse_number, parse_turn, word_key
from .label_rows import LabelTable, read_label_table

_TIES = frozenset({"tie", "tied", "both", "neither", "equal", "same", "draw", "none"})
_FIRST = frozenset({"conversation", "first", "a", "1", "true", "yes", "left"})
_SECOND = frozenset({"other", "second", "b", "2", "false", "no", "right"})


@dataclass(frozen=True, slots=True)
class LabelSettings:
    """Settings for reading a labels file.

    Attributes:
        scale: the lowest and the highest number; the first becomes 0 and the second 1.
        higher_is: `good`, or `bad` where a higher number is worse: it becomes 1 - x. Labels by name are not reversed.
        turns_from: the index of a conversation's first turn, 0 or 1.
        columns: a part (conversation, turn, rubric, score, label, rater, chosen, rejected, other, preferred) to the
            column that holds it, where that has no usual name.
        called: the file's own names of rubrics, each with the id of the rubric.
    """

    scale: tuple[float, float] | None = None
    higher_is: Literal["good", "bad"] = "good"
    turns_from: Literal[0, 1] = 0
    columns: Mapping[str, str] = field(default_factory=dict)
    called: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.scale is not None and not (all(map(math.isfinite, self.scale)) and self.scale[0] < self.scale[1]):
            raise UsageError(f"scale={self.scale} is not valid; give the lowest and the highest number, e.g. 1 5")
        if self.higher_is not in ("good", "bad"):
            raise UsageError(f"higher_is={self.higher_is!r} is not valid; valid are: 'good', 'bad'")
        if self.turns_from not in (0, 1):
            raise UsageError(f"turns_from={self.turns_from!r} is not valid; valid are: 0, 1")


def read_labels(
    path: str | Path,
    rubrics: Sequence[Rubric],
    options: LabelSettings | None = None,
    on_problem: Callable[[Problem], None] | None = None,
) -> LabelsFile:
    """Read a whole labels file.

    A row is about a conversation, a turn of it (the last assistant turn where the file has no such column), a rubric
    (the only one of `rubrics` where the file has no such column) and maybe a rater, with a `score` or a `label`; or it
    has a column for each rubric. Or it names which of two conversations was preferred: `chosen` and `rejected`, or
    `conversation`, `other` and `preferred`. A label is one of the rubric's by name, or a number.

    Args:
        path: the file.
        rubrics: the requested rubrics; rows on any other are left out and counted.
        options: scale, columns and names of the file.
        on_problem: is called, with the line, for every row that cannot be read; all further rows are read.

    Raises:
        LogError: the file cannot be read at all.
        UsageError: its columns cannot be recognised, or numbers lie outside [0, 1] and `scale` is missing.
    """
    source, settings = Path(path), options or LabelSettings()

    def report(line: int | None, reason: str, *, kept: bool = False) -> None:
        if on_problem is not None:
            on_problem(Problem(source, line, reason, kept=kept))

    table = read_label_table(source, [rubric.id for rubric in rubrics], settings.columns, report)
    return _LabelReader(source, rubrics, settings, table, report).labels()


@dataclass(frozen=True, slots=True)
class _Rating:
    """A rating as it is written: a number that is not yet on the scale of scores, or a label's score."""

    word: str
    number: float | None
    score: float | None


@dataclass(frozen=True, slots=True)
class _RatedTurn:
    """A rating of a turn, with its line in the labels file."""

    line: int
    conversation: str
    turn: int | None
    rubric: Rubric
    rater: str | None
    rating: _Rating


class _LabelReader:
    """The reader of one labels file."""

    def __init__(
        self,
        path: Path,
        rubrics: Sequence[Rubric],
        options: LabelSettings,
        table: LabelTable,
        report: Callable[..., None],
    ) -> None:
        self._path = path
        self._rubrics = rubrics
        self._options = options
        self._table = table
        self._report = report
        self._names = {word_key(name): rubric for rubric in rubrics for name in (rubric.title, rubric.id)}
        for name, rubric_id in options.called.items():
            answered = next((rubric for rubric in rubrics if rubric.id == rubric_id), None)
            if answered is None:
                raise UsageError(f"called: {name!r} answers {rubric_id!r}, which is not among the rubrics asked for")
            self._names[word_key(name)] = answered
        self._unrequested: dict[str, list[int]] = defaultdict(list)

    def labels(self) -> LabelsFile:
        """Return the labels or preferences of the file."""
        if self._table.pairs:
            pairs = tuple(filter(None, (self._pair(line, row) for line, row in self._table.rows)))
            self._report_unrequested()
            return LabelsFile(preferences=pairs)
        if not self._table.rubric and not self._table.wide and len(self._rubrics) != 1:
            raise UsageError(
                f"{self._path}: no column says what was rated; name one rubric (command line: --rubric ID)"
            )
        rated_turns = [rated_turn for line, row in self._table.rows for rated_turn in self._rated_turns(line, row)]
        self._report_unrequested()
        self._check_scales(rated_turns)
        self._check_words(rated_turns)
        return LabelsFile(
            labels=tuple(label for rated_turn in rated_turns if (label := self._label(rated_turn)) is not None)
        )

    def _rated_turns(self, line: int, row: Mapping[str, Any]) -> Iterator[_RatedTurn]:
        conversation = cell_text(row.get("conversation"))
        if not conversation:
            self._report(line, "the row has no conversation")
            return
        try:
            turn = parse_turn(row.get("turn"), self._options.turns_from)
        except ValueError as error:
            self._report(line, str(error))
            return
        rater = one_line(cell_text(row.get("rater"))) or None
        for rubric, score, label in self._answers(line, row):
            if (rating := self._rating(line, rubric, score, label)) is not None:
                yield _RatedTurn(line, conversation, turn, rubric, rater, rating)

    def _answers(self, line: int, row: Mapping[str, Any]) -> Iterator[tuple[Rubric, Any, Any]]:
        """Yield the answers of a row: rubric, score, label."""
        if self._table.wide:
            for rubric in self._rubrics:
                if rubric.id in self._table.wide and not is_missing(row.get(f"rubric:{rubric.id}"), rubric):
                    yield rubric, row.get(f"rubric:{rubric.id}"), None
            return
        rubric_of_row = self._rubric(line, row)
        if rubric_of_row is not None:
            yield rubric_of_row, row.get("score"), row.get("label")

    def _rubric(self, line: int, row: Mapping[str, Any]) -> Rubric | None:
        if not self._table.rubric:
            return self._rubrics[0] if len(self._rubrics) == 1 else None
        name = cell_text(row.get("rubric"))
        rubric = self._names.get(word_key(name))
        if rubric is None:
            self._unrequested[name].append(line)
        return rubric

    def _rating(self, line: int, rubric: Rubric, score: Any, label: Any) -> _Rating | None:
        """Return the rating on a rubric; None, with a report, where the row has none."""
        for value, is_label in ((score, False), (label, True)):
            if is_missing(value, rubric):
                continue
            word, number = one_line(cell_text(value)), parse_number(value)
            by_name = score_of(rubric, word)
            if by_name is not None and (is_label or number is None):
                return _Rating(word, None, by_name)
            if number is not None:
                return _Rating(word, number, None)
            names = ", ".join(choice.name for choice in rubric.labels)
            self._report(line, f"label {word[:80]!r} is no number and none of the labels of {rubric.id}: {names}")
            return None
        self._report(line, f"the row has no score and no label on {rubric.id}")
        return None

    def _check_scales(self, rated_turns: Sequence[_RatedTurn]) -> None:
        """Refuse numbers on another scale: some lie outside [0, 1], and at most as many inside (0, 1)."""
        if self._options.scale is not None:
            return
        for rubric in self._rubrics:
            lines = [
                (rated_turn.line, rated_turn.rating.number) for rated_turn in rated_turns if rated_turn.rubric is rubric
            ]
            numbers = [number for _, number in lines if number is not None]
            outside = [line for line, number in lines if number is not None and not 0 <= number <= 1]
            if outside and len(outside) >= sum(0 < number < 1 for number in numbers):
                low, high = min(numbers), max(numbers)
                raise UsageError(
                    f"{self._path}:{outside[0]}: the numbers on {rubric.id} go from {low:g} to {high:g}, not from "
                    f"0 to 1; give the scale that people had (command line: --scale {low:g} {high:g})"
                )

    def _check_words(self, rated_turns: Sequence[_RatedTurn]) -> None:
        by_name = sum(rated_turn.rating.score is not None for rated_turn in rated_turns)
        if by_name and self._options.higher_is == "bad":
            self._report(
                None, f"{by_name} labels by name mean what the rubric says; only numbers are turned round", kept=True
            )

    def _label(self, rated_turn: _RatedTurn) -> FileLabel | None:
        rating = rated_turn.rating
        score = rating.score
        if rating.number is not None:
            low, high = self._options.scale or (0.0, 1.0)
            if not low <= rating.number <= high:
                reason = f"score {rating.number:g} on {rated_turn.rubric.id} lies outside {low:g} to {high:g}"
                self._report(rated_turn.line, reason)
                return None
            share = (rating.number - low) / (high - low)
            score = 1 - share if self._options.higher_is == "bad" else share
        if score is None:
            return None
        return FileLabel(
            rated_turn.conversation,
            rated_turn.turn,
            rated_turn.rubric.id,
            score,
            rated_turn.rater,
            rating.word,
            str(self._path),
            rated_turn.line,
        )

    def _pair(self, line: int, row: Mapping[str, Any]) -> FilePreference | None:
        rubric = self._rubric(line, row)
        if rubric is None and self._table.rubric:
            return None
        sides = [cell_text(row.get(name)) for name in self._table.pairs[:2]]
        if not all(sides):
            self._report(line, f"the row has no {self._table.pairs[sides.index('')]!r} conversation")
            return None
        if sides[0] == sides[1]:
            self._report(line, f"both sides of the pair are {sides[0]!r}")
            return None
        if "preferred" in self._table.pairs:
            answer = cell_text(row.get("preferred"))
            order = _preferred(answer, sides)
            if order is None:
                tie = word_key(answer) in _TIES
                reason = (
                    "a tie says nothing of who is right" if tie else f"preferred {answer[:80]!r} is neither of them"
                )
                self._report(line, f"{reason}; left out", kept=tie)
                return None
            sides = order
        return FilePreference(sides[0], sides[1], rubric.id if rubric else None, str(self._path), line)

    def _report_unrequested(self) -> None:
        for name, lines in self._unrequested.items():
            requested = ", ".join(rubric.id for rubric in self._rubrics)
            self._report(
                lines[0],
                f"{len(lines)} rows are on {one_line(name)[:80]!r}, the first one here, which is not asked for "
                f"({requested}); left out",
                kept=True,
            )


def _preferred(answer: str, sides: list[str]) -> list[str] | None:
    """Return the sides, the preferred one first; None where the answer names neither."""
    if answer in sides:
        return sides if answer == sides[0] else sides[::-1]
    word = word_key(answer)
    if word in _FIRST:
        return sides
    return sides[::-1] if word in _SECOND else None
