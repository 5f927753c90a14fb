import numpy as np
import pytest

from convexplain.search.contrast_searches.cell_budget import cell_budget, num_seeds
from convexplain.search.protocol import Infill, Score

from .searching import additive, plain_fill, solve, told


def search(n, *, budget=50, seed=0, delta=1.0, **options):
    return cell_budget(n, delta=delta, budget=budget, rng=np.random.default_rng(seed), **options)


@pytest.mark.parametrize(
    ("budget", "schedule"),
    [
        # q = floor(50 / 5.64) = 8. n: 1·2¹ <= 8, then 2·2² <= 8. n_p: 8/(2·1); 8/(4·2), 8/(2·2).
        (50, [(2, [4]), (4, [1, 2]), (4, [1, 2])]),
        # q = floor(100 / 6.64) = 15; 3·2³ > 15. n_p: 15/2; 15/8, 15/4.
        (100, [(2, [7]), (4, [1, 3]), (4, [1, 3])]),
        # q = floor(200 / 7.64) = 26; 3·2³ <= 26, 4·2⁴ > 26. n_p: 26/2; 26/8, 26/4; 26/24, 26/12, 26/6.
        (200, [(2, [13]), (4, [3, 6]), (8, [1, 2, 4]), (8, [1, 2, 4])]),
    ],
)
def test_the_schedule(budget, schedule):
    """A round asks for fills of its seeds; then, in each halving, for n_p fills around each seed, and for scores."""
    wanted = []
    for seeds, around in schedule:
        wanted.append(seeds)
        kept = seeds
        for each in around:
            wanted.append(kept * each)
            kept = kept // 2
    asks = told(search(400, budget=budget), lambda edits: 0.0, most=2 * sum(1 + 2 * len(a) for _, a in schedule))
    assert [len(ask.holes) for ask in asks if isinstance(ask, Infill)][: len(wanted)] == wanted


@pytest.mark.parametrize(("quota", "seeds"), [(1, [2, 2]), (7, [2, 2]), (8, [2, 4, 4]), (24, [2, 4, 8, 8])])
def test_the_seeds_of_a_round(quota, seeds):
    assert [num_seeds(i + 1, quota) for i in range(len(seeds))] == seeds


def test_the_first_round_by_hand():
    """B = 20: q = floor(20 / 4.32) = 4, so 2 seeds, and 4 / 2 = 2 samples around each."""
    first, second, score, *_ = told(search(30, budget=20), lambda edits: 0.0, most=3)
    assert [hole.edits for hole in first.holes] == [(), ()]
    one, other = (hole.unit for hole in first.holes)
    assert one != other
    assert [hole.edits for hole in second.holes] == [((one, "fill0"),)] * 2 + [((other, "fill0"),)] * 2
    assert isinstance(score, Score)
    assert [len(edits) for edits in score.candidates[:2]] == [1, 1]  # the seeds are scored too
    assert [len(edits) for edits in score.candidates[2:]] in ([2] * 4, [2] * 3)  # both may have drawn each other


def test_the_better_half_is_sampled_around():
    """Units have weights of their own, so that the order is strict; the second round of B = 50 keeps 2 of its best."""
    asks = told(search(100), lambda edits: float(sum(2.0**-unit for unit, _ in edits)) * 1e-3, most=8)
    # Infill, Infill, Score; Infill, Infill, Score, Infill, Score
    scored = asks[5].candidates
    best = sorted(scored, key=lambda edits: -sum(2.0**-unit for unit, _ in edits))[:2]
    assert [hole.edits for hole in asks[6].holes] == [best[0]] * 2 + [best[1]] * 2


@pytest.mark.parametrize("budget", range(1, 61))
def test_every_budget_works_and_is_spent_to_the_call(budget):
    found = solve(search(40, budget=budget), lambda edits: 0.0, budget=budget)
    assert (found.calls, found.stopped) == (budget, "budget")
    assert solve(search(40, budget=budget), lambda edits: 2.0, budget=budget).found


def test_a_seed_that_crosses_is_a_contrast():
    found = solve(search(40), lambda edits: 1.0 if len(edits) == 1 else 0.0)
    assert (found.found, len(found.edits)) == (True, 1)


