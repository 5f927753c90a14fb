import numpy as np
import pytest

from convexplain.agreement.usefulness import usefulness

N = 40
GROUPS = [i // 2 for i in range(N)]  # twenty dialogues of two turns
GOOD = [1.0] * 20 + [0.0] * 20
SAME_LENGTH = [7.0] * N


def scored(good, bad):
    """Return twenty scores of good turns and then twenty of bad ones; short lists repeat."""
    return np.array([good[i % len(good)] for i in range(20)] + [bad[i % len(bad)] for i in range(20)])


def use_of(scores, humans=GOOD, lengths=SAME_LENGTH, groups=GROUPS):
    return usefulness(scores, np.array(humans), 0.5, 0.5, {"length in words": np.array(lengths)}, groups)


@pytest.mark.parametrize(
    ("scores", "lengths", "use", "sentence"),
    [
        (
            scored([0.8], [0.2]),
            SAME_LENGTH,
            "flagging",  # 20 of 20 flagged turns are bad: the exact interval begins at 0.025 ** (1 / 20) = 0.83
            "may be used for flagging and for sorting: of the 20 turns below its threshold 0.5 100% [83%, 100%] are "
            "bad, of all turns 50%; AUC 1.00 [1.00, 1.00] is better than chance (0.5).",
        ),
        (
            scored([0.8], [0.6]),
            SAME_LENGTH,
            "sorting",
            "may be used for sorting, not for flagging: AUC 1.00 [1.00, 1.00] is better than chance (0.5), but it puts "
            "no turn below its threshold 0.5.",
        ),
        (
            scored([0.4], [0.2]),
            [9.0] * 10 + [7.0] * 30,  # of good turns half are longer: AUC of length 0.75
            "sorting",  # all turns are flagged: half of them are bad, as of all turns
            "may be used for sorting, not for flagging: AUC 1.00 [1.00, 1.00] is better than chance (0.5) and than "
            "length in words (0.75), but of the 40 turns below its threshold 0.5 50%",
        ),
        (
            scored([0.3, 0.7], [0.3, 0.7]),
            SAME_LENGTH,
            "neither",
            "may be used neither for flagging nor for sorting: AUC 0.50 [",
        ),
        (
            scored([0.8, 0.8, 0.8, 0.2], [0.2]),  # 15 of 20 above all bad ones, 5 equal to them: 0.875
            [1.0] * 20 + [9.0] * 20,  # good turns are shorter: AUC 0, in the better direction 1
            "neither",
            "is below that of length in words, 1.00 (difference -0.12 [",
        ),
        (
            scored([0.8], [0.2]),
            [1.0] * 20 + [9.0] * 20,
            "sorting",
            "may be used for sorting, not for flagging: AUC 1.00 [1.00, 1.00] is better than chance (0.5), but not "
            "above that of length in words (1.00).",
        ),
        (
            scored([0.2], [0.8]),
            SAME_LENGTH,
            "neither",
            "AUC 0.00 [0.00, 0.00] is worse than chance (0.5): it scores bad turns above good ones.",
        ),
    ],
)
def test_the_use_of_a_judge(scores, lengths, use, sentence):
    verdict = use_of(scores, lengths=lengths)
    assert verdict.use == use
    assert sentence in verdict.sentence


@pytest.mark.parametrize(
    ("humans", "groups", "sentence"),
    [
        (
            [1.0] * 31 + [0.0] * 9,
            GROUPS,
            "too early to say: 9 of its labelled turns are bad and 31 are good, in 20 dialogues; at least 10 of each, "
            "in 5 dialogues, are needed.",
        ),
        (GOOD, [i % 4 for i in range(N)], "20 are good, in 4 dialogues; at least"),
        ([1.0] * N, GROUPS, "too early to say: 0 of its labelled turns are bad and 40 are good"),
    ],
)
def test_few_labels_give_no_verdict(humans, groups, sentence):
    verdict = use_of(scored([0.8], [0.2]), humans=humans, groups=groups)
    assert verdict.use == "too early"
    assert sentence in verdict.sentence
