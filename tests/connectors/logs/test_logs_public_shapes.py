"""Shapes of logs that stand in public repositories, each written anew: their conversations, and what is left out."""

import json
import re

import pytest

from .reading import read, said, told


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def test_pairs_of_text_generation_webui(tmp_path):
    chat = {
        "internal": [["<|BEGIN-VISIBLE-CHAT|>", "What shall we cook?"], ['Some "leeks"', "A leek risotto."]],
        "visible": [["", "What shall we cook?"], ["Some &quot;leeks&quot;", "A leek risotto."]],
        "metadata": {
            "user_1": {"timestamp": "May 02, 2024 10:01"},
            "assistant_1": {"timestamp": "?", "versions": [{"content": "Soup."}, {"content": "A leek risotto."}]},
        },
    }
    [conversation], problems = read(tmp_path, json.dumps(chat), "a.json")
    assert said(conversation) == [
        ("assistant", "What shall we cook?"),
        ("user", 'Some "leeks"'),
        ("assistant", "A leek risotto."),
    ]
    assert [str(turn.at) for turn in conversation.turns] == ["None", "2024-05-02 10:01:00", "None"]
    assert told(tmp_path, problems) == [("a.json:1: left out: 1 version of answers", True)]


def test_tau_bench_has_calls_and_the_reward_as_a_label(tmp_path):
    call = {"id": "c1", "type": "function", "function": {"name": "cancel", "arguments": '{"id": "Q7"}'}}
    messages = [
        {"role": "user", "content": "Cancel Q7."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "name": "cancel", "content": "done"},
        {"role": "assistant", "content": "Q7 is cancelled."},
        {"role": "user", "content": "###STOP###"},
    ]
    good = {"task_id": 3, "trial": 1, "reward": 1.0, "info": {"user_cost": 0.5}, "traj": messages}
    bad = {"task_id": 4, "trial": 1, "reward": 0.0, "info": {"error": "EOF"}, "traj": []}
    [conversation], problems = read(tmp_path, json.dumps([good, bad]), "a.json")
    assert (conversation.id, conversation.metadata) == ("3-1", {"info": {"user_cost": 0.5}})
    assert said(conversation) == [
        ("user", "Cancel Q7."),
        ("assistant", '[tool call cancel({"id": "Q7"})]'),
        ("tool", "done"),
        ("assistant", "Q7 is cancelled."),
        ("user", "###STOP###"),
    ]
    assert conversation.turns[3].metadata == {"ratings": [{"name": "reward", "score": 1.0, "label": "1.0"}]}
    assert told(tmp_path, problems) == [("a.json:2: the task has no messages: EOF", False)]


def test_swe_agent_without_its_demonstrations(tmp_path):
    step = {"role": "assistant", "content": "I list them.\nls", "thought": "I list them.", "action": "ls"}
    history = [
        {"role": "system", "content": "You are a programmer."},
        {"role": "user", "content": "An example run", "is_demo": True},
        {"role": "user", "content": "It fails."},
        step,
        {"role": "user", "content": "setup.py"},
    ]
    run = {
        "environment": "e",
        "trajectory": [{"response": "I list them.\nls", "observation": "setup.py", "thought": "I list them."}],
        "history": history,
        "info": {"exit_status": "submitted"},
    }
    [conversation], problems = read(tmp_path, json.dumps(run), "a.traj")
    assert [role for role, _ in said(conversation)] == ["system", "user", "assistant", "user"]
    assert conversation.turns[2].content == "I list them.\nls"
    assert conversation.metadata == {"environment": "e", "info": {"exit_status": "submitted"}}
    assert told(tmp_path, problems) == [("a.traj:1: left out: demonstrations in the prompt (1)", True)]


@pytest.mark.parametrize("nested", [True, False])
def test_drivers_are_users(tmp_path, nested):
    turns = [("driver", "Will it rain?"), ("assistant", "No.")]
    dialogue = [
        {"turn": who, **({"data": {"utterance": text}} if nested else {"utterance": text})} for who, text in turns
    ]
    [conversation], problems = read(tmp_path, json.dumps([{"dialogue": dialogue, "scenario": {"uuid": "u1"}}]))
    assert (conversation.id, said(conversation), problems) == (
        "u1",
        [("user", "Will it rain?"), ("assistant", "No.")],
        [],
    )


