"""Research data sets of dialogues: their conversations, who speaks, and the labels that they bring."""

import json

import pytest

from convexplain.agreement.label_matching import match_labels
from convexplain.agreement.labels import LabelsFile, LogLabelSettings
from convexplain.rubrics import load_rubric

from .reading import HI, HI_SAID, read, said, told

WHAT = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "What?"}]


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def reasons(problems, *, kept):
    return [problem.reason for problem in problems if problem.kept == kept]


def ratings(conversation):
    return [[(one["label"], one["score"]) for one in turn.metadata.get("ratings", [])] for turn in conversation.turns]


def node(own, role, text, replies=(), **more):
    return {"message_id": own, "role": role, "text": text, "replies": list(replies), **more}


def test_oasst_gives_the_best_path(tmp_path):
    answers = [
        node("b", "assistant", "What?", rank=1),
        node("c", "assistant", "Hello", [node("e", "prompter", "More")], rank=0, created_date="2024-05-01T10:00:00Z"),
        node("d", "assistant", "Never", rank=-1, deleted=True),
    ]
    tree = {"message_tree_id": "t", "tree_state": "ready", "prompt": node("a", "prompter", "Hi", answers, lang="en")}
    found, problems = read(tmp_path, lines(tree))
    assert (found[0].id, found[0].metadata) == ("t", {"tree_state": "ready"})
    assert said(found[0]) == [*HI_SAID, ("user", "More")]
    assert found[0].turns[0].metadata == {"message_id": "a", "lang": "en"}
    assert found[0].turns[1].metadata == {"message_id": "c", "rank": 0}
    assert found[0].turns[1].at is not None
    assert told(tmp_path, problems) == [
        ("log.txt:1: the best-ranked path of a tree; 2 other branches from it are left out", True)
    ]


def test_oasst_messages_are_joined_in_any_order(tmp_path):
    rows = [
        {"message_id": "b", "parent_id": "a", "text": "Hello", "role": "assistant", "rank": 0},
        {"message_id": "a", "parent_id": None, "text": "Hi", "role": "prompter", "message_tree_id": "t"},
        {"message_id": "c", "parent_id": "a", "text": "What?", "role": "assistant", "rank": 1},
        {"message_id": "b", "parent_id": "a", "text": "again", "role": "assistant"},
        {"message_id": "x", "parent_id": "y", "text": "circle", "role": "assistant"},
        {"message_id": "y", "parent_id": "x", "text": "circle", "role": "prompter"},
        {"message_id": "o", "parent_id": "gone", "text": "orphan", "role": "assistant"},
    ]
    found, problems = read(tmp_path, lines(*rows))
    assert [(item.id, said(item)) for item in found] == [("t", HI_SAID), ("o", [("assistant", "orphan")])]
    assert told(tmp_path, problems) == [
        ("log.txt:4: the message 'b' was there before", False),
        ("log.txt:5: the message 'x' is its own ancestor", False),
        ("log.txt:6: the message 'y' is its own ancestor", False),
        ("log.txt:2: the best-ranked path of a tree; 1 other branches from it are left out", True),
        ("log.txt:7: the message that it answers ('gone') is not in the file", True),
    ]


def test_mt_bench_puts_questions_and_answers_together(tmp_path):
    records = [
        {"question_id": 1, "category": "writing", "turns": ["Hi", "And?"], "reference": ["Hello"]},
        {"question_id": 2, "category": "math", "turns": ["1+1?"]},
        {"question_id": 1, "model_id": "m", "choices": [{"index": 0, "turns": ["Hello", "So."]}]},
        {"question_id": 1, "model_id": "n", "choices": [{"index": i, "turns": ["Hello"]} for i in (0, 1)]},
        {"question_id": 9, "model_id": "m", "choices": [{"index": 0, "turns": ["alone"]}]},
    ]
    found, problems = read(tmp_path, lines(*records))
    assert [(item.id, said(item)) for item in found] == [
        ("1-m", [*HI_SAID, ("user", "And?"), ("assistant", "So.")]),
        ("1-n-0", [*HI_SAID, ("user", "And?")]),
        ("1-n-1", [*HI_SAID, ("user", "And?")]),
        ("9-m", [("assistant", "alone")]),
        ("2", [("user", "1+1?")]),
    ]
    assert found[0].metadata == {"question_id": 1, "category": "writing", "reference": ["Hello"], "model_id": "m"}
    assert reasons(problems, kept=True) == [
        "1 answers come without their questions; put the questions into the same file to have both",
        "there are 2 questions and 1 answers (so in 2 conversations, first here)",
    ]


