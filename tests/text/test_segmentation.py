from itertools import pairwise

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from syntok import segmenter

from convexplain.errors import UsageError
from convexplain.text import segmentation as units
from convexplain.text.segmentation import core, segment
from convexplain.types import LEVELS, Level, Unit

# A bar marks every cut, so that a case is its own expectation: "a |b" is the text "a b" and its two units.
SENTENCES = [
    # One and several sentences.
    "Just one without an end",
    "First one. |Second one! |Third one? |Fourth",
    "  Leading space. |Trailing space.  ",
    "Really?! |Yes!!! |Hm...",
    # Points that end nothing.
    "It costs 3.5 euros, or 1,000.25 in all. |Fine.",
    "He lives in the U.S. and is happy. |We use e.g. this one.",
    "Ask Dr. Smith or Mrs. Brown. |They know.",
    "ask dr. smith first. |he knows",
    "Get v2.1.3 now. |Then run setup.py again. |Done.",
    "See https://example.com/a.b?c=d. |Or www.example.com! |Or not.",
    "Mail first.last@example.com. |We answer soon.",
    "It is no. 5 on the list. |Look there.",
    "Take approx. 500 grams. |Stir.",
    # Points that do, although they look as if they did not.
    "Your order has shipped. |500 points were added.",
    "He sat. |She liked art. |Ask Max. |Bye.",
    # Small letters at the beginning.
    "yes! |no? |what",
    "i ordered it last week. |it has not come. |can you help",
    'He asked "why?" and left.',
    # Ellipses.
    "Well... maybe. |Hm… |Maybe not.",
    # Quotes, brackets and emphasis after the stop.
    'He said "Go." |Then he left. |“Stop.” |He ran.',
    "(See below.) |Then go on. |It works (mostly). |Good.",
    "**Note.** |Then *this.* |And `that.` |**Next** one.",
    # What has no word in it joins its neighbour.
    "You're welcome! 😊",
    "Hi :) How are you? ... |Good.",
    "Bonjour ! |Comment ça va ?",
    # Semicolons and capitals in brackets are no ends.
    "First this; Then that. |Good.",
    "We saw Paris (France is nice) Yesterday.",
    # Lists.
    "1. First thing. |2. Second thing. |10. The last.",
    "Do this:\n|- one thing\n|- another thing\n|* third",
    "1. Open it.\n|2. Close it. |Wait.\n   |a) maybe\n",
    "- **Restart it.** |Hold the button.\n  |- then wait",
    # Headings and table rows stand whole.
    "# Title. The second\n\n|Text here. |More.",
    # Code stands line by line, up to a fence that closes it.
    "So:\n|```py\n|x = 1. Y\n\n    |}\n|```\n|End. |Fin.",
    "~~~\n|```\n|It goes. On\n|~~~\n|One. |Two.",
    "````\n|```\n|Go on. Stop.\n|````\n|One. |Two.",
    "```\n|It never. Closes.",
    "Use ```code``` here. |Then stop.",
    # Lines.
    "one line\n|another line\r\n|third\u2028|fourth",
    "\n\n  One\n\n\n|Two\n\n",
    "This line of prose was broken by a mail program because it was long\nand goes on here. |Next.",
    "This line of prose was broken by a mail program because it was long\n|And this is a new one.",
    "This line of prose was broken by a mail program because it was long\n|b) this is not prose",
    # Other scripts.
    "你好。|我是学生！|你呢？|好",
    "今日は暑いです。|そうですね。",
    "彼は「はい。」と言った。|終わり。",
    "他说：“好的。”|然后走了。",
    "３．５です。|はい。",
    "مرحبا؟ |كيف حالك؟ |بخير.",
    "यह एक है। |यह दो है।",
]

PHRASES = [
    "Yes, |I can help you with that; |one moment: |here it is.",
    # Numbers, times, addresses.
    "It is 10:30, |and 1,000 people read https://example.com/a,b;c here.",
    # Dashes; a range is none.
    "I looked — |it is late – |sorry—|today.",
    "Open 10 – 12 |and 2–4 today.",
    # Brackets, where enough is left on both sides.
    "The agent on duty |(who is busy) |will call you.",
    "Press the red button (red) |right now.",
    "Press it now |(or the blue one).",
    "The word(s) in f(x) are [linked](https://example.com) here.",
    "1) do this 2) do it",
    # Conjunctions, where enough is left on both sides.
    "I can check |and then I will tell you |when it is done |because it matters.",
    "bread and butter",
    "You and I agree |but they do not.",
    "I am so tired |so I will go |even if it rains.",
    "He lives in that house |which I like.",
    "ONE TWO |AND THREE FOUR",
    # A piece without a word is no phrase.
    "Hello, :) ;)",
    "— , so be it",
    # Sentences and lines end phrases.
    "Go now. |Or stay, |if you like.\n|- milk, |eggs",
    # Other languages have the punctuation.
    "Ich bin so müde, |weil ich nicht schlafen konnte.",
    "我想要苹果，|但是没有|（真的）。|他说：|好。",
    "نعم، |بالطبع",
]

WORDS = [
    "I |can't |do |that, |sorry. ",
    " (see |https://example.com/a.b) |3.5 |well-known |— |ok?\r\n|x",
    "mail—|today",
    "我|想|要|苹|果，|真|的！？",
    "「は|い」|と",
    "カタカナ|と|コーヒー|を",
    "用|Python|写",
    "ไป|มา|ภา|ษา",
    "👨\u200d👩\u200d👧 |🇩🇪🇫🇷 |e\u0301a",
    "한국어 |단어",
]


