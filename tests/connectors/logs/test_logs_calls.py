"""Logs of models' calls by observability platforms and gateways, described by paths."""

import json

import pytest

from convexplain.connectors.logs.engine.described_calls import error_text

from .reading import read

HI = [{"role": "user", "content": "Hi"}]
HELLO = {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]}
MORE = [*HI, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "More"}]
YES = {"choices": [{"message": {"role": "assistant", "content": "Yes"}}]}
TOOLS = [{"type": "function", "function": {"name": "f"}}]
TIMES = [f"2025-01-01T00:00:0{second}Z" for second in range(4)]


def helicone(number, request, response, **more):
    about = {"request_id": f"h{number}", "request_created_at": TIMES[number]}
    return {**about, "request_body": {"messages": request}, "response_body": response, **more}


def weave(number, inputs, output, **more):
    about = {"id": f"w{number}", "op_name": "weave:///e/p/op/chat:1", "trace_id": f"t{number}"}
    return {**about, "started_at": TIMES[number], "inputs": {"messages": inputs}, "output": output, **more}


def opik(number, inputs, output, **more):
    about = {"id": f"o{number}", "name": "chat", "start_time": TIMES[number], "project_name": "p"}
    return {**about, "input": {"messages": inputs}, "output": output, **more}


def posthog(number, inputs, output, **more):
    fields = {"$ai_trace_id": f"t{number}", "$ai_input": inputs, "$ai_output_choices": output, **more}
    return {"event": "$ai_generation", "timestamp": TIMES[number], "distinct_id": "u", "properties": fields}


def braintrust(own, inputs, output, parent=None, kind="llm", **more):
    place = {"span_id": own, "root_span_id": "r", "span_parents": [parent] if parent else []}
    return {**place, "input": inputs, "output": output, "span_attributes": {"type": kind}, **more}


def litellm(number, messages, response, **more):
    about = {"id": f"l{number}", "call_type": "acompletion", "startTime": 1735689600.0 + number}
    return {**about, "messages": messages, "response": response, **more}


def bedrock(body, output, **more):
    return {
        "schemaType": "ModelInvocationLog",
        "requestId": "q1",
        "input": {"inputBodyJson": body},
        "output": {"outputBodyJson": output},
        **more,
    }


SESSION = {"request_properties": {"Helicone-Session-Id": "s1"}}
ANSWER = [{"role": "assistant", "content": "Hello"}]
TWO = ["u Hi", "a Hello"]
FOUR = ["u Hi", "a Hello", "u More", "a Yes"]
FAILED = {"error": {"message": "too many requests", "type": "rate_limit"}}
FAILURE = "a call that failed: too many requests"
SILENT = "1 traces or calls without messages are left out"