@pytest.mark.parametrize(
    ("winner", "preferred"),
    [("model_a", [True, False]), ("model_b", [False, True]), ("tie", [None, None]), (7, [None, None])],
)
def test_arena_conversations_are_a_pair(tmp_path, winner, preferred):
    record = {
        "question_id": "q",
        "model_a": "m",
        "model_b": "n",
        "winner": winner,
        "conversation_a": HI,
        "conversation_b": WHAT,
    }
    found, problems = read(tmp_path, json.dumps(record), "a.json")
    assert problems == []
    assert [(item.id, item.metadata["model"], item.turns[1].content) for item in found] == [
        ("a-1-a", "m", "Hello"),
        ("a-1-b", "n", "What?"),
    ]
    assert [item.metadata.get("preferred") for item in found] == preferred


def test_a_verdict_on_the_first_turn_is_one_on_the_first_answer(tmp_path):
    record = {"turn": 1, "winner": "model_b", "conversation_a": [*HI, *HI], "conversation_b": WHAT}
    found, problems = read(tmp_path, json.dumps(record))
    assert [len(item.turns) for item in found] == [2, 2]
    assert reasons(problems, kept=True) == ["the verdict is on the first answer; 2 later turns are left out"]
    pairs = match_labels(
        LabelsFile(), found, problems.append, in_logs=LogLabelSettings([load_rubric("helpfulness")])
    ).preferences
    assert [(pair.chosen.id, pair.rejected.id) for pair in pairs] == [("log-1-b", "log-1-a")]


def test_mt_bench_101(tmp_path):
    record = {"task": "CM", "id": 5, "history": [{"user": "Hi", "bot": "Hello"}, 3, {"user": "And?"}]}
    found, problems = read(tmp_path, lines(record))
    assert (found[0].id, found[0].metadata) == ("5", {"task": "CM"})
    assert said(found[0]) == [*HI_SAID, ("user", "And?")]
    assert reasons(problems, kept=True) == ["exchange 2 is missing"]


def act(own, text, **more):
    return {"id": own, "text": text, **more}


@pytest.mark.parametrize(
    ("dialog", "expected", "names"),
    [
        ([[act("human_evaluator", "Hi"), act("blender", "Hello")]], HI_SAID, ["human_evaluator", "blender"]),
        ([act("bst", "Hello", agent_idx=0), act("Worker 1", "Hi")], HI_SAID[::-1], ["bst", "Worker 1"]),
        ([[act("m1", "Hi"), act("m2", "Hello")]], HI_SAID, ["m1", "m2"]),
        ([[act("user", "Hi"), act("bot", "Hello")]], HI_SAID, [None, None]),
        (
            [[act("context", "I like tea."), act("context", "I like tea.")], [act("human", "Hi"), act("m", "Hello")]],
            [("system", "I like tea."), *HI_SAID],
            [None, None, "m"],
        ),
    ],
)
def test_parlai(tmp_path, dialog, expected, names):
    found, problems = read(tmp_path, json.dumps({"dialog": dialog, "model": "x"}))
    assert said(found[0]) == expected
    assert [turn.name for turn in found[0].turns] == names
    assert found[0].metadata == {"model": "x"}
    doubts = ["neither 'm1' nor 'm2' is surely the user; taken for it: 'm1'"] if names[0] == "m1" else []
    assert reasons(problems, kept=True) == doubts


def test_parlai_the_assistant_may_be_named(tmp_path):
    found, _ = read(tmp_path, json.dumps({"dialog": [act("m1", "Hello"), act("m2", "Hi")]}), assistant=["m1"])
    assert said(found[0]) == HI_SAID[::-1]


def pairing(**more):
    talks = [
        {"speakers": [name, "human"], "dialogue": [act("human", "Hi"), act(name, answer)]}
        for name, answer in (("m", "Hello"), ("n", "What?"))
    ]
    return {
        "is_onboarding": False,
        "speakers_to_eval": ["m", "n"],
        "dialogue_ids": [4, 5],
        "dialogue_dicts": talks,
        **more,
    }


