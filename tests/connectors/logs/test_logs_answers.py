"""Data sets of prompts with answers: the conversations, the pairs and the labels that they give."""

import json

import pytest

from convexplain.connectors.logs.engine.registry import format_of

from .reading import HI_SAID, read, said

QUESTION = {"role": "user", "content": "Hi"}
PROMPT = [("user", "One?"), ("assistant", "Uno."), ("user", "Two?")]
MARKED = "One?\n<extra_id_1>Assistant\nUno.\n<extra_id_1>User\nTwo?"
RATED = {"helpfulness": 3, "correctness": 4, "coherence": 0, "complexity": 1, "verbosity": 1}
SAFE = {"prompt": "Hi", "response_0": "Hello", "response_1": "What?"}


def conversations_of(folder, *records):
    conversations, problems = read(folder, "".join(json.dumps(record) + "\n" for record in records))
    assert [problem for problem in problems if not problem.kept] == []
    return conversations


def labels(conversation):
    return [
        (one["name"], one.get("rubric"), one["score"]) for one in conversation.turns[-1].metadata.get("ratings", [])
    ]


def test_an_instruction_has_its_input_and_its_history(tmp_path):
    record = {
        "instruction": "Name it.",
        "input": "A river.",
        "output": "The Elbe.",
        "system": "Be brief.",
        "history": [["One?", "Uno."]],
    }
    [conversation] = conversations_of(tmp_path, record)
    assert said(conversation) == [
        ("system", "Be brief."),
        ("user", "One?"),
        ("assistant", "Uno."),
        ("user", "Name it.\n\nA river."),
        ("assistant", "The Elbe."),
    ]
    assert conversation.metadata == {}


def test_dolly_keeps_its_category(tmp_path):
    record = {"instruction": "Who?", "context": "Goethe lived.", "response": "Goethe.", "category": "qa"}
    [conversation] = conversations_of(tmp_path, record)
    assert said(conversation) == [("user", "Who?\n\nGoethe lived."), ("assistant", "Goethe.")]
    assert conversation.metadata == {"category": "qa"}


@pytest.mark.parametrize("prompt", [MARKED, "\n\nHuman: One?\n\nAssistant: Uno.\n\nHuman: Two?\n\nAssistant: "])
def test_marks_in_a_prompt_divide_it(tmp_path, prompt):
    [conversation] = conversations_of(tmp_path, {"prompt": prompt, "response": "Dos.", **RATED})
    assert said(conversation) == [*PROMPT, ("assistant", "Dos.")]


ANSWERED = {"prompt": "Hi", "response": "Hello"}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        # 3 of 0 to 4; complexity and verbosity have no good end
        (
            {**ANSWERED, **RATED},
            [("helpfulness", "helpfulness", 0.75), ("correctness", None, 1), ("coherence", None, 0)],
        ),
        ({**ANSWERED, "category": {}, "is_safe": False}, [("is_safe", "harm", 0)]),
        ({**ANSWERED, "response_harm_label": "unharmful"}, [("response_harm_label", "harm", 1)]),
        ({"prompt": "Hi", "completion": "Hello", "label": False}, [("label", None, 0)]),
        ({"messages": [QUESTION, {"role": "assistant", "content": "Hello"}], "kto_tag": True}, [("kto_tag", None, 1)]),
        ({"instruction": "Hi", "output": "Hello", "kto_tag": True}, [("kto_tag", None, 1)]),
        (
            {
                "instruction": "Hi",
                "completions": [
                    {
                        "response": "Hello",
                        "annotations": {"helpfulness": {"Rating": "4"}, "honesty": {"Rating": "N/A"}},
                    }
                ],
            },
            [("helpfulness", "helpfulness", 0.75)],
        ),
    ],
)
def test_ratings_become_labels_of_the_answer(tmp_path, record, expected):
    [conversation] = conversations_of(tmp_path, record)
    assert said(conversation) == HI_SAID
    assert labels(conversation) == expected


def test_ratings_of_several_people_are_kept_apart(tmp_path):
    [conversation] = conversations_of(tmp_path, {**ANSWERED, **RATED, "helpfulness": [4, 0]})
    ratings = [(one["score"], one.get("rater")) for one in conversation.turns[-1].metadata["ratings"]]
    assert ratings == [(1, "1"), (0, "2"), (1, None), (0, None)]


HELLO, WHAT = {"from": "gpt", "value": "Hello"}, {"from": "gpt", "value": "What?"}
OUTPUT = [[{"role": "assistant", "content": text}] for text in ("Hello", "What?")]
HELP_STEER = {"context": [QUESTION], "response1": "What?", "response2": "Hello"}


