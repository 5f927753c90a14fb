"""Synthetic tasks for contrast searches, in families: texts whose score hangs on known words.

A family is a record with a function from a seed to a task. Each task knows the number of its words, what an infiller
puts into a hole, g of every set of edits without noise, and the delta of a contrast.
"""

import itertools
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from convexplain.search.protocol import Edits


@dataclass
class Task:
    """A text whose score is a sum of what its causes do.

    Attributes:
        n: words.
        causes: groups of words that must be edited together, with their weights.
        delta: g of a contrast.
        rng: the source of noise that is drawn anew at each measurement.
        sigma: standard deviation of that noise.
        fixed_sigma: standard deviation of noise that depends on the text alone.
        hurts: for each word, whether its first, second … fill puts something back in.
        groups: for each coarser level the number of the group that each word is in.
        seed: the source of the noise that depends on the text.
        repeats: fresh measurements that the driver is told to test a contrast with.
    """

    n: int
    causes: list[tuple[tuple[int, ...], float]]
    delta: float
    rng: np.random.Generator = field(repr=False)
    sigma: float = 0.0
    fixed_sigma: float = 0.0
    hurts: np.ndarray | None = None
    groups: list[list[int]] = field(default_factory=list)
    seed: int = 0
    repeats: int = 1

    def smallest(self, split_k: int) -> int:
        """Return the edits of the smallest contrast when `split_k` words make a unit."""
        cause_sets = (
            chosen for size in range(1, len(self.causes) + 1) for chosen in itertools.combinations(self.causes, size)
        )
        crossing = (chosen for chosen in cause_sets if sum(weight for _, weight in chosen) >= self.delta - 1e-9)
        return min(len({word // split_k for words, _ in chosen for word in words}) for chosen in crossing)

    def fill(self, word: int, avoid: Sequence[str]) -> str:
        """Return a word that says nothing, or puts something back in."""
        k = len(avoid)
        if self.hurts is None:
            return f"blank{k}"
        return f"bad{k}" if self.hurts[word, k % self.hurts.shape[1]] else f"blank{k}"

    def exact(self, edits: Edits, split_k: int = 1) -> float:
        """Return g without noise."""
        edited = {word for unit, _ in edits for word in range(unit * split_k, unit * split_k + split_k)}
        removed = sum(weight for words, weight in self.causes if edited.issuperset(words))
        return removed - sum(fill.startswith("bad") for _, fill in edits) / 3

    def g(self, edits: Edits, split_k: int = 1) -> float:
        """Return one measurement of g."""
        g = self.exact(edits, split_k)
        if self.fixed_sigma:
            text_rng = np.random.default_rng([self.seed, zlib.crc32(repr(edits).encode())])
            g += float(text_rng.normal(0, self.fixed_sigma))
        return g + (float(self.rng.normal(0, self.sigma)) if self.sigma else 0.0)


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of task.

    Attributes:
        name: as the command line takes it.
        make: from a seed to a task.
    """

    name: str
    make: Callable[[np.random.Generator], Task]

    @property
    def description(self) -> str:
        """The definition of the family."""
        return " ".join((self.make.__doc__ or "").split())


def _weighted(rng: np.random.Generator, count: int, most: int = 3) -> tuple[np.ndarray, float]:
    """Return weights that sum to 1, equal in half of the tasks, and a delta that some of them reach."""
    weights = np.ones(count) if rng.random() < 0.5 else rng.uniform(0.4, 1.6, count)
    weights = weights / weights.sum()
    ordered = np.sort(weights)[::-1]
    needed = min(count, most)
    return weights, float(ordered[:needed].sum() - rng.uniform(0.2, 0.8) * ordered[needed - 1])


def _causes(words: Sequence[Sequence[int]], weights: np.ndarray) -> list[tuple[tuple[int, ...], float]]:
    return [(tuple(map(int, group)), float(weight)) for group, weight in zip(words, weights, strict=True)]


def _plain(rng: np.random.Generator, low: int = 14, high: int = 30) -> Task:
    n, count = int(rng.integers(low, high + 1)), int(rng.integers(2, 6))
    words = rng.choice(n, count, replace=False).reshape(count, 1).tolist()
    weights, delta = _weighted(rng, count)
    return Task(n, _causes(words, weights), delta, rng)


def short(rng: np.random.Generator) -> Task:
    """Two to five causes among 14 to 30 words."""
    return _plain(rng)


def long(rng: np.random.Generator) -> Task:
    """Two to five causes among 60 to 200 words."""
    return _plain(rng, 60, 200)


def redundant(rng: np.random.Generator) -> Task:
    """One to three pairs of words among 14 to 30: only both of a pair together do something."""
    n, count = int(rng.integers(14, 31)), int(rng.integers(1, 4))
    words = rng.choice(n, 2 * count, replace=False).reshape(count, 2).tolist()
    weights, delta = _weighted(rng, count, most=2)
    return Task(n, _causes(words, weights), delta, rng)


def noisy(rng: np.random.Generator) -> Task:
    """As `short`; each text is measured once, with noise of standard deviation 0.05."""
    task = _plain(rng)
    task.sigma = 0.05
    return task


def hurtful(rng: np.random.Generator) -> Task:
    """As `short`; a fifth of the fills put a third of what there is back in."""
    task = _plain(rng)
    task.hurts = rng.random((task.n, 4)) < 0.2
    return task


def clustered(rng: np.random.Generator) -> Task:
    """Two to five causes that stand together, in 60 to 120 words."""
    n, count = int(rng.integers(60, 121)), int(rng.integers(2, 6))
    start = int(rng.integers(0, n - 2 * count))
    words = [[start + int(i)] for i in rng.choice(2 * count, count, replace=False)]
    weights, delta = _weighted(rng, count)
    return Task(n, _causes(words, weights), delta, rng)


class OwnWordsTask(Task):
    """A task whose fills are sometimes the text's own cause words."""

    words: np.ndarray  # for each word and each of its fills the number of a cause, or -1

    def fill(self, word: int, avoid: Sequence[str]) -> str:
        """Return a word that says nothing, or a cause word."""
        k = len(avoid)
        cause = int(self.words[word, k % self.words.shape[1]])
        return f"blank{k}" if cause < 0 else f"cause{cause}"

    def exact(self, edits: Edits, split_k: int = 1) -> float:
        """Return the weights of the causes that stand nowhere any more."""
        edited = {unit for unit, _ in edits}
        fills = {fill for _, fill in edits}
        return sum(
            weight
            for number, ((word,), weight) in enumerate(self.causes)
            if word in edited and f"cause{number}" not in fills
        )


def own_words(rng: np.random.Generator) -> Task:
    """As `short`; each fill is, with probability 0.2, one of the text's cause words, and counts wherever it stands."""
    plain = _plain(rng)
    task = OwnWordsTask(plain.n, plain.causes, plain.delta, rng)
    shape = (plain.n, 40)
    task.words = np.where(rng.random(shape) < 0.2, rng.integers(0, len(plain.causes), shape), -1)
    return task


def fresh_noise(rng: np.random.Generator) -> Task:
    """As `short`; each measurement carries fresh noise of standard deviation 0.1."""
    task = _plain(rng)
    task.sigma, task.repeats = 0.1, 3
    return task


def text_noise(rng: np.random.Generator) -> Task:
    """As `short`; each text carries noise of standard deviation 0.1 that is always the same for that text."""
    task = _plain(rng)
    task.fixed_sigma = 0.1
    task.seed = int(rng.integers(0, 2**31))
    return task


class CoherenceTask(Task):
    """A task in which every edit costs."""

    cost: float
    floor: float = -np.inf

    def smallest(self, split_k: int) -> int:
        """Return the edits of the smallest contrast."""
        weights = sorted((weight for _, weight in self.causes), reverse=True)
        sums = itertools.accumulate(weight - self.cost for weight in weights)
        return next(i for i, g in enumerate(sums, 1) if g >= self.delta - 1e-9)

    def exact(self, edits: Edits, split_k: int = 1) -> float:
        """Return what the edits help, less what they cost."""
        return max(self.floor, super().exact(edits, split_k) - self.cost * len(edits))


def _coherence(rng: np.random.Generator) -> CoherenceTask:
    n, count = int(rng.integers(40, 121)), int(rng.integers(2, 5))
    words = rng.choice(n, count, replace=False).reshape(count, 1).tolist()
    weights = rng.uniform(0.2, 0.5, count)
    task = CoherenceTask(n, _causes(words, weights), 0.0, rng)
    task.cost = float(rng.uniform(0.02, 0.06))
    ordered = np.sort(weights)[::-1] - task.cost
    needed = int(rng.integers(1, count + 1))
    task.delta = float(ordered[:needed].sum() - rng.uniform(0.2, 0.8) * ordered[needed - 1])
    return task


def coherence(rng: np.random.Generator) -> Task:
    """Two to four of 40 to 120 words help when edited, one to four of them are needed; each edited word costs."""
    return _coherence(rng)


def coherence_floor(rng: np.random.Generator) -> Task:
    """As `coherence`, with a score that cannot fall by more than 0.3."""
    task = _coherence(rng)
    task.floor = -0.3
    return task


class SynonymTask(Task):
    """A task in which many fills of a cause are synonyms."""

    works: np.ndarray

    def fill(self, word: int, avoid: Sequence[str]) -> str:
        """Return a fill that is a synonym or not."""
        k = len(avoid)
        return f"blank{k}" if self.works[word, k % self.works.shape[1]] else f"synonym{k}"

    def exact(self, edits: Edits, split_k: int = 1) -> float:
        """Return what the edits do that are no synonyms."""
        return super().exact(tuple(edit for edit in edits if edit[1].startswith("blank")), split_k)


def synonyms(rng: np.random.Generator) -> Task:
    """As `short`; of the fills of a cause 60 % do nothing."""
    plain = _plain(rng)
    task = SynonymTask(plain.n, plain.causes, plain.delta, rng)
    task.works = rng.random((plain.n, 60)) < 0.4
    return task


class LikertTask(Task):
    """A task whose judge gives one of five grades and is saturated at the top."""

    slack: float

    def grade(self, removed: float) -> float:
        """Return g for what was removed: in steps of a quarter, and 0 up to the slack."""
        return float(np.floor(4 * min(1.0, max(0.0, removed - self.slack) / (1 - self.slack)) + 0.5) / 4)

    def smallest(self, split_k: int) -> int:
        """Return the edits of the smallest contrast."""
        weights = sorted((weight for _, weight in self.causes), reverse=True)
        return next(i for i, s in enumerate(itertools.accumulate(weights), 1) if self.grade(s) >= self.delta)

    def exact(self, edits: Edits, split_k: int = 1) -> float:
        """Return the fall of the grade."""
        return self.grade(super().exact(edits, split_k))


def likert(rng: np.random.Generator) -> Task:
    """Two to six causes among 14 to 60 words; grades in quarters; a fifth to a half of the causes does nothing yet."""
    n, count = int(rng.integers(14, 61)), int(rng.integers(2, 7))
    words = rng.choice(n, count, replace=False).reshape(count, 1).tolist()
    weights = rng.uniform(0.4, 1.6, count)
    task = LikertTask(n, _causes(words, weights / weights.sum()), float(rng.choice([0.25, 0.5, 0.75])), rng)
    task.slack = float(rng.uniform(0.2, 0.5))
    return task


class NegationTask(Task):
    """A task with pairs of words: either of a pair edited does something, both together nothing."""

    def smallest(self, split_k: int) -> int:
        """Return the edits of the smallest contrast."""
        weights = sorted((weight for _, weight in self.causes), reverse=True)
        return next(i for i, s in enumerate(itertools.accumulate(weights), 1) if s >= self.delta - 1e-9)

    def exact(self, edits: Edits, split_k: int = 1) -> float:
        """Return the weights of the pairs of which one word is edited."""
        edited = {unit for unit, _ in edits}
        return sum(weight for words, weight in self.causes if len(edited & set(words)) == 1)


def negation(rng: np.random.Generator) -> Task:
    """One to three pairs of neighbours among 14 to 60 words: one of a pair edited counts, both cancel."""
    n, count = int(rng.integers(14, 61)), int(rng.integers(1, 4))
    starts = 2 * rng.choice(n // 2, count, replace=False)
    weights, delta = _weighted(rng, count, most=2)
    return NegationTask(n, _causes([[start, start + 1] for start in starts], weights), delta, rng)


class BandTask(Task):
    """A task whose g falls again where too much is edited."""

    most: int

    def exact(self, edits: Edits, split_k: int = 1) -> float:
        """Return what the causes do, and nothing where more words than `most` are edited."""
        return super().exact(edits, split_k) if len(edits) <= self.most else 0.0


def band(rng: np.random.Generator) -> Task:
    """As `short` with 20 to 60 words; g is 0 where more than a quarter to a half of the words are edited."""
    plain = _plain(rng, 20, 60)
    task = BandTask(plain.n, plain.causes, plain.delta, rng)
    task.most = int(plain.n * rng.uniform(0.25, 0.5))
    return task


class PeakTask(Task):
    """A task whose g falls again where too much of what matters is edited."""

    peak: float

    def exact(self, edits: Edits, split_k: int = 1) -> float:
        """Return the sum of the causes up to the peak, and as much less beyond it."""
        removed = super().exact(edits, split_k)
        return removed if removed <= self.peak else 2 * self.peak - removed

    def smallest(self, split_k: int) -> int:
        """Return the edits of the smallest contrast."""
        weights = [weight for _, weight in self.causes]
        return next(
            size
            for size in range(1, len(weights) + 1)
            for chosen in itertools.combinations(weights, size)
            if (s := sum(chosen)) and (s if s <= self.peak else 2 * self.peak - s) >= self.delta - 1e-9
        )


def peak(rng: np.random.Generator) -> Task:
    """Four to eight equal causes among 20 to 60 words; g rises with half of them and falls with the others."""
    n, count = int(rng.integers(20, 61)), int(rng.integers(4, 9))
    words = rng.choice(n, count, replace=False).reshape(count, 1).tolist()
    half = count // 2
    task = PeakTask(n, _causes(words, np.full(count, 1 / count)), (half - 0.5) / count, rng)
    task.peak = half / count
    return task


class DialogueTask(Task):
    """A task whose causes are sentences: each counts by the share of its words that are edited."""

    share: float

    def smallest(self, split_k: int) -> int:
        """Return the edits of the smallest contrast."""
        return sum(int(np.ceil(self.share * len(words))) for words, _ in self.causes)

    def exact(self, edits: Edits, split_k: int = 1) -> float:
        """Return for each cause what it does, in full from the share of its words on."""
        edited = {unit for unit, _ in edits}
        parts = ((len(edited & set(words)) / len(words) / self.share, weight) for words, weight in self.causes)
        return sum(min(1.0, part) * weight for part, weight in parts)


def dialogue(rng: np.random.Generator) -> Task:
    """Twelve turns of 300 words in sentences of 6 to 14; one or two sentences matter, by the share edited."""
    sizes: list[int] = []
    while sum(sizes) < 300:
        sizes.append(int(rng.integers(6, 15)))
    sentence_of = [number for number, size in enumerate(sizes) for _ in range(size)]
    turn_of = [12 * number // len(sizes) for number in sentence_of]
    chosen = rng.choice(len(sizes), int(rng.integers(1, 3)), replace=False)
    words = [[word for word, number in enumerate(sentence_of) if number == sentence] for sentence in chosen]
    task = DialogueTask(len(sentence_of), _causes(words, np.full(len(words), 1 / len(words))), 0.0, rng)
    task.groups = [turn_of, sentence_of]
    task.delta = float(1 - rng.uniform(0.2, 0.8) / len(words))
    task.share = float(rng.uniform(1 / 6, 1))
    return task


RECORDS = (
    Family("short", short),
    Family("long", long),
    Family("redundant", redundant),
    Family("noisy", noisy),
    Family("hurtful", hurtful),
    Family("clustered", clustered),
    Family("own_words", own_words),
    Family("fresh_noise", fresh_noise),
    Family("text_noise", text_noise),
    Family("coherence", coherence),
    Family("coherence_floor", coherence_floor),
    Family("synonyms", synonyms),
    Family("likert", likert),
    Family("negation", negation),
    Family("band", band),
    Family("peak", peak),
    Family("dialogue", dialogue),
)
FAMILIES = {family.name: family for family in RECORDS}


def task(family: str, seed: int) -> Task:
    """Return the task of that family and seed."""
    number = list(FAMILIES).index(family)
    return FAMILIES[family].make(np.random.default_rng([number, seed]))
