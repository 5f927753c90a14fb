"""Judges against people on one rubric: what is computed, on tables worked out by hand."""

from dataclasses import replace

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.agreement import JudgedPair, LabelledTurn, RubricJudgements, agreement, group_of
from convexplain.agreement.labels import PreferenceLabel
from convexplain.types import Evidence, Judgement, Rating

HARM = load_rubric("harm")


def talk(name, answers=("x",), **metadata):
    turns = [turn for answer in answers for turn in (Turn("user", "q"), Turn("assistant", answer))]
    return Conversation(name, tuple(turns), metadata=metadata)


def labelled(conversation, turn, *scores):
    raters = "abcdefgh" if len(scores) > 1 else [None]
    return LabelledTurn(
        conversation,
        turn,
        tuple(
            Rating(conversation.id, turn, "harm", score, rater) for score, rater in zip(scores, raters, strict=False)
        ),
    )


def judged(name, scores, run=1):
    """A judge by its scores of places (conversation's id, turn); None = unscored, no place = not judged."""

    def of(conversation, turn):
        place = (conversation.id, turn)
        if place not in scores:
            return None
        reason = "no reply" if scores[place] is None else None
        return Judgement(conversation.id, turn, "harm", scores[place], "yes", reason, Evidence(), name, "sha")

    return RubricJudgements(name, run, of)


# Four dialogues of one answer of 1, 2, 3 and 4 words; people 0, 0.25 (0 and 0.5), 0.5, 1. The judge 0.1, 0.3, 0.2, 0.9:
# Spearman 1 - 6 · 2 / 60 = 0.8, and length orders as people do: 1. At 0.5 the judge is bad on the third alone.
TALKS = [talk(f"c{i}", (" ".join("x" * (i + 1)),)) for i in range(4)]
TURNS = [
    labelled(TALKS[0], 1, 0.0),
    labelled(TALKS[1], 1, 0.0, 0.5),
    labelled(TALKS[2], 1, 0.5),
    labelled(TALKS[3], 1, 1.0),
]
SCORES = {("c0", 1): 0.1, ("c1", 1): 0.3, ("c2", 1): 0.2, ("c3", 1): 0.9}
# The same once more, in other dialogues: numbers as before, and enough of them for intervals.
AGAIN = [*TURNS, *(replace(turn, conversation=replace(turn.conversation, id=f"d{i}")) for i, turn in enumerate(TURNS))]


def again(scores):
    return {(f"{letter}{id[1]}", turn): score for (id, turn), score in scores.items() for letter in "cd"}


def values(measures):
    return {name: estimate.value for name, estimate in measures.items()}