@pytest.mark.parametrize(
    ("record", "preferred"),
    [
        (pairing(), [None, None]),
        ({"pairing_dict": pairing(), "speakerChoice": "n"}, [False, True]),
        (
            {"inputs": [{"pairing_dict": pairing()}], "outputs": {"final_data": [{"speakerChoice": "m"}]}},
            [True, False],
        ),
        ({"pairing_dict": pairing(is_onboarding=True), "speakerChoice": "n"}, [None, None]),
    ],
)
def test_acute_eval(tmp_path, record, preferred):
    found, problems = read(tmp_path, lines(record))
    assert problems == []
    assert [(item.id, said(item)) for item in found] == [
        ("log-1-1", HI_SAID),
        ("log-1-2", [("user", "Hi"), ("assistant", "What?")]),
    ]
    assert [(item.metadata["model"], item.metadata["dialogue_id"]) for item in found] == [("m", "4"), ("n", "5")]
    assert [item.metadata.get("preferred") for item in found] == preferred


def studio(*turns):
    log = [
        {"turn id": n, "user utterance": user, "system response": system, "dialog history": "long"}
        for n, (user, system) in enumerate(turns, 1)
    ]
    return {"original dialog id": "o", "dialog index": 1, "log": log, "prompt": ["Answer."]}


def test_dialogstudio(tmp_path):
    record = {"Set--train--1": studio(("Hi", "Hello"), ("Bye", "")), "Set--train--2": studio(("", "Hello"))}
    found, problems = read(tmp_path, json.dumps(record, indent=1))
    assert problems == []
    assert [(item.id, said(item)) for item in found] == [
        ("Set--train--1", [*HI_SAID, ("user", "Bye")]),
        ("Set--train--2", [("assistant", "Hello")]),
    ]
    assert found[0].metadata == {"original dialog id": "o", "dialog index": 1}
    found, _ = read(tmp_path, lines({**studio(("Hi", "Hello")), "key": "Set--test--7"}))
    assert [(item.id, said(item)) for item in found] == [("Set--test--7", HI_SAID)]


def test_abcd(tmp_path):
    original = [["customer", "Hi"], ["agent", "Hello"], ["action", "account pulled up"]]
    delexed = [
        {"speaker": who, "text": text.lower(), "targets": ["refund", "take_action", "pull-up", ["<name>"], -1]}
        for who, text in original
    ]
    talk = {"convo_id": 7, "scenario": {"flow": "refund"}, "original": original, "delexed": delexed}
    expected = [*HI_SAID, ("tool", "account pulled up")]
    found, problems = read(tmp_path, json.dumps([talk]))
    assert (found[0].id, said(found[0]), problems) == ("7", expected, [])
    targets = {
        "intent": "refund",
        "next_step": "take_action",
        "button": "pull-up",
        "values": ["<name>"],
        "utterance": -1,
    }
    assert found[0].turns[2].metadata == {"targets": targets}
    only = {"convo_id": 8, "delexed": delexed}
    broken = {"convo_id": 9, "original": [["customer"]]}
    found, problems = read(tmp_path, json.dumps({"train": [talk], "dev": [only], "test": []}))
    assert [(item.id, item.metadata["split"]) for item in found] == [("7", "train"), ("8", "dev")]
    assert said(found[1]) == [(role, text.lower()) for role, text in expected]
    found, problems = read(tmp_path, lines(broken, talk))
    assert [item.id for item in found] == ["7"]
    assert told(tmp_path, problems) == [("log.txt:1: turn 1 is no speaker with a text", False)]


def test_topical_chat(tmp_path):
    content = [
        {"agent": "agent_2", "message": "Hi", "sentiment": "Happy", "turn_rating": "Good"},
        {"agent": "agent_1", "message": "Hello", "knowledge_source": ["FS1"], "turn_rating": "Not Good"},
    ]
    record = {"t_1": {"config": "A", "content": content, "conversation_rating": {"agent_1": "Good"}}}
    found, problems = read(tmp_path, json.dumps(record))
    assert [(item.id, said(item)) for item in found] == [("t_1", HI_SAID)]
    assert [turn.name for turn in found[0].turns] == ["agent_2", "agent_1"]
    assert ratings(found[0]) == [[("Good", 0.75)], [("Not Good", 0.25)]]
    assert reasons(problems, kept=True) == ["both speakers are people; taken for the user: 'agent_2', who begins"]
    found, _ = read(tmp_path, json.dumps(record), assistant=["agent_2"])
    assert said(found[0]) == [("assistant", "Hi"), ("user", "Hello")]


