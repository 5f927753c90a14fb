"""Traces: LangSmith, Langfuse, OpenTelemetry, OpenInference and MLflow; what is repeated or inside comes once."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest

from convexplain.connectors.logs import inspect_log
from convexplain.connectors.logs.engine.call_histories import merge_calls
from convexplain.connectors.logs.engine.call_payloads import parse_payload
from convexplain.connectors.logs.engine.parse_results import ParsedTurn

from .reading import HI, HI_SAID, read, said, told

BYE = {"role": "user", "content": "Bye"}
LONG_SAID = [*HI_SAID, ("user", "Bye"), ("assistant", "See you")]


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def run(own, given, answered, parent=None, trace=None, kind="llm", start=0, thread=None, **more):
    return {
        "id": own,
        "run_type": kind,
        "name": "r",
        "inputs": given,
        "outputs": answered,
        "parent_run_id": parent,
        "trace_id": trace or own,
        "start_time": f"2024-05-01T10:00:{start:02}",
        "end_time": f"2024-05-01T10:00:{start + 1:02}",
        "session_id": "the project",
        "extra": {"metadata": {"thread_id": thread} if thread else {}},
        **more,
    }


HELLO = {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]}


@pytest.mark.parametrize(
    ("given", "answered"),
    [
        ({"messages": HI[:1], "model": "m"}, HELLO),
        (
            {
                "messages": [
                    [{"lc": 1, "type": "constructor", "id": ["x", "HumanMessage"], "kwargs": {"content": "Hi"}}]
                ]
            },
            {
                "generations": [[{"text": "Hello", "message": {"type": "ai", "data": {"content": "Hello"}}}]],
                "llm_output": {},
            },
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "text", "text": "Hello"}],
                "stop_reason": "end_turn",
            },
        ),
        ({"input": "Hi"}, {"output": "Hello"}),
        ({"question": "Hi", "k": 4}, {"answer": "Hello", "context": [{"page_content": "x"}]}),
        (
            {"messages": [["human", "Hi"]]},
            {"messages": [{"type": "human", "content": "Hi"}, {"type": "ai", "content": "Hello"}]},
        ),
        (
            {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
            {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}}]},
        ),
        ({"prompts": ["Hi"]}, {"generations": [[{"text": "Hello"}]]}),
        (json.dumps({"messages": HI[:1]}), json.dumps(HELLO)),
        ({"kwargs": {"messages": HI[:1]}}, "Hello"),
    ],
)
def test_shapes_of_inputs_and_outputs(tmp_path, given, answered):
    found, problems = read(tmp_path, json.dumps(run("r1", given, answered)), "run.json")
    assert problems == []
    assert [(item.id, said(item)) for item in found] == [("r1", HI_SAID)]
    assert dict(inspect_log(tmp_path / "run.json").formats) == {"langsmith": 1}
    assert [turn.at for turn in found[0].turns] == [datetime(2024, 5, 1, 10), datetime(2024, 5, 1, 10, 0, 1)]


@pytest.mark.parametrize("whole", [True, False], ids=["repeated", "new turns only"])
def test_langsmiths_threads(tmp_path, whole):
    runs = [
        run("b", {"messages": [*HI, BYE] if whole else [BYE]}, {"content": "See you"}, start=5, thread="t"),
        run("a", {"messages": HI[:1]}, HELLO, start=1, thread="t"),
        run("c", {"messages": HI[:1]}, HELLO, start=2),
    ]
    found, problems = read(tmp_path, lines(*runs), "runs.jsonl")
    assert (problems, [(item.id, said(item)) for item in found]) == ([], [("t", LONG_SAID), ("c", HI_SAID)])


def test_runs_inside_others_are_left_out_where_the_outer_ones_have_the_messages(tmp_path):
    runs = [
        run("root", {"input": "Hi"}, {"output": "Hello"}, kind="chain"),
        run("tool", {"input": "q"}, {"output": "data"}, "root", "root", "tool"),
        run("model", {"messages": [{"role": "system", "content": "s"}, *HI[:1]]}, HELLO, "root", "root"),
        # Here the root tells nothing, and the model's runs do.
        run("root2", {"x": 1, "y": 2}, {"z": [3]}, kind="chain"),
        run("chain", {"x": 1, "y": 2}, {"z": [3]}, "root2", "root2", "chain"),
        run("model2", {"messages": HI[:1]}, HELLO, "chain", "root2"),
        # Here nothing does.
        run("root3", {"x": 1, "y": 2}, {}, kind="chain"),
    ]
    found, problems = read(tmp_path, json.dumps(runs), "runs.json")
    assert [(item.id, said(item)) for item in found] == [("root", HI_SAID), ("root2", HI_SAID)]
    assert told(tmp_path, problems) == [
        ("runs.json: 1 traces or calls without messages are left out", True),
        ("runs.json: 1 call is left out: others of their trace have the messages", True),
        ("runs.json: 1 call of tools, retrievers and the like is left out", True),
    ]


def test_a_trace_whose_calls_each_tell_a_half(tmp_path):
    runs = [run("a", {"messages": HI[:1]}, {}, kind="chain"), run("b", {}, HELLO, "a", "a")]
    found, problems = read(tmp_path, json.dumps(runs), "runs.json")
    assert (problems, [(item.id, said(item)) for item in found]) == ([], [("a", HI_SAID)])


def test_what_langsmiths_clients_send_is_one_run(tmp_path):
    begun = run("a", {"messages": HI[:1]}, {}, start=1)
    ended = {
        "id": "a",
        "trace_id": "a",
        "dotted_order": "x",
        "inputs": {},
        "outputs": HELLO,
        "end_time": "2024-05-01T10:00:09",
    }
    found, problems = read(tmp_path, json.dumps({"post": [begun], "patch": [ended, 7]}), "sent.json")
    assert [said(item) for item in found] == [HI_SAID]
    assert found[0].turns[1].at == datetime(2024, 5, 1, 10, 0, 9)
    assert told(tmp_path, problems) == [("sent.json:1: 3: no run", False)]


def test_runs_in_a_table(tmp_path):
    made = io.StringIO()
    rows = csv.writer(made)
    rows.writerow(["id", "run_type", "inputs", "outputs", "trace_id", "extra"])
    rows.writerow(
        ["a", "llm", json.dumps({"messages": HI[:1]}), json.dumps(HELLO), "a", '{"metadata": {"session_id": "t"}}']
    )
    found, problems = read(tmp_path, made.getvalue(), "runs.csv")
    assert (problems, [(item.id, said(item)) for item in found]) == ([], [("t", HI_SAID)])


def test_clocks_that_run_backwards_and_circles_of_runs(tmp_path):
    runs = [
        run("a", {"messages": HI[:1]}, HELLO, "b", "t", start=5, end_time="2024-05-01T09:00:00"),
        run("b", {"messages": [*HI, BYE]}, {"content": "See you"}, "a", "t", start=1),
    ]
    found, problems = read(tmp_path, json.dumps(runs), "runs.json")
    assert [item.id for item in found] == ["t"]
    assert "1 calls end before they begin" in [problem.reason for problem in problems]


def turns(text):
    """`u:Hi a:Hello` as turns."""
    words = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    return [ParsedTurn(words[part[0]], part[2:]) for part in text.split()]


@pytest.mark.parametrize(
    ("calls", "threaded", "expected"),
    [
        # Each repeats what was said before.
        ([("u:1", "a:1"), ("u:1 a:1 u:2", "a:2")], True, ["u:1 a:1 u:2 a:2"]),
        ([("u:1", "a:1"), ("u:1 a:1 u:2", "a:2")], False, ["u:1 a:1 u:2 a:2"]),
        # A loop with a tool, and a system text that comes each time.
        ([("s:x u:1", "a:call"), ("s:x u:1 a:call t:r", "a:1")], False, ["s:x u:1 a:call t:r a:1"]),
        # Only the end is repeated.
        ([("u:1", "a:1"), ("u:1 a:1 u:2", "a:2"), ("u:2 a:2 u:3", "a:3")], True, ["u:1 a:1 u:2 a:2 u:3 a:3"]),
        # New turns alone; the same words again are said again.
        ([("u:1", "a:1"), ("u:2", "a:2"), ("u:1", "a:1")], True, ["u:1 a:1 u:2 a:2 u:1 a:1"]),
        ([("s:x u:1", "a:1"), ("s:x u:2", "a:2")], True, ["s:x u:1 a:1 u:2 a:2"]),
        # Of one trace, but not of one conversation; then another purpose.
        ([("u:1", "a:1"), ("u:2", "a:2")], False, ["u:1 a:1", "u:2 a:2"]),
        ([("s:x u:1", "a:1"), ("s:title u:1", "a:T")], True, ["s:x u:1 a:1", "s:title u:1 a:T"]),
        # An answer again, and one that went on with another answer.
        ([("u:1", "a:1"), ("u:1", "a:other")], True, ["u:1 a:1", "u:1 a:other"]),
        ([("u:1", "a:1"), ("u:1 a:else u:2", "a:2")], True, ["u:1 a:1", "u:1 a:else u:2 a:2"]),
        # The same call twice, and one without its answer.
        ([("u:1", "a:1"), ("u:1", "a:1")], False, ["u:1 a:1"]),
        ([("u:1", ""), ("u:1 a:1 u:2", "a:2")], True, ["u:1 a:1 u:2 a:2"]),
        # The answer is a graph's whole state.
        ([("s:x u:1", "u:1 a:1"), ("u:2", "u:1 a:1 u:2 a:2")], True, ["s:x u:1 a:1 u:2 a:2"]),
        ([], True, []),
    ],
)
def test_joining_what_is_repeated(calls, threaded, expected):
    found = merge_calls([(turns(given), turns(answered)) for given, answered in calls], threaded=threaded)
    assert [" ".join(f"{turn.speaker[0]}:{turn.content}" for turn in chain) for chain in found] == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", [("user", "plain")]),
        ('"quoted"', [("user", "quoted")]),
        ("{not json", [("user", "{not json")]),
        ("null", []),
        ("", []),
        (None, []),
        (7, []),
        ({"x": 1, "y": "z"}, []),
        ({"topic": "bears"}, [("user", "bears")]),
        (
            {"input": "c", "chat_history": [{"type": "human", "content": "a"}, {"type": "ai", "content": "b"}]},
            [("human", "a"), ("ai", "b"), ("user", "c")],
        ),
        ([{"type": "text", "text": "a"}, {"type": "image_url"}], [("user", "a\n[image]")]),
        ({"system": "s", "messages": HI[:1]}, [("system", "s"), ("user", "Hi")]),
        (
            {"systemInstruction": {"parts": [{"text": "s"}]}, "contents": [{"role": "user", "parts": [{"text": "a"}]}]},
            [("system", "s"), ("user", "a")],
        ),
    ],
)
def test_what_went_in(value, expected):
    assert [(turn.speaker, turn.content) for turn in parse_payload(value, "user", [])] == expected


def test_further_choices_are_told():
    remarks = []
    assert [
        turn.content for turn in parse_payload({"choices": [{"text": "a"}, {"text": "b"}]}, "assistant", remarks)
    ] == ["a"]
    assert remarks == ["of 2 choices the first is read"]


# Langfuse


def test_langfuses_observations(tmp_path):
    def observation(own, given, answered, at, **more):
        return {
            "id": own,
            "type": "GENERATION",
            "traceId": "t1",
            "startTime": f"2024-05-01T10:00:{at:02}Z",
            "input": given if isinstance(given, str) else json.dumps(given),
            "output": answered,
            **more,
        }

    rows = [
        observation("b", [*HI, BYE], "See you", 5, traceId="t2", sessionId="s"),
        observation("a", {"messages": HI[:1]}, json.dumps({"role": "assistant", "content": "Hello"}), 1, sessionId="s"),
        observation("r", "q", "documents", 2, type="RETRIEVER", parentObservationId="a"),
        observation("c", "Hi", "Hello", 1, traceId="t3"),
    ]
    found, problems = read(tmp_path, json.dumps({"data": rows, "meta": {}}), "observations.json")
    assert [(item.id, said(item)) for item in found] == [("s", LONG_SAID), ("t3", HI_SAID)]
    assert [problem.reason for problem in problems] == ["1 call of tools, retrievers and the like is left out"]


@pytest.mark.parametrize("outer", [True, False], ids=["told by the trace", "told by an observation"])
@pytest.mark.parametrize("layout", ["trace", "download", "session", "apart"])
def test_langfuses_traces(tmp_path, outer, layout):
    inner = {
        "id": "o",
        "traceId": "t1",
        "type": "GENERATION",
        "input": HI[:1],
        "output": {"role": "assistant", "content": "Hello"},
    }
    trace = {
        "id": "t1",
        "timestamp": "2024-05-01T10:00:00Z",
        "userId": "u",
        "sessionId": "s",
        "input": {"question": "Hi"} if outer else None,
        "output": "Hello" if outer else None,
    }
    record = {
        "trace": {**trace, "observations": [inner]},
        "download": {"trace": trace, "observations": [inner], "scores": []},
        "session": {"id": "s", "traces": [{**trace, "observations": [inner]}]},
        "apart": [trace, inner],
    }[layout]
    found, problems = read(tmp_path, json.dumps(record), "trace.json")
    assert [(item.id, said(item)) for item in found] == [("s", HI_SAID)]
    inside = ["1 call is left out: others of their trace have the messages"] if outer else []
    assert [problem.reason for problem in problems] == inside


# OpenTelemetry and OpenInference

PARTS = [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]
ANSWER = [{"role": "assistant", "parts": [{"type": "text", "content": "Hello"}], "finish_reason": "stop"}]


def otlp(*spans):
    def value(item):
        if isinstance(item, dict):
            return {"kvlistValue": {"values": [{"key": key, "value": value(inner)} for key, inner in item.items()]}}
        if isinstance(item, list):
            return {"arrayValue": {"values": [value(inner) for inner in item]}}
        return {"intValue": str(item)} if isinstance(item, int) else {"stringValue": item}

    made = [
        {
            **span,
            "attributes": [{"key": key, "value": value(item)} for key, item in span["attributes"].items()],
            "events": [
                {
                    **event,
                    "attributes": [{"key": key, "value": value(item)} for key, item in event["attributes"].items()],
                }
                for event in span.get("events", ())
            ],
        }
        for span in spans
    ]
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"scope": {}, "spans": made}]}]}


def span(own="b1", trace="a1", at=0, **attributes):
    return {
        "traceId": trace,
        "spanId": own,
        "name": "chat",
        "startTimeUnixNano": f"17145576{at:02}000000000",
        "endTimeUnixNano": f"17145576{at + 1:02}000000000",
        "attributes": attributes,
    }


def indexed(prefix, messages, inner=""):
    return {
        f"{prefix}.{place}{inner}.{key}": item
        for place, message in enumerate(messages)
        for key, item in message.items()
    }


ATTRIBUTES = [
    {"gen_ai.input.messages": json.dumps(PARTS), "gen_ai.output.messages": json.dumps(ANSWER)},
    {"gen_ai.input.messages": PARTS, "gen_ai.output.messages": ANSWER},
    {**indexed("gen_ai.prompt", HI[:1]), **indexed("gen_ai.completion", HI[1:]), "gen_ai.usage.input_tokens": 3},
    {
        **indexed("llm.input_messages", HI[:1], ".message"),
        **indexed("llm.output_messages", HI[1:], ".message"),
        "openinference.span.kind": "LLM",
        "input.value": "x",
        "output.value": "y",
    },
    {
        "llm.input_messages": [
            {
                "message.role": "user",
                "message.contents": [{"message_content.type": "text", "message_content.text": "Hi"}],
            }
        ],
        "llm.output_messages": [{"message.role": "assistant", "message.content": "Hello"}],
    },
    {
        "openinference.span.kind": "CHAIN",
        "input.value": '{"messages": [{"role": "user", "content": "Hi"}]}',
        "output.value": "Hello",
    },
    {"ai.prompt.messages": json.dumps(HI[:1]), "ai.response.text": "Hello"},
]


@pytest.mark.parametrize("attributes", ATTRIBUTES)
@pytest.mark.parametrize("layout", ["otlp", "printed", "columns", "flat"])
def test_spans(tmp_path, attributes, layout):
    made = span(**attributes)
    context = {"trace_id": "a1", "span_id": "b1"}
    record = {
        "otlp": otlp(made),
        "printed": {
            "name": "chat",
            "context": context,
            "parent_id": None,
            "attributes": attributes,
            "start_time": "2024-05-01T10:00:00Z",
            "end_time": "2024-05-01T10:00:01Z",
        },
        "columns": {
            "name": "chat",
            "span_kind": "LLM",
            "parent_id": None,
            "start_time": 1714557600000,
            "end_time": 1714557601000,
            **{f"context.{key}": item for key, item in context.items()},
            **{f"attributes.{key}": item for key, item in attributes.items()},
        },
        "flat": made,
    }[layout]
    found, problems = read(tmp_path, json.dumps(record), "spans.json")
    assert (problems, [(item.id, said(item)) for item in found]) == ([], [("a1", HI_SAID)])
    assert [turn.at for turn in found[0].turns] == [
        datetime(2024, 5, 1, 10, tzinfo=UTC),
        datetime(2024, 5, 1, 10, 0, 1, tzinfo=UTC),
    ]
    assert dict(inspect_log(tmp_path / "spans.json").formats) == {"otel": 1}


def test_spans_of_a_conversation(tmp_path):
    second = [*PARTS, *ANSWER, {"role": "user", "parts": [{"type": "text", "content": "Bye"}]}]
    spans = [
        span(
            "b2",
            "a2",
            5,
            **{
                "gen_ai.conversation.id": "c",
                "gen_ai.input.messages": json.dumps(second),
                "gen_ai.output.messages": json.dumps(
                    [{"role": "assistant", "parts": [{"type": "text", "content": "See you"}]}]
                ),
            },
        ),
        span(
            "b1",
            "a1",
            1,
            **{
                "gen_ai.conversation.id": "c",
                **ATTRIBUTES[0],
                "gen_ai.request.model": "m",
                "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be kind."}]),
            },
        ),
        span("b3", "a1", 3, **{"gen_ai.operation.name": "execute_tool", "input.value": "x", "output.value": "y"}),
        span("b4", "a4", 3, **{"http.method": "GET"}),
    ]
    found, problems = read(tmp_path, json.dumps(otlp(*spans)), "spans.json")
    assert [(item.id, said(item), item.metadata) for item in found] == [
        ("c", [("system", "Be kind."), *LONG_SAID], {"gen_ai.request.model": "m"})
    ]
    assert told(tmp_path, problems) == [
        ("spans.json: 1 traces or calls without messages are left out", True),
        ("spans.json: 1 call of tools, retrievers and the like is left out", True),
    ]


def test_parts_and_calls_in_spans(tmp_path):
    given = [
        {
            "role": "user",
            "parts": [{"type": "text", "content": "Hi"}, {"type": "blob", "modality": "image", "content": "…"}],
        },
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "hm"},
                {"type": "tool_call", "id": "1", "name": "f", "arguments": {"a": 1}},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": "done"}]},
    ]
    attributes = {"gen_ai.input.messages": json.dumps(given), "gen_ai.output.messages": json.dumps(ANSWER)}
    found, _ = read(tmp_path, json.dumps(otlp(span(**attributes))), "spans.json")
    assert said(found[0]) == [
        ("user", "Hi\n[image]"),
        ("assistant", '[tool call f({"a": 1})]'),
        ("tool", "done"),
        ("assistant", "Hello"),
    ]
    called = {
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "Hi",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "f",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": "{}",
    }
    found, _ = read(tmp_path, json.dumps(otlp(span(**called))), "spans.json")
    assert said(found[0]) == [("user", "Hi"), ("assistant", "[tool call f({})]")]


@pytest.mark.parametrize(
    "events",
    [
        [
            ("gen_ai.user.message", {"content": "Hi"}),
            ("gen_ai.choice", {"index": 0, "message": '{"content": "Hello"}'}),
        ],
        [
            ("gen_ai.content.prompt", {"gen_ai.prompt": json.dumps(HI[:1])}),
            ("gen_ai.content.completion", {"gen_ai.completion": json.dumps(HI[1:])}),
        ],
        [
            (
                "gen_ai.client.inference.operation.details",
                {"gen_ai.input.messages": json.dumps(PARTS), "gen_ai.output.messages": json.dumps(ANSWER)},
            )
        ],
    ],
)
def test_events_of_spans(tmp_path, events):
    made = {**span(), "events": [{"name": name, "attributes": attributes} for name, attributes in events]}
    found, problems = read(tmp_path, json.dumps(otlp(made)), "spans.json")
    assert (problems, [said(item) for item in found]) == ([], [HI_SAID])


def test_keys_that_contradict_each_other(tmp_path):
    attributes = {"a": 1, "a.b": 2, "a.b.c": 3, "0.1": "x", ".": "y", "x" + ".y" * 500: "z", **ATTRIBUTES[0]}
    found, problems = read(tmp_path, json.dumps(span(**attributes)), "spans.json")
    assert (problems, [said(item) for item in found]) == ([], [HI_SAID])


# MLflow


@pytest.mark.parametrize("told_by", ["spans", "request"])
def test_mlflows_traces(tmp_path, told_by):
    def trace(own, given, answered, at):
        inner = {
            "span_id": "b",
            "parent_span_id": None,
            "name": "chat",
            "attributes": {
                "mlflow.spanType": '"CHAT_MODEL"',
                "mlflow.spanInputs": json.dumps({"messages": given}),
                "mlflow.spanOutputs": json.dumps(answered),
            },
        }
        asked = {"request": json.dumps({"messages": given}), "response": json.dumps(answered)}
        info = {
            "trace_id": own,
            "request_time": f"2024-05-01T10:00:{at:02}Z",
            "state": "OK",
            "trace_metadata": {"mlflow.trace.session": "s"},
        }
        return {"info": info, "data": {"spans": [inner], **(asked if told_by == "request" else {})}}

    made = [trace("t2", [*HI, BYE], "See you", 5), trace("t1", HI[:1], HELLO, 1)]
    found, problems = read(tmp_path, lines(*made), "traces.jsonl")
    assert [(item.id, said(item)) for item in found] == [("s", LONG_SAID)]
    assert all(problem.kept for problem in problems)


@pytest.mark.parametrize(
    "record",
    [
        {
            "trace_id": "t",
            "request": '{"messages": [{"role": "user", "content": "Hi"}]}',
            "response": '"Hello"',
            "state": "OK",
            "trace_metadata": {},
            "spans": [],
        },
        {
            "request_id": "t",
            "request": {"question": "Hi"},
            "response": {"answer": "Hello"},
            "timestamp_ms": 1714557600000,
        },
        {
            "dataset_record_id": "t",
            "inputs": {"messages": HI[:1]},
            "outputs": {"response": "Hello"},
            "expectations": {"x": 1},
        },
        {"info": {"trace_id": "t", "request_preview": "Hi", "response_preview": "Hello"}, "data": {"spans": []}},
    ],
)
def test_rows_and_cases_of_mlflow(tmp_path, record):
    found, problems = read(tmp_path, json.dumps(record), "traces.json")
    assert [(item.id, said(item)) for item in found] == [("t", HI_SAID)]
    previews = ["only the trace's previews are there, which may be cut"] if "info" in record else []
    assert [problem.reason for problem in problems] == previews
