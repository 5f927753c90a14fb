"""Answers and branches that no reader takes are counted in a message; what was read is not."""

import json
import re

import pytest
from click.testing import CliRunner

from convexplain.cli.main import cli
from convexplain.connectors.logs import LOG_FORMATS, inspect_log
from convexplain.connectors.logs.engine import claimed_texts

from .balance import counted, in_place, planted, read_with_asides
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

CALL = [{"who": "user", "words": "Hi"}, {"who": "bot", "words": "Hello"}]

MAPS = {
    "log": "turns=log, role=who, content=words",
    "calls": "records=calls, turns=log, role=who, content=words",
    "call": "id=call, role=who, content=words",
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
    "beside wrapped records": ({"data": [{"messages": HI}, {"messages": HI}], "answer": BUS}, "answer"),
    "beside mapped records": ({"calls": [{"log": CALL}], "answer": BUS}, "answer"),
    "below a message of many": ([HI[0] | {"session_id": 1}, HI[1] | {"session_id": 1, "drafts": [BUS]}], "drafts"),
    "a map": ({"log": CALL, "answer": BUS}, "answer"),
    "a row by a map": (
        [{"call": 1, **turn, "alternatives": [BUS] * (turn == CALL[1])} for turn in CALL],
        "alternatives",
    ),
}


@pytest.mark.parametrize(("record", "place"), PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_answer_is_counted(tmp_path, record, place):
    keys = set(record if isinstance(record, dict) else record[0])
    field_map = next((text for name, text in MAPS.items() if name in keys), None)
    _, problems = read(tmp_path, json.dumps(record), map=field_map)
    assert [str(x).split(": ", 1)[1] for x in problems if not x.kept] == [f"1 text under {place!r} is in no turn"]


LONG = {
    "beside the turns": ({"messages": HI, "journey": {"steps": [{"remark": BUS * 100}]}}, "journey.steps[*].remark"),
    "in a setting": ({"messages": HI, "config": {"prompt": BUS * 100}}, "config.prompt"),
    "in a text of JSON": (
        {"messages": HI, "trail": {"body": json.dumps({"aside": BUS}), "raw": "x" * 3000}},
        "trail.body.aside",
    ),
    "beside wrapped records": ({"data": [{"messages": HI}], "about": BUS}, "about"),
    "without blanks": ({"messages": HI, "x": [["四号巴士十分钟后到达车站，请您在站台上稍等。"] * 200]}, "x[*][]"),
}


@pytest.mark.parametrize(("record", "place"), LONG.values(), ids=LONG.keys())
def test_a_long_text_is_a_remark_with_its_characters(tmp_path, record, place):
    _, problems = read(tmp_path, json.dumps(record, ensure_ascii=False))
    (reason,) = [problem.reason for problem in problems if problem.kept]
    assert re.fullmatch(rf".* in no turn and no metadata: {re.escape(repr(place))} \([\d,]+\)", reason)


def test_the_remark_on_long_texts_counts_to_the_character(tmp_path):
    records = [{"messages": HI, "trail": {"note": [BUS, "It leaves at noon from here."], "log": [BUS] * 99}}] * 2
    _, problems = read(tmp_path, "\n".join(map(json.dumps, records)))
    assert told(tmp_path, problems) == [  # BUS has 25 characters, the other text 28
        (
            "log.txt:1: 202 texts of 5,056 characters are in no turn and no metadata: 'trail.log[*]' (4,950), "
            "'trail.note[*]' (106)",
            True,
        )
    ]


LABELS = {
    "of a turn": ({"messages": [HI[0], HI[1] | {"info": {"rating": 4, "log": "x" * 3000}}]}, "messages[*].info.rating"),
    "a word": ({"prompt": "Hi", "response": "Hello", "eval": {"feedback": "good", "raw": "x" * 3000}}, "eval.feedback"),
    "of many raters": ({"messages": HI, "review": {"scores": [1, 5, 4], "raw": "x" * 3000}}, "review.scores"),
    "by its name": ({"messages": HI, "review": {"score": {"tone": 3}, "raw": "x" * 3000}}, "review.score.tone"),
}


@pytest.mark.parametrize(("record", "place"), LABELS.values(), ids=LABELS.keys())
def test_a_label_that_is_not_read_is_counted(tmp_path, record, place):
    _, problems = read(tmp_path, json.dumps(record))
    number = 3 if place.endswith("scores") else 1
    count, verb = (f"{number} labels", "were") if number > 1 else ("1 label", "was")
    assert [(problem.reason, problem.kept) for problem in problems] == [
        (f"{count} under {place!r} {verb} not read", False)
    ]


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
    "labels in the metadata": {
        "messages": HI,
        "rating": 4,
        "feedback": {"thumbs": "up", "comment": "Very kind of you."},
    },
    "scores of a program": {"messages": HI, "trace": {"confidence_score": 0.5, "raw": "x" * 3000}},
    "captions": {"messages": HI, "form": {"buttons": [{"label": "Yes"}], "raw": "x" * 3000}},
    "dates and addresses": {"messages": HI, "trace": ["https://a.b/c d", "2024-05-01 10:00:00 +0100", "x" * 3000]},
    "a text without its line ends": {
        "messages": HI,
        "trace": {"created": "Mon, 01 Jan 2024 10:00:00 GMT", "raw": "x" * 3000},
    },
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
    assert problems == [] or "other branches" in problems[0].reason


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
    assert told(tmp_path, problems) == [("log.txt: 1 text was not compared with the turns: there are too many", True)]


def _records(example):
    try:
        return [json.loads(example)]
    except ValueError:
        return [json.loads(line) for line in example.splitlines()]


RECORDS = [form for form in LOG_FORMATS.records if form.has_records and form.name != "csv"]


@pytest.mark.parametrize("form", RECORDS, ids=lambda form: form.name)
def test_every_planted_text_is_read_kept_or_counted_to_the_character(tmp_path, form):
    sentences = []
    records = [planted(record, sentences) for record in _records(form.example)]
    path = write(tmp_path, "\n".join(map(json.dumps, records)))
    conversations, problems, asides = read_with_asides(path, format=form.name)
    lost = sum(map(len, set(sentences) - in_place(conversations, asides)))
    assert counted(problems) == (lost, 0)
