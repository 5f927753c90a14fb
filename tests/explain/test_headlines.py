"""The one sentence of a judged turn: log-odds 0 is a score of 0.5, and an effect of -1.5 leaves 0.82 without."""

from dataclasses import replace

import pytest

from convexplain.explain.head_phrases import NOT_LOW, READING_TOO, UNNAMED
from convexplain.explain.headlines import headline, repetition
from convexplain.rubrics import load_rubric
from convexplain.types import Attribution, Contrast, Conversation, Edit, Turn, Unit

UNEXPLAINED = "Turn 1 scores 0.21 on helpfulness; it has not been explained yet."
NOTHING = "Turn 1 scores 0.21 on helpfulness; nothing in the text was found that explains it."
HELPFULNESS, HARM = load_rubric("helpfulness"), load_rubric("harm")
REPLY = "Please wait. We cannot say when."
TALK = Conversation("c", (Turn("user", "Where is my parcel? I ordered it in May."), Turn("assistant", REPLY)))


def attribution(level, units, scores, **changes):
    made = Attribution(
        "c", 1, "helpfulness", "rescore", "clime", level, "log_odds", units, scores, -1, 0.0, 0.0, 0.5, 0.1, (), None,
        "remove", 4, 0, 1.0, "m", None,
    )  # fmt: skip
    return replace(made, **changes)


def sentences(first, second, **changes):
    units = (Unit(1, 0, 13, "sentence"), Unit(1, 13, len(REPLY), "sentence"))
    return attribution("sentence", units, (first, second), **changes)


def earlier(effect):
    return attribution("turn", (Unit(0, 0, 40, "turn"),), (effect,))


def contrast(found=True, words=3):
    return Contrast(
        "c", 1, "helpfulness", "revise", "cross", "few", found, 0.1, 0.21, 0.62, None, (), (), "", "", 4, 4, 0, 0, (),
        words, 0.2, "found" if found else "budget", 1.0, "m", None, "embedded",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("explanation", "sentence"),
    [
        # a model's reason: its first sentence
        (("It gives no date. It is rude.", "verified"), "The judge: It gives no date."),
        # … and before it the words that it is about
        (("“No. May be.”: It gives no date. It is rude.", "verified"), "The judge on “No. May be.”: It gives no date."),
        (("“Yes.”: It gives no date.", "earlier_reply"),
         "The judge, about an earlier reply, “Yes.”: It gives no date."),
        (("“a b c d e f g h. i j”: It is odd.", "verified"), "The judge on “a b c d e f g h…”: It is odd."),
        (("It gives no date.", "none", [sentences(-1.5, 0)]), "The judge: It gives no date."),
        # a reason whose quotes are not in the conversation is not repeated
        (
            ("It says 'never'.", "missing", [sentences(-0.3, -1.5)]),
            "The score of turn 1 depends most on “We cannot say when.” (score 0.50; without it 0.82).",
        ),
        # a head's reason: its first clause; semicolons in quotation marks end none
        (('Words that hedge: "may; or"; is very short: 4 words.', None), 'Turn 1 has words that hedge: "may; or".'),
        (("Asks back." + READING_TOO, None), "Turn 1 asks back."),
        (("Because.", None), "Turn 1: because."),
        # … and the words of the reply that the score depends on most
        (
            ('Begins with "Yes", after words of risk: "bleach".' + READING_TOO, None, [sentences(-0.3, -1.5)]),
            'Turn 1 begins with "Yes", after words of risk: "bleach"; its score depends most on “We cannot say when.” '
            "(score 0.50; without it 0.82).",
        ),
        # … of which what good turns have too is no fault
        (('Begins with "Yes"; is very short: 4 words.', None), "Turn 1 is very short: 4 words."),
        (('Begins with "Yes"; exclaims: 1 exclamation mark.' + READING_TOO, None), UNEXPLAINED),
        (
            ('Gives numbers that no earlier turn has: "4".', None, [sentences(-0.3, -1.5)]),
            "The score of turn 1 depends most on “We cannot say when.” (score 0.50; without it 0.82).",
        ),
        (("Asks back.", None, [earlier(-2.0)]), "Turn 1 asks back."),
        # a head's reason that names nothing
        ((UNNAMED, None), UNEXPLAINED),
        ((NOT_LOW, None, [sentences(-0.1, 0.1)]), NOTHING),
        # the largest effect, of the reply or of an earlier turn; effects on the other side explain nothing
        (
            ("", None, [earlier(-2.0), sentences(-1.5, 3.0)]),
            "The score of turn 1 depends most on turn 0 (user): “Where is my parcel? I ordered it in May.” "
            "(score 0.50; without it 0.88).",
        ),
        # attributions of another value than the reply's score say nothing about it
        (("", None, [sentences(-1.5, 0, target="Please wait.")]), UNEXPLAINED),
        # an edit
        (("", None, [], contrast()), "3 changed words move the score of turn 1 from 0.21 to 0.62."),
        (("", None, [], contrast(words=1)), "1 changed word moves the score of turn 1 from 0.21 to 0.62."),
        (("", None, [], contrast(found=False)), UNEXPLAINED),
    ],
)  # fmt: skip
def test_the_first_explanation_that_there_is_becomes_the_headline(explanation, sentence):
    assert headline(TALK, 1, HELPFULNESS, 0.21, *explanation) == sentence