def breakdown(label, rater=None, comment=""):
    return {"breakdown": label, "annotator-id": rater, "comment": comment}


DBDC = {
    "dialogue-id": "CIC1",
    "group-id": "",
    "turns": [
        {"turn-index": 0, "speaker": "S", "utterance": "Welcome", "annotations": [], "time": "2017-05-01 10:00:00"},
        {"turn-index": 1, "speaker": "U", "utterance": "Hi", "annotations": []},
        {
            "turn-index": 2,
            "speaker": "S",
            "utterance": "Hello",
            "annotations": [breakdown("O", "x"), breakdown("T"), breakdown("X", "y", "odd"), breakdown("?", "z")],
        },
    ],
}


def test_dbdc_brings_its_labels(tmp_path):
    found, problems = read(tmp_path, json.dumps(DBDC, indent=1), "CIC1.log.json")
    assert (found[0].id, found[0].metadata) == ("CIC1", {})
    assert said(found[0]) == [("assistant", "Welcome"), *HI_SAID]
    assert found[0].turns[0].at is not None
    rated = {"name": "breakdown", "rubric": "helpfulness"}
    assert found[0].turns[2].metadata["ratings"] == [
        {**rated, "score": 1.0, "label": "O", "rater": "x"},
        {**rated, "score": 0.5, "label": "T", "rater": "2"},
        {**rated, "score": 0.0, "label": "X", "rater": "y", "comment": "odd"},
    ]
    assert reasons(problems, kept=True) == ["1 annotations are none of O, T and X and are left out"]


def test_validate_finds_the_labels(tmp_path):
    conture = {"dialog_id": 3, "turns": [{"user": "User: Hi", "chatbot": "Chatbot: Hello", "overall impression": 1}]}
    logs = {
        "dbdc.json": json.dumps(DBDC),
        "conture.json": json.dumps([conture]),
        "uss.txt": "SYSTEM\tHello\t\t\nUSER\tHi\tASK\t5,2\n",
    }
    conversations = [item for name, log in logs.items() for item in read(tmp_path, log, name)[0]]
    problems = []
    found = match_labels(
        LabelsFile(), conversations, problems.append, in_logs=LogLabelSettings([load_rubric("helpfulness")])
    )
    assert problems == []
    assert [
        (rating.conversation_id, rating.turn, rating.rater, rating.label, rating.score) for _, rating in found.rated
    ] == [
        ("CIC1", 2, "2", "T", 0.5),
        ("CIC1", 2, "x", "O", 1.0),
        ("CIC1", 2, "y", "X", 0.0),
        ("3", 1, None, "1", 0.5),
        ("uss-1", 0, "1", "5", 1.0),
        ("uss-1", 0, "2", "2", 0.25),
    ]


@pytest.mark.parametrize(
    ("value", "given", "left_out"),
    [(0, [("0", 0.0)], 0), (2, [("2", 1.0)], 0), ("1", [("1", 0.5)], 0), (None, [], 0), (3, [], 1), (True, [], 1)],
)
def test_conture(tmp_path, value, given, left_out):
    turn = {"user": "User: Hi", "chatbot": "Chatbot: Hello", "overall impression": value}
    record = {"dialog_id": 0, "turns": [turn], "dialog_ratings": [{"coherent": 3}]}
    found, problems = read(tmp_path, json.dumps([record]))
    assert (found[0].id, said(found[0]), ratings(found[0])) == ("0", HI_SAID, [[], given])
    assert found[0].metadata == {"dialog_ratings": [{"coherent": 3}]}
    assert len(problems) == left_out


