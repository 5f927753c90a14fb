import numpy as np
import pytest

from convexplain.errors import UsageError
from convexplain.judges.head_fit import FOLDS, MIN_EXAMPLES, Examples, fit

STRENGTHS = (0.001, 0.01, 0.1, 1.0)


def some(n=400, width=12, seed=0, noise=0.5, sets=1, pairs=0):
    """Turns whose score is a known direction of their features, squeezed into [0, 1]; five turns a dialogue."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, width))
    truth = np.zeros(width)
    truth[:3] = (1.0, -2.0, 0.5)
    value = features @ truth + noise * rng.normal(size=n)
    groups = [f"d{i // 5}" for i in range(n)]
    both = rng.integers(0, n, size=(pairs, 2))
    both = both[both[:, 0] != both[:, 1]]
    order = np.where((value[both[:, 0]] > value[both[:, 1]])[:, None], both, both[:, ::-1])
    return truth, Examples(features, 1 / (1 + np.exp(-value)), [f"s{i % sets}" for i in range(n)], groups, order)


def cosine(a, b):
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def test_a_direction_that_is_there_is_found():
    truth, examples = some()
    found = fit(examples, STRENGTHS)
    assert cosine(found.weights, truth) > 0.97
    # What is held out is scored by layers that have not seen it: it orders as the truth does, up to the noise.
    assert found.agreements[found.strength] == pytest.approx(max(found.agreements.values()), abs=1e-3)
    assert found.agreements[found.strength] > 0.9


def test_pairs_alone_find_it_too():
    truth, examples = some(pairs=400)
    blind = Examples(
        examples.features, np.full(len(examples.scores), np.nan), examples.sets, examples.groups, examples.pairs
    )
    found = fit(blind, STRENGTHS)
    assert cosine(found.weights, truth) > 0.95
    assert found.bias == pytest.approx(-float(examples.features.mean(axis=0) @ found.weights))


def test_what_it_gives_is_the_probability_of_satisfied():
    _, examples = some(n=2000, noise=0.1)
    found = fit(examples, STRENGTHS)
    given = 1 / (1 + np.exp(-(examples.features @ found.weights + found.bias)))
    # Scores are the sigmoid of the direction itself, so the layer can be right and not only rightly ordered.
    assert float(np.abs(given - examples.scores).mean()) < 0.05


def test_scores_of_two_sets_are_not_compared():
    # The second set's raters give everything 0.6 more, and its features are shifted: no part of what is learnt.
    truth, examples = some(n=600, sets=2)
    second = np.array([name == "s1" for name in examples.sets])
    shifted = examples.features + second[:, None] * np.eye(12)[5] * 10
    scores = np.where(second, 0.6 + examples.scores * 0.4, examples.scores * 0.4)
    found = fit(Examples(shifted, scores, examples.sets, examples.groups), STRENGTHS)
    assert cosine(found.weights, truth) > 0.95
    assert abs(found.weights[5]) < 0.1 * np.abs(found.weights).max()


def test_noise_is_found_to_be_noise():
    rng = np.random.default_rng(3)
    n = 300
    examples = Examples(rng.normal(size=(n, 50)), rng.random(n), ["s"] * n, [str(i // 5) for i in range(n)])
    assert abs(max(fit(examples, STRENGTHS).agreements.values())) < 0.2


def test_no_dialogue_is_in_two_folds():
    # Every dialogue has features of its own and one score: who sees half of a dialogue knows the other half.
    rng = np.random.default_rng(0)
    dialogues = 40
    own = np.repeat(rng.normal(size=(dialogues, 60)), 10, axis=0)
    scores = np.repeat(rng.random(dialogues), 10)
    groups = [str(i // 10) for i in range(10 * dialogues)]
    found = fit(Examples(own, scores, ["s"] * len(scores), groups), STRENGTHS)
    assert max(found.agreements.values()) < 0.4


def test_the_same_labels_give_the_same_layer():
    _, examples = some(pairs=50)
    one, other = fit(examples, STRENGTHS), fit(examples, STRENGTHS)
    assert one.weights.tolist() == other.weights.tolist()
    assert one.bias == other.bias


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda e: e.subset(np.arange(len(e.scores)) < 3), "3 labelled turns and 0 pairs are too few"),
        (lambda e: Examples(e.features, np.full(len(e.scores), 0.5), e.sets, e.groups), "the same score, 0.5"),
        (lambda e: Examples(e.features, e.scores, e.sets, ["a"] * len(e.scores)), "of 1 dialogues; at least 5"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(change, words):
    _, examples = some(n=60)
    with pytest.raises(UsageError, match=words):
        fit(change(examples), STRENGTHS)


def test_as_few_as_allowed_will_do():
    _, examples = some(n=MIN_EXAMPLES, noise=0.01)
    assert len(set(examples.groups)) + 1 >= FOLDS
    more = Examples(examples.features, examples.scores, examples.sets, [str(i % 5) for i in range(MIN_EXAMPLES)])
    assert len(fit(more, STRENGTHS).weights) == 12


@pytest.mark.slow
def test_few_labels_correct_a_layer_that_is_there_and_many_replace_it():
    truth, _ = some()
    start = truth + np.eye(12)[6]  # right but for one feature that means nothing here
    _, few = some(n=30, seed=5)
    _, many = some(n=3000, seed=6)
    alone, corrected = (fit(few, STRENGTHS, start=one).weights for one in (None, start))
    assert cosine(corrected, truth) > cosine(alone, truth)
    assert cosine(fit(many, STRENGTHS, start=start).weights, truth) > 0.99
