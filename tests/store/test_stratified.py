"""Estimates from stratified samples: values worked out by hand, and how often the intervals hold the truth."""

import numpy as np
import pytest

from convexplain.store.stratified import SampleEstimate, StratumCell, sample_mean, sample_share

# Of 6 turns of one stratum 3 were drawn (0.2, 0.4, 0.6), of 4 turns of another 2 (0.8, 1.0); every one stands for 2.
FIRST = StratumCell(0, 6, 3, 3, 1.2, 0.04 + 0.16 + 0.36, 2)
SECOND = StratumCell(1, 4, 2, 2, 1.8, 0.64 + 1.0, 0)


def test_a_mean_counts_each_stratum_by_its_size():
    # (6 * 0.4 + 4 * 0.9) / 10 = 0.6. Variance: 0.6² * (1 - 3/6) * 0.04 / 3 + 0.4² * (1 - 2/4) * 0.02 / 2 = 0.0032.
    # So the turns are worth 0.6 * 0.4 / 0.0032 = 75 independent ones; Student's t with 5 - 2 = 3 degrees of freedom is
    # 3.1824, t² / 75 = 0.13504; Wilson: (0.6 + 0.06752 ± 3.1824 * sqrt(0.24 / 75 + 0.13504 / 300)) / 1.13504.
    estimate = sample_mean([FIRST, SECOND])
    assert estimate.mean == pytest.approx(0.6)
    assert estimate.interval == pytest.approx((0.5881 - 0.1694, 0.5881 + 0.1694), abs=1e-4)


def test_a_share_is_the_mean_of_being_below():
    # (6 * 2/3 + 4 * 0) / 10
    assert sample_share([FIRST, SECOND]).mean == pytest.approx(0.4)


def test_a_group_is_a_ratio_of_totals():
    # 0.2 and 0.4 of the first stratum and 1.0 of the second: (2 * 0.6 + 2 * 1.0) / 6
    group = [StratumCell(0, 6, 3, 2, 0.6, 0.2), StratumCell(1, 4, 2, 1, 1.0, 1.0)]
    assert sample_mean(group).mean == pytest.approx(1.6 / 3)
    # cells of one stratum that come in parts are the same group
    parts = [StratumCell(0, 6, 3, 1, 0.2, 0.04), StratumCell(0, 6, 3, 1, 0.4, 0.16), group[1]]
    estimate, same = sample_mean(parts), sample_mean(group)
    assert estimate.mean == pytest.approx(same.mean)
    assert estimate.interval == pytest.approx(same.interval)


@pytest.mark.parametrize(
    ("cells", "estimate"),
    [
        ([], None),
        ([StratumCell(0, 5, 5, 5, 2.0, 1.0)], SampleEstimate(0.4, (0.4, 0.4))),  # all were judged: no doubt
        ([StratumCell(0, 9, 3, 1, 0.5, 0.25)], SampleEstimate(0.5, None)),  # one turn alone
    ],
)
def test_what_needs_no_interval(cells, estimate):
    assert sample_mean(cells) == estimate


def test_equal_scores_leave_doubt():
    # 10 of 100 score 1: worth 10 / 0.9 = 11.11 turns; t with 9 degrees of freedom is 2.2622, t² / 11.11 = 0.46056;
    # (1 + 0.23028 - 2.2622 * sqrt(0.46056 / 44.44)) / 1.46056 = 0.6847
    assert sample_mean([StratumCell(0, 100, 10, 10, 10.0, 10.0)]).interval == pytest.approx((0.6847, 1.0), abs=1e-4)


def test_intervals_hold_the_truth_in_95_of_100_draws():
    rng = np.random.default_rng(7)
    shapes = ((8, 2, 4000), (2, 2, 2500), (20, 1, 5000), (1, 3, 500))
    strata = [np.column_stack([rng.beta(a, b, n), rng.random(n) < 0.3]) for a, b, n in shapes]
    sizes = (100, 62, 125, 13)
    everything = np.concatenate(strata)
    group = everything[:, 1] == 1
    truth = (everything[:, 0].mean(), (everything[:, 0] < 0.5).mean(), everything[group, 0].mean())
    held = np.zeros(3)
    for _ in range(1000):
        cells, in_group = [], []
        for number, (stratum, n) in enumerate(zip(strata, sizes, strict=True)):
            drawn = stratum[rng.choice(len(stratum), n, replace=False)]
            cells.append(cell(number, len(stratum), n, drawn[:, 0]))
            in_group.append(cell(number, len(stratum), n, drawn[drawn[:, 1] == 1, 0]))
        estimates = sample_mean(cells), sample_share(cells), sample_mean(in_group)
        held += [
            low <= value <= high for value, (low, high) in zip(truth, (e.interval for e in estimates), strict=True)
        ]
    assert ((held >= 930) & (held <= 970)).all(), held


def cell(stratum, population, scored, scores):
    sums = (float(scores.sum()), float((scores**2).sum()))
    return StratumCell(stratum, population, scored, len(scores), *sums, int((scores < 0.5).sum()))
