"""LangSmith's runs: exported (single, listed, in lines, in tables), or in the form that its clients send."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine import trace_calls
from convexplain.connectors.logs.engine.call_payloads import decoded_value, parse_payload
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedRecord, ProblemReporter, UnreadableError
from convexplain.connectors.logs.engine.trace_calls import Call, first_id, parse_time

_KINDS = ("llm", "chain", "tool", "retriever", "embedding", "prompt", "parser")
_AUXILIARY_KINDS = ("tool", "retriever", "embedding", "prompt", "parser")
_BATCH_KEYS = ("post", "patch")
_THREAD_KEYS = ("session_id", "thread_id", "conversation_id")
_METADATA_KEYS = ("name", "error", "tags", "session_name", "feedback_stats")


def is_langsmith(value: Any) -> bool:
    """Return whether a JSON value is a run, an object that lists runs, or a client's batch of runs."""
    if not isinstance(value, dict):
        return False
    return _is_run(value) or any(_is_run(item) for item in _listed_runs(value))


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations in runs: one a thread (`session_id`, `thread_id` or `conversation_id` in the metadata of
    a run), else one a trace.
    """
    runs: dict[str, tuple[int, dict[str, Any]]] = {}
    for position, value in records:
        listed = [value] if _is_run(value) else list(_listed_runs(value))
        for number, run in enumerate(listed, 1):
            if not _is_run(run):
                report(position, f"{number}: no run")
                continue
            # A run is sent when it begins and again when it has ended.
            _, merged_run = runs.setdefault(first_id(run, "id", "run_id") or f"\x00{position} {number}", (position, {}))
            merged_run.update({key: item for key, item in run.items() if item not in (None, {}, [], "")})
    parsed_calls = []
    for run_id, (position, run) in runs.items():
        try:
            parsed_calls.append(_call(position, run_id, run))
        except (UnreadableError, RecursionError):
            report(position, "a run that is nested too deeply")
    yield from trace_calls.read_calls(parsed_calls, report)


def _is_run(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys().isdisjoint(("inputs", "outputs")):
        return False
    kind = value.get("run_type")
    return (isinstance(kind, str) and kind in _KINDS) or "dotted_order" in value or "dataset_id" in value


def _listed_runs(value: Mapping[str, Any]) -> Iterator[Any]:
    for key in (*_BATCH_KEYS, "runs"):
        items = value.get(key)
        yield from items if isinstance(items, list) else ()


def _call(position: int, run_id: str, run: Mapping[str, Any]) -> Call:
    extra = decoded_value(run.get("extra"))
    metadata = decoded_value(extra.get("metadata")) if isinstance(extra, dict) else None
    metadata = metadata if isinstance(metadata, dict) else {}
    kind = run.get("run_type")
    call = Call(
        position,
        first_id(run, "trace_id") or run_id,
        run_id,
        first_id(run, "parent_run_id"),
        thread=first_id(metadata, *_THREAD_KEYS) or first_id(run, "thread_id"),
        began=parse_time(run.get("start_time")),
        ended=parse_time(run.get("end_time")),
        is_model=kind == "llm",
        is_auxiliary=kind in _AUXILIARY_KINDS,
        metadata=extra_metadata({key: run[key] for key in _METADATA_KEYS if key in run}, ()),
    )
    call.inputs = parse_payload(run.get("inputs"), "user", call.remarks)
    call.outputs = parse_payload(run.get("outputs"), "assistant", call.remarks)
    call.payload = (run.get("inputs"), run.get("outputs"))
    return call


LANGSMITH = LogFormat(
    "langsmith",
    "LangSmith's runs, from exports, tables or its clients; a conversation a thread (`session_id`, `thread_id` or "
    "`conversation_id` in the metadata), else one a trace.",
    '{"id": "r1", "run_type": "llm", "inputs": {"messages": [{"role": "user", "content": "Hi"}]}, '
    '"outputs": {"generations": [[{"text": "Hello"}]]}, "extra": {"metadata": {"thread_id": "t1"}}}',
    is_langsmith,
    read_records=read_records,
    # Over the messages in a run; but MLflow's cases have `inputs` and `outputs` too.
    precedence=-1,
)
