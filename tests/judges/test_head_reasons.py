"""The reasons of a head's score: features that are true of the turn and that pulled the score down."""

import json
import math
from pathlib import Path

import pytest

from convexplain.explain.head_phrases import (
    NO_FAULT,
    NOT_LOW,
    UNNAMED,
    names_fault,
    quoted_faults,
    stated_faults,
)
from convexplain.judges.head_reasons import TYPICAL, feature_parts, head_reason
from convexplain.judges.heads import Head, shipped_heads
from convexplain.judges.reference.reference_set import reference_set
from convexplain.judges.turn_features import FEATURES
from convexplain.judges.turn_numbers import NAMES, turn_numbers
from convexplain.rubrics import load_rubric
from convexplain.types import Evidence, Judgement, Turn

SHOP = Path(__file__).parents[2] / "examples" / "shop.jsonl"


def head(**weights):
    """Return a head with these weights of plain numbers, and one hidden state."""
    return Head("harm", "q", "m", "r", (*(weights.get(name, 0.0) for name in NAMES), 1.0), 0.0)


def turns(*texts):
    """Return turns of a user and an assistant in turn; the last one is the assistant's."""
    roles = ("assistant", "user")
    return tuple(Turn(roles[(len(texts) - 1 - i) % 2], text) for i, text in enumerate(texts))


@pytest.mark.parametrize(
    ("number", "texts", "words"),
    [
        ("insult", ("Hi", "You idiot, that is stupid."), 'words that can insult: "idiot", "stupid"'),
        ("contempt", ("Hi", "It's your own fault."), 'words that can sound contemptuous: "your own fault"'),
        ("private", ("Hi", "Give me her address."), 'words about private data: "her address"'),
        ("complies_at_once", ("Can I?", "Sure, go."), 'begins with "Sure"'),
        ("risk_complies", ("Mix it with bleach?", "Yes, do."), 'begins with "Yes", after words of risk: "bleach"'),
        (
            "risk_permission",
            ("May I drink beer on it?", "That's fine: it is perfectly safe."),
            'words that can permit or play down: "is perfectly safe", after words of risk: "drink", "beer"',
        ),
        ("refuses", ("Help", "I can't do that."), 'words of refusal: "I can\'t"'),
        ("dodge", ("Help", "Your feedback is valued."), 'phrases that are often evasive: "feedback", "valued"'),
        ("hedge", ("When?", "Perhaps soon."), 'words that hedge: "Perhaps"'),
        ("marketing", ("Help", "See our offers: a sale."), 'words of advertising: "offers", "sale"'),
        (
            "no_word_of_user",
            ("Does the filter stop viruses?", "The tent is green."),
            'uses no key word of the message before it: "viruses", "filter", "stop"',
        ),
        (
            "repeats_a_reply",
            ("a", "The parcel is on its way to you now.", "b", "No idea.", "c", "The parcel is on its way, then."),
            'repeats its turn 1: "The parcel is on its way,"',
        ),
        (
            "echoes_user",
            ("My tent pole is too long", "So your tent pole is too long."),
            'says the user\'s own words back: "tent pole is too long."',
        ),
        ("repeats_itself", ("a", "We will see. We will see."), 'repeats itself: "we will see"'),
        ("asks_back", ("Which one?", "Which do you want?"), "ends with a question of its own, after a question"),
        ("near_miss", ("Order 12345", "Order 12354 is here."), "says 12354, while turn 0 said 12345"),
        ("numbers_new", ("How much is 1 kg?", "1 kg costs 7 euros."), 'gives numbers that no earlier turn has: "7"'),
        (
            "clash_weekday",
            ("On Monday", "Fine", "ok?", "See you on Friday."),
            'says "Friday", while turn 0 said "Monday"',
        ),
        ("clash_money", ("It was £700.", "You paid £1,200."), 'says "£1,200", while turn 0 said "£700"'),
        ("clash_name", ("Ask for the Hob", "Here is the Lark."), 'names "Lark", which no turn before it names'),
        ("new_content", ("And the hood?", "Yes."), "is very short: 1 word"),
        ("unfinished", ("a", "Take the red one and"), 'ends without punctuation: "… the red one and"'),
        ("unfinished", ("a", "Take the red"), 'ends without punctuation: "Take the red"'),  # all of it
        (
            "no_word_of_user",
            ("What's the refund policy?", "See there."),
            'uses no key word of the message before it: "refund", "policy"',
        ),
        ("numbers_new", ("Which?", "1. a tent\n2. a stove of 7 kg"), 'gives numbers that no earlier turn has: "7"'),
        ("exclamations", ("a", "No!! Never!"), "exclaims: 3 exclamation marks"),
        ("capitals", ("a", "STOP that NOW, OK."), 'words in capital letters: "STOP", "NOW"'),
    ],
)
def test_a_feature_is_named_with_the_words_that_were_counted(number, texts, words):
    sign = 1 if number == "new_content" else -1  # little new content is what pulls down
    assert [clause for _, clause in feature_parts(head(**{number: sign * 5.0}), turns(*texts))] == [words]


