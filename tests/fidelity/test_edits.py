"""Edit distance and content preservation."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convexplain.errors import UsageError
from convexplain.fidelity import content_preservation, edit_distance, edit_rate

# Few different words, so that texts have some in common.
texts = st.lists(st.sampled_from(["a", "b", "c", "ab", "ba"]), max_size=8).map(" ".join)


@pytest.mark.parametrize(
    ("before", "after", "distance", "rate"),
    [
        ("the cat sat down", "the cat sat down", 0, 0.0),
        ("the cat sat down", "the dog sat down", 1, 0.25),  # one replaced
        ("the cat sat down", "the cat down", 1, 0.25),  # one taken out
        ("the cat sat down", "the black cat sat down", 1, 0.25),  # one added
        ("the cat sat down", "a dog sat right down", 3, 0.75),  # two replaced, one added
        ("one", "two three", 2, 2.0),  # above 1
        ("one two", "two one", 2, 1.0),  # a swap is two changes
        ("a  b\n c", "a b c", 0, 0.0),  # white space is no word
        ("The cat.", "the cat", 2, 1.0),  # case and punctuation count
        ("one two", "", 2, 1.0),
        ("", "", 0, None),
        (" \n", "one", 1, None),
        ("你好吗", "你好呢", 1, 1 / 3),  # no white space between words: characters
        ("今天 is fine", "明天 is fine", 1, 0.25),
    ],
)
def test_edits_are_counted_in_words(before, after, distance, rate):
    assert edit_distance(before, after) == distance
    assert edit_rate(before, after) == rate


def by_definition(one, other):
    """Levenshtein's distance as it is defined, without any cleverness."""
    table = {(i, 0): i for i in range(len(one) + 1)} | {(0, j): j for j in range(len(other) + 1)}
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            replaced = table[i - 1, j - 1] + (one[i - 1] != other[j - 1])
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, replaced)
    return table[len(one), len(other)]


@given(texts, texts, texts)
def test_the_edit_distance_is_levenshteins_and_a_distance(one, other, third):
    assert edit_distance(one, other) == by_definition(one.split(), other.split())
    assert edit_distance(one, other) == edit_distance(other, one)
    assert (edit_distance(one, other) == 0) == (one == other)
    assert edit_distance(one, third) <= edit_distance(one, other) + edit_distance(other, third)


def embed(vectors):
    return lambda texts: [vectors[text] for text in texts]


@pytest.mark.parametrize(
    ("one", "other", "cosine"),
    [
        ([3, 4], [3, 4], 1.0),
        ([3, 4], [6, 8], 1.0),
        ([3, 4], [4, 3], 0.96),  # (12 + 12) / (5 · 5)
        ([1, 0], [0, 2], 0.0),
        ([1, 2], [-1, -2], -1.0),
        ([1e200, 0], [1e200, 1e200], math.sqrt(0.5)),
        ([1e-200, 0], [1e-200, 1e-200], math.sqrt(0.5)),
        ([0, 0], [1, 0], None),
        ([1, 0], [math.nan, 0], None),
        ([math.inf, 0], [1, 0], None),
    ],
)
def test_content_preservation_is_the_cosine(one, other, cosine):
    found = content_preservation("a", "b", embed({"a": one, "b": other}))
    assert found == (cosine if cosine is None else pytest.approx(cosine, abs=1e-12))


def test_rounding_does_not_lead_out_of_the_range():
    vector = [0.1, 0.2, 0.3, 0.7, 0.9]
    assert content_preservation("a", "b", embed({"a": vector, "b": [3 * x for x in vector]})) <= 1


@pytest.mark.parametrize("vectors", [[[1.0]], [[1.0], [1.0], [1.0]]])
def test_each_text_has_a_vector(vectors):
    with pytest.raises(UsageError, match=f"embed: it gave {len(vectors)} vectors for 2 texts"):
        content_preservation("a", "b", lambda texts: vectors)


def test_vectors_have_one_length():
    with pytest.raises(UsageError, match="vectors of 1 and 2 numbers"):
        content_preservation("a", "b", embed({"a": [1], "b": [1, 2]}))
