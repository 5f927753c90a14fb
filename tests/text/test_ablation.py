import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexplain import Turn
from convexplain.text.ablation import without
from convexplain.text.segmentation import segment
from convexplain.types import Unit

TALK = (
    Turn("user", "Hello. Where is my parcel?"),
    Turn("assistant", "On its way.  It left on Monday."),
    Turn("user", "Thanks"),
    Turn("assistant", "You are welcome."),
)


def turn(i):
    return Unit(i, 0, len(TALK[i].content), "turn")


@pytest.mark.parametrize(
    ("removed", "left"),
    [
        ([], ["user: Hello. Where is my parcel?", "assistant: On its way.  It left on Monday.", "user: Thanks"]),
        ([turn(0)], ["assistant: On its way.  It left on Monday.", "user: Thanks"]),
        # The neighbours of a turn that is gone are one turn.
        ([turn(1)], ["user: Hello. Where is my parcel?\nThanks"]),
        ([turn(2)], ["user: Hello. Where is my parcel?", "assistant: On its way.  It left on Monday."]),
        ([turn(0), turn(1), turn(2)], []),
        ([Unit(0, 0, 7, "sentence"), Unit(1, 13, 31, "sentence")],
         ["user: Where is my parcel?", "assistant: On its way.", "user: Thanks"]),
        # All sentences of a turn are the turn.
        ([Unit(1, 0, 13, "sentence"), Unit(1, 13, 31, "sentence")], ["user: Hello. Where is my parcel?\nThanks"]),
    ],
)  # fmt: skip
def test_what_is_left(removed, left):
    found = without(TALK, removed)
    assert [f"{turn.role}: {turn.content}" for turn in found] == [*left, "assistant: You are welcome."]


def test_the_judged_turn_stays_a_turn_of_its_own():
    assert without(TALK, [turn(2), turn(3)])[1:] == (TALK[1], Turn("assistant", ""))


def test_of_a_judged_conversation_the_last_turn_may_go_too():
    talk = (Turn("user", "a"), Turn("assistant", "b"), Turn("assistant", "c"))
    last, middle = Unit(2, 0, 1, "turn"), Unit(1, 0, 1, "turn")
    assert without(talk, [last], scope="conversation") == talk[:2]
    assert without(talk, [last]) == (*talk[:2], Turn("assistant", ""))
    assert without(talk, [middle], scope="conversation") == (talk[0], talk[2])


def test_neighbours_of_one_role_that_were_there_before_stay_apart():
    talk = (Turn("user", "a"), Turn("user", "b"), Turn("assistant", "c"), Turn("user", "d"), Turn("assistant", "e"))
    assert without(talk, [Unit(2, 0, 1, "turn")]) == (talk[0], Turn("user", "b\nd"), talk[4])


def test_something_else_in_the_place_of_a_unit():
    found = without(TALK, [turn(2), Unit(0, 0, 7, "sentence")], {turn(2): "…", Unit(0, 0, 7, "sentence"): "Hi."})
    assert [turn.content for turn in found] == ["Hi. Where is my parcel?", TALK[1].content, "…", TALK[3].content]


@given(
    text=st.text(max_size=60), chosen=st.sets(st.integers(0, 30)), level=st.sampled_from(["sentence", "phrase", "word"])
)
def test_what_is_not_removed_is_left_as_it_was(text, chosen, level):
    units = segment(text, level, 0)
    removed = [unit for i, unit in enumerate(units) if i in chosen]
    kept = "".join(unit.of(text) for i, unit in enumerate(units) if i not in chosen)
    (*rest, judged) = without((Turn("user", text), TALK[3]), removed)
    assert judged == TALK[3]
    expected = kept.strip() if removed else text
    assert [turn.content for turn in rest] == ([expected] if expected or not removed else [])
