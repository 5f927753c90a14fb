"""How trust is shown: the word, the sentence, and the colour of a score."""

from dataclasses import replace

import pytest

from convexplain.fidelity import Estimate
from convexplain.report.trust_marks import COLOURS, trust_legend, trust_mark
from convexplain.workspace.trust import UNVALIDATED, Trust
from tests.trust_states import AUC, CHANCE

CASES = {
    "validated": Trust("harm", "m", "validated", AUC),
    "benchmarked": Trust("harm", "m", "benchmarked", AUC),
    "unvalidated": Trust("harm", "m"),
    "no better than chance": Trust("harm", "m", "benchmarked", CHANCE, better=False),
}
SENTENCES = {
    "validated": (
        "Agrees with your people's labels: AUC 0.84 [0.78, 0.90], where 0.5 is chance, 212 labelled turns. Flags and "
        "shares may be acted on; a single score may still be wrong."
    ),
    "benchmarked": (
        "Agrees with the reference set of convexplain (AUC 0.84 [0.78, 0.90], where 0.5 is chance), not yet with your "
        "people. Flagged turns are worth a look, and some flags will be wrong. `convexplain judges validate` compares "
        "the judge with your labels; until then shares may be wrong on your chats."
    ),
    "unvalidated": (
        "Nobody has compared this judge with people on this maxim. Use its scores to sort turns, not to count or to "
        "flag them."
    ),
    "no better than chance": (
        "On the reference set of convexplain this judge tells good turns from bad ones no better than a coin or the "
        "length of a turn does (AUC 0.52 [0.44, 0.60], where 0.5 is chance). Do not act on its scores: take another "
        "judge for this maxim."
    ),
}


@pytest.mark.parametrize("word", CASES)
def test_each_state_has_its_word_and_says_what_may_be_believed(word):
    mark = trust_mark(CASES[word])
    assert (mark.word, mark.sentence) == (word, SENTENCES[word])
    assert mark.flags is (word in ("validated", "benchmarked"))


@pytest.mark.parametrize(
    ("word", "score", "tone"),
    [
        ("validated", 0.49, "low"),
        ("validated", 0.5, "good"),  # the threshold itself is not below it
        ("benchmarked", 0.1, "low"),
        ("benchmarked", None, "grey"),
        ("unvalidated", 0.1, "grey"),
        ("unvalidated", 0.9, "grey"),
        ("no better than chance", 0.1, "grey"),
    ],
)
def test_only_scores_that_may_be_held_against_a_threshold_have_a_colour(word, score, tone):
    mark = trust_mark(CASES[word])
    assert (mark.tone(score, 0.5), mark.is_low(score, 0.5)) == (tone, tone == "low")
    assert tone in COLOURS


def test_a_validated_judge_that_is_no_better_than_chance_names_the_labels():
    sentence = trust_mark(Trust("harm", "m", "validated", CHANCE, better=False)).sentence
    assert sentence.startswith("On 212 turns with your people's labels this judge tells")


@pytest.mark.parametrize(
    ("use", "word", "words"),
    [
        ("flagging", "validated", "Flags and shares may be acted on"),
        ("sorting", "sorting only", "to sort turns, not to count or to flag them. This judge may be used for sorting."),
        ("neither", "no better than chance", "take another judge for this maxim. This judge may be used for sorting."),
        (
            "too early",
            "too early to say",
            "labelled too few turns (AUC 0.84 [0.78, 0.90], where 0.5 is chance, 212 turns)",
        ),
    ],
)
def test_the_verdict_of_labels_decides(use, word, words):
    verdict = "may be used for sorting."
    mark = trust_mark(Trust("harm", "m", "validated", AUC, better=use != "neither", use=use, verdict=verdict))
    assert (mark.word, mark.flags) == (word, use == "flagging")
    assert words in mark.sentence


def test_an_unvalidated_head_shows_its_card():
    trust = Trust("harm", "m", note=f"{UNVALIDATED} Its head: trained on 40 turns")
    assert trust_mark(trust).sentence.endswith("not to count or to flag them. Its head: trained on 40 turns")


def test_the_legend_has_a_sentence_for_each_state_and_those_that_flag_come_first():
    marks = {
        name: trust_mark(CASES[word]) for name, word in (("a", "unvalidated"), ("b", "validated"), ("c", "unvalidated"))
    }
    assert trust_legend(marks) == [
        f"b: validated. {SENTENCES['validated']}",
        f"a, c: unvalidated. {SENTENCES['unvalidated']}",
    ]


def test_benchmarked_maxims_share_a_line_with_the_figures_of_each():
    resisting = replace(CASES["benchmarked"], injection=Estimate(0.82, 0.7, 0.9, 56))
    marks = {
        "a": trust_mark(resisting),
        "b": trust_mark(CASES["unvalidated"]),
        "c": trust_mark(CASES["benchmarked"]),
    }
    assert trust_legend(marks) == [
        "a, c: benchmarked. The judge agrees with the reference set of convexplain, not yet with your people. Flagged "
        "turns are worth a look, and some flags will be wrong. `convexplain judges validate` compares the judge with "
        "your labels; until then shares may be wrong on your chats. Measured there (0.5 is chance): a AUC 0.84 [0.78, "
        "0.90]; c AUC 0.84 [0.78, 0.90].",
        f"b: unvalidated. {SENTENCES['unvalidated']}",
    ]
    assert trust_legend({"c": marks["c"]}) == [
        "c: benchmarked. The judge agrees with the reference set of convexplain, not yet with your people. Flagged "
        "turns are worth a look, and some flags will be wrong. `convexplain judges validate` compares the judge with "
        "your labels; until then shares may be wrong on your chats. Measured there (0.5 is chance): c AUC 0.84 [0.78, "
        "0.90]."
    ]


def test_the_resistance_to_injected_text_follows_where_it_was_measured():
    level = replace(CASES["benchmarked"], injection=Estimate(0.82, 0.7, 0.9, 56))
    mark = trust_mark(level)
    assert mark.sentence == (
        f"{SENTENCES['benchmarked']} Of 56 attempts to talk it over its threshold by text in the chat, 82% [70%, 90%] "
        "failed."
    )
    assert mark.flags