def talk_of(*replies):
    turns = [turn for reply in replies for turn in (Turn("user", "And then?"), Turn("assistant", reply))]
    return Conversation("c", tuple(turns))


@pytest.mark.parametrize(
    ("replies", "sentence"),
    [
        (("Please send me the number.", "Please send me the  NUMBER"), "Turn 3 repeats turn 1 word for word."),
        (("Please send it now.", "No.", "Please send it now."), "Turn 5 repeats turn 1 word for word."),
        (("You are welcome!", "You are welcome!"), ""),  # three words: a courtesy
        # 9 of 10 words are the same: similarity 2 * 9 / 20 = 0.9
        (("one two three four five six seven eight nine ten", "one two three four five six seven eight nine eleven"),
         "Turn 3 repeats turn 1 almost word for word."),
        # 8 of 9: 0.89
        (("one two three four five six seven eight nine", "one two three four five six seven eight ten"), ""),
        (("请把订单号码发给我", "请把订单号码发给我"), "Turn 3 repeats turn 1 word for word."),
        (("", "Please send it now."), ""),
    ],
)  # fmt: skip
def test_a_repeated_reply(replies, sentence):
    assert repetition(talk_of(*replies), 2 * len(replies) - 1) == sentence


def test_a_repetition_comes_before_the_reason_where_it_bears_on_a_low_score():
    talk = talk_of("Please send it now.", "Please send it now.")
    reason = ("It helps nobody.", "none")
    assert headline(talk, 3, HELPFULNESS, 0.2, *reason) == "Turn 3 repeats turn 1 word for word."
    assert headline(talk, 3, HELPFULNESS, 0.8, *reason) == "The judge: It helps nobody."
    assert headline(talk, 3, HARM, 0.2, *reason) == "The judge: It helps nobody."


def test_an_unscored_and_an_empty_turn():
    assert headline(TALK, 1, HARM, None, "the reply was cut") == "Turn 1 has no score on harm: the reply was cut"
    assert headline(TALK, 1, HARM, None) == "Turn 1 has no score on harm: the judge gave none"
    empty = Conversation("c", (Turn("user", "Hi"), Turn("assistant", " ")))
    assert headline(empty, 1, HARM, 0.2, "Rude.", "none") == "Turn 1 is empty: there is no text to judge."


@pytest.mark.parametrize(
    ("reason", "last"), [("a " * 31 + "end.", " a…"), ("x" * 500, "xxx…"), ("one\x1b[31m\ntwo", "two")]
)
def test_a_headline_is_one_short_line_without_control_characters(reason, last):
    sentence = headline(TALK, 1, HARM, 0.2, reason, "none")
    assert len(sentence.split()) <= 30
    assert len(sentence) <= 220
    assert sentence.endswith(last)
    assert not {"\x1b", "\n"} & set(sentence)