CASES = {
    "helicone-session": (
        [helicone(0, HI, HELLO, **SESSION), helicone(1, MORE, YES, **SESSION)],
        [("s1", FOUR)],
        [],
    ),
    "helicone-single": ([helicone(0, HI, HELLO), helicone(1, MORE, YES)], [("h0", TWO), ("h1", FOUR)], []),
    "helicone-query-api": (
        {"data": [{"request_id": "h1", "response_id": "x", "body": {"request": {"messages": HI}, "response": HELLO}}]},
        [("h1", TWO)],
        [],
    ),
    "helicone-json-texts": (
        [{"request_id": "h1", "request_body": json.dumps({"messages": HI}), "response_body": json.dumps(HELLO)}],
        [("h1", TWO)],
        [],
    ),
    "helicone-failed": ([helicone(0, HI, FAILED)], [("h0", ["u Hi"])], [FAILURE]),
    "weave-thread": ([weave(1, MORE, YES, thread_id="th"), weave(0, HI, HELLO, thread_id="th")], [("th", FOUR)], []),
    "weave-nested": (
        [
            weave(0, HI, "Hello", trace_id="t", op_name="weave:///e/p/op/agent:1"),
            weave(1, [{"role": "user", "content": "Rewrite: Hi"}], HELLO, trace_id="t", parent_id="w0"),
        ],
        [("t", TWO)],
        ["1 call is left out: others of their trace have the messages"],
    ),
    "weave-failed": (
        [weave(0, HI, None, exception="TimeoutError"), weave(1, HI, HELLO)],
        [("t0", ["u Hi"]), ("t1", TWO)],
        ["a call that failed: TimeoutError"],
    ),
    "opik-thread": ([opik(0, HI, HELLO, thread_id="t-1"), opik(1, MORE, YES, thread_id="t-1")], [("t-1", FOUR)], []),
    "opik-page": (
        {"content": [opik(0, HI, {"output": "Hello"})], "page": 1, "total": 1},
        [("o0", TWO)],
        ["the log has no known format and was read with --map 'records=content[*]'"],
    ),
    "opik-spans": (
        [
            opik(0, HI, HELLO),
            opik(1, HI, HELLO, trace_id="o0", parent_span_id=None, type="llm"),
            opik(2, [{"role": "user", "content": "q"}], {"output": "r"}, trace_id="o0", type="tool"),
        ],
        [("o0", TWO)],
        [
            "1 call is left out: others of their trace have the messages",
            "1 call of tools, retrievers and the like is left out",
        ],
    ),
    "posthog-session": (
        [
            posthog(0, HI, ANSWER, **{"$ai_session_id": "s"}),
            posthog(1, MORE, YES["choices"], **{"$ai_session_id": "s"}),
        ],
        [("s", FOUR)],
        [],
    ),
    "posthog-anthropic": (
        [posthog(0, HI, [{"role": "assistant", "content": [{"type": "text", "text": "Hello"}]}])],
        [("t0", TWO)],
        [],
    ),
    "posthog-columns": (
        [
            {
                "event": "$ai_generation",
                "properties": json.dumps({"$ai_trace_id": "t", "$ai_input": HI, "$ai_output": "Hello"}),
            }
        ],
        [("t", TWO)],
        [],
    ),
    "braintrust-trace": (
        [
            braintrust("s1", "Hi", "Hello", kind="task"),
            braintrust("s2", HI, ANSWER, "s1"),
            braintrust("s3", {"q": "x"}, "y", "s1", kind="tool"),
        ],
        [("r", TWO)],
        [
            "1 call is left out: others of their trace have the messages",
            "1 call of tools, retrievers and the like is left out",
        ],
    ),
    "braintrust-page": (
        {"events": [braintrust("r", HI, ANSWER, metadata={"session_id": "k"})]},
        [("k", TWO)],
        ["the log has no known format and was read with --map 'records=events[*]'"],
    ),
    "litellm-payload": ([litellm(0, HI, HELLO), litellm(1, MORE, YES)], [("l0", TWO), ("l1", FOUR)], []),
    "litellm-callback": (
        [{"model": "m", "standard_logging_object": litellm(0, HI, HELLO, trace_id="t"), "messages": HI}],
        [("t", TWO)],
        [],
    ),
    "litellm-spend-logs": (
        [
            {
                "request_id": "q",
                "call_type": "acompletion",
                "startTime": TIMES[0],
                "session_id": "s",
                "messages": {},
                "proxy_server_request": json.dumps({"messages": HI}),
                "response": json.dumps(HELLO),
            }
        ],
        [("s", TWO)],
        [],
    ),
    "litellm-failed": ([litellm(0, HI, {}, error_str="too many requests")], [("l0", ["u Hi"])], [FAILURE]),
    "bedrock-converse": (
        bedrock(
            {"messages": [{"role": "user", "content": [{"text": "Hi"}]}], "system": [{"text": "Be kind."}]},
            {"output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}}},
        ),
        [("q1", ["s Be kind.", *TWO])],
        [],
    ),
    "bedrock-claude": (
        bedrock(
            {"anthropic_version": "bedrock-2023-05-31", "messages": HI, "system": "Be kind."},
            {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello"}]},
        ),
        [("q1", ["s Be kind.", *TWO])],
        [],
    ),
    "bedrock-titan": (bedrock({"inputText": "Hi"}, {"results": [{"outputText": "Hello"}]}), [("q1", TWO)], []),
    "bedrock-llama": (bedrock({"prompt": "Hi"}, {"generation": "Hello"}), [("q1", TWO)], []),
    "bedrock-streamed": (
        bedrock(
            {"anthropic_version": "x", "messages": HI},
            [
                {"type": "message_start", "message": {"id": "m", "role": "assistant", "content": []}},
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
                {"type": "message_stop"},
            ],
        ),
        [("q1", TWO)],
        [],
    ),
    "request-response": ([{"id": "x", "request": {"messages": HI}, "response": HELLO}], [("x", TWO)], []),
    "request-response-bodies": (
        [
            {
                "session_id": "s",
                "request": {"url": "/v1/messages", "body": {"system": "Be kind.", "messages": HI}},
                "response": {
                    "status": 200,
                    "body": {"role": "assistant", "content": [{"type": "text", "text": "Hello"}]},
                },
            }
        ],
        [("s", ["s Be kind.", *TWO])],
        [],
    ),
    "request-response-cohere-2": (
        [{"id": "x", "request": {"messages": HI}, "response": {"message": {"role": "assistant", "content": "Hello"}}}],
        [("x", TWO)],
        [],
    ),
    "converse": (
        {
            "system": [{"text": "Be kind."}],
            "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}},
        },
        [("log-1", ["s Be kind.", *TWO])],
        [],
    ),
    "stored-completion": ({"id": "c", "messages": HI, **HELLO}, [("c", TWO)], []),
    "cohere-2": (
        {"id": "c", "messages": HI, "message": {"role": "assistant", "content": [{"type": "text", "text": "Hello"}]}},
        [("c", TWO)],
        [],
    ),
    "humanloop": (
        {"id": "c", "messages": HI, "output": "Hello", "output_message": ANSWER[0], "session_id": "s"},
        [("s", TWO)],
        [],
    ),
    "vertex-logging": (
        [
            {
                "request_id": "q",
                "full_request": json.dumps({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}),
                "full_response": json.dumps(
                    {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}}]}
                ),
            }
        ],
        [("q", TWO)],
        [],
    ),
    "azure-gateway": ({"CorrelationId": "q", "RequestMessages": HI, "ResponseMessages": ANSWER}, [("q", TWO)], []),
    "input-and-output": ({"id": "q", "input": {"messages": HI}, "output": HELLO}, [("q", TWO)], []),
    "watsonx": (
        {"id": "q", "request": {"input": "Hi"}, "response": {"results": [{"generated_text": "Hello"}]}},
        [("q", TWO)],
        [],
    ),
    "datadog": (
        [
            {
                "span_id": "1",
                "trace_id": "t",
                "session_id": "s",
                "meta": {"kind": "llm", "input": {"messages": HI}, "output": {"messages": ANSWER}},
            }
        ],
        [("s", TWO)],
        [],
    ),
    "bedrock-bodies-elsewhere": (
        [bedrock(None, None), {**bedrock({"prompt": "Hi"}, {"generation": "Hello"}), "requestId": "q2"}],
        [("q2", TWO)],
        [SILENT],
    ),
}