@pytest.mark.parametrize(
    "record",
    [
        {"instruction": "Hi", "input": "", "chosen": "Hello", "rejected": "What?"},
        {"question": "Hi", "system": "", "chosen": "Hello", "rejected": "What?"},
        {"conversations": [{"from": "human", "value": "Hi"}], "system": "", "chosen": HELLO, "rejected": WHAT},
        {"messages": [QUESTION], "chosen": OUTPUT[0][0], "rejected": OUTPUT[1][0]},
        {"messages": [QUESTION], "chosen": [QUESTION, OUTPUT[0][0]], "rejected": [QUESTION, OUTPUT[1][0]]},
        {"input": {"messages": [QUESTION]}, "preferred_output": OUTPUT[0], "non_preferred_output": OUTPUT[1]},
        {**HELP_STEER, "overall_preference": 2},
        {"prompt": "Hi", "response_1": "Hello", "response_2": "What?", "preference_strength": -3},
        {**SAFE, "better_response_id": 0, "safer_response_id": 1},
        {"history": "Hi", "human_ref_A": "What?", "human_ref_B": "Hello", "labels": 0},
        {"prompt": "Hi", "chosen": ["Hello"], "rejected": ["What?"]},
        {"system": "", "input": "Hi", "generations": ["Hello", "What?"], "chosen": "Hello", "rejected": "What?"},
        {"trajectory": [{"from": "user", "value": "Hi"}], "chosen": "Hello", "rejected": "What?"},
        {"prompt": '["Hi"]', "response_a": '["What?"]', "response_b": '["Hello"]', "winner_model_b": 1},
        {
            "context": [QUESTION],
            "original_response": "a",
            "good_edited_response": "Hello",
            "bad_edited_response": "What?",
        },
        {
            "prompt": "\n\nHuman: Hi\n\nAssistant: ",
            "answers": [{"answer": "What?", "rank": 2}, {"answer": "Hello", "rank": 1}],
        },
    ],
)
def test_a_preference_gives_a_pair(tmp_path, record):
    pair = [one for one in conversations_of(tmp_path, record) if "pair" in one.metadata]
    conversations = sorted(pair, key=lambda conversation: not conversation.metadata["preferred"])
    assert [said(conversation)[-1][1] for conversation in conversations] == ["Hello", "What?"]
    assert [said(conversation)[:-1] for conversation in conversations] == [[("user", "Hi")]] * 2
    assert [conversation.metadata["preferred"] for conversation in conversations] == [True, False]
    assert len({conversation.metadata["pair"] for conversation in conversations}) == 1


def test_without_a_preference_there_is_no_pair(tmp_path):
    conversations = conversations_of(tmp_path, {**HELP_STEER, "overall_preference": 0})
    assert [said(conversation)[-1][1] for conversation in conversations] == ["What?", "Hello"]
    assert not any("pair" in conversation.metadata for conversation in conversations)


def test_the_safety_of_each_answer_is_its_own_label(tmp_path):
    record = {**SAFE, "better_response_id": 1, "is_response_0_safe": False, "is_response_1_safe": True}
    conversations = conversations_of(tmp_path, record)
    assert [(said(one)[-1][1], labels(one)) for one in conversations] == [
        ("What?", [("is_safe", "harm", 1)]),
        ("Hello", [("is_safe", "harm", 0)]),
    ]


def test_of_many_answers_all_are_read_and_two_are_the_pair(tmp_path):
    conversations = conversations_of(tmp_path, {"prompt": "Hi", "chosen": ["a"], "rejected": ["b", "c"]})
    assert [(said(one)[-1][1], one.metadata.get("preferred")) for one in conversations] == [
        ("a", True),
        ("b", False),
        ("c", None),
    ]


def test_tools_of_a_preference_are_kept(tmp_path):
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    record = {
        "input": {"messages": [QUESTION], "tools": tools, "parallel_tool_calls": True},
        "preferred_output": OUTPUT[0],
        "non_preferred_output": OUTPUT[1],
    }
    assert conversations_of(tmp_path, record)[0].metadata["tools"] == tools


DIALOGUE = [("user", "Hi"), ("assistant", "Hello"), ("user", "More"), ("assistant", "No")]
SPOKEN = [{"speaker": {"assistant": "SYSTEM"}.get(role, "USER"), "utterance": text} for role, text in DIALOGUE]
UTTERANCES = [{"speaker": role.upper(), "text": text} for role, text in DIALOGUE]
LOG = [{"text": text, "metadata": {"taxi": 1} if role == "assistant" else {}} for role, text in DIALOGUE]
SENTENCES = [{"is_agent": role == "assistant", "sentences": [text]} for role, text in DIALOGUE]
EXCHANGE = {"safety_label": "__casual__", "dialogue_id": 7}


