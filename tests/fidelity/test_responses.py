import math

import pytest

from convexplain.errors import UsageError
from convexplain.fidelity import RougeL, reply_divergence, reply_probability_ratio, rouge_l_parts

HALF, QUARTER = math.log(0.5), math.log(0.25)


@pytest.mark.parametrize(
    ("masked", "full", "ratio"),
    [
        ([QUARTER], [HALF], 0.5),
        ([QUARTER, HALF], [HALF, HALF], 2**-0.5),  # a product of 1/2 over two tokens
        ([HALF, QUARTER], [QUARTER, HALF], 1.0),
        ([HALF], [QUARTER], 2.0),  # the mask has made it more probable
        ([-math.inf, HALF], [HALF, HALF], 0.0),
        ([-2000.0] * 3, [-1000.0] * 3, 0.0),  # no number of the way leaves the range of floats
        ([HALF], [-math.inf], None),
        ([], [], None),
    ],
)
def test_probability_ratio_of_a_reply(masked, full, ratio):
    assert reply_probability_ratio(masked, full) == (None if ratio is None else pytest.approx(ratio))


def test_the_ratio_does_not_fall_with_the_length_of_the_reply():
    assert reply_probability_ratio([QUARTER] * 50, [HALF] * 50) == pytest.approx(0.5)


def _logs(rows):
    return [[math.log(p) if p else -math.inf for p in row] for row in rows]


@pytest.mark.parametrize(
    ("masked", "full", "kl"),
    [
        ([[0.5, 0.5]], [[0.8, 0.2]], 0.5 * math.log(0.5 / 0.8) + 0.5 * math.log(0.5 / 0.2)),
        ([[0.5, 0.5], [0.8, 0.2]], [[0.5, 0.5], [0.8, 0.2]], 0.0),
        ([[1.0, 0.0], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]], math.log(2) / 2),  # ln 2 at the first of two places
        ([[1.0, 0.0]], [[0.0, 1.0]], math.log(1e12)),
    ],
)
def test_divergence_of_the_next_tokens(masked, full, kl):
    assert reply_divergence(_logs(masked), _logs(full)) == pytest.approx(kl, abs=1e-12)


def test_no_tokens_have_no_divergence():
    assert reply_divergence([], []) is None


def test_two_replies_do_not_compare():
    with pytest.raises(UsageError, match="2 tokens and full 1"):
        reply_probability_ratio([HALF, HALF], [HALF])
    with pytest.raises(UsageError, match=r"\(1, 2\) and full \(2, 2\)"):
        reply_divergence([[HALF, HALF]], [[HALF, HALF]] * 2)


@pytest.mark.parametrize(
    ("reference", "text", "rouge"),
    [
        ("the cat sat on the mat", "the cat on a mat", RougeL(4 / 5, 4 / 6, 8 / 11)),  # the cat on mat
        ("A B", "b", RougeL(1, 1 / 2, 2 / 3)),
        ("a", "b", RougeL(0, 0, 0)),
        ("", "", RougeL(1, 1, 1)),
        ("a", "", RougeL(0, 0, 0)),
    ],
)
def test_parts_of_rouge(reference, text, rouge):
    computed = rouge_l_parts(reference, text)
    assert (computed.precision, computed.recall, computed.f1) == pytest.approx(
        (rouge.precision, rouge.recall, rouge.f1)
    )
