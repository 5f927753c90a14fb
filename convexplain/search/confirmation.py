"""The proof of a contrast: draws that were made after it was chosen have to say that g reaches delta.

Where measurements of one text vary, a chosen candidate is measured again. It is a contrast when a one-sided t-test says
that the mean of these fresh draws reaches delta, and another that it is above that of the unchanged text. The i-th
candidate that is tested has the level 0.05 * 6 / (pi^2 i^2), so that all tests of a search together are wrong with a
chance of at most 0.05. What is measured again before that, to choose whom to test, is chosen by sequential halving
(Karnin et al. 2013).

Where one text always has the same score, but texts that mean the same have other ones, no repetition shows it: then
texts that differ from the candidate by an edit that seems to do nothing take the place of the fresh draws.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .ledger import Ledger, Outcome, pooled_deviation
from .placebo import Layout
from .protocol import Edits, ReadsWell, with_edit

LEVEL = 0.05  # the chance that a search reports a contrast that is none, where draws vary
TEXT_LEVEL = 0.2  # the same where only texts that mean the same vary
ALIKE_TEXTS = 4  # texts that mean the same, which a candidate is compared with at least
PROBES = 3  # measurements of the unchanged text that show whether draws vary
_LOOKS = (0.6, 0.25, 0.15)  # shares of a candidate's level, for its first draws and for when there are more
_CHEAP = 10  # draws up to which the smallest candidate is tested first; else that which needs the fewest
_ASIDE = 0.65  # of the remaining calls: those that a search leaves for tests, where draws vary
_PROMISING = 4  # candidates that are measured again where none can be tested
_HOPE = 1.5  # standard errors above delta that a mean has to be for a further look
_REGRESSION = 0.7  # of a standard error: by how much a candidate that was chosen for its mean is thought to be lower
_SMALL = 0.5  # of the distance to delta: a smaller deviation of a few draws says nothing of what they might have been
_EVEN = 0.5  # the chance that a draw goes far enough by luck: raised to the number of draws, that all of them do
_BEYOND = 0.8  # standard deviations that a search is to look beyond delta
_ALIKE = 1e-9


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Candidates to be evaluated at once.

    Attributes:
        candidates: the candidates; with `fresh` the same may stand there several times.
        draws: for each candidate how often it was measured before.
        fresh: they are measured again though they were measured before: whoever answers and judges is asked again.
        spare: calls that may be made besides one for each candidate; None = as many as it takes.
    """

    candidates: tuple[Edits, ...]
    draws: tuple[int, ...]
    fresh: bool = False
    spare: int | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """The draws of a candidate that were made after it was chosen.

    Attributes:
        draws: how many have a score.
        held: how many of them reach delta.
        mean: their mean.
        error: the standard error of the mean.
    """

    draws: int
    held: int
    mean: float
    error: float


