"""Conversations that leave as OpenAI messages and are read again: logs with tool calls, and metadata that misleads."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain import Conversation, Turn, read_log
from convexplain.connectors.training import write_conversations
from convexplain.connectors.training.exporters.openai import OPENAI, message_record

CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"a":1}'}}
ASKED = {"role": "user", "content": "Hi"}


def back(talks, folder):
    """What is read of what is written, with the sources of what was given."""
    path = write_conversations(talks, OPENAI, folder).files[0]
    return [replace(found, source="") for found in read_log(path)]


@pytest.mark.parametrize(
    ("messages", "written"),
    [
        ([ASKED, {"role": "assistant", "content": "Wait.", "tool_calls": [CALL]}], "Wait."),
        ([ASKED, {"role": "assistant", "content": None, "tool_calls": [CALL, CALL]}], ""),
        ([ASKED, {"role": "assistant", "content": None, "function_call": CALL["function"]}], ""),
        ([ASKED, {"role": "assistant", "content": None, "refusal": "No."}], "No."),
        ([ASKED, {"role": "assistant", "content": None, "audio": {"transcript": "Hm."}}], "Hm."),
    ],
)
def test_a_log_with_calls_comes_back_with_each_call_once(tmp_path, messages, written):
    log = tmp_path / "in.jsonl"
    log.write_text(json.dumps({"id": "c", "messages": messages}))
    (first,) = (replace(talk, source="") for talk in read_log(log))
    assert message_record(first)["messages"][1]["content"] == written
    assert back([first], tmp_path / "out") == [first]
    calls = messages[1].get("tool_calls", [])
    assert first.turns[1].content.count("[tool call find(") == len(calls) + ("function_call" in messages[1])


def test_the_labels_of_many_raters_come_back(tmp_path):
    ratings = [
        {"name": "breakdown", "value": 1.0, "label": "O", "rubric": "helpfulness", "rater": f"r{i}"} for i in range(30)
    ]
    talk = Conversation("c", (Turn("user", "Hi"), Turn("assistant", "Yo", metadata={"ratings": ratings})), "")
    assert len(json.dumps(ratings)) > 2000
    assert back([talk], tmp_path) == [talk]


TALK = Conversation("c", (Turn("user", "Hi"), Turn("assistant", "Yo")), "", {"topic": "t"})


@pytest.mark.parametrize(
    "misleading",
    [
        {"id": "other"},
        {"messages": []},
        {"system": "Be kind."},
        {"chosen": [ASKED]},
        {"rejected": [ASKED]},
    ],
)
def test_metadata_of_a_conversation_is_not_taken_for_its_turns(tmp_path, misleading):
    talk = replace(TALK, metadata={**misleading, "topic": "t"})
    assert back([talk], tmp_path) == [TALK]


@pytest.mark.parametrize(
    ("misleading", "name", "at"),
    [
        ({"content": "No."}, None, None),
        ({"role": "user"}, None, None),
        ({"name": "Bot"}, None, None),
        ({"tool_calls": [CALL]}, None, None),  # a call that the text does not show
        ({"refusal": "No."}, None, None),
        ({"created_at": 1700000000}, None, None),
        ({"timestamp": 1700000000}, "Bot", datetime(2024, 5, 1, tzinfo=UTC)),
    ],
)
def test_metadata_of_a_turn_is_not_taken_for_what_was_said(tmp_path, misleading, name, at):
    turn = Turn("assistant", "Yo", name, at, {"mood": "calm"})
    told = replace(turn, metadata={**misleading, "mood": "calm"})
    (found,) = back([replace(TALK, turns=(TALK.turns[0], told))], tmp_path)
    assert found.turns == (TALK.turns[0], turn)


WORDS = "role content text value from name speaker refusal tool_calls function_call timestamp at system chosen mood"
VALUES = st.sampled_from(["words", 1700000000, [CALL], CALL["function"], [ASKED], True, "2024-05-01T10:00:00+00:00"])
TOLD = st.dictionaries(st.sampled_from(WORDS.split()), VALUES, max_size=4)
TEXTS = st.sampled_from(["", "Yo", 'Yo\n[tool call find({"a":1})]', '[tool call find({"a":1})]', "a\r\n\u2028"])
TURNS = st.builds(Turn, st.sampled_from(["user", "assistant", "tool"]), TEXTS, st.none() | st.just("Bo"), metadata=TOLD)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(TURNS, min_size=1, max_size=4).map(tuple), TOLD)
def test_whatever_the_metadata_what_was_said_comes_back(tmp_path_factory, turns, metadata):
    talk = Conversation("c", (Turn("user", "Hi"), *turns), "", metadata)
    (found,) = back([talk], tmp_path_factory.mktemp("back"))
    said = [(turn.role, turn.content, turn.name, turn.at) for turn in talk.turns]
    assert (found.id, [(turn.role, turn.content, turn.name, turn.at) for turn in found.turns]) == ("c", said)
    assert all(value == metadata[key] for key, value in found.metadata.items())
    for before, after in zip(talk.turns, found.turns, strict=True):
        assert all(value == before.metadata[key] for key, value in after.metadata.items())
