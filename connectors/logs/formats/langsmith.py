"""LangSmith's runs: as exported (single, listed, in lines, in tables), and as its clients send them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine import trace_calls
from convexplain.connectors.logs.engine.call_payloads import decoded, parse_payload
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedRecord, ProblemReporter, UnreadableError
from convexplain.connectors.logs.engine.trace_calls import Call, first_id, parse_time

_KINDS = ("llm", "chain", "tool", "retriever", "embedding", "prompt", "parser")
_SIDE = ("tool", "retriever", "embedding", "prompt", "parser")
_SENT = ("post", "patch")
_THREADS = ("session_id", "thread_id", "conversation_id")
_KEPT = ("name", "error", "tags", "session_name", "feedback_stats")


def is_langsmith(value: Any) -> bool:
    """Whether a JSON value is a run, an object that lists runs, or what a client sends."""
    if not isinstance(value, dict):
        return False
    return _is_run(value) or any(_is_run(item) for item in _listed(value))


def joined(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """The conversations in runs: one a thread (`session_id`, `thread_id` or `conversation_id` in the metadata of a
    run), else one a trace.
    """
    runs: dict[str, tuple[int, dict[str, Any]]] = {}
    for position, value in records:
        listed = [value] if _is_run(value) else list(_listed(value))
        for number, run in enumerate(listed, 1):
            if not _is_run(run):
                report(position, f"{number}: no run")
                continue
            # A run is sent when it begins and again when it has ended.
            _, known = runs.setdefault(first_id(run, "id", "run_id") or f"\x00{position} {number}", (position, {}))
            known.update({key: item for key, item in run.items() if item not in (None, {}, [], "")})
    found = []
    for own, (position, run) in runs.items():
        try:
            found.append(_call(position, own, run))
        except (UnreadableError, RecursionError):
            report(position, "a run that is nested too deeply")
    yield from trace_calls.read_calls(found, report)


def _is_run(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys().isdisjoint(("inputs", "outputs")):
        return False
    kind = value.get("run_type")
    return (isinstance(kind, str) and kind in _KINDS) or "dotted_order" in value or "dataset_id" in value


def _listed(value: Mapping[str, Any]) -> Iterator[Any]:
    for key in (*_SENT, "runs"):
        items = value.get(key)
        yield from items if isinstance(items, list) else ()


def _call(position: int, own: str, run: Mapping[str, Any]) -> Call:
    extra = decoded(run.get("extra"))
    metadata = decoded(extra.get("metadata")) if isinstance(extra, dict) else None
    metadata = metadata if isinstance(metadata, dict) else {}
    kind = run.get("run_type")
    made = Call(
        position,
        first_id(run, "trace_id") or own,
        own,
        first_id(run, "parent_run_id"),
        thread=first_id(metadata, *_THREADS) or first_id(run, "thread_id"),
        began=parse_time(run.get("start_time")),
        ended=parse_time(run.get("end_time")),
        is_model=kind == "llm",
        is_side=kind in _SIDE,
        metadata=extra_metadata({key: run[key] for key in _KEPT if key in run}, ()),
    )
    made.given = parse_payload(run.get("inputs"), "user", made.remarks)
    made.answered = parse_payload(run.get("outputs"), "assistant", made.remarks)
    return made


LANGSMITH = LogFormat(
    "langsmith",
    "LangSmith's runs, from exports, tables or its clients; a conversation a thread (`session_id`, `thread_id` or "
    "`conversation_id` in the metadata), else one a trace.",
    '{"id": "r1", "run_type": "llm", "inputs": {"messages": [{"role": "user", "content": "Hi"}]}, '
    '"outputs": {"generations": [[{"text": "Hello"}]]}, "extra": {"metadata": {"thread_id": "t1"}}}',
    is_langsmith,
    read_records=joined,
    # Over the messages in a run; but MLflow's cases have `inputs` and `outputs` too.
    precedence=-1,
)
