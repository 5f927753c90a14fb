"""The editor that takes a sentence of another conversation: which ones it takes, and the vectors of words."""

import asyncio

import pytest

from convexplain.connectors.editors import EditorResources, open_editor
from convexplain.connectors.editors.sentence_vectors import word_vectors
from convexplain.models.editing import Passage, ScoredSentence
from convexplain.types import Label, Rubric, Turn, Unit

RUBRIC = Rubric(
    "r", "R", "own", "The response helps.", (Label("no", 0.0, "no help"), Label("yes", 1.0, "help")), (), 0.5
)
TEXT = "Hello there. Your parcel is late. Bye now."
TURNS = (Turn("user", "Where is AB-1234? I am Maria and paid 20 euros."), Turn("assistant", TEXT))
OLD = "Your parcel is late."


def embedding(texts):
    """Vectors: texts with "far" are far from all others; "The parcel is here." is the nearest to the passage."""
    return [
        [0.0, 1.0] if "far" in text else [1.0, {OLD: 0.0, "The parcel is here.": 0.1}.get(text, 0.2)] for text in texts
    ]


def propose(*pool, k=5, upward=True, level="sentence", part=OLD, refused=(), turns=TURNS):
    content = turns[1].content
    unit = Unit(1, content.index(part), content.index(part) + len(part), level)
    editor = open_editor("swap", EditorResources(sentences=pool, embedding=embedding))
    proposed = asyncio.run(editor.propose([Passage(turns, unit, 1, RUBRIC, upward, refused=refused)], k))
    return [text.replace("Hello there. ", "").replace(" Bye now.", "") for text in proposed[0]]


def scored(text, score=0.9, rubric="r", conversation="c", turn=1):
    return ScoredSentence(rubric, conversation, turn, text, score)


@pytest.mark.parametrize(
    ("text", "score", "taken"),
    [
        ("Your parcel comes today.", 0.9, True),
        ("Your parcel comes today.", 0.5, True),  # at the threshold
        ("Your parcel comes today.", 0.49, False),
        ("Your far far parcel comes today.", 0.9, False),  # not close in meaning
        ("Come in.", 0.9, False),  # less than half as long
        ("Your parcel comes today, and we are glad that it does.", 0.9, False),  # more than twice
        ("Your parcel comes today", 0.9, False),  # without a stop
        ("AB-1234 comes today.", 0.9, True),
        ("AB-9999 comes today.", 0.9, False),  # a code of another conversation
        ("You paid us 20 euros.", 0.9, True),
        ("You paid us 30 euros.", 0.9, False),
        ("We wrote to Maria today.", 0.9, True),
        ("We wrote to Peter today.", 0.9, False),
        ("- Your parcel comes.", 0.9, False),
        ('Your "parcel comes.', 0.9, False),
        ("YOUR parcel is late!", 0.9, False),  # the same words
        (OLD, 0.9, False),
    ],
)
def test_which_sentences_are_taken(text, score, taken):
    assert propose(scored(text, score)) == ([text] if taken else [])


@pytest.mark.parametrize(
    ("text", "other", "taken"),
    [
        ("Maria, your parcel left.", "We wait.", True),  # this conversation's name
        ("Peter, your parcel left.", "We wait.", False),
        ("Peter has your parcel now.", "We wait.", False),
        ("Dear Mr. Olsen, it left.", "We wait.", False),
        ("Parcels come in the evening.", "We wait.", False),  # may be a name
        ("Parcels come in the evening.", "All parcels wait.", True),
        ("Late it is, but not too late.", "We wait.", True),  # this conversation has it in small letters
        ("However, it comes soon.", "We wait.", True),  # a common word
        ("Wi-Fi parcels are here.", "We wait.", False),
        ("Wi-Fi parcels are here.", "The wi-fi waits.", True),
    ],
)
def test_a_word_with_a_capital_is_a_name_unless_it_stands_elsewhere_in_small_letters(text, other, taken):
    assert (text in propose(scored(text), scored(other, 0.1))) == taken


def test_the_score_is_one_on_the_same_maxim():
    assert propose(scored("Your parcel comes today.", rubric="harm")) == []


def test_a_lower_score_comes_from_a_bad_turn():
    pool = (scored("Your parcel comes today.", 0.9), scored("Your parcel is gone.", 0.2))
    assert propose(*pool, upward=False) == ["Your parcel is gone."]


def test_the_nearest_come_first_and_none_twice():
    pool = [scored(text) for text in ("The parcel is here.", "The parcel is here.", "the parcel, is here.")]
    assert propose(*pool) == ["The parcel is here."]
    two = (scored("The parcel is here."), scored("That parcel is here."))
    assert propose(*two) == ["The parcel is here.", "That parcel is here."]
    assert propose(*two, k=1) == ["The parcel is here."]
    assert propose(*two, refused=(TEXT.replace(OLD, "The parcel is here."),)) == ["That parcel is here."]


def test_a_log_of_one_conversation_gives_nothing():
    own = [scored(sentence) for sentence in ("Hello there.", OLD, "Bye now.")]
    assert propose(*own) == []
    assert propose() == []


def test_a_later_turn_of_the_same_conversation_gives_nothing():
    later = scored("Your parcel comes today.", conversation="a", turn=3)
    assert propose(scored(OLD, conversation="a"), later) == []
    assert propose(scored("Come in.", conversation="a"), later) == [later.text]  # it is another conversation


@pytest.mark.parametrize(
    ("content", "part", "level"),
    [
        (TEXT, TEXT, "turn"),
        ("We sell:\n- parcels that are late\n- ink", "- parcels that are late", "sentence"),
        ("# Parcels that are late\n\nBye now.", "# Parcels that are late", "sentence"),
        ("```\nparcel = late_parcel\n```", "parcel = late_parcel", "sentence"),
        ("| parcel | is late |\n|---|---|\n| a | b |", "| parcel | is late |", "sentence"),
    ],
)
def test_other_passages_get_none(content, part, level):
    turns = (TURNS[0], Turn("assistant", content))
    assert (
        propose(scored("The parcel is here today."), scored("parcel = new_parcel"), turns=turns, part=part, level=level)
        == []
    )


def test_the_vectors_are_made_once_for_a_conversation():
    calls = []

    def counted(texts):
        calls.append(texts)
        return embedding(texts)

    editor = open_editor("swap", EditorResources(sentences=(scored("The parcel is here."),), embedding=counted))
    units = [Unit(1, TEXT.index(part), TEXT.index(part) + len(part), "sentence") for part in ("Hello there.", OLD)]
    for unit in units:
        asyncio.run(editor.propose([Passage(TURNS, unit, 1, RUBRIC, True)], 2))
    assert len(calls) == 1


def test_word_vectors_are_near_where_words_are_shared():
    texts = [
        "When does the flight leave?",
        "When does your flight leave?",
        "I like red shoes.",
        "Red shoes are fine.",
        "",
    ]
    vectors = word_vectors(texts)
    cosine = [[sum(a * b for a, b in zip(x, y, strict=True)) for y in vectors] for x in vectors]
    assert cosine[0][1] > 0.5 > 0.1 > abs(cosine[0][2])
    assert cosine[2][3] > 0.2 > abs(cosine[1][3])
    assert cosine[4] == [0.0] * 5
    assert word_vectors(["", "..."]) == [[0.0], [0.0]]
    assert len(word_vectors(["a"])) == 1