@pytest.mark.parametrize(
    ("records", "name"),
    [
        ([{"data": ["Hi", "Hello", "More", "No"]}], "ultrachat"),
        ([{"dialogue_id": "d", "services": [], "turns": SPOKEN}], "schema-guided"),
        ([{"conversation_id": "d", "utterances": UTTERANCES}], "taskmaster"),
        ([{"d": {"goal": {}, "log": LOG}}], "multiwoz"),
        ([{"conversation": [{"input": "Hi", "output": "Hello"}, {"input": "More", "output": "No"}]}], "xtuner"),
        (
            [
                {**EXCHANGE, "context": "More", "response": "No", "response_id": 1},
                {**EXCHANGE, "context": "Hi", "response": "Hello", "response_id": 0},
            ],
            "prosocial",
        ),
        ([{"conversation_id": "d", "dialog": {"turns": SENTENCES}}], "tweetsumm"),
    ],
)
def test_a_dialogue_has_its_turns(tmp_path, records, name):
    assert format_of(records[0]).name == name
    [conversation] = conversations_of(tmp_path, *records)
    assert said(conversation) == DIALOGUE


def test_turns_in_columns_are_turns(tmp_path):
    turns = {"turn_id": ["0", "1"], "speaker": [0, 1], "utterance": ["Hi", "Hello"], "frames": [{}, {}]}
    [conversation] = conversations_of(tmp_path, {"dialogue_id": "d", "services": [], "turns": turns})
    assert (conversation.id, said(conversation)) == ("d", HI_SAID)


def test_answers_that_were_not_chosen_are_counted(tmp_path):
    history = [
        {"turn": 0, "role": "user", "content": "Hi", "if_chosen": None},
        {"turn": 0, "role": "model", "content": "What?", "score": 9, "if_chosen": False},
        {"turn": 0, "role": "model", "content": "Hello", "score": 100, "if_chosen": True},
    ]
    record = {"conversation_id": "c", "conversation_history": history}
    [conversation], [remark] = read(tmp_path, json.dumps(record))
    assert said(conversation) == HI_SAID
    assert labels(conversation) == [("score", None, 1)]
    assert remark.reason == "left out: 1 answer that was not chosen"


def test_prompts_and_answers_in_lists_go_together(tmp_path):
    lists = {"prompt": ["One?", "Two?"], "response_a": ["Uno.", "Dos."], "response_b": ["1", None]}
    first, second = conversations_of(tmp_path, {**lists, "winner_model_a": 0, "winner_tie": 1})
    assert said(first) == [*PROMPT, ("assistant", "Dos.")]
    assert said(second)[1::2] == [("assistant", "1"), ("assistant", "")]
    assert "pair" not in first.metadata


HUMAN = {"from": "human", "value": "Hi"}
HI_HELLO = [QUESTION, *OUTPUT[0]]


@pytest.mark.parametrize(
    "record",
    [
        {"messages": [QUESTION], "response": "Hello"},
        {"messages": [QUESTION], "completion": OUTPUT[0]},
        {"conversations": [HUMAN], "answer": "Hello"},
        {"conversations": [HUMAN], "output": HELLO},
        # the messages end with their answer, and it is beside them again
        {"messages": HI_HELLO, "answer": "Hello"},
    ],
)
def test_an_answer_beside_messages_is_read(tmp_path, record):
    [conversation] = conversations_of(tmp_path, record)
    assert said(conversation) == HI_SAID


@pytest.mark.parametrize(
    "rejected",
    [{"rejected_response": "What?"}, {"rejected": OUTPUT[1]}, {"rejected_messages": [QUESTION, *OUTPUT[1]]}],
)
def test_a_rejected_answer_beside_messages_gives_a_pair(tmp_path, rejected):
    conversations = conversations_of(tmp_path, {"messages": HI_HELLO, **rejected})
    assert [(said(one), one.metadata["preferred"]) for one in conversations] == [
        (HI_SAID, True),
        ([HI_SAID[0], ("assistant", "What?")], False),
    ]
    assert "rejected_response" not in conversations[0].metadata


def test_a_conversation_beside_an_instruction_is_the_longer_text(tmp_path):
    turns = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]
    [conversation] = conversations_of(tmp_path, {"instruction": "Hi", "response": "Hello", "conversations": turns * 2})
    assert said(conversation) == HI_SAID * 2


def test_nested_replies_of_openassistant_are_a_tree(tmp_path):
    reply = {"role": "assistant", "replies": []}
    row = {"message_id": "a", "parent_id": None, "text": "Hi", "role": "prompter"}
    row["replies"] = [
        {**reply, "message_id": "b", "text": "What?", "rank": 1},
        {**reply, "message_id": "c", "text": "Hello", "rank": 0},
    ]
    [conversation] = conversations_of(tmp_path, row)
    assert said(conversation) == HI_SAID