def test_empathetic_dialogues_are_grouped_ordered_and_have_commas(tmp_path):
    table = (
        "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags\n"
        "c1,2,proud,I won.,12,How long did you train?,5,\n"
        "c1,1,proud,I won.,11,I won_comma_ at last!,5,\n"
        "c2,1,sad,I lost.,21,I lost my keys.,3,\n"
    )
    conversations, problems = read(tmp_path, table, "a.csv")
    assert [said(conversation) for conversation in conversations] == [
        [("user", "I won, at last!"), ("assistant", "How long did you train?")],
        [("user", "I lost my keys.")],
    ]
    assert conversations[0].turns[0].metadata == {
        "context": "proud",
        "prompt": "I won.",
        "speaker_idx": "11",
        "selfeval": "5",
    }
    assert told(tmp_path, problems) == [
        ("a.csv: the log does not say who speaks: the first speaker is taken for the user", True)
    ]


def direct(user, text, at):
    return {"type": "direct_post", "direct_post": {"channel_members": ["mia", "helper"], **post(user, text, at)}}


def post(user, text, at, **more):
    return {"user": user, "message": text, "create_at": at, **more}


def in_channel(user, text, at, **more):
    return {"type": "post", "post": {"team": "shop", "channel": "help", **post(user, text, at, **more)}}


def test_mattermost_has_threads_channels_and_direct_messages(tmp_path):
    replies = [post("helper", "In this channel.", 1714557660000), post("mia", "Thanks.", 1714557720000)]
    records = [
        {"type": "version", "version": 1},
        {"type": "user", "user": {"username": "helper", "is_bot": True}},
        in_channel("mia", "Where is the list?", 1714557600000, replies=replies),
        in_channel("mia", "mia joined", 1714557500000, type="system_join_channel"),
        in_channel("mia", "Second?", 1714557900000),
        in_channel("helper", "First!", 1714557800000, attachments=[{"path": "plan.pdf"}]),
        direct("mia", "Remind me.", 1714557600000),
        direct("helper", "I will.", 1714557601000),
    ]
    conversations, problems = read(tmp_path, lines(*records), "a.jsonl")
    assert {conversation.id: said(conversation) for conversation in conversations} == {
        "shop/help/1714557600000": [
            ("user", "Where is the list?"),
            ("assistant", "In this channel."),
            ("user", "Thanks."),
        ],
        "shop/help": [("assistant", "First!\n[file: plan.pdf]"), ("user", "Second?")],
        "helper, mia": [("user", "Remind me."), ("assistant", "I will.")],
    }
    assert conversations[0].turns[0].name == "mia"
    assert told(tmp_path, problems) == [("a.jsonl: left out: 1 message of the program", True)]


def test_mattermost_without_bots_asks(tmp_path):
    records = [direct("mia", "Hi", 1714557600000), direct("helper", "Hello", 1714557601000)]
    conversations, problems = read(tmp_path, lines(*records), "a.jsonl")
    assert (conversations, len(problems)) == ([], 1)
    assert "Name the assistant, for example add: --assistant helper" in problems[0].reason
    [conversation], _ = read(tmp_path, lines(*records), "a.jsonl", assistant=["helper"])
    assert said(conversation) == [("user", "Hi"), ("assistant", "Hello")]


AIDER = """
# aider chat started at 2025-10-20 21:49:17

> Aider v0.86.1

#### /add config.py
> Added config.py to the chat

#### Where is the limit?
#### Show the line.

Here:

```python
#### not a question
> not the program
```

> Tokens: 2k sent
> Applied edit

It is used once.

#### /ask why 30?

Because it is short.

# aider chat started at 2025-10-21 09:00:00

> Aider v0.86.1

# aider chat started at 2025-10-22 09:00:00

#### Thanks

You are welcome.
"""


