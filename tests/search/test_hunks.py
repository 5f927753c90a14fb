import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexplain import Turn
from convexplain.search.hunks import Hunks
from convexplain.types import Edit, Unit

TURNS = (Turn("user", "Where is it?"), Turn("assistant", "It left on Monday. It is late, sorry. Call us again."))


@pytest.mark.parametrize(
    ("text", "hunks"),
    [
        ("It left on Monday. It is late, sorry. Call us again.", []),
        ("It left on Friday. It is late, sorry. Call us again.", [("Monday.", "Friday.")]),
        ("It left on Monday. Call us again.", [("It is late, sorry. ", "")]),
        ("It left on Monday. It is late, very sorry. Call us again.", [("", "very ")]),
        # Fewer than two unchanged words between two changes: one hunk.
        ("It came on Friday. It is late, sorry. Call us again.", [("left on Monday.", "came on Friday.")]),
        ("She left on Friday. It is late, sorry.", [("It", "She"), ("Monday.", "Friday."), (" Call us again.", "")]),
        ("", [("It left on Monday. It is late, sorry. Call us again.", "")]),
    ],
)  # fmt: skip
def test_the_hunks_of_a_text(text, hunks):
    book = Hunks(TURNS)
    edits = book.add(1, text)
    assert [(book.edit(*edit).before, book.edit(*edit).after) for edit in edits] == hunks
    assert book.edited(edits)[1].content == text
    assert book.edited(edits)[0] == TURNS[0]


def test_a_part_of_a_proposal_is_a_text_of_its_own_and_the_same_hunk_has_one_number():
    book = Hunks(TURNS)
    both = book.add(1, "She left on Friday. It is late, sorry. Call us again.")
    assert both == ((0, "She"), (1, "Friday."))
    assert book.edited(both[1:])[1].content == "It left on Friday. It is late, sorry. Call us again."
    assert book.add(1, "It left on Friday. It is late, sorry. Write us again.") == ((1, "Friday."), (2, "Write"))
    assert book.edit(1, "Friday.") == Edit(Unit(1, 11, 18, "phrase"), "Monday.", "Friday.")


def test_the_size_is_the_number_of_words_before_or_after_whichever_are_more():
    book = Hunks(TURNS)
    edits = book.add(1, "It left. It is late, sorry. Please call us again.")  # "left on Monday." and "Call"
    assert [book.size((edit,)) for edit in edits] == [3, 2]
    assert book.size(edits) == 5


def test_scripts_without_spaces_have_hunks_of_words():
    """Three sentences; the second is left out, and of the first one word is another."""
    text = "你好。你很粗鲁。包裹星期一寄出。"
    book = Hunks((Turn("assistant", text),))
    (deletion,) = book.add(0, "你好。包裹星期一寄出。")
    assert book.edit(*deletion).before == "你很粗鲁。"
    assert 1 < book.size((deletion,)) < 5
    (change,) = book.add(0, text.replace("星期一", "星期二"))
    assert book.edited((deletion, change))[0].content == "你好。包裹星期二寄出。"


def test_a_hunk_that_only_inserts_has_a_place():
    book = Hunks(TURNS)
    ((number, _),) = book.add(1, "It left on Monday. It is late, very sorry. Call us again.")
    assert book.span(number) == (1, 31, 32)


@pytest.mark.parametrize(
    ("texts", "left"),
    [
        (["It is late, sorry. Call us again.", "It left on Monday. Call us again."], "Call us again."),
        (["It left on Monday. Call us again.", "It left on Monday. It is late, sorry."], "It left on Monday."),
        (["It is late, sorry. Call us again.", "It left on Monday. It is late, sorry."], "It is late, sorry."),
    ],
)
def test_neighbours_are_taken_out_together(texts, left):
    """Each takes the space between them along; their words do not overlap."""
    book = Hunks(TURNS)
    (first,), (second,) = (book.add(1, text) for text in texts)
    assert book.span(first[0])[2] <= book.span(second[0])[1]
    assert book.edited((first, second))[1].content == left


WORDS = st.lists(st.sampled_from(["a", "bb", "ccc", "a.", "\n", "一", "é", "x  y"]), max_size=12).map(" ".join)


@given(WORDS, WORDS, st.sets(st.integers(0, 12)))
def test_all_hunks_give_the_proposed_text_and_none_the_old_one(before, after, chosen):
    book = Hunks((Turn("assistant", before),))
    edits = book.add(0, after)
    assert book.edited(edits)[0].content == after
    assert book.edited(())[0].content == before
    part = tuple(edit for i, edit in enumerate(edits) if i in chosen)
    assert book.size(part) <= book.size(edits)
