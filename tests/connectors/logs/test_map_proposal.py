"""The map that the structure of a log suggests: used where it is clear, asked about where it is not."""

import json
import shlex
from datetime import datetime

import pytest

from convexplain.connectors.logs import inspect_log
from convexplain.errors import UsageError

from .reading import HI, HI_SAID, read, said, write

CLIENT, AGENT = {"speaker": "customer", "text": "Hi"}, {"speaker": "agent", "text": "Hello"}


def chat(who, what, *people):
    return [{who: person, what: text} for person, text in zip(people or ("user", "bot"), ("Hi", "Hello"), strict=True)]


def typed(value):
    """A value as DynamoDB exports it."""
    if isinstance(value, dict):
        return {"M": {key: typed(inner) for key, inner in value.items()}}
    return {"L": [typed(inner) for inner in value]} if isinstance(value, list) else {"S": value}


SURE = [
    ({"call_id": "7", "transcript": [CLIENT, AGENT]}, "turns=transcript, role=speaker, content=text, id=call_id"),
    ({"conversation": {"id": "c", "messages": HI}, "rating": 4}, "records=conversation"),
    ({"detail": {"payload": {"messages": HI}}}, "records=detail.payload"),
    ({"exported": "today", "list": [{"messages": HI}]}, "records=list[*]"),
    ({"id": 1, "said": [["user", "Hi"], ["bot", "Hello"]]}, "turns=said, role=[0], content=[1], id=id"),
    ({"id": 1, "text": "User: Hi\nBot: Hello"}, "turns=text, id=id"),
    ({"who": ["user", "bot"], "texts": ["Hi", "Hello"]}, "turns=@, role=who, content=texts"),
    (
        {"Records": [{"body": json.dumps({"chatId": "c", **turn})} for turn in HI]},
        "records=Records[*], role=body.role, content=body.content, id=body.chatId",
    ),
    (
        {"hits": {"hits": [{"_id": n, "_source": {"session_id": "s", **turn}} for n, turn in enumerate(HI)]}},
        "records=hits.hits[*], role=_source.role, content=_source.content, id=_source.session_id",
    ),
    ({"run_id": "r", "steps": [{"user_input": "Hi", "agent_output": "Hello"}]}, None),
    ({"c1": HI, "c2": HI}, "records=entries(@), turns=value, role=role, content=content, id=key"),
    (
        {
            "chats": {
                "-Na": {"messages": {"-N1": CLIENT, "-N2": AGENT}},
                "-Nb": {"messages": {"-N3": CLIENT, "-N4": AGENT}},
            }
        },
        "records=chats.entries(@), turns=value.messages.*, role=speaker, content=text, id=key",
    ),
    (
        {"id": "1", "log": [{"isUser": True, "text": "Hi"}, {"isUser": False, "text": "Hello"}]},
        "turns=log, role=isUser, content=text, user=true, assistant=false, id=id",
    ),
    (
        {"log": [{"is_bot": 0, "said": "Hi"}, {"is_bot": 1, "said": "Hello"}]},
        "turns=log, role=is_bot, content=said, user=0, assistant=1",
    ),
    (
        {"log": [{"direction": "inbound", "body": "Hi"}, {"direction": "outbound", "body": "Hello"}]},
        "turns=log, role=direction, content=body, user=inbound, assistant=outbound",
    ),
    (
        {
            "events": [
                {"author": {"role": "user"}, "payload": {"text": "Hi"}},
                {"author": {"role": "bot"}, "payload": {"text": "Hello"}},
            ]
        },
        "turns=events, role=author.role, content=payload.text",
    ),
    ({"q_id": 3, "query": "Hi", "response": "Hello"}, "user=query, assistant=response, id=q_id"),
    ({"user": "Hi", "assistant": "Hello"}, "user=user, assistant=assistant"),
    ({"userMessage": "Hi", "botReply": "Hello", "responseTime": 3}, "user=userMessage, assistant=botReply"),
    ({"log": [{"prompt_text": "Hi", "generated_text": "Hello"}], "x": 1}, None),
    (
        {"Items": [{"id": {"S": "1"}, "log": typed(chat("who", "words"))}]},
        "records=Items[*], turns=log, role=who, content=words, id=id",
    ),
    ({"id": "1", "blob": json.dumps(chat("who", "words"))}, "turns=blob, role=who, content=words, id=id"),
    ({"log": chat("von", "nachricht", "Kunde", "Mitarbeiterin")}, "turns=log, role=von, content=nachricht"),
    (
        {"a": {"b": [{"k": 1, "log": chat("who", "words")}, {"k": 2, "log": chat("who", "words")}]}},
        "records=a.b[*], turns=log, role=who, content=words",
    ),
]


