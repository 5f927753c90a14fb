"""Word differences of two texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexplain.text.diffs import TextChange, marked, shortened, word_diff

TEXT = st.text(st.sampled_from("ab. \n"), max_size=40)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a b c", "a b c", [("same", "a b c")]),
        ("a b c", "a x c", [("same", "a "), ("removed", "b "), ("added", "x "), ("same", "c")]),
        ("a", "", [("removed", "a")]),
        ("", "a", [("added", "a")]),
        ("a b", "b c d", [("removed", "a "), ("same", "b"), ("added", " c d")]),
        ("a a", "a", [("same", "a"), ("removed", " a")]),
        ("a\n\nb", "a\n\nx", [("same", "a\n\n"), ("removed", "b"), ("added", "x")]),
    ],
)
def test_word_diff(before, after, expected):
    assert word_diff(before, after) == [TextChange(*change) for change in expected]


@given(TEXT, TEXT)
def test_a_diff_holds_both_texts(before, after):
    found = word_diff(before, after)
    assert "".join(change.text for change in found if change.kind != "removed") == after
    assert "".join(change.text for change in found if change.kind != "added") == before


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("It left our depot on Monday.", "It left our lorry on Monday.", "It left our [-depot-]{+lorry+} on Monday."),
        ("It is not fine.\n\nBye.", "Bye.", "[-It is not fine.-] Bye."),
        ("Bye.", "I am sorry. Bye.", "{+I am sorry.+} Bye."),
        ("a b", "x y", "[-a b-]{+x y+}"),
        ("a\nb", "a\n\nb", "a b"),  # white space alone is no change of words
        ("a", "a", "a"),
        # marks at the end of a word are apart from it, those within are not
        ("It is red, and you are rude.", "It is red.", "It is red[-, and you are rude-]."),
        ("It costs 1,200.", "It costs 1,300!", "It costs [-1,200.-]{+1,300!+}"),
    ],
)
def test_a_diff_as_one_line(before, after, line):
    assert marked(word_diff(before, after)) == line


def test_long_unchanged_passages_are_left_out():
    found = [TextChange("same", "a" * 500), TextChange("removed", "r" * 500), TextChange("same", "b" * 500)]
    assert [len(change.text) for change in shortened(found, around=100)] == [103, 500, 103]
    assert shortened(found, around=100)[0].text.startswith(" … a")
    assert shortened(found, around=100)[2].text.endswith("b … ")
    assert shortened(found[:1], around=1000) == [TextChange("same", " … ")]
