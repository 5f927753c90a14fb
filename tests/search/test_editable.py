import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain import Turn
from convexplain.errors import UsageError
from convexplain.search.editable import MOST_UNITS, editable
from convexplain.search.protocol import Hole
from convexplain.text.segmentation import segment
from convexplain.types import Edit, Unit

SENTENCES = "It is late. Where is my parcel, please? I want it now!"


def turns(*contents):
    return [Turn("assistant" if i % 2 else "user", content) for i, content in enumerate(contents)]


def words(text):
    return [unit.of(turn.content) for turn in text.turns for unit in text.units if turn is text.turns[unit.turn]]


def test_units_are_words_without_the_white_space_around_them():
    text = editable([Turn("user", "  Where is\n my  parcel?  ")], [0])
    assert words(text) == ["Where", "is", "my", "parcel?"]
    assert text.units[0] == Unit(0, 2, 7, "word")
    assert text.units[3] == Unit(0, 16, 23, "word")


def test_what_has_no_letter_and_no_digit_is_no_unit():
    assert words(editable([Turn("user", "Well … 👍 – no! ?? 7")], [0])) == ["Well", "no!", "7"]
    assert editable([Turn("user", " … !? "), Turn("user", "")], [0, 1]).units == ()


def test_only_the_chosen_turns_in_their_order():
    text = editable(turns("a b", "c d", "e f"), [2, 0, 2])
    assert [(unit.turn, unit.start) for unit in text.units] == [(0, 0), (0, 2), (2, 0), (2, 2)]
    assert editable(turns("a b"), []).units == ()


def test_edits_are_put_into_their_turns():
    text = editable(turns("a b", "c d", "e f"), [0, 2])
    after = text.edited(((0, "XX"), (1, ""), (3, "Y Y")))
    assert [turn.content for turn in after] == ["XX ", "c d", "e Y Y"]
    assert [turn.role for turn in after] == ["user", "assistant", "user"]
    assert after[1] is text.turns[1]
    assert text.edited(()) == text.turns
    assert text.edit(3, "Y Y") == Edit(Unit(2, 2, 3, "word"), "f", "Y Y")


def test_sentences_of_several_units_can_be_said_anew():
    """Numbered after the 15 words; "Hello." is one word, and one edit already."""
    text = editable(turns("Hello. " + SENTENCES, "x", "It went."), [0, 2])
    spans = [(whole.turn, whole.start, whole.end, whole.level) for whole in text.sentences]
    assert spans == [(0, 7, 18, "sentence"), (0, 19, 46, "sentence"), (0, 47, 61, "sentence"), (2, 0, 8, "sentence")]
    assert text.sentence_units == ((1, 2, 3), (4, 5, 6, 7, 8), (9, 10, 11, 12), (13, 14))
    after = text.edited(((0, "Well,"), (16, "No parcel?")))
    assert after[0].content == "Well, It is late. No parcel? I want it now!"
    assert text.edit(18, "So.") == Edit(text.sentences[3], "It went.", "So.")
    assert text.size(((0, "Well,"), (16, "No parcel?"))) == 6
    hole = text.masked(Hole(17, ((0, "Well,"),)))
    assert (hole.before, hole.old, hole.after) == (
        "Well, It is late. Where is my parcel, please? ", "I want it now!", ""
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("- Check the box.", "Check the box."),
        ("12. Check the box.", "Check the box."),
        ("**2)** Check the box.", "Check the box."),
        ("## Your order", "Your order"),
        ("> They came.", "They came."),
        ("12 of them came.", "12 of them came."),
        ("**Note:** it came.", "**Note:** it came."),
    ],
)
def test_list_marks_and_numbers_stay_when_a_sentence_is_said_anew(text, whole):
    found = editable(turns(text), [0])
    assert [one.of(text) for one in found.sentences] == [whole]
    assert " ".join(found.units[i].of(text) for i in found.sentence_units[0]) == whole


def test_a_unit_that_reaches_into_a_sentence_from_before_is_no_part_of_it_and_stays():
    """Units of several words, across sentences, where there would be too many."""
    text = "".join("Word" + " word" * (7 * i % 9) + ". " for i in range(250))
    found = editable(turns(text), [0], split_k=None)
    spans = [(unit.start, unit.end) for unit in found.units]
    assert found.sentences
    for whole, parts in zip(found.sentences, found.sentence_units, strict=True):
        inside = [i for i, (start, end) in enumerate(spans) if start < whole.end and end > whole.start]
        assert tuple(inside) == parts


@pytest.mark.parametrize("split_k", [5, 20])
def test_a_sentence_that_is_one_unit_is_not_said_anew_besides(split_k):
    assert editable(turns(SENTENCES), [0], split_k=split_k).sentences == ()


def test_everything_else_of_a_turn_is_kept():
    turn = Turn("user", "a b", name="Ann", metadata={"k": 1})
    (after,) = editable([turn], [0]).edited(((1, "X"),))
    assert (after.name, after.metadata, after.content) == ("Ann", {"k": 1}, "a X")


