"""Message histories of frameworks and interfaces: Pydantic AI, Cohere, and chains of OpenAI's responses."""

import json

import pytest

from convexplain.parts import Reasoning, Text, ToolCall

from .reading import read
from .test_logs_calls import shown


def part(kind, content=None, **more):
    return {"part_kind": kind, **({} if content is None else {"content": content}), **more}


def request(*parts, **more):
    return {"kind": "request", "parts": list(parts), **more}


def response(*parts, **more):
    return {"kind": "response", "parts": list(parts), "model_name": "m", **more}


CALL = part("tool-call", tool_name="f", args='{"a": 1}', tool_call_id="k1")
RESULT = part("tool-return", "sunny", tool_name="f", tool_call_id="k1")

PYDANTIC = {
    "system-and-user": (
        [request(part("system-prompt", "Be kind."), part("user-prompt", "Hi")), response(part("text", "Hello"))],
        ["s Be kind.", "u Hi", "a Hello"],
    ),
    "instructions-come-once": (
        [
            request(part("user-prompt", "Hi"), instructions="Be kind."),
            response(part("text", "Hello")),
            request(part("user-prompt", "More"), instructions="Be kind."),
            response(part("text", "Yes")),
        ],
        ["s Be kind.", "u Hi", "a Hello", "u More", "a Yes"],
    ),
    "tools": (
        [
            request(part("user-prompt", "Weather?")),
            response(part("thinking", "Hmm"), part("text", "I look."), CALL),
            request(RESULT),
            response(part("text", "Sun.")),
        ],
        ["u Weather?", 'a I look.\n[tool call f({"a": 1})]', "t sunny", "a Sun."],
    ),
    "retries": (
        [
            request(part("user-prompt", "Hi")),
            response(CALL),
            request(part("retry-prompt", "a is missing", tool_name="f", tool_call_id="k1")),
            response(part("text", "Hello")),
        ],
        ["u Hi", 'a [tool call f({"a": 1})]', "t a is missing", "a Hello"],
    ),
    "media": (
        [
            request(
                part(
                    "user-prompt",
                    ["Look", {"kind": "image-url", "url": "x"}, {"kind": "binary", "media_type": "audio/wav"}],
                )
            ),
            response(part("text", "Nice")),
        ],
        ["u Look\n[image]\n[audio]", "a Nice"],
    ),
}


@pytest.mark.parametrize("case", PYDANTIC)
@pytest.mark.parametrize("wrapped", [False, True])
def test_pydantic_ai(tmp_path, case, wrapped):
    messages, expected = PYDANTIC[case]
    log = {"messages": messages} if wrapped else messages
    conversations, problems = read(tmp_path, json.dumps(log), "log.json")
    assert [turns for _, turns in shown(conversations)] == [expected]
    assert [problem for problem in problems if not problem.kept] == []


def test_parts_of_pydantic_ai(tmp_path):
    conversations, _ = read(tmp_path, json.dumps(PYDANTIC["tools"][0]), "log.json")
    assert conversations[0].turns[1].parts == (Reasoning("Hmm"), Text("I look."), ToolCall("f", '{"a": 1}', "k1"))


def said(role, message, **more):
    return {"role": role, "message": message, **more}


ASKED = {"message": "More", "chat_history": [said("USER", "Hi"), said("CHATBOT", "Hello")], "preamble": "Be kind."}
ALL = ["s Be kind.", "u Hi", "a Hello", "u More", "a Yes"]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({**ASKED, "text": "Yes", "generation_id": "g"}, ALL),
        ({"request": ASKED, "response": {"text": "Yes", "generation_id": "g"}}, ALL),
        (
            {
                "request": ASKED,
                "response": {
                    "text": "Yes",
                    "chat_history": [*ASKED["chat_history"], said("USER", "More"), said("CHATBOT", "Yes")],
                },
            },
            ALL,
        ),
        ({**ASKED, "generation_id": "g"}, ALL[:-1]),
        (
            {
                "generation_id": "g",
                "text": "Sun.",
                "chat_history": [
                    said("USER", "Weather?"),
                    said("CHATBOT", "I look.", tool_calls=[{"name": "f", "parameters": {"a": 1}}]),
                    {"role": "TOOL", "tool_results": [{"call": {"name": "f"}, "outputs": [{"text": "sunny"}]}]},
                ],
            },
            ["u Weather?", 'a I look.\n[tool call f({"a": 1})]', "t sunny", "a Sun."],
        ),
    ],
)
def test_cohere(tmp_path, record, expected):
    conversations, _ = read(tmp_path, json.dumps(record), "log.json")
    assert [turns for _, turns in shown(conversations)] == [expected]


