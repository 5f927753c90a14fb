"""Requests to models joined with their results by an id: batches, whose results come in a file of their own.

A description names the paths of the id, the request and the result in a record; a record may hold either, or both.
Paths are those of `paths`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .call_payloads import id_text, parse_payload
from .described_calls import error_text
from .log_format import LogFormat
from .metadata import clean_text, extra_metadata
from .parse_results import ParsedConversation, ParsedRecord, ParsedTurn, ProblemReporter
from .paths import has_key, plain_keys, value_at

_NO_REQUEST = "answers are read without their requests, which are not in this log: read both files together"
_NO_ANSWER = "requests have no answer in this log"
_PAIRED = "ids come several times: their requests and answers are joined in the order of the log"
_AMBIGUOUS = "ids come several times, with more requests than answers or fewer: these are not joined"


@dataclass(slots=True)
class _Half:
    """A request, or a result: its place in the log, its turns, and metadata of the conversation."""

    position: int
    turns: list[ParsedTurn]
    metadata: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def add_turns(self, payload: Any, speaker: str) -> bool:
        """Add the turns in a request or a result, and return whether there are any."""
        self.turns = parse_payload(payload, speaker, self.remarks)
        return bool(self.turns)


@dataclass(frozen=True, slots=True)
class JoinedFormat:
    """A format of requests and results by paths.

    Attributes:
        name, description, example, precedence: as of `LogFormat`.
        id: the id that a request and its result share.
        request, result: the request, and what came out; a record has one of them at least.
        error: the reason why a request failed.
        keys: a record has all of these paths (`paths.has_key`).
        test: a last test of a record, on keys only.
        tools: the tools that the model was offered, in a record.
        metadata: further paths of metadata in a record, with their names.
    """

    name: str
    description: str
    example: str
    id: str
    request: str
    result: str
    error: str
    keys: Sequence[str] = ()
    test: Callable[[Mapping[str, Any]], bool] = lambda _: True
    tools: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    precedence: int = 0

    def log_format(self) -> LogFormat:
        """Return the format of this description."""
        return LogFormat(
            self.name,
            self.description,
            self.example,
            self.has_keys,
            read_records=self.read_records,
            id_key=next(iter(plain_keys(self.id)), None),
            precedence=self.precedence,
            joins_files=True,
        )

    def has_keys(self, value: Any) -> bool:
        """Return whether a JSON value has the keys of a request or a result."""
        return isinstance(value, dict) and all(has_key(value, key) for key in self.keys) and self.test(value)

    def read_records(self, records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
        """Yield the conversations: each result with its request. What has no partner is read alone and counted."""
        requests: dict[str, list[_Half]] = {}
        results: dict[str, list[_Half]] = {}
        failed: set[str] = set()
        for position, record in records:
            key = clean_text(id_text(value_at(record, self.id))) or f"\x00{position}"
            try:
                self._add(position, record, key, requests, results, failed, report)
            except RecursionError:
                report(position, "JSON nested too deeply")
        yield from _joined(requests, results, failed, report)

    def _add(
        self,
        position: int,
        record: Any,
        key: str,
        requests: dict[str, list[_Half]],
        results: dict[str, list[_Half]],
        failed: set[str],
        report: ProblemReporter,
    ) -> None:
        """Add the halves in a record to the requests, the results and the failed ones."""
        request, result = (value_at(record, path) for path in (self.request, self.result))
        if request is not None:
            half = _Half(position, [])
            half.add_turns(request, "user")
            if tools := value_at(record, self.tools) if self.tools else None:
                half.metadata = extra_metadata({"tools": tools}, ())
            if half.turns:
                requests.setdefault(key, []).append(half)
        name = "a request" if key.startswith("\x00") else f"the request {key!r}"
        half = _Half(position, [])
        if (error := value_at(record, self.error)) is not None:
            failed.add(key)
            report(position, f"{name} failed: {error_text(error)}")
        elif half.add_turns(result, "assistant"):
            half.metadata = extra_metadata({name: value_at(record, path) for name, path in self.metadata.items()}, ())
            results.setdefault(key, []).append(half)
        elif request is None or result is not None:
            failed.add(key)
            report(position, f"{name} has no answer")


def _joined(
    requests: dict[str, list[_Half]], results: dict[str, list[_Half]], failed: set[str], report: ProblemReporter
) -> Iterator[ParsedRecord]:
    counts: Counter[str] = Counter()
    for key in dict.fromkeys((*requests, *results)):
        for request, result in _pairs(_different(requests.get(key, [])), results.get(key, []), counts):
            if result is None and key in failed:
                continue  # its error is reported
            counts[_NO_REQUEST] += request is None
            counts[_NO_ANSWER] += result is None
            halves = [half for half in (request, result) if half is not None]
            conversation = ParsedConversation([turn for half in halves for turn in half.turns])
            conversation.metadata = {name: value for half in halves for name, value in half.metadata.items()}
            conversation.remarks = [remark for half in halves for remark in half.remarks]
            log_id = None if key.startswith("\x00") else key
            position = halves[-1].position
            yield ParsedRecord(position, position, log_id, [conversation])
    for reason, count in counts.items():
        if count:
            report(None, f"{count} {reason}", kept=True)


def _different(requests: list[_Half]) -> list[_Half]:
    """Return the requests without those that come again, as where a file was given twice."""
    different: dict[tuple[tuple[str, str], ...], _Half] = {}
    for half in requests:
        different.setdefault(tuple((turn.speaker, turn.content) for turn in half.turns), half)
    return list(different.values())


def _pairs(
    requests: list[_Half], results: list[_Half], counts: Counter[str]
) -> list[tuple[_Half | None, _Half | None]]:
    """Return the requests of an id with their results; None for a missing half.

    Ids are unique in one batch only. Where several batches use one id, its requests and results belong together in
    their order if they are equally many; else nobody knows.
    """
    if len(requests) <= 1 and results:
        return [(requests[0] if requests else None, result) for result in results]
    if not results:
        return [(request, None) for request in requests]
    if len(requests) == len(results):
        counts[_PAIRED] += 1
        return list(zip(requests, results, strict=True))
    counts[_AMBIGUOUS] += 1
    return [*((request, None) for request in requests), *((None, result) for result in results)]
