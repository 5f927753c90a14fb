"""Stratified samples: what is drawn, how many of each stratum, and what stays the same."""

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.analysis.sampling import Population, SampleSettings, _allocation
from convexplain.errors import UsageError
from convexplain.store.samples import StratumCounts

TURN, WHOLE = load_rubric("harm"), load_rubric("resolved")
BOTH = frozenset({"turn", "conversation"})


def conversation(name, replies=1, bot="bot", source="log.jsonl", words="Well?"):
    turns = [turn for i in range(replies) for turn in (Turn("user", words), Turn("assistant", f"{i}.", name=bot))]
    return Conversation(name, tuple(turns), source)


def draw(conversations, size, fields=("source", "bot"), seed=0, scopes=frozenset({"turn"}), turns="all"):
    population = Population(SampleSettings(size, fields, seed), scopes, turns)
    for talk in conversations:
        population.add(talk)
    return population.draw()


def places(sample, conversations, rubric=TURN):
    return {(talk.id, turn) for talk in conversations for turn in sample.choose(talk, rubric)}


@pytest.mark.parametrize(
    ("populations", "size", "sizes"),
    [
        ([80, 20], 10, [8, 2]),
        ([50, 50], 5, [3, 2]),  # 2.5 each: the first is rounded up
        ([67, 33], 10, [7, 3]),  # 6.7 and 3.3
        ([99, 1], 10, [10, 1]),  # never more than there are
        ([95, 5], 10, [10, 2]),  # 9.5 and 0.5: two at least, so that the variance is known
        ([3, 2], 9, [3, 2]),
        ([], 9, []),
    ],
)
def test_sizes_are_in_proportion(populations, size, sizes):
    assert _allocation(populations, size) == sizes


def test_strata_are_counted_and_drawn_in_proportion():
    talks = [conversation(f"a{i}", 2, "a") for i in range(40)] + [conversation(f"b{i}", 1, "b") for i in range(20)]
    sample = draw(talks, 10, ("bot",), scopes=BOTH)
    # 80 and 20 turns, 40 and 20 conversations: 8 and 2 turns, 7 (6.67) and 3 (3.33) conversations
    assert sample.design.strata == (StratumCounts(("a",), 80, 40, 8, 7), StratumCounts(("b",), 20, 20, 2, 3))
    assert len(places(sample, talks)) == 10
    whole = places(sample, talks, WHOLE)
    assert len(whole) == 10
    assert all(turn == (3 if name.startswith("a") else 1) for name, turn in whole)  # judged once, at the last answer
    assert {sample.stratum(talk) for talk in talks if sample.holds(talk)} == {0, 1}
    assert sample.design.words() == "a sample of 10 of 100 turns"
    assert sample.design.words("conversation") == "a sample of 10 of 60 conversations"


def test_strata_too_small_to_be_drawn_from_are_pooled():
    talks = [conversation(f"a{i}", source="a") for i in range(90)]
    talks += [conversation(f"f{i}", source=f"file {i}") for i in range(10)]
    sample = draw(talks, 20, ("source",))
    # 18 of 90; each of the ten files would give 0.2 turns, together they give 2
    assert sample.design.strata == (StratumCounts(("a",), 90, 90, 18, 0), StratumCounts(None, 10, 10, 2, 0))
    assert sample.design.stratum("a", "bot") == 0
    assert sample.design.stratum("file 3", "bot") == 1


def test_the_last_answers_can_be_the_population():
    talks = [conversation(f"c{i}", 3) for i in range(30)]
    sample = draw(talks, 6, (), turns="last")
    assert sample.design.strata == (StratumCounts((), 30, 30, 6, 0),)
    assert {turn for _, turn in places(sample, talks)} == {5}


def test_a_seed_draws_the_same_and_a_larger_sample_contains_the_smaller():
    talks = [conversation(f"c{i}", 3) for i in range(50)]
    chosen = places(draw(talks, 20), talks)
    assert places(draw(talks[::-1], 20), talks) == chosen
    assert places(draw(talks, 20, seed=1), talks) != chosen
    assert places(draw(talks, 30), talks) > chosen


def test_two_versions_of_a_bot_are_sampled_at_the_same_places():
    old, new = ([conversation(f"c{i}", 3, bot, f"{bot}.jsonl") for i in range(50)] for bot in ("old", "new"))
    chosen = places(draw(old, 20), old)
    assert places(draw(new, 20), new) == chosen
    # in one log they are drawn independently of each other
    both = draw([*old, *new], 40, ("bot",))
    assert places(both, old) == chosen
    assert places(both, new) != chosen


def test_what_comes_twice_and_what_has_no_answer_does_not_count():
    talks = [conversation(f"c{i}") for i in range(10)]
    asked = Conversation("q", (Turn("user", "Well?"),), "log.jsonl")
    assert draw([*talks, asked, *talks], 5).design.strata == (StratumCounts(("log.jsonl", "bot"), 10, 10, 5, 0),)


def test_every_turn_is_drawn_as_often():
    talks = [conversation(f"c{i}", 2) for i in range(10)]
    counts = dict.fromkeys(((talk.id, turn) for talk in talks for turn in (1, 3)), 0)
    for seed in range(400):
        for place in places(draw(talks, 5, (), seed), talks):
            counts[place] += 1
    # 5 of 20 turns in 400 draws: 100 each, standard deviation sqrt(400 * 0.25 * 0.75) = 8.7
    assert sum(counts.values()) == 2000
    assert all(65 <= count <= 135 for count in counts.values()), counts


@pytest.mark.parametrize(
    ("size", "fields", "message"),
    [
        (1, (), "sample=1 is not valid; draw at least 2 turns"),
        (9, ("sources",), "strata='sources' is not valid; valid are source, bot, each once, or none"),
        (9, ("bot", "bot"), "strata='bot' is not valid"),
    ],
)
def test_settings_that_are_not_valid(size, fields, message):
    with pytest.raises(UsageError, match=message):
        SampleSettings(size, fields)