RESOLVED = load_rubric("resolved")
LONGER = replace(TALK, turns=(*TALK.turns, Turn("user", "Never mind.")))


def turns(*scores):
    units = tuple(Unit(i, 0, len(turn.content), "turn") for i, turn in enumerate(LONGER.turns))
    return attribution("turn", units, scores)


def edited(*places):
    edits = tuple(Edit(Unit(place, 0, 1, "phrase"), "a", "b") for place in places)
    return replace(contrast(), edits=edits)


@pytest.mark.parametrize(
    ("score", "explanation", "sentence"),
    [
        # the turn that sank it comes before the judge's reason; effects within noise (0.1 of the score) are none
        (
            0.5,
            ("It gives no date.", "verified", [turns(-1.5, -2.2, 0.0)]),
            "Turn 1 (assistant) lowers resolved most: “Please wait. We cannot say when.” "
            "(score 0.50; without it 0.90).",
        ),
        (0.5, ("It gives no date.", "verified", [turns(-0.1, 0.1, 0.0)]), "The judge: It gives no date."),
        (
            0.5,
            ("It gives no date.", "missing"),
            "The conversation scores 0.50 on resolved; it has not been explained yet.",
        ),
        (
            0.21,
            (None, None, [turns(0.1, 0.0, 0.0)]),
            "The conversation scores 0.21 on resolved; nothing in the text was found that explains it.",
        ),
        (
            0.21,
            (None, None, (), edited(1)),
            "3 changed words in turn 1 move the score of the conversation from 0.21 to 0.62.",
        ),
        (
            0.21,
            (None, None, (), replace(edited(0, 1), edit_distance=1)),
            "1 changed word in turns 0, 1 moves the score of the conversation from 0.21 to 0.62.",
        ),
        (None, ("the judge refused",), "The conversation has no score on resolved: the judge refused"),
    ],
)
def test_a_conversation_is_explained_by_the_turn_that_sank_it(score, explanation, sentence):
    assert headline(LONGER, 1, RESOLVED, score, *explanation) == sentence


def test_a_good_conversation_is_explained_by_the_turn_that_raises_it():
    raised = replace(turns(0.0, 1.5, 0.0), side=1)
    assert headline(LONGER, 1, RESOLVED, 0.5, attributions=[raised]) == (
        "Turn 1 (assistant) raises resolved most: “Please wait. We cannot say when.” (score 0.50; without it 0.18)."
    )


def test_a_number_without_words_is_the_measured_one():
    """The fit divides between two sentences what only both do; the score without one is that which the judge gave."""
    levels = sentences(-1.5, -2.0, values_alone=(0.85, 0.0))  # scores 0.70 and 0.50; the fit says 0.82 and 0.88
    assert levels.scores_without == pytest.approx((0.7006, 0.5), abs=1e-4)
    assert levels.noisy == (False, False)
    assert levels.needs_others == (False, True)
    assert headline(TALK, 1, HELPFULNESS, 0.5, None, None, [levels]) == (
        "The score of turn 1 depends most on “Please wait.” (score 0.50; without it 0.70)."
    )


def test_words_that_count_only_with_others_are_said_to():
    levels = sentences(-1.5, -2.0, values_alone=(0.0, 0.0))
    assert headline(TALK, 1, HELPFULNESS, 0.5, None, None, [levels]) == (
        "The score of turn 1 depends most on “We cannot say when.” "
        "(score 0.50; it counts only together with other parts)."
    )


def test_what_changes_the_score_alone_is_no_noise_whatever_a_fit_says():
    levels = sentences(-0.1, -0.1, values_alone=(0.85, 0.0))  # scores 0.70 and 0.50; the fit says 0.52 of both
    assert levels.noisy == (False, True)
    assert levels.needs_others == (False, False)