def test_one_judge():
    found = agreement(HARM, TURNS, [judged("j", SCORES)])
    (judge,) = found.judges
    assert (found.turns, found.dialogues, found.ratings, found.raters) == (4, 4, 5, 2)
    assert (judge.name, judge.run, judge.n, judge.unscored) == ("j", 1, 4, {})
    assert found.positive == "people's mean at least 0.5 (the threshold)"
    assert found.steps == (0, 0.5, 1)
    measures = values(judge.measures)
    # AUC: 0.2 and 0.9 against 0.1 and 0.3: 3 of 4. Sides: agreed 3/4, by chance 1/4 · 1/2 + 3/4 · 1/2: (3/4 - 1/2) / ½.
    # Levels of the judge 0 ½ 0 1, of people 0 ½ ½ 1: agreed 3/4, by chance (2·1 + 1·2 + 1·1) / 16 = 5/16: 7/11.
    # Squares apart 0 0 ¼ 0: 1/16; means 3/8 and 1/2, mean squares 5/16 and 6/16: 11/16 - 6/16 = 5/16: 1 - 1/5.
    # Brier: (0.01 + 0.0025 + 0.09 + 0.01) / 4. One bin: bias = 0.375 - 0.4375. Flags: 2 of 3 right, 2 of 2 found.
    assert measures == pytest.approx(
        {
            "spearman": 0.8,
            "kendall": 2 / 3,
            "auc": 0.75,
            "kappa": 0.5,
            "kappa_levels": 7 / 11,
            "weighted_kappa": 0.8,
            "brier": 0.028125,
            "ece": 0.0625,
            "bias": -0.0625,
            "precision": 2 / 3,
            "recall": 1.0,
        }
    )
    assert [(gap.turn.conversation.id, round(gap.gap, 3)) for gap in judge.disagreements] == [
        ("c2", -0.3),
        ("c0", 0.1),
        ("c3", -0.1),
        ("c1", 0.05),
    ]
    length, place, constant = found.baselines
    # people's mean for every turn: no order, and on average neither milder nor stricter than people
    assert (constant.name, constant.measures["auc"].value, constant.measures["bias"].value) == ("best constant", 0.5, 0)
    assert judge.usefulness.use == "too early"
    assert values(length.measures) == pytest.approx({"spearman": 1.0, "kendall": 1.0, "auc": 1.0})
    assert length.measures["spearman"].n == 4
    assert place.measures["spearman"].value is None
    assert place.measures["spearman"].reason == "every turn has the same score"
    assert found.notes == (
        "4 labelled turns are few: read the intervals, not the numbers",
        "with fewer than 5 dialogues there are no intervals",
        "j orders the turns no better than their length in words does (Spearman 0.80 against +1.00)",
    )


def test_what_a_judge_has_not_scored_counts_nowhere_and_is_said():
    scores = {**SCORES, ("c3", 1): None}
    del scores["c0", 1]
    (judge,) = agreement(HARM, TURNS, [judged("j", scores)]).judges
    assert judge.n == 2
    assert judge.unscored == {"the judge has not judged this turn": 1, "no reply": 1}
    assert judge.measures["spearman"].reason == "2 turns give no order; at least 3 are needed"
    assert judge.measures["brier"].n == 2
    assert len(judge.disagreements) == 2


@pytest.mark.slow
def test_two_judges_are_compared_on_the_turns_of_both():
    # The second has no score of c3. Of the other three people say 0 ¼ ½: the first 0.1 0.3 0.2 (ranks 1 3 2: 0.5), the
    # second as people: 1. Difference -0.5.
    other = {("c0", 1): 0.0, ("c1", 1): 0.25, ("c2", 1): 0.5}
    found = agreement(HARM, AGAIN, [judged("j", again(SCORES)), judged("k", again(other))])
    (comparison,) = found.comparisons
    assert (comparison.first, comparison.second) == ("j", "k")
    assert comparison.differences["spearman"].value == pytest.approx(-0.5)
    assert comparison.differences["spearman"].n == 6
    assert comparison.differences["brier"].value == pytest.approx((0.01 + 0.0025 + 0.09) / 3)
    assert comparison.differences["brier"].low >= 0  # in no draw is the first one nearer


@pytest.mark.slow
def test_a_judge_against_itself_differs_by_nothing():
    (comparison,) = agreement(HARM, AGAIN, [judged(name, again(SCORES)) for name in ("j", "k")]).comparisons
    assert {(one.value, one.low, one.high) for one in comparison.differences.values()} == {(0.0, 0.0, 0.0)}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_hardly_any_labels(count):
    found = agreement(HARM, TURNS[:count], [judged("j", SCORES)])
    (judge,) = found.judges
    assert judge.n == count
    for estimate in judge.measures.values():
        assert estimate.value is not None or estimate.reason
        assert estimate.value is None or estimate.low is not None or estimate.reason
    assert bool(found.notes) == (count > 0)