def answer(own, previous, asked, text, **more):
    output = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}]
    about = {"id": own, "object": "response", "previous_response_id": previous}
    return {**about, "input": asked, "output": output, **more}


R1 = answer("r1", None, "Hi", "Hello", instructions="Be kind.")
R2 = answer("r2", "r1", "More", "Yes", instructions="Be kind.")
R3 = answer("r3", "r1", "Else", "No")


@pytest.mark.parametrize(
    ("records", "expected", "remarks"),
    [
        ([R2, R1], [("r1", ["s Be kind.", "u Hi", "a Hello", "u More", "a Yes"])], []),
        (
            [R1, R2, R3],
            [
                ("r1", ["s Be kind.", "u Hi", "a Hello", "u More", "a Yes"]),
                ("r1-branch2", ["s Be kind.", "u Hi", "a Hello", "u Else", "a No"]),
            ],
            [],
        ),
        ([R3], [("r3", ["u Else", "a No"])], ["a message before its first one is missing"]),
        (
            [
                {"request": {"input": "Hi"}, "response": {**answer("r1", None, None, "Hello"), "input": None}},
                {
                    "request": {"input": "More", "previous_response_id": "r1"},
                    "response": {**answer("r2", "r1", None, "Yes"), "input": None},
                },
            ],
            [("r1", ["u Hi", "a Hello", "u More", "a Yes"])],
            [],
        ),
        (
            [
                answer("r1", None, "Hi", "Hello", conversation={"id": "v"}),
                answer("r2", None, "More", "Yes", conversation={"id": "v"}),
            ],
            [("r1", ["u Hi", "a Hello", "u More", "a Yes"])],
            [],
        ),
        (
            [answer("r1", "r2", "Hi", "Hello"), answer("r2", "r1", "More", "Yes"), answer("r3", None, "Else", "No")],
            [("r3", ["u Else", "a No"])],
            ["a response that continues itself, by way of others"] * 2,
        ),
    ],
)
def test_chains_of_responses(tmp_path, records, expected, remarks):
    conversations, problems = read(tmp_path, "\n".join(map(json.dumps, records)), "log.jsonl")
    assert shown(conversations) == expected
    assert [problem.reason for problem in problems] == remarks


def item(kind, **more):
    return {"$type": f"{kind}Content", **more}


def test_semantic_kernel(tmp_path):
    log = [
        {"Role": {"Label": "user"}, "Items": [item("Text", Text="Hi"), item("Image", Uri="x")]},
        {"Role": {"Label": "Assistant"}, "Items": [item("FunctionCall", Id="k", FunctionName="f", Arguments={"a": 1})]},
        {"Role": {"Label": "Tool"}, "Items": [item("FunctionResult", CallId="k", Result="sunny")]},
        {"Role": {"Label": "Assistant"}, "Items": [item("Text", Text="Sun.")]},
    ]
    conversations, _ = read(tmp_path, json.dumps(log), "log.json")
    assert shown(conversations)[0][1] == ["u Hi\n[image]", 'a [tool call f({"a": 1})]', "t sunny", "a Sun."]


def test_extensions_ai(tmp_path):
    log = {
        "messages": [
            {"role": "user", "contents": [{"$type": "text", "text": "Hi"}]},
            {
                "role": "assistant",
                "contents": [{"$type": "reasoning", "text": "Hm"}, {"$type": "text", "text": "Hello"}],
            },
        ]
    }
    conversations, _ = read(tmp_path, json.dumps(log), "log.json")
    assert shown(conversations)[0][1] == ["u Hi", "a Hello"]
    assert conversations[0].turns[1].parts == (Reasoning("Hm"), Text("Hello"))


def test_roles_of_autogens_chats_are_by_name(tmp_path):
    history = [
        {"role": "assistant", "name": "user_proxy", "content": "Hi"},
        {"role": "user", "name": "helper", "content": "Hello"},
    ]
    conversations, _ = read(tmp_path, json.dumps({"chat_id": 1, "chat_history": history, "cost": {}}), "log.json")
    assert shown(conversations)[0][1] == ["u Hi", "a Hello"]
