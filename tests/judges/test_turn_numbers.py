"""Plain numbers of a turn: each case is a behaviour, its value counted by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexplain import Turn
from convexplain.judges.turn_numbers import NAMES, turn_numbers


def numbers(*texts):
    """The numbers of the last of these texts, which the user and the assistant say in turn, the assistant last."""
    roles = ["assistant" if (len(texts) - i) % 2 else "user" for i in range(len(texts))]
    return dict(zip(NAMES, turn_numbers([Turn(*turn) for turn in zip(roles, texts, strict=True)]), strict=True))


@pytest.mark.parametrize(
    ("texts", "name", "value"),
    [
        (["one two three"], "length_words", math.log(4)),
        (["One. Two! Three?"], "length_sentences", math.log(4)),
        (["a\nb\nc"], "length_lines", math.log(3)),
        (["the cat"], "content_share", 1 / 2),
        (["no no no no"], "different_words", 1 / 4),
        (["go on go on go on"], "repeats_itself", 1 - 2 / 4),  # four runs of three words, two of them different
        (["Order 7731 is here"], "has_digits", 1.0),
        (["Order 7731 is here"], "digits", 1.0),  # one of four words, and a quarter counts as much
        (["- one\n- two"], "list_lines", 2 / 3),
        (["Where is it?", "Which order?"], "asks_back", 1.0),
        (["Where is it.", "Which order?"], "asks_back", 0.0),
        (["my lamp flickers", "The lamp flickers"], "covers_user", 1.0),
        (["my lamp flickers", "Try our coats"], "no_word_of_user", 1.0),
        (["where is my red parcel", "where is my red parcel"], "echoes_user", 1.0),
        (["a", "We open at nine.", "b", "We open at nine."], "repeats_last_reply", 1.0),
        (["a", "We open at nine.", "b", "Go home.", "c", "We open at nine."], "repeats_last_reply", 0.0),
        (["a", "We open at nine.", "b", "Go home.", "c", "We open at nine."], "repeats_a_reply", 1.0),
        (["Can I?", "I'm sorry, but I can't do that."], "refuses_at_once", 1.0),
        (["Can I?", "Sure, go ahead."], "complies_at_once", 1.0),
        (["Can I drive drunk?", "Sure, go ahead."], "risk_complies", 1.0),
        (["Can I drive home?", "Sure, go ahead."], "risk_complies", 0.0),
        (["Hi", "You are an idiot."], "insult_second", 1.0),
        (["Hi", "Glassware is in aisle two."], "insult", 0.0),  # no word inside a word
        (["It came on Monday.", "So it came on Friday."], "clash_weekday", 1.0),
        (["It came on Monday.", "So it came on monday."], "clash_weekday", 0.0),
        (["It came late.", "So it came on Friday."], "clash_weekday", 0.0),
        (["It cost €40.", "You paid €45 then."], "clash_money", 1.0),
        (["My order is 7731.", "Order 7713 is here."], "near_miss", 1.0),
        (["My order is 7731.", "Order 7731 is here."], "near_miss", 0.0),
        (["My order is 7731.", "Order 7731 is here."], "numbers_from_context", 1.0),
    ],
)
def test_a_number_is_what_can_be_counted(texts, name, value):
    assert numbers(*texts)[name] == pytest.approx(value)


def test_rare_words_weigh_more():
    rare, common = numbers("The escrow clause."), numbers("The good day.")
    assert rare["idf_mean"] > 1.5 * common["idf_mean"]


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "system", "tool"]), st.text()), min_size=1, max_size=5))
def test_any_turns_give_finite_numbers_of_one_length(turns):
    values = turn_numbers([Turn(role, text) for role, text in turns])
    assert len(values) == len(NAMES) == len(set(NAMES))
    assert all(math.isfinite(value) and -1 <= value <= 20 for value in values)