@pytest.mark.parametrize(("value", "expected"), SURE)
def test_a_clear_structure_is_read_with_a_remark(tmp_path, value, expected):
    found, problems = read(tmp_path, json.dumps(value), "a.json")
    assert {tuple(said(conversation)) for conversation in found} == {tuple(HI_SAID)}
    assert [problem.kept for problem in problems] == [True]
    if expected is not None:
        assert f"was read with --map {shlex.quote(expected)}" in problems[0].reason


@pytest.mark.parametrize(
    ("rows", "expected", "ids"),
    [
        (
            [{"offset": n, "value": {"chatId": "1", **turn}} for n, turn in enumerate(HI)],
            "role=value.role, content=value.content, id=value.chatId, order=offset",
            ["1"],
        ),
        (
            [
                {"ticket": c, "ts": n, "who": p, "msg": t}
                for c in "ab"
                for n, (p, t) in enumerate((("client", "Hi"), ("bot", "Hello")))
            ],
            "role=who, content=msg, id=ticket",
            ["a", "b"],
        ),
        (
            [{"session_id": "s", "user_message": "Hi", "bot_reply": "Hello"}],
            "user=user_message, assistant=bot_reply, id=session_id",
            ["s"],
        ),
        ([{"question": "Hi", "answer": "Hello"}] * 2, "user=question, assistant=answer", ["a-1", "a-2"]),
        (
            [
                {
                    "id": n,
                    "log": [
                        {"ts": f"2024-05-01T10:0{2 - i}:00", "by": b, "text": t}
                        for i, (b, t) in enumerate((("bot", "Hello"), ("user", "Hi")))
                    ],
                }
                for n in "xy"
            ],
            "turns=log, role=by, content=text, id=id, order=ts, at=ts",
            ["x", "y"],
        ),
    ],
)
def test_lines(tmp_path, rows, expected, ids):
    found, problems = read(tmp_path, "\n".join(map(json.dumps, rows)), "a.jsonl")
    assert [conversation.id for conversation in found] == ids
    assert {tuple(said(conversation)) for conversation in found} == {tuple(HI_SAID)}
    assert f"--map '{expected}'" in problems[0].reason


@pytest.mark.parametrize(
    ("value", "proposed", "question"),
    [
        (
            {"log": chat("who", "said", "Ann", "Mia")},
            "turns=log, role=who, content=said",
            "speakers 'Ann', 'Mia' is the assistant",
        ),
        (
            {"history": [{"role": "user", "content": "a"}], "answer": "b"},
            "turns=history, role=role, content=content",
            "1 text under 'answer' would be in no turn",
        ),
        (
            {"log": chat("by", "text"), "note_of_agent": "I gave him the money back."},
            "turns=log, role=by, content=text",
            None,
        ),
        (
            {
                "log": [
                    {"by": "user", "de": "Guten Tag zusammen", "en": "Well hello there"},
                    {"by": "bot", "de": "Hallo auch Ihnen", "en": "Good day to you"},
                ]
            },
            None,
            "would be in no turn",
        ),
        ({"data": [{"messages": HI}], "items": [{"messages": HI}]}, None, "turns may also be meant by"),
        (
            [{**turn, "case": n} for n, turn in enumerate(HI)],
            "role=role, content=content, id=case",
            "every turn would be a conversation by itself",
        ),
        (
            [{**turn, "colour": n % 2} for n, turn in enumerate(HI * 3)],
            "role=role, content=content",
            "it is not known which field tells conversations apart (id=…); it may be one of 'colour'",
        ),
        (
            {"question": "Hi", "answer_a": "Hello", "answer_b": "Yes"},
            None,
            "the answer may be 'answer_a' or 'answer_b'",
        ),
        (
            {"question": "Hi", "answer": "Hello", "context": "A long text to read first."},
            "user=question, assistant=answer",
            "1 text under 'context' would be in no turn",
        ),
        (
            {"dialog_turns": ["How are you today?", "I am very well."]},
            "turns=dialog_turns, content=@, first=user",
            "who speaks first",
        ),
    ],
)
def test_a_doubtful_structure_is_asked_about(tmp_path, value, proposed, question):
    if question is None:  # a note of somebody is metadata
        assert len(read(tmp_path, json.dumps(value), "a.json")[0]) == 1
        return
    content = "\n".join(map(json.dumps, value if isinstance(value, list) else [value]))
    with pytest.raises(UsageError) as caught:
        read(tmp_path, content, "a.jsonl")
    assert question in str(caught.value)
    assert f"--map '{proposed or ''}" in str(caught.value)