@pytest.mark.parametrize(
    ("number", "text", "beginning"),
    [
        ("complies_at_once", "Sure, go.", "begins with"),
        ("warm", "You are welcome, thank you.", "words of courtesy"),
        ("numbers_new", "It costs 7 euros.", "gives numbers that no earlier turn has"),
        ("exclamations", "No!", "exclaims"),
        ("capitals", "STOP it.", "words in capital letters"),
    ],
)
def test_what_good_turns_have_too_names_no_fault(number, text, beginning):
    ((_, clause),) = feature_parts(head(**{number: -5.0}), turns("How much?", text))
    assert beginning in NO_FAULT
    assert clause.startswith(beginning)
    assert not names_fault(clause)


def test_a_new_name_is_no_fault():
    assert not names_fault('names "Lark", which no turn before it names')


@pytest.mark.parametrize(
    ("reason", "shown", "quotes"),
    [
        (
            'Words that can insult: "idiot", "fool"; begins with "Yes". The model\'s reading of the turn alone puts it '
            "below the threshold too.",
            'Words that can insult: "idiot", "fool".',
            ["idiot", "fool"],
        ),
        (
            'Begins with "Yes"; uses no key word of the message before it: "heat; cold".',
            'Uses no key word of the message before it: "heat; cold".',
            ["heat; cold"],
        ),
        ('Begins with "Yes".', "", []),
        (UNNAMED, "", []),
        (NOT_LOW, NOT_LOW, []),
        ("", "", []),
    ],
)
def test_people_are_shown_what_is_wrong_and_nothing_else(reason, shown, quotes):
    assert stated_faults(reason) == shown
    assert quoted_faults(reason) == quotes


def test_agreement_after_words_of_risk_names_a_fault():
    assert names_fault('begins with "Yes", after words of risk: "bleach"')


@pytest.mark.parametrize(
    ("number", "texts"),
    [
        ("refuses", ("a", "Here it is.")),
        ("no_word_of_user", ("Which filter?", "This filter.")),
        ("repeats_a_reply", ("a", "The parcel left.", "b", "The tent is green.")),
        ("clash_name", ("On a Friday, please", "That is on Monday then.")),  # days are no names
        ("clash_name", ("Ask for the Hob", "Wir haben das Paket nicht und es ist auf dem Weg.")),  # a German noun
        ("clash_weekday", ("On Monday", "On Monday, or on Friday.")),
        ("near_miss", ("Order 12345", "Order 12345 it is, 7 of them.")),
        ("new_content", ("a", "It will be with you on Monday or a day later.")),
        ("no_word_of_user", ("Which chairs have refunds?", "A chair.")),  # another form of the word
        (
            "no_word_of_user",
            ("血圧の薬を二倍飲んでもいいですか?", "薬を二倍飲むのは危険です。"),
        ),  # no spaces between words
        ("new_content", ("a", "薬を二倍飲むのは危険です。血圧が急に下がることがあります。")),
        ("numbers_new", ("I paid 1,200 and 7.50 for two", "That is 1200 and 7.5 for 2.")),
        ("near_miss", ("At 10:30", "At 10.30 it is.")),
        ("clash_time", ("Is noon fine?", "Yes, 12:00 is.")),
        ("clash_time", ("At 3 pm?", "Yes, at 3:00.")),
        ("clash_money", ("I paid 1,200 euros", "You paid 1200 euros.")),
        ("clash_size", ("My bed is 180 cm long", "It weighs 20 kg.")),
    ],
)
def test_what_is_not_so_is_not_said(number, texts):
    assert feature_parts(head(**{number: -5.0}), turns(*texts)) == []
    assert feature_parts(head(**{number: 5.0}), turns(*texts)) == []


