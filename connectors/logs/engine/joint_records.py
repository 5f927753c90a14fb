"""Records of several files that make up conversations together: a batch's requests and its results."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from convexplain.errors import Problem
from convexplain.types import Conversation

from .conversation_builder import ConversationBuilder
from .log_format import LogFormat
from .loss_audit import LossAudit
from .roles import normalized_word


class JointRecords:
    """The records of the formats whose `joins_files` is set, of all files that are read with it."""

    def __init__(self) -> None:
        self._formats: dict[str, LogFormat] = {}
        self._records: dict[str, list[tuple[Path, int, Any]]] = {}

    def add(self, path: Path, log_format: LogFormat, records: Sequence[tuple[int, Any]]) -> None:
        """Add records of a file, each with its position."""
        self._formats[log_format.name] = log_format
        self._records.setdefault(log_format.name, []).extend((path, position, record) for position, record in records)

    def conversations(
        self, *, on_problem: Callable[[Problem], None], assistant: Iterable[str] = ()
    ) -> Iterator[Conversation]:
        """Yield the conversations in all records, each with the file of its result as its source.

        Args:
            on_problem, assistant: as of `read_log`.
        """
        names = {word: name for name in assistant if (word := normalized_word(name))}
        for format_name, log_format in self._formats.items():
            records = self._records[format_name]
            report = _Reporter(records, on_problem)
            builders: dict[Path, ConversationBuilder] = {}
            numbered = [(number, record) for number, (_, _, record) in enumerate(records)]
            if log_format.read_records is None:
                continue
            audit = LossAudit()
            for parsed in audit.check_all(numbered, log_format.read_records, report):
                path, position, _ = records[parsed.position]
                builder = builders.setdefault(path, ConversationBuilder(path, _of_file(path, on_problem), names))
                yield from builder.conversations(replace(parsed, position=position, number=position))
            for builder in builders.values():
                builder.finish()
            audit.report(report)


class _Reporter:
    """Reports a problem of a record by its file and its position there; of all records, by the first file."""

    def __init__(self, records: Sequence[tuple[Path, int, Any]], on_problem: Callable[[Problem], None]) -> None:
        self._records = records
        self._on_problem = on_problem

    def __call__(self, line: int | None, reason: str, *, kept: bool = False) -> None:
        path, position, _ = self._records[line or 0]
        self._on_problem(Problem(path, None if line is None else position, reason, kept=kept))


def _of_file(path: Path, on_problem: Callable[[Problem], None]) -> Callable[..., None]:
    def report(line: int | None, reason: str, *, kept: bool = False) -> None:
        on_problem(Problem(path, line, reason, kept=kept))

    return report