def pieces(text: str, level: Level) -> list[str]:
    return [unit.of(text) for unit in segment(text, level)]


def marked(case: str) -> tuple[str, list[str]]:
    expected = case.split("|")
    return "".join(expected), expected


@pytest.mark.parametrize("case", SENTENCES)
def test_sentences(case):
    text, expected = marked(case)
    assert pieces(text, "sentence") == expected


def test_table_rows_are_sentences():
    rows = ["| a. B | c |\n", "|---|\n", "| d. E | f |"]
    assert pieces("".join(rows), "sentence") == rows


@pytest.mark.parametrize("case", PHRASES)
def test_phrases(case):
    text, expected = marked(case)
    assert pieces(text, "phrase") == expected


@pytest.mark.parametrize("case", WORDS)
def test_words(case):
    text, expected = marked(case)
    assert pieces(text, "word") == expected


def test_turn_is_the_whole_text():
    assert segment(" a. b\n", "turn", 3) == [Unit(3, 0, 6, "turn")]


@pytest.mark.parametrize("level", LEVELS)
def test_empty_and_white_text(level):
    assert segment("", level) == []
    assert segment(" \r\n\t\u3000", level) == [Unit(0, 0, 5, level)]


def test_unknown_level_is_refused():
    with pytest.raises(UsageError, match=r"'letter'.*turn, sentence, phrase, word"):
        segment("a", "letter")


def test_units_carry_their_turn():
    assert segment("Hi. You there?", "sentence", 2) == [Unit(2, 0, 4, "sentence"), Unit(2, 4, 14, "sentence")]
    assert segment("", "sentence", 1) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Hi there.\n\n", (2, 11)),
        ("x", (0, 1)),
        ("\x1c\u3000é\x85", (2, 3)),
        (" \n ", (0, 0)),
    ],
)
def test_core_leaves_out_white_space(text, expected):
    assert core(text, segment(text, "turn")[0]) == expected


def test_core_counts_from_the_beginning_of_the_turn():
    text = "One. Two. "
    assert [core(text, unit) for unit in segment(text, "sentence")] == [(0, 4), (5, 9)]


def test_a_failing_tokenizer_still_gives_sentences(monkeypatch):
    def fail(tokens):
        raise IndexError("pop from empty list")

    monkeypatch.setattr(segmenter, "segment", fail)
    # Without syntok a stop before a small letter ends nothing; everything else does.
    assert pieces("One. Two e.g. three. 你好。Four", "sentence") == [
        "One. ",
        "Two e.g. three. ",
        "你好。",
        "Four",
    ]


@pytest.mark.parametrize("offsets", [[0, 3, 4000], [-7, 2], []])
def test_offsets_that_are_none_are_ignored(monkeypatch, offsets):
    class Token:
        def __init__(self, offset):
            self.offset = offset

    monkeypatch.setattr(segmenter, "segment", lambda tokens: ([Token(offset)] for offset in offsets))
    assert pieces("One two. Three four.", "sentence") == ["One two. Three four."]


# Any string, and strings dense in what the rules look at.
ANY = st.text(st.characters(exclude_categories=()), max_size=60)
CHARACTERS = "aAß.!?…;:,()[]{}\"'“”*_`~#|>-–—/@0159 \t\n\r\x00\x1c\x85\xa0\u200b\u2028"
MARKS = "\ud800\udc00\u0301\u200d\ufe0f\u202e\u0600。！？．，「」（）と؟،।"
SNIPPETS = """\
```|~~~|1. |- |e.g. |U.S. |Dr. |No. |... |https://a.b/c,d |a@b.co |and |that |so I |(see) |word |Word. |10:30
|1,000|v2.1.3|n't |\r\n|\n\n|你好|カタ|ー|ไทย|ภา|ລາວ|ខ្មែរ|မြန်မာ
|नि|שלום|\u1100\u1161|👨\u200d👩\u200d👧|🇩🇪|🇩|👍🏽"""
DENSE = st.lists(
    st.sampled_from([*CHARACTERS, *MARKS, "x" * 50, *SNIPPETS.split("|")]),
    max_size=40,
).map("".join)


@pytest.mark.slow
@given(st.one_of(ANY, DENSE))
@settings(max_examples=300, deadline=None)
def test_units_tile_any_text_and_levels_nest(text):
    clusters = {cluster.start() for cluster in regex.finditer(r"\X", text)}
    coarser: set[int] = set()
    for level in LEVELS:
        found = segment(text, level, 7)
        assert "".join(unit.of(text) for unit in found) == text
        assert all(unit.start < unit.end for unit in found)
        assert all(before.end == after.start for before, after in pairwise(found))
        assert {(unit.turn, unit.level) for unit in found} <= {(7, level)}
        starts = {unit.start for unit in found}
        assert starts >= coarser
        assert starts <= clusters
        # White space stands at the beginning of no unit but the first.
        assert not any(text[start].isspace() for start in starts - {0})
        for unit in found:
            start, end = core(text, unit)
            assert unit.start <= start <= end <= unit.end
            assert text[start:end] == unit.of(text).strip()
        coarser = starts


@given(DENSE)
@settings(deadline=None)
def test_the_view_for_syntok_keeps_the_length(text):
    assert len(units._view(text)) == len(text)