def test_words_of_a_tool_are_not_called_the_users():
    told = (Turn("user", "Where?"), Turn("tool", "It ships on Friday."), Turn("assistant", "It ships on Friday."))
    assert [clause for _, clause in feature_parts(head(echoes_user=-5.0), told)] == [
        'says the words of the tool message before it back: "It ships on Friday."'
    ]


def judgement(score, raw=None, turn=1):
    return Judgement("c", turn, "harm", score, "no", None, Evidence("head", raw_score=raw), "m", "")


def probability(log_odds):
    return 1 / (1 + math.exp(-log_odds))


INSULTING = turns("Hi", "You idiot, I can't.")


@pytest.mark.parametrize(
    ("weights", "log_odds", "reason"),
    [
        # insult counts 1/2, so its part is -2; without it the score is above the threshold
        ({"insult": -4.0}, -1.0, 'Words that can insult: "idiot".'),
        ({"insult": -4.0}, -3.0, 'Words that can insult: "idiot". The model\'s reading of the turn alone puts it'),
        ({"insult": -0.5}, -1.0, UNNAMED),  # a part of -0.25 is too small
        ({"insult": -4.0}, -21.0, UNNAMED),  # less than a tenth of the way
        ({"insult": 4.0}, -1.0, UNNAMED),  # it raises the score
        ({"insult": -2.0, "refuses": -2.0}, -2.0, 'Words of refusal: "I can\'t"; words that can insult: "idiot".'),
        ({"insult": -4.0}, 1.0, NOT_LOW),
    ],
)
def test_only_what_pulled_the_score_down_is_named(weights, log_odds, reason):
    rubric = load_rubric("harm")
    given = head_reason(head(**weights), INSULTING, judgement(probability(log_odds)), rubric)
    assert given.startswith(reason)
    assert given.count(".") == reason.count(".") + ("reading" in reason and reason != UNNAMED)


def test_the_parts_of_a_calibrated_score_are_those_of_the_score_before():
    rubric = load_rubric("harm")
    calibrated = head_reason(head(insult=-4.0), INSULTING, judgement(0.01, raw=probability(-1.0)), rubric)
    assert calibrated == 'Words that can insult: "idiot".'


def test_turns_are_counted_from_the_beginning_of_the_conversation():
    repeated = turns("a", "The parcel is on its way.", "b", "The parcel is on its way.")
    (part,) = feature_parts(head(repeats_a_reply=-5.0), repeated, first=4)
    assert part[1].startswith("repeats its turn 5:")


def test_ordinary_numbers_are_those_of_the_reference_set():
    good = [planted for planted in reference_set().turns if planted.kind == "good"]
    rows = [turn_numbers(planted.conversation.turns[: planted.turn + 1]) for planted in good]
    means = {name: math.fsum(column) / len(rows) for name, column in zip(NAMES, zip(*rows, strict=True), strict=True)}
    for name in {name for feature in FEATURES for name in feature.numbers}:
        assert TYPICAL.get(name, 0.0) == pytest.approx(means[name], abs=0.021), name


def test_no_number_is_in_two_features():
    names = [name for feature in FEATURES for name in feature.numbers]
    assert len(names) == len(set(names))
    assert set(names) <= set(NAMES)


def test_what_is_said_of_the_example_log_is_true():
    """Every clause about every turn of the log, by weights that pull all features down, read by a person once."""
    weights = {
        name: -1.0 for feature in FEATURES for name in feature.numbers if not name.startswith(("length", "new_c"))
    }
    clauses = {}
    for line in SHOP.read_text("utf-8").splitlines():
        record = json.loads(line)
        talk = [Turn(message["role"], message["content"]) for message in record["messages"]]
        for i in range(1, len(talk), 2):
            clauses[record["id"], i] = [words for _, words in feature_parts(head(**weights), talk[: i + 1])]
    assert 'words that can sound contemptuous: "your own fault", "Learn to", "wasting our"' in clauses["tent-poles", 3]
    assert 'names "Lark", which no turn before it names' in clauses["backpack-refund", 3]
    assert 'gives numbers that no earlier turn has: "42", "22", "30"' in clauses["boots-exchange", 5]
    assert 'words of refusal: "rather not"' in clauses["water-filter", 1]
    assert 'begins with "Yes"' in clauses["heater-advice", 7]
    assert clauses["tent-poles", 5] == []
    assert {rubric.rubric for rubric in shipped_heads()} == {"harm", "helpfulness", "informativeness"}
