"""The search over natural texts that editors propose for sentences and turns. Of this project, in no paper.

Every proposal is a text that a person could have written. Those that read well are measured, the likeliest passages
first; of one that crosses, hunk by hunk (a run of changed words) is taken back as long as what remains reads well and
crosses, as delta debugging does (Zeller and Hildebrandt 2002, `ddmin`). Where no proposal crosses, those that moved the
score furthest are put together, and passages get new proposals, twice each, as long as there is budget.
"""

import itertools
from collections.abc import Generator, Sequence
from typing import Any

from ..placebo import Layout
from ..protocol import Edits, Propose, ReadsWell, Score, Search
from ..registry import ContrastSearch
from ._scoreboard import Scoreboard

_PASSAGES = 3  # passages that editors are asked about at once
_BATCH = 6  # candidates that are measured at once
_ROUNDS = 2  # times that editors are asked about a passage: their work costs, and what they say comes round again
_TOGETHER = 4  # proposals of different passages that are put together at most
_FEW = 3  # changed words up to which no smaller contrast is looked for


def natural(n: int, *, delta: float, layout: Layout = Layout(), prior: Sequence[float] | None = None) -> Search:
    """Find a contrast among the proposals of editors.

    Args:
        n: how many passages may be edited.
        delta: g from which on a candidate is a contrast.
        layout: the places and the sizes of the hunks that candidates consist of.
        prior: how likely each passage matters, up to a factor; equally unless given.
    """
    scores = Scoreboard(size=layout.size, distance=layout.distance)
    yield from scores.ask([()])
    waiting = _Waiting(n, prior)
    while (edits := scores.crossing(delta)) is None:
        batch = yield from waiting.next_candidates(scores)
        batch += (yield from _screened(_together(scores, layout), scores))[: max(1, _BATCH - len(batch))]
        if not batch:
            return
        yield from scores.ask(batch)
    edits = yield from take_back(edits, delta, scores)
    # What was proposed already and changes less may do as well.
    while layout.size(edits) > _FEW:
        smaller = [candidate for candidate in waiting.candidates if layout.size(candidate) < layout.size(edits)]
        waiting.candidates = smaller[_BATCH:]
        if not smaller:
            return
        yield from scores.ask(smaller[:_BATCH])
        edits = yield from take_back(scores.crossing(delta) or edits, delta, scores)


class _Waiting:
    """Proposals that wait to be measured, and the passages that editors may still be asked about.

    Args:
        n: how many passages there are.
        prior: how likely each matters.

    Attributes:
        candidates: proposals that read well, in the order in which they are measured.
    """

    def __init__(self, n: int, prior: Sequence[float] | None) -> None:
        weights = [1.0] * n if prior is None else list(prior)
        self.candidates: list[Edits] = []
        self._passages = sorted(range(n), key=lambda passage: -weights[passage])
        self._owner: dict[Edits, int] = {}
        self._rounds = dict.fromkeys(self._passages, 0)

    def next_candidates(self, scores: Scoreboard) -> Generator[Propose | ReadsWell, Any, list[Edits]]:
        """Return the candidates to be measured next; none where editors have no more proposals."""
        while not self.candidates and self._passages:
            chosen = self._next_passages(scores)
            proposals: Sequence[Sequence[Edits]] = yield Propose(tuple(chosen))
            for passage, edits in zip(chosen, proposals, strict=True):
                self._rounds[passage] += 1
                self._owner |= dict.fromkeys(edits, passage)
                if not edits or self._rounds[passage] >= _ROUNDS:
                    self._passages.remove(passage)
            # One of each passage in turn: what helps is not known yet.
            mixed = [edits for row in itertools.zip_longest(*proposals) for edits in row if edits]
            self.candidates += yield from _screened(mixed, scores)
        batch, self.candidates = self.candidates[:_BATCH], self.candidates[_BATCH:]
        return batch

    def _next_passages(self, scores: Scoreboard) -> list[int]:
        """The passages that editors were asked about least often; of these those whose edits moved the score most."""
        moved: dict[int, float] = {}
        for edits, passage in self._owner.items():
            if edits in scores:
                moved[passage] = max(moved.get(passage, 0.0), scores[edits] - scores.get((), 0.0))
        place = {passage: i for i, passage in enumerate(self._passages)}
        ranked = sorted(self._passages, key=lambda p: (self._rounds[p], -moved.get(p, 0.0), place[p]))
        return ranked[:_PASSAGES]


def _screened(candidates: Sequence[Edits], scores: Scoreboard) -> Generator[ReadsWell, Any, list[Edits]]:
    """Return those that read well and have no score yet."""
    new = [edits for edits in dict.fromkeys(candidates) if edits and edits not in scores]
    if not new:
        return []
    well: Sequence[bool] = yield ReadsWell(tuple(new))
    return [edits for edits, reads_well in zip(new, well, strict=True) if reads_well]


def _together(scores: Scoreboard, layout: Layout) -> list[Edits]:
    """Candidates of several that moved g in the right direction: the best two, three, four.

    Changes that they share count once; others must not overlap.
    """
    start = scores.get((), 0.0)
    moved = sorted((-(g - start), scores.size(edits), edits) for edits, g in scores.items() if edits and g > start)
    joined: Edits = ()
    candidates = []
    for count, (_, _, edits) in enumerate(moved):
        new = [edit for edit in edits if edit not in joined]
        if not count:
            joined = edits
        elif new and all(layout.apart(number, [other for other, _ in joined]) for number, _ in new):
            joined = tuple(sorted([*joined, *new]))
            candidates.append(joined)
        if len(candidates) >= _TOGETHER - 1:
            break
    return candidates


def take_back(edits: Edits, delta: float, scores: Scoreboard) -> Generator[Score | ReadsWell, Any, Edits]:
    """Take hunks back while what remains reads well and crosses; return what remains.

    In each round parts of the hunks are measured alone, and what is left without each part; the parts get finer.
    """
    parts = 2
    while len(edits) > 1:
        chunks = [edits[len(edits) * i // parts : len(edits) * (i + 1) // parts] for i in range(parts)]
        without = [tuple(edit for edit in edits if edit not in chunk) for chunk in chunks]
        candidates = [*chunks, *without] if parts > 2 else chunks
        yield from scores.ask((yield from _screened(candidates, scores)))
        crossing = [part for part in candidates if part and scores.get(part, delta - 1) >= delta]
        if crossing:
            edits = min(crossing, key=lambda part: (scores.distance(part), part))
            parts = 2
        elif parts >= len(edits):
            return edits
        else:
            parts = min(2 * parts, len(edits))
    return edits


NATURAL = ContrastSearch(
    "natural",
    "Measures texts that editors propose, and undoes each change that is not needed. Its contrasts read well.",
    natural,
    proposes=True,
)