def test_a_contrast_is_made_smaller():
    """Only units 0 and 1 count: what crosses has both, and nothing else once edits were taken back."""
    weights = [0.5, 0.5, *[0.0] * 8]
    found = solve(search(10, budget=400), additive(*weights), budget=400)
    assert [unit for unit, _ in found.edits] == [0, 1]


def later_seeds(alpha):
    """The places of the seeds of the second round (4 of them), B = 50."""
    return [hole.edits for hole in told(search(100, alpha=alpha), lambda edits: 0.0, most=4)[3].holes]


def test_alpha_is_the_share_of_earlier_candidates():
    assert later_seeds(0.0) == [()] * 4
    assert [bool(edits) for edits in later_seeds(0.5)] == [True, True, False, False]
    assert all(later_seeds(1.0))


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_both_ends_of_alpha_spend_the_budget(alpha):
    assert solve(search(30, alpha=alpha), lambda edits: 0.0).calls == 50


def test_seeds_take_units_that_were_not_perturbed_yet():
    """alpha = 0, n = 20: two seeds, then four a round; the first 18 units are all different."""
    asks = told(search(20, alpha=0.0), lambda edits: 0.0, most=3 + 4 * 5)
    units = [hole.unit for ask in asks if isinstance(ask, Infill) for hole in ask.holes if not hole.edits]
    assert len(units) >= 18
    assert len(set(units[:18])) == 18


def test_the_same_seed_gives_the_same_and_another_asks_otherwise():
    def asked(seed):
        return told(search(30, seed=seed), lambda edits: 0.1 * len(edits), most=20)

    assert asked(1) == asked(1)
    assert asked(1) != asked(2)


def test_likely_units_are_drawn_first():
    prior = [1.0] * 30
    prior[5] = prior[9] = 1e9
    for seed in range(20):
        first = told(search(30, seed=seed, prior=prior), lambda edits: 0.0, most=1)[0]
        assert {hole.unit for hole in first.holes} == {5, 9}


def test_a_prior_of_nothing_draws_from_all():
    assert solve(search(30, prior=[0.0] * 30), lambda edits: 0.0).calls == 50


def test_unscored_candidates_cost_and_never_win():
    found = solve(search(40), lambda edits: None)
    assert (found.calls, found.failed, found.edits) == (50, 50, None)


@pytest.mark.parametrize("n", [1, 2])
def test_few_units_that_cross(n):
    found = solve(search(n), lambda edits: 1.0)
    assert (found.found, len(found.edits)) == (True, 1)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_few_units_that_do_not_cross(n):
    """All 2ⁿ - 1 candidates fit the budget: what crosses is found, and otherwise the search ends."""
    found = solve(search(n), lambda edits: 0.0)
    assert found.stopped == "searched"
    assert found.calls <= 2**n - 1


@pytest.mark.parametrize("n", [2, 3, 5])
def test_few_units_that_cannot_be_scored(n):
    assert solve(search(n), lambda edits: None).failed > 0


def test_seeds_without_a_fill_are_not_the_end():
    """Only 4 of 30 units have a fill; unit 0 alone crosses."""
    for seed in range(10):
        fill = lambda hole: plain_fill(hole) if hole.unit < 4 else None  # noqa: E731
        assert solve(search(30, seed=seed), additive(1.0, *[0.0] * 29), fill=fill).found


def test_a_text_that_is_edited_whole():
    """The more edits the better: going on from the best, all 10 units are edited before 50 calls are spent."""
    assert not solve(search(10), lambda edits: 0.01 * len(edits)).found


def test_a_radius_keeps_samples_near_their_seed():
    asks = told(search(100, budget=200, radius=3), lambda edits: 0.0, most=2)
    for hole in asks[1].holes:
        ((place, _),) = hole.edits
        assert 1 <= abs(hole.unit - place) <= 3
    assert len(asks[1].holes) <= 2 * 6  # 13 wanted around each, of which at most 6 are near


def test_earlier_candidates_that_are_gone_on_from_are_the_best():
    def g(edits):
        return sum(unit for unit, _ in edits) / 1e6

    asks = told(search(100), g, most=4)  # fills of the seeds, fills around them, scores; seeds of the second round
    best = sorted(asks[2].candidates, key=g)[-2:]
    assert {g(hole.edits) for hole in asks[3].holes if hole.edits} == {g(edits) for edits in best}