def test_aider_has_users_in_headings_and_leaves_the_program_out(tmp_path):
    conversations, problems = read(tmp_path, re.sub(r"(?m)^([#>].*)$", r"\1  ", AIDER), ".aider.chat.history.md")
    code = "```python\n#### not a question  \n> not the program  \n```"
    assert [said(conversation) for conversation in conversations] == [
        [
            ("user", "Where is the limit?\nShow the line."),
            ("assistant", f"Here:\n\n{code}\n\nIt is used once."),
            ("user", "why 30?"),
            ("assistant", "Because it is short."),
        ],
        [("user", "Thanks"), ("assistant", "You are welcome.")],
    ]
    assert conversations[0].metadata == {"began": "2025-10-20 21:49:17"}
    assert told(tmp_path, problems) == [
        (".aider.chat.history.md:2: left out: 4 lines of the program, 1 command to the program", True)
    ]


def sample(doc_id, prompt, answers, **more):
    return {
        "doc_id": doc_id,
        "doc": {"question": "How many?", "answer": "#### 4"},
        "target": "4",
        "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": {"until": ["\n"]}}},
        "resps": [answers],
        "filtered_resps": ["4"],
        "metrics": ["exact_match"],
        "exact_match": 1.0,
        "filter": "strict-match",
        **more,
    }


def test_lm_eval_has_a_conversation_an_answer_and_the_metrics_of_all_filters(tmp_path):
    chat = json.dumps([{"role": "system", "content": "Be short."}, {"role": "user", "content": "How many?"}])
    records = [
        sample(0, "Q: How many?", ["It is 4."]),
        sample(0, "Q: How many?", ["It is 4."], exact_match=0.0, filter="flexible-extract"),
        sample(1, chat, ["4", "Four"]),
        sample(2, "Q", ["no"], arguments={"gen_args_0": {"arg_0": "Q", "arg_1": " A"}}, resps=[[["-0.5", "True"]]]),
    ]
    conversations, problems = read(tmp_path, lines(*records), "a.jsonl")
    assert {conversation.id: said(conversation) for conversation in conversations} == {
        "0": [("user", "Q: How many?"), ("assistant", "It is 4.")],
        "1-1": [("system", "Be short."), ("user", "How many?"), ("assistant", "4")],
        "1-2": [("system", "Be short."), ("user", "How many?"), ("assistant", "Four")],
    }
    assert [(label["name"], label["score"]) for label in conversations[0].turns[-1].metadata["ratings"]] == [
        ("exact_match, strict-match", 1.0),
        ("exact_match, flexible-extract", 0.0),
    ]
    assert "ratings" not in conversations[1].turns[-1].metadata
    assert told(tmp_path, problems) == [
        ("a.jsonl:4: the sample has no answer in words: it compares the probabilities of choices", False),
        ("a.jsonl:1: left out: the task's own record, 'doc' (so in 3 conversations, first here)", True),
    ]


def palm(instances, predictions):
    return {"instances": instances, "predictions": predictions, "parameters": {"temperature": 0.2}}


@pytest.mark.parametrize(
    ("record", "turns", "remarks"),
    [
        (
            palm(
                [
                    {
                        "context": "About fish.",
                        "messages": [
                            {"author": "ann", "content": "How deep?"},
                            {"author": "fishbot", "content": "600 m."},
                            {"author": "ann", "content": "In winter?"},
                        ],
                    }
                ],
                [{"candidates": [{"author": "fishbot", "content": "100 m."}, {"content": "90 m."}]}],
            ),
            [
                [
                    ("system", "About fish."),
                    ("user", "How deep?"),
                    ("assistant", "600 m."),
                    ("user", "In winter?"),
                    ("assistant", "100 m."),
                ]
            ],
            ["of 2 candidates the first is read"],
        ),
        (
            palm([{"prompt": "A fish?"}, {"prompt": "A bird?"}], [{"content": "Cod."}]),
            [[("user", "A fish?"), ("assistant", "Cod.")], [("user", "A bird?")]],
            ["1 instance has no prediction"],
        ),
        (
            {"instance": {"prompt": "A fish?"}, "predictions": [{"content": "Cod."}], "status": ""},
            [[("user", "A fish?"), ("assistant", "Cod.")]],
            [],
        ),
        (
            palm(
                [{"messages": [{"role": "user", "content": "A fish?"}]}],
                {"choices": [{"message": {"role": "assistant", "content": "Cod."}}]},
            ),
            [[("user", "A fish?"), ("assistant", "Cod.")]],
            [],
        ),
    ],
)
def test_instances_go_with_predictions(tmp_path, record, turns, remarks):
    conversations, problems = read(tmp_path, json.dumps(record), "a.json")
    assert [said(conversation) for conversation in conversations] == turns
    assert [(problem.reason, problem.kept) for problem in problems] == [(remark, True) for remark in remarks]


