"""Formats of models' calls that are described by paths: each record is a call with its input and its output.

A description names the paths of what `trace_calls` joins to conversations: the ids of the call, its trace and its
thread, its times, its input and its output. Paths are those of `paths`; a record's fields may also be JSON texts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import trace_calls
from .call_payloads import decoded_value, id_text, parse_payload
from .log_format import LogFormat
from .metadata import clean_text, extra_metadata
from .parse_results import ParsedRecord, ProblemReporter
from .paths import has_key, holds, plain_keys, value_at, values_at
from .trace_calls import Call, parse_time


@dataclass(frozen=True, slots=True)
class DescribedCalls:
    """A format of calls by paths.

    Attributes:
        name, description, example, precedence: as of `LogFormat`.
        keys: a record has all of these paths (`paths.has_key`).
        test: a last test of a record, on keys only.
        inputs, outputs: what went into the call, and what came out.
        calls: the calls in a record; "" where the record is one.
        id, parent: the id of the call, and that of the call around it.
        trace, thread: the ids of its trace (without one, the call's own) and of its conversation.
        began, ended: its times.
        model: a condition (`paths.holds`) under which the call is a model's.
        auxiliary: conditions under which it is a tool's, a retriever's and the like.
        tools: the tools that the model was offered.
        error: the reason why a call failed, and has no output.
        metadata: the keys of a record that are kept as the conversation's metadata.
        decoded: the keys of a record whose texts may be JSON.
    """

    name: str
    description: str
    example: str
    keys: Sequence[str]
    inputs: str
    outputs: str
    test: Callable[[Mapping[str, Any]], bool] = lambda _: True
    calls: str = ""
    id: str = "id"
    parent: str | None = None
    trace: str | None = None
    thread: str | None = None
    began: str | None = None
    ended: str | None = None
    model: str | None = None
    auxiliary: Sequence[str] = ()
    tools: str | None = None
    error: str | None = None
    metadata: Sequence[str] = ()
    decoded: Sequence[str] = ()
    precedence: int = -1

    def log_format(self) -> LogFormat:
        """Return the format of this description."""
        return LogFormat(
            self.name,
            self.description,
            self.example,
            self.has_keys,
            read_records=self.read_records,
            id_key=next(iter(plain_keys(self.id)), None),
            # Over the messages in a call; but spans and test cases have inputs and outputs too.
            precedence=self.precedence,
        )

    def has_keys(self, value: Any) -> bool:
        """Return whether a JSON value has the keys of a record."""
        return isinstance(value, dict) and all(has_key(value, key) for key in self.keys) and self.test(value)

    def read_records(self, records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
        """Yield the conversations in calls: one a thread, else one a trace, else one a call."""
        parsed: list[Call] = []
        for position, record in records:
            for call in values_at(self._decoded(record), self.calls):
                if not isinstance(call, dict):
                    report(position, "a call that is no object")
                    continue
                try:
                    parsed.append(self._call(position, self._decoded(call), report))
                except RecursionError:
                    report(position, "JSON nested too deeply")
        yield from trace_calls.read_calls(parsed, report)

    def _decoded(self, record: Any) -> Any:
        if not isinstance(record, dict) or not any(isinstance(record.get(key), str) for key in self.decoded):
            return record
        return {key: decoded_value(value) if key in self.decoded else value for key, value in record.items()}

    def _call(self, position: int, record: Mapping[str, Any], report: ProblemReporter) -> Call:
        own_id = self._id(record, self.id)
        call = Call(
            position,
            self._id(record, self.trace) or own_id,
            own_id,
            self._id(record, self.parent),
            thread=self._id(record, self.thread),
            began=parse_time(value_at(record, self.began)) if self.began else None,
            ended=parse_time(value_at(record, self.ended)) if self.ended else None,
            is_model=self.model is not None and holds(record, self.model),
            is_auxiliary=any(holds(record, condition) for condition in self.auxiliary),
            metadata=extra_metadata({key: record[key] for key in self.metadata if record.get(key)}, ()),
        )
        if tools := value_at(record, self.tools) if self.tools else None:
            call.metadata |= extra_metadata({"tools": tools}, ())
        call.inputs = parse_payload(value_at(record, self.inputs), "user", call.remarks)
        output = value_at(record, self.outputs)
        call.payload = (value_at(record, self.inputs), output)
        if not (isinstance(output, dict) and output.get("error")):  # a platform's words, no answer
            call.outputs = parse_payload(output, "assistant", call.remarks)
        if not call.outputs and self.error and (error := value_at(record, self.error)):
            report(position, f"a call that failed: {error_text(error)}", kept=True)
        return call

    @staticmethod
    def _id(record: Mapping[str, Any], path: str | None) -> str:
        return clean_text(id_text(value_at(record, path))) if path else ""


def error_text(error: Any) -> str:
    """Return a platform's own words for what went wrong, short enough for a message."""
    while isinstance(error, dict):
        error = next((error[key] for key in ("message", "error", "type", "code") if error.get(key)), "no reason given")
    text = " ".join(clean_text(str(error)).split())
    return text if len(text) <= 200 else f"{text[:199]}…"
