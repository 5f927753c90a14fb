"""The overview of a run: how good, the problems, where they are, and what to do next."""

from dataclasses import replace

import pytest

from convexplain.analysis.themes.theme import CommonCause, GroupExcess, Theme, Trend
from convexplain.store import keep_ratings
from convexplain.types import Evidence, Judgement, Rating
from convexplain.workspace import Workspace
from convexplain.workspace.run_story import LowTotal, labels_missing, run_story
from convexplain.workspace.theme_advice import theme_advice
from tests.theme_store import HARM, HELPFULNESS, two_modes
from tests.trust_states import keep_trust


@pytest.fixture
def workspace(tmp_path):
    opened = Workspace(tmp_path / "store.db")
    yield opened
    opened.close()


def story(workspace, trust="benchmarked", *, themes=False):
    """The story of 20 judged turns: 9 are bad, of these 4 are bot 2's advertisements of 20 January."""
    run, _ = two_modes(workspace.store, trust)
    if themes:
        workspace.themes(run)
    return run_story(workspace.run(run))


def test_the_state_of_a_maxim(workspace):
    """11 turns have 0.9 + i/1000 (sum 9.955), 5 have 0.1 + i/100 (0.6), 4 likewise (0.46): the mean is 0.55075."""
    (state,) = story(workspace).states
    assert (state.rubric, state.scored, state.below, state.mark.word) == ("helpfulness", 20, 0.45, "benchmarked")
    assert state.mean == pytest.approx(0.55075)
    # The 20 scores' sample deviation is about 0.404, by hand: 0.404 / sqrt(20) * 2.093 = 0.189.
    assert state.interval == pytest.approx((0.361, 0.740), abs=0.005)


def test_the_total_counts_turns_that_are_low_on_any_maxim(workspace):
    overview = story(workspace)
    assert overview.total == LowTotal(9, 20, "turn")  # 5 and 4 are below the threshold
    assert overview.to_dict()["total"] == {"low": 9, "scored": 20, "scope": "turn"}


@pytest.mark.parametrize(
    ("second", "trusted", "total"),
    [
        (HARM, True, LowTotal(10, 20, "turn")),  # a good turn is low on harm
        (HARM, False, None),  # its scores only sort
        (replace(HARM, scope="conversation"), True, None),  # turns and conversations are not counted together
    ],
)
def test_the_total_of_two_maxims(workspace, second, trusted, total):
    run, numbers = two_modes(workspace.store, others=(second,))
    keep_trust(workspace.store, "judge-a", dict.fromkeys([HELPFULNESS, *([second] if trusted else [])], "benchmarked"))
    judgement = Judgement("good-0", 3, "harm", 0.1, "no", None, Evidence("head", {}), "m", "s")
    workspace.store.keep_judgement(run, numbers["good-0"], second, judgement)
    assert run_story(workspace.run(run)).total == total


def test_scores_that_only_sort_have_no_total(workspace):
    assert story(workspace, "unvalidated").total is None


def test_where_it_is_worse(workspace):
    """Bot 2 has only four conversations, which is too few to say anything; so has each day."""
    assert story(workspace).where == ()


def test_what_to_do_next_follows_the_state(workspace):
    before = story(workspace)
    assert (before.searched, before.themes) == (False, ())
    assert [action.kind for action in before.actions] == ["find themes", "explain", "label"]
    assert before.actions[1].sentence == (
        "Explain the 3 worst turns: which words and earlier turns matter is not known."
    )
    label = before.actions[2]
    assert (label.rubric, label.turns) == ("helpfulness", 20)
    assert label.sentence == (
        "Label 20 turns or more, to know how far the scores on helpfulness agree with your people."
    )


def test_the_largest_theme_comes_first(workspace):
    overview = story(workspace, themes=True)
    assert (overview.searched, [theme.count for theme in overview.themes]) == (True, [5, 4])
    first = overview.actions[0]
    assert (first.kind, first.theme) == ("theme", overview.themes[0].number)
    assert first.sentence.startswith(f"Start with the largest problem: {overview.themes[0].theme.name} (5 turns). ")
    assert overview.to_dict()["actions"][0]["theme"] == overview.themes[0].number


def test_scores_that_only_sort_ask_for_labels_first_and_count_nothing(workspace):
    overview = story(workspace, "unvalidated")
    assert [action.kind for action in overview.actions] == ["label", "find themes", "explain"]
    assert (overview.states[0].below, overview.states[0].mark.flags) == (None, False)


def test_enough_labels_ask_for_a_validation(workspace):
    run, numbers = two_modes(workspace.store)
    talks = {talk.id: talk for talk in workspace.store.conversations(run)}
    labels = {name: 1.0 if name.startswith("good") else 0.0 for name in numbers}
    rated = [(talks[name], Rating(name, 3, "helpfulness", score, "anna")) for name, score in labels.items()]
    keep_ratings(workspace.store, rated)  # 11 good, 9 bad
    assert run_story(workspace.run(run)).actions[-1].turns == 1
    keep_ratings(workspace.store, [(talks["good-0"], Rating("good-0", 3, "helpfulness", 0.0, "anna"))])  # 10 and 10
    last = run_story(workspace.run(run)).actions[-1]
    assert (last.kind, last.sentence) == ("validate", "Compare the judge with the labels on helpfulness.")


def test_an_empty_run_has_a_story(workspace):
    run = workspace.store.begin_run("m", "m", {}, [])
    overview = run_story(workspace.run(run.id))
    assert (overview.states, overview.themes, overview.where, overview.worst, overview.actions) == ((), (), (), (), ())


@pytest.mark.parametrize(("good", "bad", "missing"), [(0, 0, 20), (30, 3, 7), (10, 10, 0), (4, 12, 6)])
def test_a_judge_needs_ten_good_and_ten_bad_labels(good, bad, missing):
    assert labels_missing(good, bad) == missing


CAUSE = CommonCause("is a message of the user that says “order number”", 6, 8, 2, 40, 0.001)
EXCESS = GroupExcess("bot", "bot 2", 4, 8, 0.5, 0.1, 0.01)
RISE, FALL = Trend(0.1, 0.3, (0.05, 0.35)), Trend(0.3, 0.1, (-0.35, -0.05))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"cause": CAUSE, "excesses": (EXCESS,)},
            "where an earlier turn is a message of the user that says “order number”",
        ),
        ({"excesses": (EXCESS,), "trend": RISE}, "Look for what the bot “bot 2” does otherwise"),
        ({"trend": RISE}, "Look for what changed"),
        ({"trend": FALL}, "in place of “as soon as possible”"),
        ({"phrases": ()}, "Read its examples, and add an instruction"),
        ({"phrases": ("order",)}, "Read its examples, and add an instruction"),
    ],
)
def test_the_surest_thing_that_is_known_gives_the_advice(fields, expected):
    theme = Theme(**{"name": "n", "phrases": ("wait", "as soon as possible"), "members": (), "share": 0.1,
                     "interval": (0.0, 0.2), **fields})  # fmt: skip
    assert expected in theme_advice(theme)
