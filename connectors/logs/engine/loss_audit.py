"""The audit of what records hold beside their turns: answers, labels and texts that no reader took are reported."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .claimed_texts import ClaimedTexts, label_word
from .line_audit import ClaimedLines, json_of
from .log_text import LogText
from .parse_results import ParsedConversation, ParsedRecord, ProblemReporter, quoted_names
from .record_texts import texts_in
from .structure import Steps, steps_path

_MAX_PATHS = 200
"""Places that are counted one by one."""
_SHOWN = 6
"""Places of texts that a remark names."""

Kind = Literal["text", "label", "prose"]


@dataclass(slots=True)
class _Loss:
    position: int
    number: int = 0
    characters: int = 0
    records: int = 0


@dataclass(slots=True)
class LossAudit:
    """The texts and labels of one file that no reader took.

    What has the place of an answer or a branch, and labels, are losses; any other text of 20 characters or more that is
    neither in a turn nor in the metadata, and that no reader put aside, is a remark.
    """

    _losses: dict[tuple[Kind, str], _Loss] = field(default_factory=dict)
    _unsearched: int = 0
    _lines: _Loss | None = None

    def check(self, position: int, record: Any, conversations: Sequence[ParsedConversation]) -> None:
        """Count what is in a record and in none of its conversations.

        Args:
            position: the place of the record that a message names.
            record: the record.
            conversations: what was read in it.
        """
        if len(conversations) == 1 and conversations[0].is_complete:
            record = conversations[0].metadata
            if not record:
                return
        claims = ClaimedTexts(conversations)
        self._count(position, record, claims)
        self._unsearched += claims.unsearched

    def check_all(
        self,
        records: Sequence[tuple[int, Any]],
        read_records: Callable[[Sequence[tuple[int, Any]], ProblemReporter], Iterator[ParsedRecord]],
        report: ProblemReporter,
    ) -> Iterator[ParsedRecord]:
        """Yield the conversations that many records make up; count what is in the records and in none of them.

        Args:
            records: the records, each with its place.
            read_records: yields their conversations.
            report: is called with the records that cannot be read; what is in these is not counted.
        """
        unreadable: set[int | None] = set()

        def noting_report(line: int | None, reason: str, *, kept: bool = False) -> None:
            unreadable.update(() if kept else (line,))
            report(line, reason, kept=kept)

        claims = ClaimedTexts(())
        for parsed_record in read_records(records, noting_report):
            claims.add(parsed_record.conversations)
            yield parsed_record
        for position, record in records:
            if position not in unreadable:
                self._count(position, record, claims)
        self._unsearched += claims.unsearched

    def check_text(self, text: LogText, read: Callable[[LogText], Iterator[ParsedRecord]]) -> Iterator[ParsedRecord]:
        """Yield the conversations in a text that is no JSON; count the lines that are in none of them.

        A line may belong to the conversation that comes after it was read, or to the one after that: readers stop at
        the first line of the next conversation.

        Args:
            text: the text.
            read: yields its conversations.
        """
        lines: list[tuple[int, str]] = []
        waiting: list[tuple[int, str]] = []
        text.on_line = lambda number, line: lines.append((number, line))
        claims, texts = ClaimedLines(()), ClaimedTexts(())
        for record in read(text):
            claims = ClaimedLines(record.conversations, record.id)
            texts = ClaimedTexts(record.conversations)
            waiting = self._check_lines(waiting, claims, texts, are_last=bool(lines))
            waiting += self._check_lines(lines, claims, texts)
            lines.clear()
            yield record
        self._check_lines([*waiting, *lines], claims, texts, are_last=True)

    def _check_lines(
        self,
        lines: Sequence[tuple[int, str]],
        claims: ClaimedLines,
        texts: ClaimedTexts,
        *,
        are_last: bool = False,
    ) -> list[tuple[int, str]]:
        """Return the lines that are not in the claims; count them where they can be in no later conversation."""
        waiting = []
        for number, line in lines:
            if (value := json_of(line)) is not None:
                self._count(number, value, texts)
            elif characters := claims.unclaimed(line):
                waiting.append((number, line))
                if are_last:
                    self._lines = self._lines or _Loss(number)
                    self._lines.number += 1
                    self._lines.characters += characters
        return [] if are_last else waiting

    def report(self, report: ProblemReporter) -> None:
        """Report what was counted: places of answers and labels, each as left out; all other texts in one remark."""
        prose: list[tuple[str, _Loss]] = []
        for (kind, path), loss in self._losses.items():
            if kind == "prose":
                prose.append((path, loss))
                continue
            is_one = loss.number == 1
            count = f"{loss.number:,} {kind}{'' if is_one else 's'} under {quoted_names([path])}"
            places = f", in {loss.records:,} records, first here" if loss.records > 1 else ""
            lost = (
                f"{'is' if is_one else 'are'} in no turn"
                if kind == "text"
                else f"{'was' if is_one else 'were'} not read"
            )
            report(loss.position, f"{count} {lost}{places}")
        if prose:
            report(min(loss.position for _, loss in prose), _prose_reason(prose), kept=True)
        if self._unsearched:
            texts = "1 text was" if self._unsearched == 1 else f"{self._unsearched:,} texts were"
            reason = f"{texts} not compared with the turns: there are too many"
            report(None, reason, kept=True)
        if self._lines is not None:
            report(self._lines.position, _lines_reason(self._lines), kept=True)
        self._losses.clear()
        self._lines = None
        self._unsearched = 0

    def _count(self, position: int, record: Any, claims: ClaimedTexts) -> None:
        texts = texts_in(record, claims)
        touched: set[tuple[Kind, str]] = set()
        for keys, text in texts.answers:
            if text not in claims and not claims.is_aside(text):
                self._add("text", keys, position, touched, len(text))
        for keys, label in texts.labels:
            if not claims.has_label(label_word(label)):
                self._add("label", keys, position, touched)
        for keys, text in texts.prose:
            if not claims.is_beside(text) and (characters := claims.unclaimed(text)):
                self._add("prose", keys, position, touched, characters)

    def _add(self, kind: Kind, keys: Steps, position: int, touched: set[tuple[Kind, str]], characters: int = 0) -> None:
        place = (kind, steps_path(keys))
        place = place if place in self._losses or len(self._losses) < _MAX_PATHS else (kind, "…")
        loss = self._losses.setdefault(place, _Loss(position))
        loss.number += 1
        loss.characters += characters
        loss.records += place not in touched
        touched.add(place)


def _lines_reason(loss: _Loss) -> str:
    """Return the remark on lines that are in no turn."""
    lines, verb = ("1 line", "is") if loss.number == 1 else (f"{loss.number:,} lines", "are")
    first = ", first here" if loss.number > 1 else ""
    return f"{lines} of {loss.characters:,} characters {verb} in no turn{first}"


def _prose_reason(prose: Sequence[tuple[str, _Loss]]) -> str:
    """Return the remark on texts that are neither in turns nor in the metadata."""
    ranked = sorted(prose, key=lambda pair: -pair[1].characters)
    number, characters = (sum(getattr(loss, name) for _, loss in ranked) for name in ("number", "characters"))
    places = [f"{quoted_names([path])} ({loss.characters:,})" for path, loss in ranked[:_SHOWN]]
    more = len(ranked) - _SHOWN
    places += [f"{more:,} more place{'' if more == 1 else 's'}"] if more > 0 else []
    texts = f"{number:,} text{'' if number == 1 else 's'}"
    verb = "is" if number == 1 else "are"
    return f"{texts} of {characters:,} characters {verb} in no turn and no metadata: {', '.join(places)}"