def test_a_hole_in_a_text_that_stands_alone():
    text = editable([Turn("user", "one two three four")], [0])
    hole = text.masked(Hole(2, ((0, "first"), (3, "x")), avoid=("y",)))
    assert (hole.before, hole.old, hole.after) == ("first two ", "three", " x")
    assert (hole.avoid, hole.context) == (("y",), "")


def test_a_hole_knows_the_turns_before_it_as_edited_and_none_behind_it():
    text = editable(turns("a b", "c d", "e f"), [0, 1, 2])
    hole = text.masked(Hole(2, ((0, "XX"), (3, "Y"), (5, "Z"))))
    assert (hole.before, hole.old, hole.after) == ("", "c", " Y")
    assert hole.context == "user: XX b\nassistant: "


TEXTS = st.lists(
    st.text(alphabet=st.sampled_from("ab1 .?!,\n\té語👍שך\u0301|`"), max_size=40) | st.text(max_size=20),
    min_size=1,
    max_size=3,
)


@pytest.mark.slow
@given(contents=TEXTS, k=st.integers(1, 3), data=st.data())
@settings(max_examples=300, deadline=None)
def test_edits_and_holes_of_any_text(contents, k, data):
    given_ = turns(*contents)
    text = editable(given_, range(len(given_)), split_k=k)
    numbers = list(range(len(text.units)))
    chosen = data.draw(st.lists(st.sampled_from(numbers), unique=True, max_size=6)) if numbers else []
    edits = tuple((unit, data.draw(st.text(max_size=5))) for unit in sorted(chosen))

    # Put together from the left: what stands between the units, and the fill or the unit.
    expected = []
    for i, content in enumerate(contents):
        made, at = "", 0
        for number, unit in enumerate(text.units):
            if unit.turn == i:
                assert at <= unit.start < unit.end <= len(content)
                assert unit.of(content) == unit.of(content).strip()
                made += content[at : unit.start] + dict(edits).get(number, unit.of(content))
                at = unit.end
        expected.append(made + content[at:])
    assert [turn.content for turn in text.edited(edits)] == expected

    for number in numbers:
        if number not in chosen:
            unit = text.units[number]
            hole = text.masked(Hole(number, edits))
            assert f"{hole.before}{hole.old}{hole.after}" == expected[unit.turn]
            assert hole.old == unit.of(contents[unit.turn])


# --- how many units


@pytest.mark.parametrize(
    ("k", "expected"),
    [
        (1, ["It", "is", "late.", "Where", "is", "my", "parcel,", "please?", "I", "want", "it", "now!"]),
        (2, ["It is", "late.", "Where is", "my parcel,", "please?", "I want", "it now!"]),
        (3, ["It is late.", "Where is my", "parcel, please?", "I want it", "now!"]),
        (99, ["It is late.", "Where is my parcel, please?", "I want it now!"]),
    ],
)
def test_units_of_several_words_do_not_cross_sentences(k, expected):
    assert words(editable([Turn("user", SENTENCES)], [0], split_k=k)) == expected


def test_no_unit_crosses_a_sentence():
    text = editable([Turn("user", SENTENCES)], [0], split_k=4)
    for sentence in segment(SENTENCES, "sentence"):
        assert not any(unit.start < sentence.end < unit.end for unit in text.units)


@pytest.mark.slow
def test_many_words_are_joined():
    long = " ".join("word" if i % 25 else "is. So" for i in range(5000))
    text = editable([Turn("user", long)], [0], split_k=None)
    assert MOST_UNITS / 2 < len(text.units) <= MOST_UNITS
    assert text.edited(())[0].content == long
    assert len(editable([Turn("user", long)], [0], split_k=1).units) > 5000


def test_few_words_are_not():
    text = editable([Turn("user", "word " * MOST_UNITS)], [0], split_k=None)
    assert len(text.units) == MOST_UNITS
    assert {unit.end - unit.start for unit in text.units} == {4}


def test_more_sentences_than_units(monkeypatch):
    monkeypatch.setattr("convexplain.search.editable.MOST_UNITS", 20)
    text = editable([Turn("user", "We go on. " * 30)], [0], split_k=None)
    assert len(text.units) <= 20


@pytest.mark.parametrize("k", [0, -1])
def test_split_k_below_one(k):
    with pytest.raises(UsageError, match=f"split_k={k} is not valid; it must be at least 1"):
        editable(turns("a b"), [0], split_k=k)


# --- groups


def test_groups_are_turns_and_sentences():
    text = editable(turns("One two. Three.", "x", "Four five! Six?"), [0, 2])
    assert words(text) == ["One", "two.", "Three.", "Four", "five!", "Six?"]
    by_turn, by_sentence = text.groups
    assert by_turn == (0, 0, 0, 1, 1, 1)
    assert by_sentence == (0, 0, 1, 2, 2, 3)


@pytest.mark.parametrize(
    ("contents", "levels"),
    [
        (["One two."], 0),  # one sentence of one turn: nothing to tell apart
        (["One two. Three."], 1),
        (["One two", "Three"], 2),
    ],
)
def test_only_levels_that_tell_units_apart_are_groups(contents, levels):
    text = editable(turns(*contents), range(len(contents)))
    assert len(text.groups) == levels
    assert all(len(group) == len(text.units) for group in text.groups)