@dataclass(slots=True)
class Confirmation:
    """The tests of one search.

    Attributes:
        ledger: the measurements so far.
        fills: for each unit an edit that is at hand, to make texts that mean the same.
        varies: draws of one text vary; None = not known, as nothing is measured again.
        tested: the candidates that were tested, in order, with their fresh draws; None for one that held none.
        held: the candidate that passed its test last.
        fewest: fresh draws of a test at least.
        layout: where the units stand.
        screens: a candidate that does not read well is no contrast.
        screened: candidates whose texts were looked at.
    """

    ledger: Ledger
    fewest: int = 3
    layout: Layout = field(default_factory=Layout)
    fills: dict[int, str] = field(default_factory=dict)
    varies: bool | None = None
    tested: dict[Edits, Proof | None] = field(default_factory=dict)
    held: Edits | None = None
    set_aside: int = 0
    screens: bool = False
    screened: set[Edits] = field(default_factory=set)

    def probe(self) -> Generator[Evaluate, Any, None]:
        """Measure the unchanged text several times, to see whether draws vary."""
        count = min(PROBES, self.ledger.remaining - 1)
        scores = yield from self._draw([()] * count)
        self.varies = count < PROBES or len(scores) < count or max(scores) - min(scores) > _ALIKE
        self.ledger.beyond = _BEYOND * self.ledger.pooled()[0]

    def reserve(self) -> int:
        """Return the measurements that a search is to leave for tests."""
        if self.varies:
            return self.set_aside
        if self.varies is None and self.fills and not self.ledger.tied and self.ledger.crossing():
            return min(2 * self.fewest, self.ledger.budget // (6 * self.ledger.price))
        return _run_needed(self._share(LEVEL)) if self.varies is False else 0

    def put_aside(self) -> None:
        """Put a share of the measurements that remain aside for tests."""
        self.set_aside = max(min(2, self.ledger.remaining - 1), round(_ASIDE * self.ledger.remaining))

    def screen(self, candidates: Sequence[Edits]) -> Generator[ReadsWell, Any, list[bool]]:
        """Ask which candidates read well; those that do not are no contrasts."""
        new = tuple(edits for edits in dict.fromkeys(candidates) if edits and edits not in self.screened)
        if new:
            answer: Sequence[bool] = yield ReadsWell(new)
            self.screened.update(new)
            self.ledger.refused.update(edits for edits, well in zip(new, answer, strict=True) if not well)
        return [edits not in self.ledger.refused for edits in candidates]

    def settle(self) -> Generator[Evaluate | ReadsWell, Any, None]:
        """Test crossing candidates, the smallest that may pass first, until one has passed or none is left."""
        before = self.held
        while self.held == before:
            edits = self._next()
            if self.screens and edits is not None and edits not in self.screened:
                yield from self.screen((edits,))
            elif edits is None:
                if not self.varies or self.held or not (yield from self._refine()):
                    return
            elif self._unproved:
                yield from self._test(edits)
            elif self.varies is False:
                yield from self._measure_again(edits)
            else:
                self._hold(edits, [], 0.0)

    def _refine(self) -> Generator[Evaluate, Any, bool]:
        """Measure the most promising candidates again, half of them each time, as sequential halving does.

        Returns:
            False where there is none, or no budget.
        """
        passed_over = {*self.tested, *self.ledger.refused, ()}
        promising = [edits for edits in self.ledger.by_mean() if edits not in passed_over and self._hopeful(edits)]
        promising = promising[:_PROMISING]
        if not promising or self.ledger.remaining < self.fewest:
            return False
        while promising and self.ledger.remaining >= self.fewest:
            yield from self._draw(promising)
            promising = sorted(promising, key=lambda edits: -(self.ledger.mean(edits) or 0.0))[: len(promising) // 2]
        return True

    def _hopeful(self, edits: Edits) -> bool:
        """Return True where the candidate's mean may be delta or more, as far as is known."""
        deviation, freedom = self.ledger.pooled()
        error = deviation / math.sqrt(max(1, self.ledger.count(edits)))
        return not freedom or (self.ledger.mean(edits) or 0.0) + _HOPE * error >= self.ledger.delta

    def _next(self) -> Edits | None:
        """The smallest crossing candidate whose test there is budget for."""
        distance = self.ledger.distance
        most = math.inf if self.held is None else distance(self.held)
        crossing = [edits for edits in self.ledger.crossing() if edits not in self.tested and distance(edits) < most]
        if not self._unproved or (not self.varies and not self.ledger.pooled()[1]):  # nothing speaks of noise so far
            return crossing[0] if crossing else None
        needed = {edits: self._draws_needed(edits) for edits in crossing}
        cheap = [edits for edits in crossing if needed[edits] <= min(_CHEAP, self.ledger.remaining)]
        if cheap:
            return cheap[0]
        possible = [edits for edits in crossing if needed[edits] <= self.ledger.remaining]
        return min(possible, key=needed.__getitem__, default=None)

    def done(self, minimise: bool) -> bool:
        """True where a contrast holds and no smaller one is to be looked for."""
        return self.held is not None and not (minimise and self.varies and self.ledger.size(self.held) > 1)

    @property
    def _unproved(self) -> bool:
        """True where a crossing alone is no proof."""
        return self.varies or (self.varies is None and not self.ledger.tied)

    def _measure_again(self, edits: Edits) -> Generator[Evaluate, Any, None]:
        """Measure again where draws of the unchanged text did not vary; where these do, tests are needed after all.

        Two equal draws are no proof: an answer may be good four times of ten, where the unchanged one is always bad.
        """
        before = self.ledger.draws[edits][0]
        needed = _run_needed(self._share(LEVEL))
        scores = yield from self._draw([edits] * needed)
        if len(scores) == needed and all(abs(score - before) <= _ALIKE for score in scores):
            self._hold(edits, scores, 0.0)
        elif scores and max(abs(score - before) for score in scores) <= _ALIKE:
            self.tested[edits] = self._proof(scores, 0.0)  # too few for a proof
        else:
            self.varies = True
            self.ledger.beyond = _BEYOND * self.ledger.pooled()[0]

    def _test(self, edits: Edits) -> Generator[Evaluate, Any, None]:
        """Test a candidate with fresh draws, or with texts that mean the same; with more where that may help."""
        level = self._level
        count = self._draws_needed(edits)
        self.tested[edits] = None
        draws: list[float] = []
        for share in _LOOKS:
            new = yield from (self._draw([edits] * count) if self.varies else self._measure_alike(edits, count))
            draws += new
            deviation, freedom = self._deviation(draws)
            error = deviation / math.sqrt(max(1, len(draws)))
            proved = self._proved(draws, error, freedom, level * share)
            if proved and self.varies:
                proved = yield from self._differs(draws, level * share)
            if proved or (not self.varies and self._alike_hold(draws, level, short=len(new) < count)):
                self._hold(edits, draws, error)
                return
            if len(draws) < 2:
                return
            self.tested[edits] = self._proof(draws, error) if self.varies else None  # else they are of other texts
            self.ledger.beyond = max(self.ledger.beyond, _BEYOND * deviation)
            count = max(self.fewest, len(draws))
            hope = _HOPE * deviation / math.sqrt(len(draws) + min(count, self.ledger.remaining))
            if self.ledger.remaining < 1 or sum(draws) / len(draws) - self.ledger.delta < hope:
                return

    def _proved(self, draws: list[float], error: float, freedom: int, level: float) -> bool:
        """Return True where a one-sided t-test of that level says that the mean of the draws reaches delta."""
        if len(draws) < 2 or error <= _ALIKE:
            return len(draws) >= _run_needed(level) and bool(self.varies) and min(draws) >= self.ledger.delta
        margin = sum(draws) / len(draws) - self.ledger.delta
        if self.varies and len(draws) < _run_needed(level) and pooled_deviation([draws])[0] < _SMALL * margin:
            return False  # so few may all be of the better of two kinds of answers
        return sum(draws) / len(draws) - self.ledger.delta >= _quantile(level, freedom) * error

    def _differs(self, draws: list[float], level: float) -> Generator[Evaluate, Any, bool]:
        """Return True where the draws are higher than those of the unchanged text, which is measured again if need be.

        An unchanged text that scored low by chance crosses by itself when it is measured again.
        """
        for share in (1 - _LOOKS[-1], _LOOKS[-1]):
            unchanged = self.ledger.draws.get((), [])[1:]
            if len(unchanged) > 1:
                deviation, freedom = self._deviation(draws)
                error = deviation * math.sqrt(1 / len(draws) + 1 / len(unchanged))
                movement = sum(draws) / len(draws) - sum(unchanged) / len(unchanged)
                if movement > max(_ALIKE, _quantile(level * share, freedom) * error):
                    return True
            yield from self._draw([()] * len(draws))
        return False

    def _alike_hold(self, scores: list[float], level: float, *, short: bool) -> bool:
        """Return True where texts that mean the same do not speak against the candidate.

        They do not where they all have one score, or where all of them reach delta (a sign test, unless there are too
        few of them at all: `short`).
        """
        if scores and max(scores) - min(scores) <= _ALIKE:
            return True
        return all(g >= self.ledger.delta for g in scores) and (short or 0.5 ** len(scores) <= level)

    @property
    def _level(self) -> float:
        return self._share(LEVEL if self.varies else TEXT_LEVEL)

    def _share(self, level: float) -> float:
        """Return the share of a level that the next candidate has."""
        return level * 6 / (math.pi * (len(self.tested) + 1)) ** 2

    def _draws_needed(self, edits: Edits) -> int:
        """Return how many fresh draws may prove the candidate, if its mean is what it seems, less what chance gave."""
        deviation, freedom = self.ledger.pooled()
        if not freedom:
            return self.fewest
        seen = self.ledger.count(edits)
        mean = (self.ledger.mean(edits) or 0.0) - _REGRESSION * deviation / math.sqrt(max(1, seen))
        margin = mean - self.ledger.delta
        if margin <= 0:
            return 10**9
        quantile = _quantile(self._level * _LOOKS[0], freedom + self.fewest)
        least = _run_needed(self._level * _LOOKS[0]) if deviation < _SMALL * margin else self.fewest
        return max(least, math.ceil((quantile * deviation / margin) ** 2))

    def _measure_alike(self, edits: Edits, count: int) -> Generator[Evaluate, Any, list[float]]:
        scores = yield from self._draw(self._alike(edits, count), fresh=False)
        self.ledger.alike.setdefault(edits, []).extend(scores)
        return scores

    def _alike(self, edits: Edits, count: int) -> list[Edits]:
        """Return texts that differ from the candidate by one edit that seems to do nothing."""
        edited = [unit for unit, _ in edits]
        short = [set(dict(x)) for x in self.ledger.draws if x and (self.ledger.mean(x) or 0.0) < self.ledger.delta]
        idle = [unit for unit in self.fills if self.layout.apart(unit, edited)]
        idle.sort(key=lambda unit: (self.layout.size(((unit, ""),)), -sum(unit in units for units in short)))
        texts = (with_edit(edits, unit, self.fills[unit]) for unit in idle)
        return [text for text in texts if text not in self.ledger.outcomes][:count]

    def _draw(self, candidates: list[Edits], *, fresh: bool = True) -> Generator[Evaluate, Any, list[float]]:
        candidates = candidates[: max(0, self.ledger.remaining)]
        if not candidates:
            return []
        draws = [self.ledger.attempts[edits] + candidates[:i].count(edits) for i, edits in enumerate(candidates)]
        spare = self.ledger.unspent - len(candidates)
        outcomes: list[Outcome] = yield Evaluate(tuple(candidates), tuple(draws), fresh, spare)
        cleaned = [self.ledger.add(edits, outcome) for edits, outcome in zip(candidates, outcomes, strict=True)]
        return [outcome.score for outcome in cleaned if outcome.score is not None]

    def _deviation(self, draws: list[float]) -> tuple[float, int]:
        """Return the pooled deviation, or that of these draws where it is larger, and the degrees of freedom."""
        pooled, freedom = self.ledger.pooled()
        single, single_freedom = pooled_deviation([draws])
        if single > pooled and single_freedom > 2:
            return single, single_freedom
        return max(pooled, single), max(freedom, 1)

    def _hold(self, edits: Edits, draws: list[float], error: float) -> None:
        self.held = edits
        self.tested[edits] = self._proof(draws, error) if draws and self.varies is not None else None

    def _proof(self, draws: list[float], error: float) -> Proof:
        return Proof(len(draws), sum(x >= self.ledger.delta for x in draws), sum(draws) / len(draws), error)


def _run_needed(level: float) -> int:
    """Return how many draws that all go far enough are a proof of that level, whatever their distribution."""
    return math.ceil(math.log(level) / math.log(_EVEN))


def _quantile(level: float, freedom: int) -> float:
    """Return the quantile of Student's t distribution above which a share `level` lies."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # takes long to import

    return float(-stdtrit(freedom, level))