@pytest.mark.parametrize(
    ("scores", "preferred"), [((0.5, -0.5), [True, False]), ((-1, 1), [True, False]), ((0, 0), [None, None])]
)
def test_webgpt_prefers_the_higher_score(tmp_path, scores, preferred):
    record = {
        "question": {"id": "q1", "full_text": "Why is snow white?"},
        "answer_0": "It scatters light.",
        "score_0": scores[0],
        "quotes_0": {"title": ["Snow"], "extract": ["Crystals scatter light."]},
        "answer_1": "It is cold.",
        "score_1": scores[1],
        "quotes_1": {"title": [], "extract": []},
    }
    conversations, problems = read(tmp_path, lines(record), "a.jsonl")
    assert [conversation.metadata.get("preferred") for conversation in conversations] == preferred
    best = "It is cold." if scores[1] > scores[0] else "It scatters light."
    assert said(conversations[0]) == [("user", "Why is snow white?"), ("assistant", best)]
    assert problems == []


def session(own, *messages):
    return {"id": own, "topic": "Plants", "memoryPrompt": "", "messages": list(messages), "mask": {"context": []}}


def test_backups_of_nextchat_are_read(tmp_path):
    messages = [{"id": "1", "role": "user", "content": "Hi"}, {"id": "2", "role": "assistant", "content": "Hello"}]
    backup = {
        "chat-next-web-store": {"sessions": [session("a", *messages), session("b", *messages)], "lastInput": ""},
        "app-config": {"theme": "auto"},
    }
    conversations, problems = read(tmp_path, json.dumps(backup), "a.json")
    assert [(one.id, said(one)) for one in conversations] == [
        (name, [("user", "Hi"), ("assistant", "Hello")]) for name in "ab"
    ]
    assert problems == []


def test_the_prompts_of_a_mask_come_first(tmp_path):
    prompts = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Which plant?"}]
    asked = session("a", {"id": "1", "role": "assistant", "content": "A fern."}) | {
        "mask": {"name": "Gardener", "context": prompts}
    }
    [conversation], problems = read(tmp_path, json.dumps(asked), "a.json")
    assert said(conversation) == [("system", "Be short."), ("user", "Which plant?"), ("assistant", "A fern.")]
    assert problems == []


def test_flowise_exports_are_read(tmp_path):
    messages = [
        {"role": "user", "content": "Do you ship?", "time": "2024-05-02T10:00:00.000Z"},
        {"role": "bot", "content": "Yes.", "time": "2024-05-02T10:00:04.000Z", "feedback": "short"},
    ]
    record = {"id": "c1", "source": "UI", "sessionId": "c1", "memoryType": "Buffer Memory", "messages": messages}
    [conversation], problems = read(tmp_path, json.dumps([record]), "a.json")
    assert (conversation.id, said(conversation)) == ("c1", [("user", "Do you ship?"), ("assistant", "Yes.")])
    assert (conversation.turns[1].metadata, problems) == ({"feedback": "short"}, [])


@pytest.mark.parametrize("parts", [["Hi"], "Hi"])
def test_histories_of_gemini_may_have_plain_parts(tmp_path, parts):
    history = [{"role": "user", "parts": parts}, {"role": "model", "parts": ["Hello"]}]
    [conversation], problems = read(tmp_path, json.dumps(history), "a.json")
    assert (said(conversation), problems) == ([("user", "Hi"), ("assistant", "Hello")], [])
