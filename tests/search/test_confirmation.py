"""What a contrast has to hold where measurements vary, and where texts that mean the same do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain.search.confirmation import LEVEL, Confirmation, Evaluate
from convexplain.search.driver import drive, run
from convexplain.search.ledger import Ledger, Outcome, pooled_deviation
from convexplain.search.placebo import Layout, placebo_edits
from convexplain.search.protocol import Hole, Infill, Score
from convexplain.search.registry import CONTRAST_SEARCHES

from .searching import asking, edited, solve

A, B, AB = edited(0), edited(1), edited(0, 1)


def drawn(**means):
    """A judge whose draws of a candidate lie 0.1 above and below its mean by turns, the mean of `u` first."""
    counts: dict = {}

    def measure(edits):
        counts[edits] = counts.get(edits, 0) + 1
        return means["u" + "".join(str(unit) for unit, _ in edits)] + (0.1 if counts[edits] % 2 else -0.1)

    return measure


def test_a_contrast_that_fresh_draws_hold_is_found_and_says_how_many():
    found = solve(asking(Score((A, B))), drawn(u=0.0, u0=2.0, u1=0.5), budget=30, repeats=4)
    assert (found.found, found.edits) == (True, A)
    assert (found.proof.draws, found.proof.held) == (6, 6)  # 1 of 2^6 that all are by chance of the better kind
    assert found.proof.mean == pytest.approx(2.0)  # three draws of 2.1, three of 1.9
    assert found.calls == 3 + 2 + 6  # the unchanged text, both candidates, the fresh draws


def test_the_draws_that_chose_a_candidate_do_not_prove_it():
    """It crosses once, by chance, and never again."""
    scores = iter([1.5])
    found = solve(asking(Score((A,))), lambda edits: next(scores) if edits else 0.0, budget=30, repeats=3,
                  again=lambda edits: 0.2 if edits else next(unchanged))  # fmt: skip
    assert (found.found, found.edits) == (False, A)


unchanged = iter([0.0, 0.3, -0.3])


def test_a_candidate_that_failed_gives_way_to_the_next():
    scores = {A: iter([1.6, 0.5, 0.6, 0.4] * 9), B: iter([1.5, 1.6, 1.5, 1.4] * 9), (): iter([0.0, 0.1, -0.1] * 9)}
    found = solve(asking(Score((A, B))), lambda edits: next(scores[edits]), budget=40, repeats=3)
    assert (found.found, found.edits) == (True, B)
    assert found.proof.mean >= 1.0


def test_an_unchanged_text_that_crosses_when_it_is_measured_again_has_no_contrast():
    """It had 0 at first; asked again it has 1.4, as what is edited."""
    found = solve(asking(Score((A, B))), drawn(u=1.4, u0=1.4, u1=1.4), budget=40, repeats=4)
    assert not found.found


def test_a_judge_that_does_not_vary_is_asked_nine_times_more():
    found = solve(asking(Score((A, B))), lambda edits: 2.0 * len(edits), budget=30, repeats=3)
    assert (found.found, found.calls) == (True, 3 + 2 + 6)
    assert (found.proof.draws, found.proof.held, found.proof.error) == (6, 6, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("deviation", [0.0, 0.01, 0.05])
@pytest.mark.parametrize("share", [0.4, 0.55])
def test_answers_of_two_kinds_are_no_contrast_where_their_mean_falls_short(deviation, share):
    """The edited text scores 0.5 with that chance, else -0.5, 0.05 on average at most; the unchanged one -0.5."""
    count = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)

        def g(edits, rng=rng):
            return float(rng.choice([0.5, -0.5], p=[share, 1 - share]) if edits else rng.normal(-0.5, deviation))

        asks = Score(tuple(edited(i) for i in range(6)))
        count += solve(asking(asks), g, delta=0.1, budget=50, repeats=3, start=Outcome(-0.5)).found
    assert count <= 16  # 5 % of 200, and two standard errors


def test_that_the_unchanged_text_does_not_vary_proves_nothing_of_the_candidate():
    scores = iter([1.5, 0.4, 0.5, 0.3, 0.4, 0.5, 0.3, 0.4, 0.5, 0.3, 0.4])
    found = solve(asking(Score((A,))), lambda edits: next(scores) if edits else 0.0, budget=12, repeats=3)
    assert not found.found


@pytest.mark.parametrize("budget", range(1, 13))
def test_the_smallest_budgets(budget):
    """With less than three measurements of the unchanged text it is not known whether draws vary."""
    found = solve(asking(Score((A, B))), lambda edits: 2.0 if edits else 0.0, budget=budget, repeats=3)
    assert found.calls <= budget
    assert found.found == (budget >= 10)  # and one candidate with its six draws is to be measured


# --- noise that depends on the text


def test_where_two_texts_score_the_same_a_crossing_is_enough():
    found = solve(asking(Infill(tuple(map(Hole, range(6)))), Score((A, B, AB))), lambda edits: float(A[0] in edits))
    assert (found.found, found.edits, found.calls) == (True, A, 3)


def test_texts_that_mean_the_same_have_to_cross_too_where_scores_always_differ():
    """Unit 0 alone has 1.1; with any harmless edit besides it has about 0.6."""
    asks = (Infill(tuple(map(Hole, range(6)))), Score((A, B)))
    scores = {(0,): 1.1, (1,): 0.03, (0, 2): 0.6, (0, 3): 0.5, (0, 4): 0.7, (0, 1): 0.65, (0, 5): 0.62}
    found = solve(asking(*asks), lambda edits: scores[tuple(unit for unit, _ in edits)])
    assert (found.found, found.edits) == (False, A)


def test_texts_that_mean_the_same_and_cross_as_well_prove_a_contrast():
    asks = (Infill(tuple(map(Hole, range(6)))), Score((A, B)))
    scores = {(0,): 1.4, (1,): 0.03, (0, 2): 1.45, (0, 3): 1.5, (0, 4): 1.42, (0, 1): 1.46, (0, 5): 1.41}
    found = solve(asking(*asks), lambda edits: scores[tuple(unit for unit, _ in edits)])
    assert (found.found, found.edits, found.calls) == (True, A, 6)  # four texts more
    assert found.proof is None  # no draw was made again


# --- the bot whose answer does not depend on the context

WORDS, SENTENCE = 60, 6


def ask_bot(name, seed, *, cause=None, labels=0, drawn=False):
    """Search six turns; the answer's quality is N(0.62, 0.15), or N(0.30, 0.15) where the cause is edited.

    g counts from 0.62, or from one answer to the unchanged text that was `drawn`.
    """
    rng = np.random.default_rng([5, seed])
    base = 0.62

    def measure(edits):
        mean = 0.30 if any(unit // SENTENCE == cause for unit, _ in edits) else 0.62
        quality = float(np.clip(rng.normal(mean, 0.15), 0, 1))
        return base - (rng.binomial(labels, quality) / labels if labels else quality)

    base = 0.62 - measure(()) if drawn else 0.62
    groups = [[unit // 10 for unit in range(WORDS)], [unit // SENTENCE for unit in range(WORDS)]]
    facts = {"delta": 0.12, "budget": 50, "groups": groups, "prior": None, "sentences": ()}
    record = CONTRAST_SEARCHES.get(name)
    driving = drive(
        lambda: record.start(WORDS, {**facts, "rng": np.random.default_rng(seed)}),
        delta=0.12, budget=50, start=Outcome(measure(())), repeats=5,
    )  # fmt: skip
    return run(
        driving,
        lambda holes: [f"fill{len(hole.avoid)}" for hole in holes],
        lambda ask: [Outcome(measure(edits)) for edits in ask.candidates],
    )


@pytest.mark.slow
@pytest.mark.parametrize("drawn", [False, True])
def test_a_bot_that_does_not_care_about_its_context_has_no_contrasts(drawn):
    """Four searches, a judge that reads the quality and one that draws five labels: at most 5 % of 320."""
    cells = {
        (name, labels): sum(ask_bot(name, seed, labels=labels, drawn=drawn).found for seed in range(40))
        for name in ("guided", "few", "cell_budget", "cell")
        for labels in (0, 5)
    }
    assert sum(cells.values()) <= 16
    assert max(cells.values()) <= 5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["guided", "few"])
def test_a_bot_that_one_sentence_makes_worse_has_its_contrast(name):
    results = [ask_bot(name, seed, cause=seed % 10) for seed in range(40)]
    true = [seed for seed, x in enumerate(results) if x.found and any(u // SENTENCE == seed % 10 for u, _ in x.edits)]
    assert len(true) >= 30
    assert all(x.proof.mean >= 0.12 for x in results if x.found)


# --- the level


@pytest.mark.slow
@given(seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_what_is_found_passed_its_test(seed):
    rng = np.random.default_rng(seed)
    found = solve(asking(Score((A, B, AB))), lambda edits: float(rng.normal(0.8, 0.4)), budget=30, repeats=3)
    if found.found:
        assert found.proof.mean - 1.0 >= 1.5 * found.proof.error  # the least quantile of any level and sample size
        assert found.proof.held <= found.proof.draws


def test_later_candidates_meet_a_stricter_test_and_all_together_the_level():
    confirmation = Confirmation(Ledger(1.0, 50, len), varies=True)
    levels = []
    for i in range(2000):
        levels.append(confirmation._level)
        confirmation.tested[edited(i)] = None
    assert levels[:2] == pytest.approx([0.0303964, 0.0075991], rel=1e-4)  # 0.05 * 6 / pi^2, and a fourth of it
    assert sum(levels) <= LEVEL


def test_the_pooled_deviation():
    """Squares 0.5 and 2 on one and two degrees of freedom."""
    assert pooled_deviation([[0.0, 1.0], [1.0, 2.0, 3.0]]) == (pytest.approx((2.5 / 3) ** 0.5), 3)
    assert pooled_deviation([]) == (0.0, 0)


# --- placebos


def test_a_placebo_edits_as_many_words_elsewhere_in_the_same_turns():
    layout = Layout(span=lambda unit: (unit // 5, unit, unit + 1))
    fills = dict.fromkeys(range(10), "y")
    sets = placebo_edits(edited(0, 3, 7), fills, layout, 5, np.random.default_rng(0))
    assert len(set(sets)) == 5
    for edits in sets:
        units = [unit for unit, _ in edits]
        assert [unit // 5 for unit in units] == [0, 0, 1]
        assert not {0, 3, 7} & set(units)


def test_a_placebo_of_a_sentence_is_another_sentence():
    """Six words in two sentences, numbered 6 and 7; nothing else is as large."""
    layout = Layout(
        lambda edits: sum(3 if unit > 5 else 1 for unit, _ in edits),
        lambda unit: (0, unit, unit + 1) if unit < 6 else (0, 3 * (unit - 6), 3 * (unit - 5)),
    )
    fills = dict.fromkeys(range(8), "y")
    assert placebo_edits(edited(6), fills, layout, 5, np.random.default_rng(0)) == [((7, "y"),)]


@pytest.mark.parametrize(
    ("sizes", "count"),
    [
        ({1: 4}, 1),
        ({1: 2}, 1),  # half as large
        ({1: 1}, 0),
        ({1: 8}, 1),  # twice as large
        ({1: 9}, 0),
    ],
)
def test_a_placebo_is_about_as_large_as_the_contrast(sizes, count):
    """The contrast changes four words."""
    layout = Layout(lambda edits: sum({0: 4, **sizes}[unit] for unit, _ in edits))
    fills = dict.fromkeys(range(2), "y")
    assert len(placebo_edits(edited(0), fills, layout, 5, np.random.default_rng(0))) == count


def test_fewer_edits_elsewhere_are_a_placebo_only_if_they_are_as_large():
    """The contrast has three edits of two words each; elsewhere there is one, of two words or of four."""
    for words, count in ((2, 0), (4, 1)):
        layout = Layout(lambda edits, words=words: sum(words if unit == 3 else 2 for unit, _ in edits))
        fills = dict.fromkeys(range(4), "y")
        sets = placebo_edits(edited(0, 1, 2), fills, layout, 5, np.random.default_rng(0))
        assert len(sets) == count


def test_without_a_placebo_of_its_size_none_is_reported():
    """A contrast of nine words, and one other edit, of one word."""
    layout = Layout(lambda edits: sum(9 if unit == 0 else 1 for unit, _ in edits))
    asks = (Infill(tuple(map(Hole, range(2)))), Score((A,)))
    found = solve(asking(*asks), lambda edits: float(edits == A), placebo=5, budget=5, layout=layout)
    assert (found.found, found.placebo) == (True, None)


def test_where_nothing_stands_elsewhere_there_is_no_placebo():
    assert placebo_edits(A, {0: "y"}, Layout(), 5, np.random.default_rng(0)) == []


def test_placebos_are_counted_and_cost_nothing_of_the_budget():
    """Units 3 to 5 cross too, 1 and 2 do not: of five placebos three cross."""
    asks = (Infill(tuple(map(Hole, range(6)))), Score((A, B)))
    found = solve(asking(*asks), lambda edits: float(edits[0][0] in (0, 3, 4, 5)), placebo=5, budget=5)
    assert (found.calls, found.placebo.draws, found.placebo.crossed) == (2, 5, 3)


def test_a_measurement_says_how_often_the_same_was_measured_before():
    asked: list[Evaluate] = []
    scores = {(): iter([0.0, 0.1, -0.1]), A: iter([2.0, 2.1, 1.9, 2.0, 2.1, 1.9, 2.0])}

    def evaluate(ask):
        asked.append(ask)
        return [Outcome(next(scores[edits])) for edits in ask.candidates]

    found = run(drive(lambda: asking(Score((A,))), delta=1.0, budget=20, start=Outcome(0.0), repeats=3), list, evaluate)
    assert found.found
    assert [(ask.candidates, ask.draws, ask.fresh) for ask in asked] == [
        (((),) * 3, (1, 2, 3), True),
        ((A,), (0,), False),
        ((A,) * 6, (1, 2, 3, 4, 5, 6), True),
    ]
