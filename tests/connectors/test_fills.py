"""The rules that every infiller shares."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from convexplain.connectors.infillers import fills
from convexplain.models.infilling import Masked


def hole(old, before="I am ", after=" today", avoid=()):
    return Masked(before, old, after, avoid)


@pytest.mark.parametrize(
    ("raw", "old", "expected"),
    [
        (" great ", "fine", "great"),
        ("great", "fine,", "great,"),
        ("great.", "fine,", "great,"),
        ("great!", "fine", "great"),
        ("great", "“fine,”", "“great,”"),
        ("look at it", "**Note:** check it now.", "Look at it."),
        ("look at it", "**Check it now.**", "**Look at it.**"),
        ("look at it", "Check the _small print_.", "Look at it."),
        ("look at it", "“Fine,” he said.", "Look at it."),
        ('he said "no"', "check it now.", 'he said "no".'),
        ("'great'", "fine", "great"),
        ("(quite) great", "fine", "(quite) great"),
        ("great (really)", "fine!", "great (really)!"),
        ("great", "(fine)", "(great)"),
        ("great)", "fine", "great"),
        ("great", "FINE", "GREAT"),
        ("great", "Fine", "Great"),
        ("quite  great\nand more", "fine", "quite great"),
        ("we", "I", "we"),
        ("we've", "I'm", "we've"),
        ("London", "fine", "London"),
        ("12.5%", "3%", "12.5%"),
        ("C++", "Python.", "C++."),
        ("😀", "😂", "😀"),
        ("—", "-", "—"),
        ("très bien", "fine", "très bien"),
        ("جيد", "fine", "جيد"),
    ],
)
def test_a_candidate_takes_the_old_words_form(raw, old, expected):
    assert fills.fill_of(raw, hole(old)) == expected


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "  \n ",
        "fine",
        "FINE!",
        " “fi ne”, ",
        "ｆｉｎｅ",
        "awful",
        "Awful.",
        "...",
        "\u200b",
        "gr\x00eat",
        "\u202egreat",
        "gr\ud800eat",
        "great \ufffd",
        "<|im_end|>",
        "great</s>",
        "<extra_id_1>",
        "[MASK]",
        "[/INST]",
        "one two three four",
        "x" * 60,
    ],
)
def test_what_is_no_fill_is_refused(raw):
    assert fills.fill_of(raw, hole("fine", avoid=("awful",))) is None


@pytest.mark.parametrize(
    ("raw", "old", "before", "expected"),
    [
        ("we", "I", "", "We"),
        ("we", "I", "It is late. ", "We"),
        ("we", "I", "It is late.\n\n", "We"),
        ("we", "I", "It is 3.5 and ", "we"),
        ("Bye", "hello", "", "bye"),  # who begins in small letters goes on so
        ("NASA", "hello", "", "NASA"),
        ("I'm", "hello", "", "I'm"),
        ("Bye", "hello", "well, ", "Bye"),
    ],
)
def test_the_first_word_of_a_sentence_has_its_own_case(raw, old, before, expected):
    assert fills.fill_of(raw, hole(old, before)) == expected


def test_a_sentence_may_begin_after_the_rest_of_the_conversation():
    assert fills.fill_of("we", Masked("", "I", " am", context="user: Hello, ")) == "we"
    assert fills.fill_of("we", Masked("", "I", " am", context="user: Hello.\nassistant. ")) == "We"


def test_choosing_keeps_the_order_drops_twins_and_stops_at_k():
    raw = ["fine", "great", "Great!", "good", "bad", "worse"]
    assert fills.choose(raw, hole("fine", avoid=("bad",)), 3) == ["great", "good", "worse"]
    assert fills.choose(raw, hole("fine"), 2) == ["great", "good"]
    assert fills.choose([], hole("fine"), 2) == []


@pytest.mark.parametrize(
    ("old", "words"), [("", 3), ("fine", 3), ("very fine", 4), ("a b c d e", 10), ("我不知道。", 8)]
)
def test_a_fill_has_about_twice_the_old_words_at_most(old, words):
    assert fills.max_words(old) == words
    said = [f"z{i}" for i in range(words + 1)]
    assert fills.fill_of(" ".join(said[:-1]), hole(old)) is not None
    assert fills.fill_of(" ".join(said), hole(old)) is None


@pytest.mark.parametrize(
    ("raw", "loops"),
    [
        ("No, no, no, no.", True),
        ("No, no, no.", False),
        ("no-no-no-no", True),
        ("I know, I know, I know.", True),
        ("I know, I know.", False),
        ("a b c d e a b c d e", True),
        ("to be or not to be", False),
        ("It is what it is, and it is what it is.", False),
        ("The more you buy, the more you save, the more you win.", False),  # 12 words, half of them different
        ("I can help. I can help you. I can help you now.", True),  # 12 words, 5 of them different
        ("| a | a | b | b | c |", False),
        ("0 800 00 00 00 00 1 + 1 + 1", False),  # numbers and signs may
        ("z0 z1 z2 z3 z4", False),
        ("我不知道我不知道我不知道", True),
        ("我不知道我的包裹在哪里", False),
    ],
)
def test_what_says_the_same_again_and_again_is_refused(raw, loops):
    found = fills.fill_of(raw, hole("We shall see about that tomorrow morning, and perhaps once more after that."))
    assert (found is None) == loops


TEXT = st.text(st.characters() | st.sampled_from(" .,!?\"'()[]*\n\tIaB\u200b\u00ad\ud800"), max_size=12)


@given(old=TEXT, avoid=st.lists(TEXT, max_size=2), raw=st.lists(TEXT, max_size=5), before=TEXT)
@example(old="ss", avoid=[], raw=["ß"], before="")
@example(old="SS", avoid=[], raw=["ß"], before="")
@example(old="x", avoid=["ǆ"], raw=["ǅ"], before="")
def test_a_fill_is_never_old_never_empty_and_has_no_white_space_around(old, avoid, raw, before):
    found = fills.choose(raw, Masked(before, old, "", tuple(avoid)), 3)

    def plain(text):
        return "".join(unicodedata.normalize("NFKC", text).casefold().split())

    for fill in found:
        assert fill
        assert fill == fill.strip()
        assert not any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in fill)
        assert fills.key(fill) not in {fills.key(old), *map(fills.key, avoid)}
        assert fill.casefold() not in {old.strip().casefold(), *(one.strip().casefold() for one in avoid)}
    assert len({plain(fill) for fill in found}) == len(found) <= 3
