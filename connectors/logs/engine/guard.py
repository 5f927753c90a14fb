"""The guard around formats of other packages: their code may fail in any way, and takes nothing else down."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from convexplain.errors import ConvexplainError

from .log_format import LogFormat
from .log_text import LogText
from .parse_results import ParsedConversation, ParsedRecord, ProblemReporter, UnreadableError

RecordReader = Callable[[Any], list[ParsedConversation]]
RecordsReader = Callable[[Sequence[tuple[int, Any]], ProblemReporter], Iterator[ParsedRecord]]
TextReader = Callable[[LogText, frozenset[str], ProblemReporter], Iterator[ParsedRecord]]


def guarded_format(log_format: LogFormat, warn: Callable[[str, str], None]) -> LogFormat:
    """Return a format of another package whose failures are problems of the log.

    Args:
        log_format: the format as its package defines it.
        warn: logs the format's name and the reason where its recognition fails.
    """
    return replace(
        log_format,
        is_record=_guarded_test(log_format.name, log_format.is_record, warn),
        is_message=_guarded_test(log_format.name, log_format.is_message, warn),
        is_text=_guarded_test(log_format.name, log_format.is_text, warn),
        read_record=log_format.read_record and _guarded_record_reader(log_format.name, log_format.read_record),
        read_records=log_format.read_records and _guarded_records_reader(log_format.name, log_format.read_records),
        read_text=log_format.read_text and _guarded_text_reader(log_format.name, log_format.read_text),
    )


def _guarded_test(name: str, test: Callable[[Any], bool], warn: Callable[[str, str], None]) -> Callable[[Any], bool]:
    def passes(candidate: Any) -> bool:
        try:
            return bool(test(candidate))
        except Exception as error:  # noqa: BLE001 - another package's code
            warn(name, f"cannot say whether a log is its own: {_described(error)}")
            return False

    return passes


def _guarded_record_reader(name: str, reader: RecordReader) -> RecordReader:
    def read_record(record: Any) -> list[ParsedConversation]:
        try:
            return list(reader(record))
        except UnreadableError:
            raise
        except Exception as error:
            raise UnreadableError(_failure(name, error)) from error

    return read_record


def _guarded_records_reader(name: str, reader: RecordsReader) -> RecordsReader:
    def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
        try:
            yield from reader(records, report)
        except Exception as error:  # noqa: BLE001 - another package's code
            report(None, f"the rest is left out: {_failure(name, error)}")

    return read_records


def _guarded_text_reader(name: str, reader: TextReader) -> TextReader:
    def read_text(text: LogText, assistant: frozenset[str], report: ProblemReporter) -> Iterator[ParsedRecord]:
        try:
            yield from reader(text, assistant, report)
        except ConvexplainError:  # of the file
            raise
        except Exception as error:  # noqa: BLE001 - another package's code
            report(None, f"the rest is left out: {_failure(name, error)}")

    return read_text


def _failure(name: str, error: Exception) -> str:
    return f"the reader of the format {name!r} failed: {_described(error)}"


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
