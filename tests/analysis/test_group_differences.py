"""Groups of turns that differ beyond chance."""

from datetime import UTC, datetime

import numpy as np
import pytest

from convexplain.analysis.group_differences import group_differences, mean_score
from convexplain.store.score_sums import ScoreSums
from convexplain.store.turn_scores import ConversationGroup


def sums(rows):
    """Sums of rows of conversation, depth and scores; scores below 0.5 are low."""
    return ScoreSums(
        np.array([number for number, _, _ in rows]),
        np.array([depth for _, depth, _ in rows]),
        np.array([float(len(scores)) for _, _, scores in rows]),
        np.array([float(sum(scores)) for _, _, scores in rows]),
        np.array([float(sum(score < 0.5 for score in scores)) for _, _, scores in rows]),
    )


def group(bot="", day=1, source="a.jsonl"):
    return ConversationGroup(source, bot, datetime(2026, 1, day, 9, tzinfo=UTC))


def test_the_interval_of_a_mean_counts_conversations():
    """Two turns a conversation, equal in it: five conversations at 0.4, 0.5, 0.5, 0.5, 0.6.

    The mean is 0.5, the conversations' variance 0.005, so the standard error is sqrt(0.005 / 5) = 0.0316; Student's t
    with 4 degrees of freedom is 2.776.
    """
    scores = sums([(i, 0, [score] * 2) for i, score in enumerate((0.4, 0.5, 0.5, 0.5, 0.6))])
    mean = mean_score(scores)
    assert mean.value == pytest.approx(0.5)
    assert mean.interval == pytest.approx((0.5 - 2.776 * 0.03162, 0.5 + 2.776 * 0.03162), abs=1e-4)
    assert mean_score(sums([(i, 0, [0.5]) for i in range(4)])).interval is None
    assert mean_score(sums([])) is None


def test_a_bot_that_scores_lower_is_named_and_one_like_the_rest_is_not():
    """Bot 2 has 10 conversations at 0.2 or 0.4, bots 1 and 3 ten each at 0.7 or 0.9; all on one day, of one source."""
    rows = [(i, 0, [0.2 if i % 2 else 0.4]) for i in range(10)]
    rows += [(i, 0, [0.7 if i % 2 else 0.9]) for i in range(10, 30)]
    groups = {i: group("bot 2" if i < 10 else "bot 1" if i < 20 else "bot 3") for i in range(30)}
    different = group_differences({"harm": sums(rows)}, groups)
    worst = different[0]
    assert (worst.field, worst.value, worst.turns, worst.conversations) == ("bot", "bot 2", 10, 10)
    assert (worst.mean, worst.mean_elsewhere) == (pytest.approx(0.3), pytest.approx(0.8))
    assert (worst.below, worst.below_elsewhere) == (1.0, 0.0)
    # Variances 0.01 and 0.01 (divided by n): with the factor 30/29 the error is sqrt(30/29 * (0.1/100 + 0.2/400)),
    # 0.0394; Student's t with 9 degrees of freedom is 2.262.
    assert worst.interval == pytest.approx((-0.5 - 2.262 * 0.03939, -0.5 + 2.262 * 0.03939), abs=1e-3)
    assert worst.q < 0.001
    assert [difference.value for difference in different] == ["bot 2", "bot 1", "bot 3"]  # these two score above


@pytest.mark.parametrize(
    ("low", "conversations", "field", "expected"),
    [
        (0.3, 4, "bot", []),  # four conversations are too few
        (0.78, 10, "bot", []),  # 0.02 less: of no importance, however sure
        (0.3, 10, "bot", ["bot 2"]),
        (0.3, 10, "source", ["b.jsonl"]),
        (0.3, 10, "day", ["2026-01-02"]),
        (0.3, 10, "", []),  # a bot that is not named is no group
    ],
)
def test_groups_are_named_only_where_they_are_large_and_far_enough(low, conversations, field, expected):
    rows = [(i, 0, [low if i < conversations else 0.8]) for i in range(30)]
    special = {
        "bot": group("bot 2"),
        "source": group(source="b.jsonl"),
        "day": group(day=2),
        "": group(""),
    }[field]
    groups = {i: special if i < conversations else group("bot 1" if field == "bot" else "") for i in range(30)}
    different = group_differences({"harm": sums(rows)}, groups)
    assert [difference.value for difference in different if difference.difference < 0] == expected


def test_depth_is_tested_within_conversations_but_not_for_whole_ones():
    """Each of ten conversations is good at first and bad later on."""
    rows = [row for i in range(10) for row in ((i, 0, [0.9 - i / 100]), (i, 2, [0.2 + i / 100, 0.2]))]
    groups = {i: group() for i in range(10)}
    later, first = group_differences({"harm": sums(rows)}, groups)
    assert (later.field, later.value, later.turns, later.conversations) == ("depth", "4–7", 20, 10)
    assert (first.value, first.mean) == ("0–1", pytest.approx(0.855))
    assert group_differences({"harm": sums(rows)}, groups, frozenset(["harm"])) == []


def test_chance_names_no_group():
    """30 conversations with scores by a rule that knows nothing of the five days."""
    rows = [(i, 0, [(i * 7 % 30) / 30]) for i in range(30)]
    groups = {i: group(day=1 + i % 5) for i in range(30)}
    assert group_differences({"harm": sums(rows)}, groups) == []
