"""Exploration: where editing everything does not cross, which few edits move g, until the budget ends it.

Adaptive group testing (Dorfman 1943; Hwang 1972) over edits: groups are measured, what moves g beyond what its edits
cost is halved, and the single edits that remain are put together. Each round tries what was not tried: new fills, other
groups, smaller ones, single edits, and sets drawn from a model of what each edit does.
"""

import itertools
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..protocol import Edits, Infill, Score, with_edit, without
from ._candidates import each_group
from ._effects import EffectModel, draw_sets
from ._fills import Fills
from ._minimisation import halves
from ._scoreboard import Scoreboard

_PARTS = 8  # groups of a round
_SMALL_PARTS = 16  # groups of every third round
_POOLS = 4  # further edits of everything, with new fills, that a round measures
_SMALL_TEXT = 64  # units up to which an effect model finds the few that matter sooner than groups do
_FIRST_FILLS, _FIRST_DRAWS = 2, 2  # for such a text: further fills, and rounds of sets from the model to begin with
_DRAWS = 2  # rounds of sets from the effect model, to one of groups, in a short text
_SIZES = ((4, 3, 2, 1), (8, 6, 4, 2))  # of the sets of a round, in turn
_MOST = 400  # edits that the effect model takes into account
_RENEWED = 150  # units that get a new fill at once
_CLEAR = 0.12  # of the movement that is needed: what a group has to move g by to be halved
_BURDEN = 0.4  # of that: what an edit more has to be worth in a set that further edits are added to
_ALIKE = 0.1  # of a cost: how far two groups' costs may lie apart to be the same


@dataclass(slots=True)
class _Part:
    """Edits that were measured together.

    Attributes:
        edits: the edits, besides those of the base.
        effect: by how much they move g of the base.
        measured: the effect was measured, not worked out from those of other parts.
    """

    edits: Edits
    effect: float
    measured: bool = True


