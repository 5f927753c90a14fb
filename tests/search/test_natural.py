"""The search over proposals: passages are numbers, a proposal is a set of hunks, each a number of its own."""

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain.errors import UsageError
from convexplain.search import CONTRAST_SEARCHES, asearch
from convexplain.search.driver import arun, drive
from convexplain.search.ledger import Outcome
from convexplain.search.placebo import Layout

NATURAL = CONTRAST_SEARCHES.get("natural")
LAYOUT = Layout(len, lambda hunk: (0, hunk, hunk + 1))


def proposal(*hunks):
    return tuple((hunk, f"text{hunk}") for hunk in hunks)


def solve(rounds, g, *, budget=30, delta=1.0, refused=(), prior=None, start=0.0, **options):
    """Search; `rounds` has for each passage its proposals, round by round. Return the outcome, and what was asked."""
    remaining = {passage: list(answers) for passage, answers in rounds.items()}
    asked, screened, measured = [], [], []

    async def propose(passages):
        asked.extend(passages)
        return [remaining[passage].pop(0) if remaining[passage] else [] for passage in passages]

    async def screen(candidates):
        screened.extend(candidates)
        return [candidate not in refused for candidate in candidates]

    async def evaluate(request):
        measured.extend(request.candidates)
        return [Outcome(g({hunk for hunk, _ in edits})) for edits in request.candidates]

    async def never(holes):
        raise AssertionError("no holes are filled")

    facts = {"delta": delta, "budget": budget, "layout": LAYOUT, "prior": prior}
    driving = drive(
        lambda: NATURAL.start(len(rounds), facts),
        delta=delta, budget=budget, start=Outcome(start), layout=LAYOUT, screens=True, **options,
    )  # fmt: skip
    outcome = asyncio.run(arun(driving, never, evaluate, propose, screen))
    return outcome, asked, screened, measured


def needs(*hunks):
    return lambda there: float(set(hunks) <= there)


def test_of_a_proposal_that_crosses_each_hunk_that_is_not_needed_is_taken_back():
    """Halves (0 1, 2 3), then quarters and what is left without each."""
    outcome, _, _, measured = solve({0: [[proposal(0, 1, 2, 3)]]}, needs(2))
    assert (outcome.found, outcome.edits) == (True, proposal(2))
    assert measured[0] == proposal(0, 1, 2, 3)


def test_what_needs_two_hunks_keeps_two():
    outcome, *_ = solve({0: [[proposal(0, 1, 2, 3, 4)]]}, needs(1, 4))
    assert outcome.edits == proposal(1, 4)


def test_a_part_that_does_not_read_well_is_neither_measured_nor_a_contrast():
    """Hunk 2 alone would do, but reads badly without hunk 1."""
    outcome, _, screened, measured = solve({0: [[proposal(1, 2)]]}, needs(2), refused=[proposal(2)])
    assert outcome.edits == proposal(1, 2)
    assert proposal(2) in screened
    assert proposal(2) not in measured


def test_proposals_that_read_badly_cost_no_call():
    bad = [proposal(i) for i in range(8)]
    outcome, _, _, measured = solve({0: [bad]}, needs(3), refused=bad)
    assert (outcome.found, outcome.calls, outcome.stopped) == (False, 0, "no fills")
    assert measured == []


def test_the_likeliest_passages_come_first():
    """Three passages are asked about at once; then those that were asked least often."""
    rounds = {passage: [[proposal(passage)]] for passage in range(5)}
    _, asked, _, measured = solve(rounds, needs(4), prior=[0.1, 0.2, 0.3, 0.4, 0.5])
    assert asked[:3] == [4, 3, 2]
    assert measured[0] == proposal(4)


def test_proposals_that_moved_the_score_are_put_together():
    """No proposal crosses alone: 0.6 and 0.5 do together."""
    weights = {0: 0.6, 1: 0.1, 2: 0.5}
    rounds = {passage: [[proposal(passage)]] for passage in range(3)}
    outcome, *_ = solve(rounds, lambda there: sum(weights[hunk] for hunk in there))
    assert outcome.edits == proposal(0, 2)


def test_proposals_that_share_a_change_are_put_together():
    """Each of 0 1 and 1 2 does a part; together they are 0 1 2."""

    def g(there):
        return 1.0 if {0, 1, 2} <= there else 0.1 * len(there)

    outcome, *_ = solve({0: [[proposal(0, 1)]], 1: [[proposal(1, 2)]]}, g)
    assert (outcome.found, outcome.edits) == (True, proposal(0, 1, 2))