def shown(conversations):
    return [(talk.id, [f"{turn.role[0]} {turn.content}" for turn in talk.turns]) for talk in conversations]


@pytest.mark.parametrize("case", CASES)
def test_calls_of_a_thread_are_one_conversation(tmp_path, case):
    log, expected, remarks = CASES[case]
    conversations, problems = read(tmp_path, json.dumps(log), "log.json")
    assert shown(conversations) == expected
    assert [(problem.reason, problem.kept) for problem in problems] == [(remark, True) for remark in remarks]


@pytest.mark.parametrize("case", [case for case in CASES if isinstance(CASES[case][0], list)])
def test_calls_may_be_lines(tmp_path, case):
    log, expected, _ = CASES[case]
    conversations, _ = read(tmp_path, "\n".join(map(json.dumps, log)), "log.jsonl")
    assert shown(conversations) == expected


@pytest.mark.parametrize(
    "record",
    [
        {**helicone(0, HI, HELLO), "request_body": {"messages": HI, "tools": TOOLS}},
        {**weave(0, HI, HELLO), "inputs": {"messages": HI, "tools": TOOLS}},
        posthog(0, HI, ANSWER, **{"$ai_tools": TOOLS}),
        braintrust("s", HI, ANSWER, metadata={"tools": TOOLS}),
        litellm(0, HI, HELLO, model_parameters={"tools": TOOLS}),
        bedrock({"messages": HI, "tools": TOOLS}, HELLO),
    ],
)
def test_offered_tools_are_kept(tmp_path, record):
    conversations, _ = read(tmp_path, json.dumps(record), "log.json")
    assert shown(conversations)[0][1] == TWO
    assert conversations[0].metadata["tools"] == TOOLS


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("no  such\nmodel", "no such model"),
        ({"error": {"message": "bad key", "code": 401}}, "bad key"),
        ({"type": "expired"}, "expired"),
        ({"param": None}, "no reason given"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_error_texts_are_short(error, expected):
    assert error_text(error) == expected
