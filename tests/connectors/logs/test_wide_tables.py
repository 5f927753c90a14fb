"""Tables of support desks and wide tables: private rows are left out, numbered columns make up a conversation."""

import json

import pytest

from convexplain.errors import UsageError

from .reading import HI_SAID, read, said, told

EXCHANGES = [("user", "Ship to Norway?"), ("assistant", "Yes."), ("user", "To Iceland?"), ("assistant", "No.")]
WIDE_ROW = "Ship to Norway?,Yes.,To Iceland?,No."
DESK = """Ticket ID,Comment Public,Author Role,Comment
55,true,end-user,My parcel is late.
55,FALSE,agent,The carrier lost it.
55,Yes,admin,It arrives on Friday.
55,true,end-user,And the other one?
55,true,agent,It is here.
56,true,end-user,Where is my invoice?
56,true,agent,It is in your account.
"""


def test_private_comments_of_a_desk_are_left_out(tmp_path):
    [conversation, _], problems = read(tmp_path, DESK, "a.csv")
    assert said(conversation) == [
        ("user", "My parcel is late."),
        ("assistant", "It arrives on Friday."),
        ("user", "And the other one?"),
        ("assistant", "It is here."),
    ]
    assert (conversation.id, conversation.turns[0].metadata) == ("55", {})
    assert told(tmp_path, problems)[1:] == [("a.csv: left out: 1 private message", True)]
    assert 'public="Comment Public"' in problems[0].reason


@pytest.mark.parametrize(
    ("column", "cell"), [("public", "0"), ("is_public", "no"), ("internal", "true"), ("Is Private", "1")]
)
def test_private_rows_of_usual_columns_are_left_out(tmp_path, column, cell):
    other = {"0": "1", "no": "yes", "true": "false", "1": "0"}[cell]
    table = f"id,role,content,{column}\n1,user,Hi,{other}\n1,assistant,Lost it.,{cell}\n1,assistant,Hello,{other}\n"
    [conversation], problems = read(
        tmp_path, table, "a.csv", map=f"id=id, role=role, content=content, private={column}"
    )
    if column in ("internal", "Is Private"):
        assert said(conversation) == HI_SAID
        assert told(tmp_path, problems) == [("a.csv: left out: 1 private message", True)]
    [conversation], problems = read(tmp_path, table.replace("id,role", "chat id,role"), "a.csv")
    assert said(conversation) == HI_SAID
    assert told(tmp_path, problems) == [("a.csv: left out: 1 private message", True)]


def test_private_turns_of_records_are_left_out(tmp_path):
    turns = [
        {"by": "user", "said": "Hi", "kind": {"private": False}},
        {"by": "bot", "said": "Lost it.", "kind": {"private": True}},
        {"by": "bot", "said": "Hello", "kind": {}},
    ]
    field_map = "turns=log, role=by, content=said, private=kind.private"
    records = [{"log": turns}, {"log": turns[1:2]}]
    conversations, problems = read(tmp_path, json.dumps(records), "a.json", map=field_map)
    assert [said(conversation) for conversation in conversations] == [HI_SAID]
    assert [problem.reason for problem in problems if problem.kept][-1] == "left out: 2 private messages"


@pytest.mark.parametrize(
    "header",
    [
        "user_1,bot_1,user_2,bot_2",
        "turn1_user,turn1_assistant,turn2_user,turn2_assistant",
        "Question 1,Answer 1,Question 2,Answer 2",
        "user,assistant,user,assistant",
        "q1,a1,q2,a2",
        "UserMessage1,BotReply1,UserMessage2,BotReply2",
    ],
)
def test_numbered_columns_are_a_conversation(tmp_path, header):
    table = f"id,{header},rating\nc1,{WIDE_ROW},4\nc2,Hi there,Hello,,,5\n"
    first, second = read(tmp_path, table, "a.csv")[0]
    assert (first.id, said(first), first.metadata) == ("c1", EXCHANGES, {"rating": "4"})
    assert (second.id, said(second)) == ("c2", [("user", "Hi there"), ("assistant", "Hello")])


def test_a_greeting_may_be_first_and_the_last_question_without_an_answer(tmp_path):
    record = {"bot_1": "Welcome.", "user_1": "Ship to Norway?", "bot_2": "Yes.", "user_2": "To Iceland?"}
    [conversation], _ = read(tmp_path, json.dumps([record]), "a.json")
    assert said(conversation) == [("assistant", "Welcome."), *EXCHANGES[:3]]
    record = {"user_1": "Ship to Norway?", "bot_1": "Yes.", "user_2": "To Iceland?"}
    [conversation], _ = read(tmp_path, json.dumps([record]), "a.json")
    assert said(conversation) == EXCHANGES[:3]


@pytest.mark.parametrize("header", ["user_1,bot_1,user_3,bot_3", "user_1,bot_1,user_2,answer_2"])
def test_columns_that_are_no_series_are_asked_about(tmp_path, header):
    with pytest.raises(UsageError, match=r"and a person should decide: .+ To read it all the same, add: --map"):
        read(tmp_path, f"{header}\n{WIDE_ROW}\n{WIDE_ROW}\n", "a.csv")


def test_columns_with_one_name_are_all_kept(tmp_path):
    table = "role,content,note,note\nuser,Hi,first,second\nassistant,Hello,,\n"
    [conversation], _ = read(tmp_path, table, "a.csv", map="role=role, content=content")
    assert conversation.turns[0].metadata == {"note": "first", "note_2": "second"}