def test_a_constant_label():
    turns = [labelled(talk, 1, 1.0) for talk in TALKS]
    found = agreement(HARM, turns, [judged("j", SCORES)])
    measures = found.judges[0].measures
    for name in ("spearman", "kendall", "auc"):
        assert measures[name].value is None
        assert measures[name].reason == "people's mean is the same on every turn"
    assert measures["recall"].reason == "people put no turn below the threshold"
    assert measures["brier"].value == pytest.approx((0.81 + 0.49 + 0.64 + 0.01) / 4)
    assert found.notes[0] == "people's mean is the same on every turn: no order can agree with that"


def test_turns_of_one_dialogue_are_drawn_together():
    turns = [labelled(talk(f"d-{i}", dialogue=i // 2), 1, i / 3) for i in range(4)]
    assert agreement(HARM, turns, []).dialogues == 2
    assert agreement(HARM, turns, [], group=lambda conversation: group_of(conversation, "other")).dialogues == 4


@pytest.mark.parametrize(
    ("metadata", "key", "group"),
    [
        ({"dialogue": 7}, None, ("dialogue", 7)),
        ({"meta": {"dialogue": "x"}}, None, ("dialogue", "x")),
        ({"pair": "p"}, None, ("pair", "memory", "p")),  # readers count pairs anew in each file
        ({"dialogue": 7.0}, None, ("dialogue", 7.0)),  # as data frames have whole numbers
        ({"tree": "t", "dialogue": 7}, "tree", ("tree", "t")),
        ({}, None, ("id", "memory", "c")),
        ({"dialogue": [1]}, None, ("id", "memory", "c")),
        ({"dialogue": 7}, "tree", ("id", "memory", "c")),
    ],
)
def test_groups(metadata, key, group):
    assert group_of(talk("c", **metadata), key) == group


# Four pairs: right, wrong, tied, unscored by the first judge: (1 + 0 + ½) / 3. The second is right on the first three.
# Chosen answers of 2 words, rejected of 1, 3, 2 and 1: longer is right, wrong, tied, right: 2.5 / 4.
def test_pairs():
    pairs = [
        JudgedPair(PreferenceLabel(talk(f"a{i}", ("x x",)), talk(f"b{i}", (words,))), scores)
        for i, (words, scores) in enumerate(
            [
                ("x", ((0.9, 0.1), (0.9, 0.1))),
                ("x x x", ((0.1, 0.9), (0.9, 0.1))),
                ("y y", ((0.5, 0.5), (0.9, 0.1))),
                ("x", (None, (0.1, 0.9))),
            ]
        )
    ]
    found = agreement(HARM, [], [judged("j", {}), judged("k", {})], pairs=pairs).pairs
    assert found.n == 4
    assert {name: (one.value, one.n) for name, one in found.accuracy.items()} == {
        "j": (0.5, 3),
        "k": (0.75, 4),
        "the longer one": (0.625, 4),
    }
    ((first, second, difference),) = found.differences
    assert (first, second, difference.value, difference.n) == ("j", "k", -0.5, 3)


@pytest.mark.slow
def test_pairs_of_the_same_dialogues_are_drawn_together():
    # One person prefers a0 to b0, another b0 to a0, a third a0 to c0; four more are on their own: five dialogues.
    names = [("a0", "b0"), ("b0", "a0"), ("a0", "c0"), *((f"a{i}", f"b{i}") for i in range(1, 5))]
    pairs = [JudgedPair(PreferenceLabel(talk(one), talk(other)), ((0.9, 0.1),)) for one, other in names]

    def estimate(some):
        return agreement(HARM, [], [judged("j", {})], pairs=some).pairs.accuracy["j"]

    assert (estimate(pairs).n, estimate(pairs).low) == (7, 1.0)
    assert estimate(pairs[:6]).reason == "no interval: 4 dialogues are too few"


def test_order_of_the_turns_does_not_matter():
    one = agreement(HARM, TURNS, [judged("j", SCORES)])
    other = agreement(HARM, TURNS[::-1], [judged("j", SCORES)])
    assert values(one.judges[0].measures) == pytest.approx(values(other.judges[0].measures))
