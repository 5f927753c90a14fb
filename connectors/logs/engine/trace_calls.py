"""From the calls in traces, which may hold each other, to conversations: one a thread, else one a trace."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from .call_histories import merge_calls
from .call_payloads import id_text
from .metadata import clean_text, parse_timestamp
from .parse_results import ParsedConversation, ParsedRecord, ParsedTurn, ProblemReporter


@dataclass(slots=True)
class Call:
    """One call in a trace: of a model, or of a program around it.

    Attributes:
        position: of its record.
        trace: the trace's id.
        own: its own id in the trace, and `parent` that of the call around it; "" for none.
        given: what went into it, as turns.
        answered: what came out.
        thread: the conversation's id, as far as the log names one.
        began: when it began, and `ended` when it ended.
        is_model: whether it is a model's call.
        is_side: whether it is a tool's, a retriever's and the like, whose inputs and outputs nobody says.
        metadata: what else is known of the conversation.
        remarks: what a person should know of it.
    """

    position: int
    trace: str
    own: str = ""
    parent: str = ""
    given: list[ParsedTurn] = field(default_factory=list)
    answered: list[ParsedTurn] = field(default_factory=list)
    thread: str = ""
    began: datetime | None = None
    ended: datetime | None = None
    is_model: bool = False
    is_side: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def read_calls(calls: Sequence[Call], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """The conversations in calls. Of calls inside each other the outer one counts, where it has what was said."""
    traces: dict[str, list[Call]] = {}
    for call in calls:
        traces.setdefault(call.trace or f"\x00{call.position} {call.own}", []).append(call)
    threads: dict[tuple[bool, str], list[Call]] = {}
    silent = inner = 0
    for trace, some in traces.items():
        found, left = _telling(some)
        inner += left
        silent += not found
        common = next((call.thread for call in some if call.thread), "")
        for call in found:
            thread = call.thread or common
            threads.setdefault((bool(thread), thread or trace), []).append(call)
    if silent:
        report(None, f"{silent} traces or calls without messages are left out", kept=True)
    if inner:
        report(None, f"{inner} calls are left out: others of their trace have the messages", kept=True)
    for number, ((threaded, own), some) in enumerate(threads.items(), 1):
        yield _entry(number, own, some, threaded=threaded)


def parse_time(value: Any) -> datetime | None:
    """A moment of a trace: as logs write it, or nanoseconds or microseconds since the epoch."""
    found = parse_timestamp(value)
    text = id_text(value)
    if found is None and text.isascii() and text.isdigit() and 16 <= len(text) <= 19:
        found = parse_timestamp(int(text) / (1e9 if len(text) > 17 else 1e6))
    return found


def first_id(value: Mapping[str, Any], *keys: str) -> str:
    """The first of the keys' values that is an id, as text; "" for none."""
    return clean_text(next(filter(None, (id_text(value.get(key)) for key in keys)), ""))


def _entry(number: int, own: str, calls: list[Call], *, threaded: bool) -> ParsedRecord:
    if all(call.began is not None for call in calls):
        calls = sorted(calls, key=lambda call: _seconds(call.began))
    chains = merge_calls([_timed(call) for call in calls], threaded=threaded)
    remarks = list(dict.fromkeys(remark for call in calls for remark in call.remarks))
    if len(chains) > 1:
        what = "thread" if threaded else "trace"
        remarks.append(f"the calls of the {what} are {len(chains)} conversations that do not continue each other")
    if backwards := sum(_is_backwards(call) for call in calls):
        remarks.append(f"{backwards} calls end before they begin")
    metadata = {key: value for call in reversed(calls) for key, value in call.metadata.items()}
    drafts = [
        ParsedConversation(chain, dict(metadata), [], f"-{place}" if place > 1 else "")
        for place, chain in enumerate(chains, 1)
    ]
    drafts[0].remarks += remarks
    return ParsedRecord(calls[0].position, number, None if own.startswith("\x00") else own, drafts)


def _is_backwards(call: Call) -> bool:
    return call.began is not None and call.ended is not None and _seconds(call.ended) < _seconds(call.began)


def _seconds(at: datetime | None) -> float:
    try:
        return 0.0 if at is None else (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return 0.0


def _timed(call: Call) -> tuple[list[ParsedTurn], list[ParsedTurn]]:
    """What was given and answered, the last turn of each with the call's moments where it has none."""
    return _at_last(call.given, call.began), _at_last(call.answered, call.ended or call.began)


def _at_last(said: list[ParsedTurn], at: datetime | None) -> list[ParsedTurn]:
    return [*said[:-1], replace(said[-1], at=at)] if said and said[-1].at is None and at is not None else said


def _telling(calls: list[Call]) -> tuple[list[Call], int]:
    """The calls of a trace that tell its conversation, and how many with messages are left out for them."""
    parents = {call.own: call.parent for call in calls if call.own}
    talking = [call for call in calls if not call.is_side and (call.given or call.answered)]
    whole = [call for call in talking if call.given and call.answered]
    roots = [call for call in whole if call.parent not in parents]
    models = [call for call in whole if call.is_model]
    if talking and not whole:
        return [_combined(talking)], 0
    chosen = roots or models or whole
    taken = {call.own for call in chosen if call.own}
    covered = _covered(parents, taken)
    found = [call for call in chosen if call.own not in covered]
    found = found or chosen[:1]  # they hold each other in a circle
    return found, len(talking) - len(found)


def _combined(calls: list[Call]) -> Call:
    """One call of several, none of which has both what was given and what was answered."""
    given = next((call.given for call in calls if call.given), [])
    answered = next((call.answered for call in reversed(calls) if call.answered), [])
    return replace(calls[0], given=given, answered=answered)


def _covered(parents: Mapping[str, str], taken: set[str]) -> set[str]:
    """The calls inside those that are taken."""
    covered: set[str] = set()
    known: set[str] = set()
    for start in parents:
        path: list[str] = []
        at, seen = start, Counter[str]()
        while at in parents and at not in known and not seen[at]:
            seen[at] += 1
            path.append(at)
            at = parents[at]
        inside = at in covered or at in taken
        for name in reversed(path):
            if inside:
                covered.add(name)
            known.add(name)
            inside = inside or name in taken
    return covered
