"""The naturalness of an edit, worked out by hand from log-probabilities of words."""

import pytest

from convexplain.explain.naturalness import EditedPassage, TextSpan, edited_passage, naturalness
from convexplain.models.editing import TokenLogprob

PASSAGES = [
    # before, after, passage before, passage after, removed, added
    ("Yes. It is red.", "Yes. It is blue.", "It is red.", "It is blue.", ["red."], ["blue."]),
    ("It is red. Fine?", "It is blue. Fine?", "It is red. ", "It is blue. ", ["red."], ["blue."]),
    ("One. Two is bad. Three.", "One. Three.", "Two is bad. Three.", "Three.", ["Two is bad."], [""]),
    ("One. Two is bad.", "One.", "One. Two is bad.", "One.", ["Two is bad."], [""]),
    ("One. Three.", "One. Two is good. Three.", "Three.", "Two is good. Three.", [""], ["Two is good."]),
    ("It is not very red.", "It is red.", "It is not very red.", "It is red.", ["not very"], [""]),
    ("No.", "Yes.", "No.", "Yes.", ["No."], ["Yes."]),
    ("No.", "Yes, it does. Sure.", "No.", "Yes, it does. Sure.", ["No."], ["Yes, it does. Sure."]),
    ("A big red dog ran.", "A small red cat ran.", "A big red dog ran.", "A small red cat ran.", ["big", "dog"], None),
    ("今天晴天。明天下雨。", "今天晴天。明天多云。", "明天下雨。", "明天多云。", None, None),
    ("- a b\n- c d\n- e f", "- a b\n- c x\n- e f", "- c d\n", "- c x\n", ["d"], ["x"]),
    ("```\nf(1)\nf(2)\n```", "```\nf(1)\nf(3)\n```", "f(2)\n", "f(3)\n", ["f(2)"], ["f(3)"]),
]


@pytest.mark.parametrize(("before", "after", "old", "new", "removed", "added"), PASSAGES)
def test_passage_holds_the_sentences_that_the_edit_touches(before, after, old, new, removed, added):
    passage = edited_passage(before, after)
    assert (passage.before.of(before), passage.after.of(after)) == (old, new)
    if removed is not None:
        assert [span.of(before) for span in passage.removed] == removed
    if added is not None:
        assert [span.of(after) for span in passage.added] == added


@pytest.mark.parametrize(("before", "after"), [("", ""), ("Same.", "Same."), ("Two  spaces.", "Two spaces.\n")])
def test_no_passage_where_no_word_differs(before, after):
    assert edited_passage(before, after) is None


def test_a_long_sentence_is_read_for_60_characters_behind_the_edit():
    tail = "word " * 30
    passage = edited_passage(f"Red {tail}", f"Blue {tail}")
    assert (passage.before, passage.after) == (TextSpan(0, 4 + 60), TextSpan(0, 5 + 60))


def tokens(text, *logprobs):
    """Return one token a word, the space before it included."""
    found, at = [], 0
    for word, logprob in zip(text.split(" "), logprobs, strict=True):
        start = max(0, at - 1)
        found.append(TokenLogprob(start, at + len(word), logprob))
        at += len(word) + 1
    return found


def value(before, old, after, new):
    return naturalness(edited_passage(before, after), tokens(before, *old), tokens(after, *new))


def test_naturalness_by_hand():
    # All tokens of the original at -4, like the usual text: -4 is taken off each.
    # The new word has -10 (6 below), the one behind it falls from -4 to -5 (1 below): -7 / (1 changed + 2).
    assert value("a b c", (-4, -4, -4), "a x c", (-4, -10, -5)) == pytest.approx(-7 / 3)
    # As probable as before.
    assert value("a b c", (-4, -4, -4), "a x c", (-4, -4, -4)) == pytest.approx(0)
    # More words, each as probable as usual: no worse.
    assert value("a b c", (-4, -4, -4), "a x y z c", (-4, -4, -4, -4, -4)) == pytest.approx(0)


def test_the_worst_place_counts():
    # First place: +3 for the new word; second: -9 for it. The gain of the first does not make up for the second, and a
    # second place takes 0.2 off.
    assert value("a b c d e", (-4,) * 5, "a x c y e", (-4, -1, -4, -13, -4)) == pytest.approx(-9 / 3 - 0.2)


def test_removed_words_count_half():
    # Mean of the original: (-4 - 16 - 4 - 20 * 4) / 23. The improbable word gives half of its excess back.
    usual = (-24 - 80) / 23
    gained = (-4 - usual) - (-16 - usual) / 2
    assert value("a b c", (-4, -16, -4), "a x c", (-4, -4, -4)) == pytest.approx(gained / 3)


def test_a_deletion_is_judged_by_what_stands_behind_it():
    # The removed word is as usual; the one behind it falls by 6.
    assert value("a b c", (-4, -4, -4), "a c", (-4, -10)) == pytest.approx(-6 / 3)


def test_no_tokens_is_no_change():
    passage = EditedPassage(TextSpan(0, 3), TextSpan(0, 0), (TextSpan(0, 3),), (TextSpan(0, 0),))
    assert naturalness(passage, [], []) == 0