def test_uss(tmp_path):
    content = (
        "USER\tHi\tGREET\t3,3,3\r\nSYSTEM\tHello\tOFFER\t\r\nUSER\tNo\tDENY\t1,2,9\r\nUSER\tReally\tDENY\t1,1,1\r\n"
        "USER\tOVERALL\t\t2,1\tnot helped\r\n\r\n\r\nSYSTEM\tHello\nno tab here\nUSER\tHi\t\t4"
    )
    found, problems = read(tmp_path, content, "SGD.txt")
    assert [(item.id, said(item)) for item in found] == [
        ("SGD-1", [*HI_SAID, ("user", "No"), ("user", "Really")]),
        ("SGD-2", [("assistant", "Hello"), ("user", "Hi")]),
    ]
    assert ratings(found[0]) == [[], [("1", 0.0), ("2", 0.25)], [], []]
    assert ratings(found[1]) == [[("4", 0.75)], []]
    assert found[0].turns[0].metadata == {"action": "GREET", "satisfaction": [3, 3, 3]}
    assert found[0].metadata == {"overall_satisfaction": [2, 1], "explanation": "not helped"}
    assert told(tmp_path, problems) == [
        ("SGD.txt:9: a line that does not begin with USER or SYSTEM and a tab", False),
        ("SGD.txt:1: 2 turns of the user with labels come after no turn of the system: kept with them", True),
        ("SGD.txt:1: 1 labels are no whole numbers from 1 to 5 and are left out", True),
    ]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"turns": [{"speaker": "S", "utterance": "x", "annotations": []}, 7]}, "turn 2 is no object"),
        ({"turns": [{"speaker": 3.5, "utterance": "x", "annotations": []}]}, "message 1 does not say who speaks"),
        (
            {"turns": [{"speaker": "Q", "utterance": "x", "annotations": []}]},
            "it is not known which of the speakers 'Q",
        ),
        ({"dialog": [{"id": "", "text": "x"}]}, "message 1 does not say who speaks"),
        ({"t": {"content": [{"agent": None, "message": "x"}]}}, "message 1 does not say who speaks"),
        (pairing(speakers_to_eval=["m"]), "'speakers_to_eval' are 1 values, not the names of two speakers"),
        ({"convo_id": 1, "original": []}, "the conversation has no turns"),
        (
            {"message_tree_id": "t", "prompt": node("a", "ghost", "Boo")},
            "it is not known which of the speakers 'gho",
        ),
        ({"history": [{"user": "", "bot": " "}]}, "no turn of the conversation has text"),
    ],
)
def test_a_record_that_cannot_be_read_costs_itself(tmp_path, record, reason):
    found, problems = read(tmp_path, lines({"messages": HI}, record, {"messages": HI}))
    assert len(found) == 2
    missed = [problem for problem in problems if not problem.kept]
    assert [problem.line for problem in missed] == [2]
    assert missed[0].reason.startswith(reason)


def test_every_branch_of_a_tree_of_oasst(tmp_path):
    def reply(name, text, rank, replies=()):
        return {"message_id": name, "text": text, "role": "assistant", "rank": rank, "replies": list(replies)}

    why = {"message_id": "4", "text": "Why?", "role": "prompter", "replies": []}
    prompt = {"message_id": "1", "text": "Hi", "role": "prompter"}
    prompt["replies"] = [reply("2", "What?", 1), reply("3", "Hello", 0, [why])]
    record = json.dumps({"message_tree_id": "t", "prompt": prompt})
    branches, problems = read(tmp_path, record, format="oasst-branches")
    assert [(branch.id, [turn.content for turn in branch.turns]) for branch in branches] == [
        ("t", ["Hi", "Hello", "Why?"]),
        ("t-branch2", ["Hi", "What?"]),
    ]
    assert problems == []


def test_messages_of_oasst_that_hold_their_replies(tmp_path):
    why = {"message_id": "4", "parent_id": "3", "text": "Why?", "role": "prompter", "replies": []}
    replies = [
        {"message_id": "2", "text": "What?", "role": "assistant", "rank": 1, "replies": []},
        {"message_id": "3", "text": "Hello", "role": "assistant", "rank": 0, "replies": [why]},
    ]
    message = {"message_id": "1", "parent_id": None, "text": "Hi", "role": "prompter", "replies": replies}
    (conversation,), problems = read(tmp_path, json.dumps(message))
    assert [turn.content for turn in conversation.turns] == ["Hi", "Hello", "Why?"]
    assert [problem.reason for problem in problems] == [
        "the best-ranked path of a tree; 1 other branches from it are left out"
    ]