def test_overlapping_proposals_are_not_put_together():
    """Both proposals are of the same hunk's place."""
    outcome, _, _, measured = solve({0: [[proposal(0)]], 1: [[((0, "other"),)]]}, lambda there: 0.6)
    assert not outcome.found
    assert all(len(edits) <= 1 for edits in measured)


@pytest.mark.parametrize(("cause", "found"), [(0, True), (1, True), (2, False)])
def test_passages_get_new_proposals_twice(cause, found):
    outcome, asked, *_ = solve({0: [[proposal(i)] for i in range(9)]}, needs(cause))
    assert outcome.found == found
    assert len(asked) == min(cause + 1, 2)


def test_a_smaller_proposal_that_waits_is_measured_too():
    """The first that crosses has five hunks of which none can be taken back; a later one has one."""
    large = proposal(0, 1, 2, 3, 4)
    rounds = {0: [[large, *(proposal(hunk) for hunk in range(10, 17))]]}
    outcome, *_ = solve(rounds, lambda there: float({0, 1, 2, 3, 4} <= there or 16 in there))
    assert outcome.edits == proposal(16)


@pytest.mark.parametrize("budget", [1, 2, 3, 10])
def test_the_budget_is_kept_to_the_call(budget):
    rounds = {passage: [[proposal(2 * passage, 2 * passage + 1)]] * 3 for passage in range(6)}
    outcome, _, _, measured = solve(rounds, lambda there: 0.1 * len(there), budget=budget)
    assert outcome.calls == len(measured) == min(budget, outcome.calls) <= budget


def test_nothing_proposed_costs_nothing():
    outcome, *_ = solve({0: [], 1: []}, needs(0))
    assert (outcome.found, outcome.calls, outcome.stopped) == (False, 0, "no fills")


def test_under_noise_a_contrast_is_tested_with_fresh_draws():
    """Measurements of one text alternate by 0.2 around its mean."""
    noise = itertools.cycle([0.1, -0.1])
    rounds = {0: [[proposal(0)], [proposal(1)]], 1: [[proposal(2)]]}
    outcome, *_ = solve(rounds, lambda there: (1.5 if 2 in there else 0.0) + next(noise), repeats=3)
    assert (outcome.found, outcome.edits) == (True, proposal(2))
    assert outcome.proof.draws == outcome.proof.held >= 3


def test_a_search_that_is_begun_again_gets_the_same_proposals_first():
    """The first contrast does not hold: its first measurement was high by chance."""
    values = {proposal(0): iter([1.4] + [0.2] * 30), proposal(1): iter([1.3] + [1.2, 1.3] * 30)}
    drawn = iter([0.05, -0.05] * 50)

    def g(there):
        edits = proposal(*sorted(there))
        return next(values.get(edits, drawn)) if len(there) == 1 else next(drawn)

    outcome, asked, *_ = solve({0: [[proposal(0), proposal(1)]]}, g, repeats=3, budget=60)
    assert outcome.edits == proposal(1)
    assert asked.count(0) <= 3  # its answers are remembered from one beginning to the next


@settings(max_examples=60, deadline=None)
@given(
    rounds=st.dictionaries(
        st.integers(0, 3),
        st.lists(st.lists(st.frozensets(st.integers(0, 9), min_size=1, max_size=5), max_size=3), max_size=2),
        max_size=4,
    ),
    cause=st.frozensets(st.integers(0, 9), min_size=1, max_size=2),
    budget=st.integers(1, 40),
)
def test_what_is_found_crosses_and_reads_well_and_none_of_its_hunks_is_idle(rounds, cause, budget):
    numbered = {i: [[proposal(*sorted(hunks)) for hunks in answers] for answers in rounds.get(i, [])] for i in range(4)}
    outcome, _, _, measured = solve(numbered, needs(*cause), budget=budget, refused=[proposal(0)])
    assert len(measured) == outcome.calls <= budget
    if outcome.found:
        assert cause <= {hunk for hunk, _ in outcome.edits}
        assert outcome.edits != proposal(0)
    if outcome.found and budget == 40 and cause != {0}:
        assert len(outcome.edits) <= len(cause) + 2


def test_plain_text_has_no_editors():
    async def respond(texts):
        return texts

    with pytest.raises(UsageError, match="search='natural' is not valid here: it needs editors"):
        asyncio.run(asearch("natural", "some text", respond=respond, infill=respond, score=respond, delta=1.0))
