"""Answers and branches that no reader takes are counted in a message; what was read is not."""

import json

import pytest
from click.testing import CliRunner

from convexplain.cli.main import cli
from convexplain.connectors.logs import inspect_log
from convexplain.connectors.logs.engine import claimed_texts

from .reading import HI, read, told, write

BUS = "Take the number four bus."
SHAREGPT = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]
TRANSCRIPT = "\n\nHuman: Hi\n\nAssistant: "
NODE = {"id": "b", "parent": "a", "children": []}
CHATGPT = {
    "current_node": "b",
    "mapping": {
        "a": {"message": {"author": {"role": "user"}, "content": {"parts": ["Hi"]}}, "children": ["b"]},
        "b": {**NODE, "message": {"author": {"role": "assistant"}, "content": {"parts": ["Hello"]}, "siblings": [BUS]}},
    },
}
TREE = {"message_id": "t", "text": "Hi", "role": "prompter", "alternatives": [BUS], "replies": []}
TREE["replies"] = [{"message_id": "u", "parent_id": "t", "text": "Hello", "role": "assistant", "replies": []}]
CLAUDE = {
    "uuid": "c",
    "chat_messages": [
        {"uuid": "a", "sender": "human", "text": "Hi"},
        {"uuid": "b", "sender": "assistant", "text": "Hello", "alternatives": [{"text": BUS}]},
    ],
}
BATCH = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": HI[:1]}}
GEMINI = [{"role": "user", "parts": [{"text": "Hi"}]}, {"role": "model", "parts": [{"text": "Hello"}]}]
RESPONSES = {
    "object": "response",
    "id": "r",
    "input": "Hi",
    "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}],
}

PLANTED = {
    "a text": ({"messages": HI, "discarded_answer": BUS}, "discarded_answer"),
    "a message": ({"messages": HI, "chosen": {"role": "assistant", "content": BUS}}, "chosen"),
    "a word": ({"messages": HI, "response": "No."}, "response"),
    "a list of messages": ({"messages": HI, "completion": [{"role": "assistant", "content": BUS}]}, "completion"),
    "a compound name": ({"messages": HI, "modelAnswer": BUS}, "modelAnswer"),
    "a numbered name": ({"messages": HI, "output_2": BUS}, "output_2"),
    "a child": (
        {"messages": [HI[0] | {"children": [{"role": "assistant", "content": BUS}]}, HI[1]]},
        "messages[*].children",
    ),
    "a reply": ({"messages": [HI[0], HI[1] | {"replies": [{"text": BUS}]}]}, "messages[*].replies"),
    "sharegpt": ({"conversations": SHAREGPT, "response": {"from": "gpt", "value": BUS}}, "response"),
    "sharegpt, a branch": ({"conversations": SHAREGPT, "siblings": [{"conversations": [{"value": BUS}]}]}, "siblings"),
    "hf": ({"prompt": "Hi", "completion": "Hello", "response": BUS}, "response"),
    "hf, a pair": ({"prompt": "Hi", "chosen": "Hello", "rejected": "Bye", "completion": BUS}, "completion"),
    "hh": ({"chosen": f"{TRANSCRIPT}Hello", "rejected": f"{TRANSCRIPT}What?", "responses": [BUS]}, "responses"),
    "chatgpt": (CHATGPT, "mapping.b.message.siblings"),
    "oasst": ({"message_tree_id": "t", "prompt": TREE}, "prompt.alternatives"),
    "claude": (CLAUDE, "chat_messages[*].alternatives"),
    "openai-batch": (BATCH | {"answer": BUS}, "answer"),
    "gemini": ({"contents": GEMINI, "drafts": [BUS]}, "drafts"),
    "openai-responses": (RESPONSES | {"alternatives": [BUS]}, "alternatives"),
    "a map": ({"log": [{"who": "user", "words": "Hi"}, {"who": "bot", "words": "Hello"}], "answer": BUS}, "answer"),
}