@pytest.mark.parametrize(
    ("table", "name", "ids"),
    [
        ("Ticketnummer;Absender;Nachricht\n77;Kunde;Hi\n77;Mitarbeiter;Hello\n", "t.csv", ["77"]),
        ("Ticketnummer\tAbsender\tNachricht\n77\tKunde\tHi\n77\tMitarbeiter\tHello\n", "t.txt", ["77"]),
        (
            "when,kind,case_ref,party,words\n1,x,A,client,Hi\n2,y,A,agent,Hello\n3,x,B,client,Hi\n4,y,B,agent,Hello\n",
            "t.csv",
            ["A", "B"],
        ),
        (
            'id;chat\n1;"[{""role"":""user"",""content"":""Hi""},{""role"":""bot"",""content"":""Hello""}]"\n',
            "t.csv",
            ["1"],
        ),
        ("nr,customer_message,agent_reply\n5,Hi,Hello\n", "t.csv", ["5"]),
    ],
)
def test_tables(tmp_path, table, name, ids):
    found, problems = read(tmp_path, table, name)
    assert [conversation.id for conversation in found] == ids
    assert {tuple(said(conversation)) for conversation in found} == {tuple(HI_SAID)}
    assert [problem.kept for problem in problems] == [True]


TICKETS = """Ticket;Datum;Wer;Gesagt
T1;1.5.;Kunde Müller;Wo ist mein Paket?
T1;1.5.;Berta;Ich sehe nach.
T2;1.5.;Kundin Roth;Ich möchte kündigen.
T2;2.5.;Berta;Gern.
"""


def test_a_table_with_names_of_people_is_asked_about(tmp_path):
    with pytest.raises(UsageError) as caught:
        read(tmp_path, TICKETS, "t.csv")
    assert "'Kunde Müller', 'Berta', 'Kundin Roth' is the assistant" in str(caught.value)
    likely = "role=Wer, content=Gesagt, assistant=Berta, id=Ticket, at=Datum"  # Berta is in both conversations
    assert f"To read it with the likely answer, add: --map '{likely}' (from Python: map=…)" in str(caught.value)
    found, problems = read(tmp_path, TICKETS, "t.csv", map=likely)
    assert [turn.role for turn in found[1].turns] == ["user", "assistant"]
    assert [turn.metadata for turn in found[1].turns] == [{"Datum": "1.5."}, {"Datum": "2.5."}]
    assert "4 of 4 values of 'Datum' were not read as times (the first is '1.5.')" in problems[0].reason


CHATS = """ticket,sent,sender,message body
T1,"{}",Maria,Where is my parcel please?
T1,"{}",{bot},It comes tomorrow morning.
T2,"{}",Jonas,May I change the colour?
T2,"{}",{bot},Yes of course you may.
"""


