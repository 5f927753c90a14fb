"""Recorded streams of answers."""

import json

import pytest

from convexplain.connectors.logs.engine.stream_chunks import streamed_turns
from convexplain.connectors.logs.formats.stream_chunks import is_event_stream
from convexplain.parts import Reasoning, Text, ToolCall

from .reading import read
from .test_logs_calls import shown

ALONE = "1 streamed answers are read without their requests, which are not in this log"


def chat(delta, own="c1", index=0):
    return {"id": own, "object": "chat.completion.chunk", "choices": [{"index": index, "delta": delta}]}


def call(index, **function):
    more = {"id": "k1", "type": "function"} if "name" in function else {}
    return {"tool_calls": [{"index": index, **more, "function": function}]}


def block(index, kind, **delta):
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **delta}}


def start(index, **content):
    return {"type": "content_block_start", "index": index, "content_block": content}


def cohere(kind, index=0, **message):
    return {"type": kind, "index": index, "delta": {"message": message}}


CASES = {
    "openai": (
        [chat({"role": "assistant", "content": ""}), chat({"content": "Hel"}), chat({"content": "lo"}), chat({})],
        (Text("Hello"),),
    ),
    "openai-blank-pieces": ([chat({"content": "a"}), chat({"content": " "}), chat({"content": "b"})], (Text("a b"),)),
    "openai-reasoning": (
        [chat({"reasoning_content": "Hm"}), chat({"reasoning_content": "m"}), chat({"content": "Yes"})],
        (Reasoning("Hmm"), Text("Yes")),
    ),
    "openai-calls": (
        [chat(call(0, name="f", arguments="")), chat(call(0, arguments='{"a"')), chat(call(0, arguments=": 1}"))],
        (ToolCall("f", '{"a": 1}', "k1"),),
    ),
    "openai-completions": (
        [{"object": "text_completion.chunk", "choices": [{"text": piece, "index": 0}]} for piece in ("Hel", "lo")],
        (Text("Hello"),),
    ),
    "anthropic": (
        [
            {"type": "message_start", "message": {"id": "m1", "role": "assistant", "content": []}},
            start(0, type="thinking", thinking=""),
            block(0, "thinking_delta", thinking="Hmm"),
            block(0, "signature_delta", signature="x"),
            start(1, type="text", text=""),
            {"type": "ping"},
            block(1, "text_delta", text="Hel"),
            block(1, "text_delta", text="lo"),
            start(2, type="tool_use", id="t1", name="f", input={}),
            block(2, "input_json_delta", partial_json='{"a": '),
            block(2, "input_json_delta", partial_json="1}"),
            {"type": "message_stop"},
        ],
        (Reasoning("Hmm"), Text("Hello"), ToolCall("f", '{"a": 1}', "t1")),
    ),
    "responses": (
        [
            {"type": "response.created", "response": {"id": "r1", "output": []}},
            {"type": "response.output_text.delta", "delta": "Hel"},
            {"type": "response.output_text.delta", "delta": "lo"},
        ],
        (Text("Hello"),),
    ),
    "responses-with-their-end": (
        [
            {"type": "response.output_text.delta", "delta": "Hel"},
            {
                "type": "response.completed",
                "response": {
                    "output": [
                        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}
                    ]
                },
            },
        ],
        (Text("Hello"),),
    ),
    "responses-calls": (
        [
            {
                "type": "response.output_item.added",
                "output_index": 0,
                "item": {"type": "function_call", "call_id": "k1", "id": "fc", "name": "f", "arguments": ""},
            },
            {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{}"},
        ],
        (ToolCall("f", "{}", "k1"),),
    ),
    "gemini": (
        [{"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]} for text in ("Hel", "lo")],
        (Text("Hello"),),
    ),
    "cohere": (
        [
            {"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant", "content": []}}},
            cohere("tool-plan-delta", tool_plan="Look it up."),
            cohere("content-start", content={"type": "text", "text": ""}),
            cohere("content-delta", content={"text": "Hel"}),
            cohere("content-delta", content={"text": "lo"}),
            cohere("tool-call-start", tool_calls={"id": "k1", "function": {"name": "f", "arguments": ""}}),
            cohere("tool-call-delta", tool_calls={"function": {"arguments": "{}"}}),
            {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}},
        ],
        (Reasoning("Look it up."), Text("Hello"), ToolCall("f", "{}", "k1")),
    ),
    "bedrock-converse": (
        [
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hel"}}},
            {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "lo"}}},
            {"contentBlockStart": {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "k1", "name": "f"}}}},
            {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"toolUse": {"input": "{}"}}}},
        ],
        (Text("Hello"), ToolCall("f", "{}", "k1")),
    ),
    "ollama": (
        [{"model": "m", "message": {"role": "assistant", "content": text}, "done": False} for text in ("Hel", "lo")],
        (Text("Hello"),),
    ),
    "tgi": (
        [
            {"token": {"id": 1, "text": "Hel", "special": False}, "generated_text": None},
            {"token": {"id": 2, "text": "lo", "special": False}, "generated_text": None},
            {"token": {"id": 3, "text": "</s>", "special": True}, "generated_text": "Hello"},
        ],
        (Text("Hello"),),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_pieces_of_an_answer(case):
    chunks, parts = CASES[case]
    (turn,) = streamed_turns(chunks)
    assert (turn.speaker, turn.all_parts) == ("assistant", parts)


def events(*chunks, names=False):
    lines = [(f"event: {chunk['type']}\n" if names else "") + f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join(lines)


HI = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
HELLO = [chat({"content": "Hel"}), chat({"content": "lo"})]


@pytest.mark.parametrize(
    ("text", "expected", "remarks"),
    [
        (events(*HELLO) + "data: [DONE]\n", [("c1", ["a Hello"])], [ALONE]),
        (events(*HELLO), [("c1", ["a Hello"])], [ALONE]),
        (events(*HELLO).replace("\n\n", "\n"), [("c1", ["a Hello"])], [ALONE]),
        (events(*HELLO).replace("\n", "\r\n"), [("c1", ["a Hello"])], [ALONE]),
        (": comment\nid: 1\nretry: 5\n" + events(*HELLO), [("c1", ["a Hello"])], [ALONE]),
        ("HTTP/1.1 200 OK\ncontent-type: text/event-stream\n\n" + events(*HELLO), [("c1", ["a Hello"])], [ALONE]),
        (events(*CASES["anthropic"][0], names=True), [("m1", ['a Hello\n[tool call f({"a": 1})]'])], [ALONE]),
        (events(HI, *HELLO), [("c1", ["u Hi", "a Hello"])], []),
        (
            events(HI, *HELLO) + "data: [DONE]\n\n" + events(HI, chat({"content": "Hey"}, "c2")),
            [("c1", ["u Hi", "a Hello"]), ("c2", ["u Hi", "a Hey"])],
            [],
        ),
        (
            events(chat({"content": "One"}, "c1"), chat({"content": "Two"}, "c2"), chat({"content": "!"}, "c1")),
            [("c1", ["a One!"]), ("c2", ["a Two"])],
            ["2 streamed answers are read without their requests, which are not in this log"],
        ),
        (
            events(*HELLO, chat({"content": "Hey"}, index=1)),
            [("c1", ["a Hello"])],
            [ALONE, "of 2 choices the first is read"],
        ),
        (
            events(*HELLO) + "data: {broken\n\n",
            [("c1", ["a Hello"])],
            ["1 events that are no JSON objects are left out", ALONE],
        ),
    ],
)
def test_events_are_put_together(tmp_path, text, expected, remarks):
    conversations, problems = read(tmp_path, text, "dump.txt")
    assert shown(conversations) == expected
    assert [problem.reason for problem in problems] == remarks


GEMINI = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP"}]}


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([GEMINI, GEMINI], [("log-1", ["a Hello"]), ("log-2", ["a Hello"])]),
        (
            [
                {
                    "id": "c",
                    "object": "chat.completion",
                    "choices": [{"message": {"role": "assistant", "content": "Hello"}}],
                }
            ],
            [("c", ["a Hello"])],
        ),
        (CASES["ollama"][0], [("log-1", ["a Hello"])]),
        (CASES["tgi"][0], [("log-1", ["a Hello"])]),
    ],
)
def test_answers_without_requests(tmp_path, records, expected):
    conversations, problems = read(tmp_path, "\n".join(map(json.dumps, records)), "log.jsonl")
    assert shown(conversations) == expected
    assert len(problems) == 1


def test_chunks_may_be_json_lines(tmp_path):
    conversations, problems = read(tmp_path, "\n".join(map(json.dumps, HELLO)), "dump.jsonl")
    assert shown(conversations) == [("c1", ["a Hello"])]
    assert [problem.reason for problem in problems] == [ALONE]


@pytest.mark.parametrize("text", ["data: ready\n\ndata: steady\n", "User: Hi\nAgent: data: {}\n"])
def test_other_texts_are_no_streams(text):
    assert not is_event_stream(text)