@pytest.mark.parametrize(("record", "place"), PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_answer_is_counted(tmp_path, record, place):
    options = {"map": "turns=log, role=who, content=words"} if "log" in record else {}
    _, problems = read(tmp_path, json.dumps(record), **options)
    assert [str(x).split(": ", 1)[1] for x in problems if not x.kept] == [f"1 text under {place!r} is in no turn"]


READ = {
    "a repeated answer": {"messages": HI, "response": "Hello"},
    "an answer without its line ends": {
        "messages": [HI[0], {"role": "assistant", "content": "Hello,\n\nhow are you?"}],
        "response": "Hello, how are you?",
    },
    "a transcript of the turns": {"messages": HI, "output": "User: Hi\nBot: Hello"},
    "a reference": {"messages": HI, "expected_output": BUS},
    "ids": {"messages": [HI[0] | {"children": ["b1"]}, HI[1]]},
    "counts and names": {"messages": HI, "response": {"id": "a b c d", "tokens": 7, "model": "one of ours"}},
    "scores and models": {"messages": HI, "score_chosen": "0.9", "model_response_id": "ours", "final_answers": "False"},
    "a call of a tool": {
        "conversations": SHAREGPT[:1],
        "chosen": {"from": "function_call", "value": '{"name": "find", "arguments": {"code": "A1"}}'},
        "rejected": SHAREGPT[1],
    },
    "a setting": {"messages": HI, "metadata": {"output": "raw"}},
    "nothing": {"messages": HI, "rejected": "", "response": None, "replies": []},
    "branches that the reader counts": {
        "message_tree_id": "t",
        "prompt": {
            "message_id": "t",
            "text": "Hi",
            "role": "prompter",
            "replies": [
                {"message_id": "u", "text": "Hello", "role": "assistant", "rank": 0},
                {"message_id": "v", "text": BUS, "role": "assistant", "rank": 1},
            ],
        },
    },
}


@pytest.mark.parametrize("record", READ.values(), ids=READ.keys())
def test_no_false_alarm(tmp_path, record):
    _, problems = read(tmp_path, json.dumps(record))
    assert [problem for problem in problems if not problem.kept] == []


def test_the_texts_of_a_file_are_one_message_for_each_place(tmp_path):
    records = [{"messages": HI}, *({"messages": HI, "rejected": [BUS, "No idea."]} for _ in range(3))]
    conversations, problems = read(tmp_path, "\n".join(map(json.dumps, records)))
    assert len(conversations) == 4
    assert told(tmp_path, problems) == [
        ("log.txt:2: 6 texts under 'rejected' are in no turn, in 3 records, first here", False)
    ]


def test_deep_and_hostile_records_are_no_trouble(tmp_path):
    deep = BUS
    for _ in range(300):
        deep = {"replies": [deep]}
    record = {"messages": HI, "children": deep, "\x00 output": BUS, "x" * 500: {"answer": BUS}}
    _, problems = read(tmp_path, json.dumps(record))
    assert len([problem for problem in problems if not problem.kept]) == 2


@pytest.mark.parametrize("command", ["import", "inspect"])
def test_the_exit_code_is_1(tmp_path, monkeypatch, command):
    monkeypatch.setenv("CONVEXPLAIN_DB", str(tmp_path / "store.db"))
    path = write(tmp_path, json.dumps({"messages": HI, "discarded_answer": BUS}))
    result = CliRunner().invoke(cli, ["logs", command, str(path)], standalone_mode=False)
    assert result.return_value == 1
    assert "1 text under 'discarded_answer' is in no turn" in result.output


def test_a_look_at_the_first_conversations_says_it_too(tmp_path):
    path = write(tmp_path, "\n".join([json.dumps({"messages": HI, "discarded_answer": BUS})] * 5))
    (problem,) = inspect_log(path, limit=2).problems
    assert problem.reason == "2 texts under 'discarded_answer' are in no turn, in 2 records, first here"


def test_texts_that_are_too_many_to_be_compared_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(claimed_texts, "_MAX_SEARCHED", 0)
    _, problems = read(tmp_path, json.dumps({"messages": HI, "rejected": [BUS, "Hello"]}))
    assert told(tmp_path, problems) == [
        ("log.txt: 1 text was not compared with the turns: there are too many", True)
    ]