class Exploration:
    """A search for few edits that cross, among many of which most do nothing, cost something, or cancel each other.

    Args:
        everything: an edit of each unit.
        delta: g from which on a candidate is a contrast.
        scores: the scores so far; hold that of `everything`, where it could be had.
        groups: for each coarser level the number of the group that each unit is in.
        weights: how likely each unit matters.
        rng: the source of all chance.
    """

    def __init__(
        self,
        everything: Edits,
        delta: float,
        scores: Scoreboard,
        groups: Sequence[Sequence[int]],
        weights: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> None:
        self.everything = everything
        self.delta = delta
        self.scores = scores
        self.groups = groups
        self.weights = weights
        self.rng = rng
        self.fills = Fills.of(everything)
        self.current = dict(everything)
        self.base: Edits = ()
        self.harmful = False
        self.harmless: set[Edits] = set()  # bases besides which everything may be edited
        self.drawn = 0

    @property
    def _start(self) -> float:
        return self.scores.get((), 0.0)

    @property
    def _clear(self) -> float:
        return _CLEAR * max(self.delta - self._start, 1e-9)

    def _crossed(self) -> bool:
        return self.scores.crossing(self.delta) is not None

    def run(self) -> Generator[Infill | Score, Any, None]:
        """Ask for candidates until one crosses; without one for ever."""
        self._note_harm(self.everything, ())
        yield from self._edit_sentences()
        if self._crossed():
            return
        small = len(self.everything) <= _SMALL_TEXT
        if 2 * len(self.everything) <= _SMALL_TEXT:
            for _ in range(_FIRST_FILLS):
                yield from self._renew()
            yield from self._draw(_FIRST_DRAWS if self.harmful else 0)
        for step in itertools.count():
            if self._crossed():
                return
            if step:
                yield from self._renew()
            base = () if step % 4 == 3 else self.base
            if self.harmful:
                yield from self._round(step, base)
            else:
                yield from self._all_at_once(step, base)
            yield from self._draw(_DRAWS if small and (self.harmful or not self.base) else min(step, 1))

    def _edit_sentences(self) -> Generator[Infill | Score, Any, None]:
        """Edit each sentence or turn whole, word by word, unless sentences were replaced singly."""
        replaced = any(len(edits) == 1 and edits[0][0] >= len(self.weights) for edits in self.scores)
        sentences = [] if replaced else each_group(self.everything, self.groups)
        if any(edits not in self.scores for edits in sentences[1:]):  # a single one is not worth a round
            parts = yield from self._measured((), sentences)
            if not self._crossed() and parts:
                yield from self._locate((), parts, common_cost(parts))

    def _note_harm(self, edits: Edits, base: Edits) -> None:
        """Remember that editing everything lowers g: then only few edits at once are informative."""
        before = self.scores.get(base, self._start)
        self.harmful = self.harmful or self.scores.get(edits, before) < before - self._clear

    def _all_at_once(self, step: int, base: Edits) -> Generator[Infill | Score, Any, None]:
        """Edit everything besides the base, with several new fills, and halves of it; else groups."""
        pools = [self._pool(base)]
        for _ in range(_POOLS if base in self.harmless else min(step, 1) if not base else 0):
            yield from self._renew()
            pools.append(self._pool(base))
        order = list(pools[0]) if not step else self._shuffled(pools[0])
        parts = [] if base in self.harmless else self._partition(order, 2, ordered=not step)
        yield from self.scores.ask([_joined(base, edits) for edits in [*pools, *parts]])
        if self._crossed():
            return
        moved = self._effects(base, pools)
        for part in moved:
            self._note_harm(_joined(base, part.edits), base)
        if base and not self.harmful:
            self.harmless.add(base)
        best = max(moved, key=lambda part: part.effect, default=None)
        pieces = self._effects(base, parts)
        if best is not None and best.effect > self._clear:
            additive = len(pieces) == 2 and abs(sum(p.effect for p in pieces) - moved[0].effect) < self._clear
            yield from self._locate(base, pieces if best is moved[0] and additive else [best], 0.0)
        elif any(part.effect > self._clear for part in pieces):
            yield from self._locate(base, [max(pieces, key=lambda part: part.effect)], 0.0)
        elif not base:
            yield from self._round(step, base)

    def _renew(self) -> Generator[Infill, Any, None]:
        """Ask for a new fill of each unit; in a long text, of some."""
        units = list(self.current)
        if len(units) > _RENEWED:
            units = [units[int(i)] for i in np.sort(self.rng.choice(len(units), _RENEWED, replace=False))]
        self.current |= yield from self.fills.more(units)

    def _pool(self, base: Edits) -> Edits:
        """Return the newest edit of each unit that the base does not edit."""
        edited = {unit for unit, _ in base}
        return tuple(edit for edit in sorted(self.current.items()) if edit[0] not in edited)

    def _shuffled(self, pool: Edits) -> list[tuple[int, str]]:
        return [pool[int(i)] for i in self.rng.permutation(len(pool))]

    def _round(self, step: int, base: Edits) -> Generator[Infill | Score, Any, None]:
        """Measure small groups, in the text's order or mixed, and halve those that move g."""
        pool = self._pool(base)
        order = list(pool) if not step else self._shuffled(pool)
        count = _SMALL_PARTS if step % 3 == 2 else _PARTS
        parts = yield from self._measured(base, self._partition(order, count, ordered=not step))
        if not self._crossed() and parts:
            yield from self._locate(base, parts, common_cost(parts))

    def _partition(self, order: Sequence[tuple[int, str]], count: int, *, ordered: bool) -> list[Edits]:
        """Return the edits in about equal groups: cut at sentences and turns where they stand in the text's order."""
        if not ordered:
            size = max(1, -(-len(order) // count))
            return [tuple(sorted(order[at : at + size])) for at in range(0, len(order), size)]
        parts: list[Edits] = [tuple(order)]
        while len(parts) < count and any(len(part) > 1 for part in parts):
            largest = max(range(len(parts)), key=lambda i: len(parts[i]))
            parts[largest : largest + 1] = self._halved(parts[largest])
        return parts

    def _halved(self, edits: Edits) -> tuple[Edits, Edits]:
        first, _ = halves([unit for unit, _ in edits], self.groups)
        return tuple(e for e in edits if e[0] in first), tuple(e for e in edits if e[0] not in first)

    def _measured(self, base: Edits, parts: Sequence[Edits]) -> Generator[Score, Any, list[_Part]]:
        yield from self.scores.ask([_joined(base, part) for part in parts])
        return self._effects(base, parts)

    def _effects(self, base: Edits, parts: Sequence[Edits]) -> list[_Part]:
        before = self.scores.get(base, self._start)
        joined = {part: _joined(base, part) for part in parts}
        return [_Part(part, self.scores[joined[part]] - before) for part in parts if joined[part] in self.scores]

    def _locate(self, base: Edits, parts: list[_Part], cost: float) -> Generator[Infill | Score, Any, None]:
        """Halve the parts that move g, as many as it takes to cross, and put the single edits together."""
        while not self._crossed():
            needed = self._needed(base, parts, cost)
            if not needed:
                return
            large = [part for part in needed if len(part.edits) > 1]
            if not large:
                yield from self._put_together(base, parts, needed)
                return
            pairs = [self._halved(part.edits) for part in large]
            yield from self.scores.ask([_joined(base, first) for first, _ in pairs])
            parts = [part for part in parts if part not in large]
            for part, (first, second) in zip(large, pairs, strict=True):
                for measured in self._effects(base, [first]):
                    parts += [measured, _Part(second, part.effect - measured.effect, measured=False)]

    def _needed(self, base: Edits, parts: Sequence[_Part], cost: float) -> list[_Part]:
        """Return the parts of greatest promise, as many as may cross together."""
        promise = {id(part): part.effect - cost * (len(part.edits) - 1) for part in parts}
        clear = [p for p in parts if p.effect - cost * len(p.edits) > self._clear and promise[id(p)] > 0]
        before = self.scores.get(base, self._start)
        chosen: list[_Part] = []
        for part in sorted(clear, key=lambda p: -promise[id(p)]):
            if before + sum(promise[id(p)] for p in chosen) >= self.delta:
                break
            chosen.append(part)
        return chosen

    def _put_together(
        self, base: Edits, parts: Sequence[_Part], chosen: Sequence[_Part]
    ) -> Generator[Infill | Score, Any, None]:
        """Ask for the single edits together; where they do less than they should, for each, and for what is near."""
        union = _joined(base, *(part.edits for part in chosen))
        unsure = [part.edits for part in chosen if not part.measured and len(chosen) > 1]
        yield from self.scores.ask([union])
        if self._crossed():
            return
        expected = self.scores.get(base, self._start) + sum(part.effect for part in chosen)
        if self.scores.get(union, self._start) < expected - self._clear:
            yield from self.scores.ask([_joined(base, edits) for edits in unsure])
            yield from self._climb(union)
        self._take_base()

    def _climb(self, edits: Edits) -> Generator[Infill | Score, Any, None]:
        """Ask for the candidate less one edit, else with one filled anew, as long as one is better."""
        while len(edits) > 1 and not self._crossed():
            units = [unit for unit, _ in edits]
            better = yield from self._best_of([without(edits, unit) for unit in units], edits)
            if better is None:
                new = yield from self.fills.more(units)
                better = yield from self._best_of([with_edit(edits, *edit) for edit in new.items()], edits)
            if better is None:
                return
            edits = better

    def _best_of(self, candidates: Sequence[Edits], edits: Edits) -> Generator[Score, Any, Edits | None]:
        """Ask for the candidates and return the best; None where none is better than the edits."""
        yield from self.scores.ask(candidates)
        scored = [x for x in candidates if x in self.scores]
        best = max(scored, key=self.scores.__getitem__, default=edits)
        return best if self.scores.get(best, self._start) > self.scores.get(edits, self._start) + 1e-9 else None

    def _take_base(self) -> None:
        """Go on from the candidate of the highest score for its size, where it moves g clearly."""
        words = {edits: g for edits, g in self.scores.items() if all(unit < len(self.weights) for unit, _ in edits)}
        worth = {edits: g - _BURDEN * self._clear * len(edits) for edits, g in words.items()}
        best = max(worth, key=worth.__getitem__, default=())
        self.base = best if worth.get(best, self._start) > self._start + self._clear / 2 else ()

    def _draw(self, rounds: int) -> Generator[Score, Any, None]:
        """Ask for sets that an effect model promises something of, until one crosses."""
        for _ in range(rounds):
            if self._crossed():
                return
            effects = EffectModel(self._choices(), self.groups, self.weights)
            sizes = _SIZES[self.drawn % len(_SIZES)]
            self.drawn += 1
            yield from self.scores.ask(draw_sets(effects, self.scores, self.rng, sizes, _PARTS))
            self._take_base()

    def _choices(self) -> list[tuple[int, str]]:
        """Return the edits that the effect model is about: where they are too many, the best and the newest ones."""
        every = [(unit, fill) for unit, fills in self.fills.texts.items() for fill in fills]
        if len(every) <= _MOST:
            return sorted(every)
        best = sorted((x for x in self.scores if len(x) <= 8), key=lambda x: -self.scores[x])[:_PARTS]
        chosen = dict.fromkeys(edit for edits in best for edit in edits if edit[0] < len(self.weights))
        newest = sorted(self.current.items())
        spare = max(0, _MOST - len(chosen))
        if len(newest) > spare:
            newest = [newest[int(i)] for i in np.sort(self.rng.choice(len(newest), spare, replace=False))]
        return sorted({**chosen, **dict.fromkeys(newest)})


def common_cost(parts: Sequence[_Part]) -> float:
    """Return what an edit costs: the effect of an edit that most groups share, at most 0; 0 where none do."""
    costs = [part.effect / len(part.edits) for part in parts]
    alike = {cost: sum(abs(cost - x) <= _ALIKE * abs(cost) + 1e-9 for x in costs) for cost in costs}
    cost, count = max(alike.items(), key=lambda x: (x[1], -abs(x[0])), default=(0.0, 0))
    return min(0.0, cost) if count > 1 else 0.0


def _joined(base: Edits, *parts: Edits) -> Edits:
    """Return the base with the parts' edits; of a unit that both edit, the last one's."""
    merged: Mapping[int, str] = {unit: fill for edits in (base, *parts) for unit, fill in edits}
    return tuple(sorted(merged.items()))
