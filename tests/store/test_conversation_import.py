"""Many conversations into the store at once: the same on SQLite and PostgreSQL."""

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.parts import Media, Reasoning, Text, ToolCall, ToolResult
from convexplain.store import ImportCounts, conversation_import, keep_conversations
from convexplain.store.serialization import turn_body


def talks(count, turns=2, words="x"):
    return [
        Conversation(
            f"c{n}", tuple(Turn("user" if i % 2 == 0 else "assistant", f"{words}{i}") for i in range(turns)), "s"
        )
        for n in range(count)
    ]


def test_they_come_back_in_order_and_once(store, monkeypatch):
    monkeypatch.setattr(conversation_import, "_BATCH", 3)
    told = []
    some = talks(7)
    kept = keep_conversations(store, iter([*some, some[0], some[6]]), on_batch=told.append)
    assert kept == ImportCounts(9, 18, 7)
    # Three at a time: 3, 6 and 9, of which the 8th and the 9th were there.
    assert told == [ImportCounts(3, 6, 3), ImportCounts(6, 12, 6), ImportCounts(9, 18, 7)]
    assert list(store.conversations()) == some


def test_the_same_again_adds_nothing(store):
    keep_conversations(store, talks(5))
    assert keep_conversations(store, talks(6)) == ImportCounts(6, 12, 1)
    assert list(store.conversations()) == talks(6)


def test_twice_in_one_batch(store):
    assert keep_conversations(store, talks(2) * 2) == ImportCounts(4, 8, 2)


def test_nothing(store):
    assert keep_conversations(store, []) == ImportCounts()


def test_as_part_of_a_run(store):
    run = store.begin_run("m", "f", {}, [load_rubric("helpfulness")])
    keep_conversations(store, talks(2))
    keep_conversations(store, talks(4)[1:], run=run.id)
    assert list(store.conversations(run.id)) == talks(4)[1:]
    assert list(store.conversations()) == talks(4)
    # What was kept one by one is known here too, and the other way round.
    assert store.keep_conversation(talks(1)[0], run.id) == 1
    assert keep_conversations(store, talks(4), run=run.id).added == 0


def test_what_was_kept_before_an_error_stays(store, monkeypatch):
    monkeypatch.setattr(conversation_import, "_BATCH", 2)

    def some():
        yield from talks(5)
        raise ValueError("the file ends")

    with pytest.raises(ValueError, match="ends"):
        keep_conversations(store, some())
    assert list(store.conversations()) == talks(4)


def test_a_transaction_holds_no_more_text_than_memory_bears(store, monkeypatch):
    monkeypatch.setattr(conversation_import, "_CHARACTERS", 100)
    told = []
    # Each has two turns of 31 characters (30 and a digit): 62, so two are more than 100.
    keep_conversations(store, talks(5, words="y" * 30), on_batch=told.append)
    assert [kept.conversations for kept in told] == [2, 4, 5]


def test_characters_that_databases_refuse(store):
    odd = [Conversation("\ud800\x00", (Turn("user", "a\x00\ud800"),), "s\x00", {"k": "\x00"})]
    keep_conversations(store, odd)
    assert list(store.conversations()) == odd


def test_the_parts_of_turns_come_back(store):
    parts = (
        Reasoning("hm\x00"),
        Text("I look."),
        ToolCall("f", '{"a": 1}', "c1"),
        Media("file", "a.pdf"),
    )
    turns = (Turn("user", "Hi"), Turn.of_parts("assistant", parts), Turn.of_parts("tool", [ToolResult("3", "c1", "f")]))
    keep_conversations(store, [Conversation("c", turns, "s")])
    (stored,) = store.conversations()
    assert stored.turns == turns
    assert [turn.parts for turn in stored.turns] == [(), parts, (ToolResult("3", "c1", "f"),)]


def test_a_turn_of_one_text_is_stored_as_before_turns_had_parts():
    assert turn_body(Turn("user", "Hi")) == {"role": "user", "content": "Hi", "name": None, "at": None, "metadata": {}}
