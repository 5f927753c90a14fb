"""Calls in traces, which may contain each other, and their conversations: one a thread, else one a trace."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from .call_histories import merge_calls
from .call_payloads import id_text
from .fields import counted
from .metadata import clean_text, parse_timestamp
from .parse_results import ParsedConversation, ParsedRecord, ParsedTurn, ProblemReporter


@dataclass(slots=True)
class Call:
    """One call in a trace: of a model, or of a program around it.

    Attributes:
        position: the position of its record.
        trace: the trace's id.
        id: its id in the trace, and `parent` that of the call around it; "" for none.
        inputs: the turns that went into it.
        outputs: the turns that came out.
        thread: the conversation's id, as far as the log names one.
        began: its start, and `ended` its end.
        is_model: whether it is a model's call.
        is_auxiliary: whether it is a tool's, a retriever's and the like, whose inputs and outputs are no turns.
        metadata: metadata of the conversation.
        remarks: what a person should know of the call.
        payload: what went in and came out, as the log has it; put aside where the call is left out.
    """

    position: int
    trace: str
    id: str = ""
    parent: str = ""
    inputs: list[ParsedTurn] = field(default_factory=list)
    outputs: list[ParsedTurn] = field(default_factory=list)
    thread: str = ""
    began: datetime | None = None
    ended: datetime | None = None
    is_model: bool = False
    is_auxiliary: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    payload: Sequence[Any] = ()


def read_calls(calls: Sequence[Call], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations in calls. Of nested calls the outer one counts, where it has both input and output."""
    traces: dict[str, list[Call]] = {}
    for call in calls:
        traces.setdefault(call.trace or f"\x00{call.position} {call.id}", []).append(call)
    threads: dict[tuple[bool, str], list[Call]] = {}
    silent = 0
    inner: list[Call] = []
    for trace, group in traces.items():
        outer_calls, left_out = _outer_calls(group)
        inner += left_out
        silent += not outer_calls
        common = next((call.thread for call in group if call.thread), "")
        for call in outer_calls:
            thread = call.thread or common
            threads.setdefault((bool(thread), thread or trace), []).append(call)
    if silent:
        report(None, f"{silent} traces or calls without messages are left out", kept=True)
    if speaking := sum(not call.is_auxiliary for call in inner):
        report(None, f"{counted(speaking, 'calls are')} left out: others of their trace have the messages", kept=True)
    if auxiliary := len(inner) - speaking:
        report(None, f"{counted(auxiliary, 'calls of tools, retrievers and the like are')} left out", kept=True)
    aside = [call.payload for call in inner]
    for number, ((threaded, thread_id), group) in enumerate(threads.items(), 1):
        record = _thread_record(number, thread_id, group, threaded=threaded)
        record.conversations[0].aside, aside = aside, []
        yield record


def parse_time(value: Any) -> datetime | None:
    """Return a timestamp of a trace: as logs write it, or nanoseconds or microseconds since the epoch; None for any
    other.
    """
    timestamp = parse_timestamp(value)
    text = id_text(value)
    if timestamp is None and text.isascii() and text.isdigit() and 16 <= len(text) <= 19:
        timestamp = parse_timestamp(int(text) / (1e9 if len(text) > 17 else 1e6))
    return timestamp


def first_id(value: Mapping[str, Any], *keys: str) -> str:
    """Return the first of the keys' values that is an id, as text; "" for none."""
    return clean_text(next(filter(None, (id_text(value.get(key)) for key in keys)), ""))


def _thread_record(number: int, thread_id: str, calls: list[Call], *, threaded: bool) -> ParsedRecord:
    if all(call.began is not None for call in calls):
        calls = sorted(calls, key=lambda call: _seconds(call.began))
    chains = merge_calls([_timed_turns(call) for call in calls], threaded=threaded)
    remarks = list(dict.fromkeys(remark for call in calls for remark in call.remarks))
    if len(chains) > 1:
        kind = "thread" if threaded else "trace"
        remarks.append(f"the calls of the {kind} are {len(chains)} conversations that do not continue each other")
    if backwards := sum(_is_backwards(call) for call in calls):
        remarks.append(f"{backwards} calls end before they begin")
    metadata = {key: value for call in reversed(calls) for key, value in call.metadata.items()}
    conversations = [
        ParsedConversation(chain, dict(metadata), [], f"-{place}" if place > 1 else "")
        for place, chain in enumerate(chains, 1)
    ]
    conversations[0].remarks += remarks
    return ParsedRecord(calls[0].position, number, None if thread_id.startswith("\x00") else thread_id, conversations)


def _is_backwards(call: Call) -> bool:
    return call.began is not None and call.ended is not None and _seconds(call.ended) < _seconds(call.began)


def _seconds(at: datetime | None) -> float:
    try:
        return 0.0 if at is None else (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return 0.0


def _timed_turns(call: Call) -> tuple[list[ParsedTurn], list[ParsedTurn]]:
    """Return inputs and outputs, the last turn of each with the call's time where it has none."""
    return _with_last_time(call.inputs, call.began), _with_last_time(call.outputs, call.ended or call.began)


def _with_last_time(turns: list[ParsedTurn], at: datetime | None) -> list[ParsedTurn]:
    return [*turns[:-1], replace(turns[-1], at=at)] if turns and turns[-1].at is None and at is not None else turns


def _outer_calls(calls: list[Call]) -> tuple[list[Call], list[Call]]:
    """Return the calls of a trace that hold its conversation, and those that are left out for them: with messages, or
    of tools and the like.
    """
    parents = {call.id: call.parent for call in calls if call.id}
    speaking = [call for call in calls if not call.is_auxiliary and (call.inputs or call.outputs)]
    complete = [call for call in speaking if call.inputs and call.outputs]
    roots = [call for call in complete if call.parent not in parents]
    models = [call for call in complete if call.is_model]
    if speaking and not complete:
        return [_merged_call(speaking)], [call for call in calls if call.is_auxiliary]
    candidates = roots or models or complete
    candidate_ids = {call.id for call in candidates if call.id}
    nested = _nested_ids(parents, candidate_ids)
    outer = [call for call in candidates if call.id not in nested]
    outer = outer or candidates[:1]  # they hold each other in a circle
    taken = set(map(id, outer))
    messages = [call for call in speaking if id(call) not in taken]
    return outer, [*messages, *(call for call in calls if call.is_auxiliary)] if outer else []


def _merged_call(calls: list[Call]) -> Call:
    """Return one call made of several, none of which has both inputs and outputs."""
    inputs = next((call.inputs for call in calls if call.inputs), [])
    outputs = next((call.outputs for call in reversed(calls) if call.outputs), [])
    return replace(calls[0], inputs=inputs, outputs=outputs)


def _nested_ids(parents: Mapping[str, str], outer_ids: set[str]) -> set[str]:
    """Return the ids of the calls inside the taken ones."""
    nested: set[str] = set()
    visited: set[str] = set()
    for start in parents:
        path: list[str] = []
        call_id, seen = start, Counter[str]()
        while call_id in parents and call_id not in visited and not seen[call_id]:
            seen[call_id] += 1
            path.append(call_id)
            call_id = parents[call_id]
        inside = call_id in nested or call_id in outer_ids
        for name in reversed(path):
            if inside:
                nested.add(name)
            visited.add(name)
            inside = inside or name in outer_ids
    return nested