@pytest.mark.parametrize(
    ("dates", "moments"),
    [
        (
            ("31.12.2025 14:05", "31.12.2025 14:06", "01.02.2026 09:00", "1.2.2026, 09:01:30"),
            (datetime(2025, 12, 31, 14, 5), datetime(2025, 12, 31, 14, 6), datetime(2026, 2, 1, 9)),
        ),
        (
            ("12/31/2025 2:05 PM", "12/31/2025 2:06 PM", "02/01/2026 9:00 AM", "02/01/2026 9:01 AM"),
            (datetime(2025, 12, 31, 14, 5), datetime(2025, 12, 31, 14, 6), datetime(2026, 2, 1, 9)),
        ),
        (
            ("02/01/2026 14:05", "02/01/2026 14:06", "31/01/2026 09:00", "31/01/2026 09:01"),
            (datetime(2026, 1, 2, 14, 5), datetime(2026, 1, 2, 14, 6), datetime(2026, 1, 31, 9)),
        ),
        (
            ("2025/12/31 14:05", "2025/12/31 14:06", "2026/02/01 09:00", "2026/02/01 09:01"),
            (datetime(2025, 12, 31, 14, 5), datetime(2025, 12, 31, 14, 6), datetime(2026, 2, 1, 9)),
        ),
    ],
)
def test_dates_are_read_where_a_column_tells_day_from_month(tmp_path, dates, moments):
    found, problems = read(tmp_path, CHATS.format(*dates, bot="ShopBot"), "t.csv")
    assert tuple(turn.at for talk in found for turn in talk.turns)[:3] == moments
    assert [turn.role for talk in found for turn in talk.turns] == ["user", "assistant"] * 2
    assert [turn.metadata for talk in found for turn in talk.turns] == [{}] * 4
    assert [problem.reason for problem in problems] == [
        "the log has no known format and was read with "
        "--map 'role=sender, content=\"message body\", id=ticket, order=sent, at=sent'"
    ]


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        ("02/01/2026 9:00", "(the first is '02/01/2026 9:00'; day and month may be either way round)"),
        ("Dec 31st, 9 am", "(the first is 'Dec 31st, 9 am')"),
    ],
)
def test_a_column_of_times_that_is_not_understood_is_named(tmp_path, date, reason):
    found, problems = read(tmp_path, CHATS.format(*[date] * 4, bot="Bot"), "t.csv")
    assert [turn.at for turn in found[0].turns] == [None, None]
    assert found[0].turns[0].metadata == {"sent": date}
    (remark,) = [problem for problem in problems if "were not read as times" in problem.reason]
    assert remark.kept
    assert remark.reason.startswith(f"4 of 4 values of 'sent' were not read as times {reason}: ")
    assert remark.reason.endswith("If another field holds the times, write at=FIELD in the --map")


@pytest.mark.parametrize(
    "value",
    [
        {"name": "x", "version": "1.0", "dependencies": {"a": "1"}},
        [{"id": 1, "name": "Ann", "email": "a@b.c"}, {"id": 2, "name": "Bo", "email": "b@b.c"}],
        {"features": {"messages": []}, "splits": {"train": {"name": "train", "num_examples": 3}}},
        [{"x": 1, "y": 2}] * 30,
        {"a": [[1, 2], [3, 4]]},
    ],
)
def test_what_is_no_log_is_not_read(tmp_path, value):
    with pytest.raises(Exception, match="is not a log of a known format"):
        read(tmp_path, json.dumps(value), "a.json")


def test_an_unknown_log_gets_the_nearest_formats(tmp_path):
    with pytest.raises(Exception, match="nearest formats are") as caught:
        read(tmp_path, json.dumps({"mapping_2": {}, "title": "x", "current_node": "y"}), "a.json")
    assert "chatgpt" in str(caught.value)
    assert len(str(caught.value)) < 700


def test_inspect_reads_by_a_doubtful_map_and_says_so(tmp_path):
    path = write(tmp_path, json.dumps({"log": chat("who", "said", "user", "bot"), "reply": "And one more."}), "a.json")
    inspected = inspect_log(path)
    (proposal,) = inspected.proposals
    assert str(proposal.field_map) == "turns=log, role=who, content=said"
    assert proposal.doubts == ("1 text under 'reply' would be in no turn",)
    assert (inspected.conversations, inspected.turns, said(inspected.first)) == (1, 2, HI_SAID)
