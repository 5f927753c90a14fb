"""Samples of turns for a teacher: by dialogue, spread, and with rare scores in them."""

import numpy as np
import pytest

from convexplain import Conversation, Turn
from convexplain.errors import UsageError
from convexplain.judges.turn_samples import draw_sample, split_turns, spread


def log(*lengths):
    """Return the assistant turns of conversations with so many of them."""
    keys = []
    for i, length in enumerate(lengths):
        turns = [Turn(role, f"{role} {i}.{j}") for j in range(length) for role in ("user", "assistant")]
        talk = Conversation(f"c{i}", tuple(turns))
        keys += [(talk, 2 * j + 1) for j in range(length)]
    return keys


def dialogue(talk):
    return talk.id


def dialogues(keys):
    return {talk.id for talk, _ in keys}


def test_a_fifth_of_the_dialogues_is_held_out_before_anything():
    split = split_turns(log(*[5] * 100), 300, dialogue)
    assert dialogues(split.held_out).isdisjoint(dialogues(split.training))
    # 300 turns: 60 of them held out, of 20 of the 100 dialogues, 3 of each; 240 of the 400 others are trained on
    assert (len(split.held_out), len(dialogues(split.held_out))) == (60, 20)
    assert (len(split.training), split.size) == (400, 240)
    first = split.training[: split.size]
    assert {sum(talk.id == name for talk, _ in first) for name in dialogues(first)} == {3}
    assert {turn for _, turn in first} == {1, 3, 5, 7, 9}


def test_more_dialogues_are_held_out_where_a_fifth_is_too_few_turns_and_never_more_than_half():
    assert len(split_turns(log(*[5] * 25), 1000, dialogue).held_out) == 40  # 8 of 25 dialogues
    split = split_turns(log(91, *[1] * 10), 1000, dialogue)
    assert len(dialogues(split.held_out)) <= 5
    assert len(split.held_out) + len(split.training) <= 101


def test_the_same_seed_draws_the_same():
    turns = log(*[3] * 80)
    assert split_turns(turns, 100, dialogue, 1) == split_turns(turns, 100, dialogue, 1)
    assert split_turns(turns, 100, dialogue, 1) != split_turns(turns, 100, dialogue, 2)


def test_turns_with_labels_are_held_out_first():
    turns = log(*[4] * 50)
    labelled = set(turns[1:80:2])  # two turns of each of the first 20 dialogues
    split = split_turns(turns, 200, dialogue, labelled=labelled)
    assert dialogues(split.held_out) <= {f"c{i}" for i in range(20)}
    assert sum(key in labelled for key in split.held_out) == 20  # all that the ten held-out dialogues have
    assert len(split.held_out) == 40


@pytest.mark.parametrize(
    ("lengths", "n", "words"),
    [
        ([2] * 100, 99, "turns=99 is not valid"),
        ([2] * 40, 200, "80 assistant turns in 40 dialogues are too few"),
        ([30] * 9, 200, "270 assistant turns in 9 dialogues are too few"),
    ],
)
def test_too_little_is_refused(lengths, n, words):
    with pytest.raises(UsageError, match=words):
        split_turns(log(*lengths), n, dialogue)


def test_each_dialogue_has_one_turn_before_any_has_two():
    keys = spread(log(3, 1, 2), dialogue, np.random.default_rng(0))
    assert sorted(talk.id for talk, _ in keys[:3]) == ["c0", "c1", "c2"]
    assert sorted(talk.id for talk, _ in keys[3:5]) == ["c0", "c2"]
    assert len(set(keys)) == 6


def test_rare_scores_are_in_the_sample():
    pool = log(*[1] * 400)
    scores = {key: 0.1 if i % 40 == 39 else 0.8 + i / 4000 for i, key in enumerate(pool)}  # ten low ones of 400
    sample = draw_sample(pool, [scores], 100)
    assert len(sample) == len(set(sample)) == 100
    assert sample[:50] == pool[:50]
    assert sum(scores[key] == 0.1 for key in sample) == 10  # at random it would be two or three
    assert draw_sample(pool, [], 100) == pool[:100]


def test_maxims_share_the_half_that_is_chosen():
    pool = log(*[1] * 400)
    low, high = ({key: float((i % 40 == rest) or i / 4000) for i, key in enumerate(pool)} for rest in (38, 39))
    sample = draw_sample(pool, [low, high], 100)
    assert [sum(scores[key] == 1.0 for key in sample) for scores in (low, high)] == [10, 10]


def test_turns_without_a_score_fill_the_sample():
    pool = log(*[1] * 100)
    assert len(draw_sample(pool, [{pool[0]: 0.5}], 80)) == 80
