import pytest

from .readability import paragraphs, readability, sentences_of, syllables, words_of

PAGE = """---
title: no prose
---
# A heading is no prose

It reads `a file` and
[the page](logs.md). Then it stops!

- An entry, *in italics*.

> A quotation is no prose.

| a table | no prose |
|---|---|
| a | b |

```
code.
```
"""


def test_paragraphs_and_list_entries_are_prose_and_nothing_else():
    assert list(paragraphs(PAGE)) == ["It reads Code and the page. Then it stops!", "An entry, in italics."]


@pytest.mark.parametrize(
    ("paragraph", "sentences"),
    [
        ("One. Two!", ["One.", "Two!"]),
        ("A score of 0.5 is low. Code says so.", ["A score of 0.5 is low.", "Code says so."]),
        ("...", []),
    ],
)
def test_sentences(paragraph, sentences):
    assert list(sentences_of(paragraph)) == sentences


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("It's 0.5, or 1/2.", ["It's", "0.5", "or", "1/2"]),
        ("A – B: 95 % of llama.cpp", ["A", "B", "95", "of", "llama.cpp"]),
    ],
)
def test_words(sentence, words):
    assert words_of(sentence) == words


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("cat", 1),  # K AE1 T
        ("everybody", 4),  # EH1 V R IY0 B AA2 D IY0
        ("label-free", 3),
        ("0.5", 1),
        ("convexplaine", 3),  # unknown: o, e, ai, and an e at the end that is silent
        ("scorable", 3),  # unknown: o, a, and the e of -le
    ],
)
def test_syllables(word, count):
    assert syllables(word) == count


def test_reading_ease_is_that_of_flesch():
    """Two sentences of 6 and 3 words; 6 and 2 + 1 + 3 = 6 syllables: 206.835 - 1.015 * 9 / 2 - 84.6 * 12 / 9."""
    measured = readability("The cat sat on the mat. Very good banana.")
    assert measured.ease == pytest.approx(206.835 - 1.015 * 4.5 - 84.6 * 12 / 9)
    assert measured.longer_than(5) == ["The cat sat on the mat."]
    assert measured.longer_than(6) == []


def test_a_page_without_a_sentence_is_not_measured():
    with pytest.raises(ValueError, match="no sentence"):
        readability("# Only a heading")
