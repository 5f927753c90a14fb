"""Messages in every form in which applications have them."""

import pytest
from langchain_core.load import dumpd
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    message_to_dict,
)
from langchain_core.outputs import ChatGeneration, LLMResult

from convexplain.connectors.message_objects import is_answer, turns_in, turns_of
from convexplain.parts import ToolCall, ToolResult

CALL = {"name": "weather", "args": {"city": "Köln"}, "id": "1", "type": "tool_call"}
SHOWN = '[tool call weather({"city": "Köln"})]'
ITSELF = {"more": 1}
ITSELF["itself"] = ITSELF


def told(turns):
    return [(turn.role, turn.content) for turn in turns]


@pytest.mark.parametrize(
    ("message", "role", "content"),
    [
        (HumanMessage("hi"), "user", "hi"),
        (AIMessage("ho"), "assistant", "ho"),
        (AIMessageChunk("ho"), "assistant", "ho"),
        (SystemMessage("be kind"), "system", "be kind"),
        (ToolMessage("sunny", tool_call_id="1", name="weather"), "tool", "sunny"),
        (FunctionMessage(name="weather", content="sunny"), "tool", "sunny"),
        (ChatMessage(role="assistant", content="ho"), "assistant", "ho"),
        (ChatMessage(role="Anna", content="hi"), "user", "hi"),
        (HumanMessage([{"type": "text", "text": "what is"}, {"type": "image_url", "image_url": {"url": "data:…"}}]),
         "user", "what is\n[image]"),
        (HumanMessage([{"type": "image", "base64": "AAAA", "mime_type": "image/png"}]), "user", "[image]"),
        (HumanMessage([{"type": "file", "file_id": "f"}]), "user", "[file]"),
        (AIMessage(["a", {"type": "text", "text": "b"}]), "assistant", "a\nb"),
        (AIMessage("", tool_calls=[CALL]), "assistant", SHOWN),
        (AIMessage("Let me look.", tool_calls=[CALL]), "assistant", f"Let me look.\n{SHOWN}"),
        # Anthropic's says the call twice
        (AIMessage([{"type": "text", "text": "Let me look."}, {"type": "tool_use", "name": "weather", "id": "1",
                    "input": {"city": "Köln"}}], tool_calls=[CALL]), "assistant", f"Let me look.\n{SHOWN}"),
        (AIMessage("", invalid_tool_calls=[{"name": "f", "args": "{oh", "id": "1", "error": None,
                    "type": "invalid_tool_call"}]), "assistant", "[tool call f({oh)]"),
        ({"role": "user", "content": "hi"}, "user", "hi"),
        ({"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
         "assistant", "[tool call f({})]"),
        ({"type": "human", "content": "hi"}, "user", "hi"),
        (("ai", "ho"), "assistant", "ho"),
        (("user", "hi"), "user", "hi"),
        ("hi", "user", "hi"),
        (message_to_dict(AIMessage("ho")), "assistant", "ho"),
        (dumpd(AIMessage("", tool_calls=[CALL])), "assistant", SHOWN),
        (dumpd(HumanMessage("hi")), "user", "hi"),
        (dumpd(AIMessageChunk("ho")), "assistant", "ho"),
    ],
)  # fmt: skip
def test_one_message(message, role, content):
    assert told(turns_of([message])) == [(role, content)]
    assert told(turns_of(message)) == [(role, content)]


def test_what_else_is_said_of_a_message():
    call, answer, error = turns_of(
        [
            AIMessage("", tool_calls=[CALL], name="agent"),
            ToolMessage("sunny", tool_call_id="1", name="weather"),
            ToolMessage("no such city", tool_call_id="2", status="error"),
        ]
    )
    assert call.name == "agent"
    assert call.metadata == {"only_tool_calls": True}
    assert call.parts == (ToolCall("weather", '{"city": "Köln"}', "1"),)
    assert (answer.name, answer.metadata) == ("weather", {})
    assert answer.parts == (ToolResult("sunny", "1", "weather"),)
    assert error.metadata == {"status": "error"}
    assert error.parts == (ToolResult("no such city", "2"),)


@pytest.mark.parametrize("nothing", [None, 7, [], [None, 7, object()], [RemoveMessage("1")], {"content": "hi"}, [()]])
def test_what_is_no_message(nothing):
    assert turns_of(nothing) == ()


def test_which_turns_are_answers():
    messages = [
        HumanMessage("hi"),
        AIMessage("ho"),
        AIMessage("", tool_calls=[CALL]),
        AIMessage("Let me look.", tool_calls=[CALL]),
        AIMessage(" "),
        AIMessage("sorry", additional_kwargs={"convexplain": "held back"}),
        AIMessage([{"type": "tool_use", "name": "weather", "id": "1", "input": {}}], tool_calls=[CALL]),
    ]
    assert [is_answer(turn) for turn in turns_of(messages)] == [False, True, False, True, False, False, False]


@pytest.mark.parametrize(
    ("value", "role", "turns"),
    [
        ("hi", "user", [("user", "hi")]),
        ("ho", "assistant", [("assistant", "ho")]),
        ({"messages": [{"role": "user", "content": "hi"}, AIMessage("ho")]}, "user",
         [("user", "hi"), ("assistant", "ho")]),
        ({"messages": [[dumpd(HumanMessage("hi"))]]}, "user", [("user", "hi")]),  # as LangSmith keeps a chat model's
        ({"question": "hi", "context": 3}, "user", [("user", "hi")]),
        ({"answer": "ho"}, "assistant", [("assistant", "ho")]),
        ({"whatever": "ho"}, "assistant", [("assistant", "ho")]),
        ({"a": 1, "b": 2}, "assistant", [("assistant", '{"a": 1, "b": 2}')]),
        (AIMessage("ho"), "assistant", [("assistant", "ho")]),
        ({"role": "assistant", "content": "ho"}, "user", [("assistant", "ho")]),
        ({"generations": [[{"text": "ho", "message": dumpd(AIMessage("ho"))}]]}, "assistant", [("assistant", "ho")]),
        ({"generations": [[{"text": "ho"}]]}, "assistant", [("assistant", "ho")]),
        (LLMResult(generations=[[ChatGeneration(message=AIMessage("ho"))]]).model_dump(), "assistant",
         [("assistant", "ho")]),
        (None, "user", []),
        ("", "user", []),
        ([], "user", []),
        (7, "user", [("user", "7")]),
        ({(1, 2): 3}, "assistant", [("assistant", "{(1, 2): 3}")]),
        (ITSELF, "assistant", [("assistant", "{'more': 1, 'itself': {...}}")]),
    ],
)  # fmt: skip
def test_what_functions_are_given_and_give_back(value, role, turns):
    assert told(turns_in(value, role)) == turns


def test_reasoning_is_no_part_of_an_answer():
    (marked, beside) = turns_of(
        [
            {"role": "assistant", "content": "<think>hm</think>6"},
            {"role": "assistant", "content": "6", "reasoning": "hm"},
        ]
    )
    assert (marked.content, marked.reasoning) == (beside.content, beside.reasoning) == ("6", "hm")
    assert turns_of([{"role": "user", "content": "<think>hm</think>6"}])[0].content == "<think>hm</think>6"
