"""The table over a set of explained turns."""

import math

import pytest

from convexplain.errors import UsageError
from convexplain.fidelity import ContrastMeasures, Estimate, contrast_table, favourability, proportion

ROWS = (
    ContrastMeasures(True, "one two three four", "one two three five", calls=4, prompts=10, seconds=1.0),
    ContrastMeasures(True, "one two", "three four", calls=8, prompts=20, seconds=3.0),
    ContrastMeasures(False, "one two", "and much else that was tried", calls=50, prompts=90, seconds=20.0),
)


def test_properties_are_over_the_contrasts_found_and_costs_over_all():
    table = contrast_table(ROWS)
    assert table.turns == 3
    assert table.flip_rate == proportion(2, 3)
    # 1 and 2 words; 1/4 and 2/2. The bootstrap of two values goes from one to the other.
    assert table.edits == Estimate(1.5, 1.0, 2.0, 2)
    assert table.edit_rate == Estimate(0.625, 0.25, 1.0, 2)
    # (4 + 8 + 50)/3, (10 + 20 + 90)/3, (1 + 3 + 20)/3; resampling three, all of one kind has 1/27 = 3.7 % > 2.5 %.
    assert table.calls == Estimate(62 / 3, 4.0, 50.0, 3)
    assert table.prompts == Estimate(40.0, 10.0, 90.0, 3)
    assert table.seconds == Estimate(8.0, 1.0, 20.0, 3)
    assert table.content_preservation is None
    assert not any(table.missing.values())


def test_what_is_missing_is_left_out_and_counted():
    table = contrast_table(
        (
            *ROWS,
            ContrastMeasures(None, "one two", "", calls=None, prompts=None, seconds=None),  # the search broke off
            ContrastMeasures(True, "", "one", calls=6, prompts=11, seconds=math.nan),  # no words to divide by
        )
    )
    assert table.turns == 5
    assert table.flip_rate == proportion(3, 4)
    assert (table.edits.value, table.edits.n) == (pytest.approx(4 / 3), 3)
    assert table.edit_rate == Estimate(0.625, 0.25, 1.0, 2)
    assert (table.calls.value, table.calls.n) == (17.0, 4)
    assert table.seconds == Estimate(8.0, 1.0, 20.0, 3)
    assert table.missing == {
        "flip_rate": 1,
        "edits": 0,
        "edit_rate": 1,
        "calls": 1,
        "prompts": 1,
        "seconds": 2,
    }


def test_content_preservation_asks_for_all_vectors_at_once():
    asked = []

    def embed(texts):
        asked.append(texts)
        return [
            [0.0, 0.0] if text == "three four" else [3.0, 4.0] if text.endswith("four") else [4.0, 3.0]
            for text in texts
        ]

    table = contrast_table(ROWS, embed)
    assert asked == [["one two three four", "one two three five", "one two", "three four"]]
    # 24/25 for the first; the second's vector has no direction
    assert (table.content_preservation.value, table.content_preservation.n) == (pytest.approx(0.96), 1)
    assert table.missing["content_preservation"] == 1


def test_no_rows_and_none_found():
    nothing = Estimate(None, None, None, 0)
    empty = contrast_table(())
    assert (empty.turns, empty.flip_rate, empty.edits, empty.calls) == (0, nothing, nothing, nothing)
    none_found = contrast_table(ROWS[2:], embed=lambda texts: pytest.fail("there is nothing to embed"))
    assert none_found.flip_rate == proportion(0, 1)
    assert none_found.edits == none_found.edit_rate == none_found.content_preservation == nothing
    assert none_found.calls == Estimate(50.0, None, None, 1)


def test_vectors_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match="embed: it gave 1 vectors for 4 texts"):
        contrast_table(ROWS, embed=lambda texts: [[1.0]])


def test_the_seed_decides_the_intervals():
    rows = [ContrastMeasures(True, "one two", "one", calls, 1, 1.0) for calls in (1, 5, 6, 11, 19, 31)]
    assert contrast_table(rows, seed=1) == contrast_table(rows, seed=1)
    assert contrast_table(rows, seed=1).calls != contrast_table(rows, seed=2).calls


@pytest.mark.parametrize(
    ("leads", "value", "counts"),
    [
        ([0.5, 0.25, -0.75, 0.0], 0.0, (2, 1, 1)),
        ([0.1, 0.0999, -0.0999, -0.1], 0.0, (1, 2, 1)),  # 0.1 is no tie
        ([0.5, None, 0.3], 0.4, (2, 0, 0)),
        ([None], None, (0, 0, 0)),
        ([], None, (0, 0, 0)),
    ],
)
def test_favourability_is_the_mean_lead_with_counts(leads, value, counts):
    favour = favourability(leads)
    assert favour.lead.value == (None if value is None else pytest.approx(value, abs=1e-12))
    assert favour.lead.n == sum(counts)
    assert (favour.wins, favour.ties, favour.losses) == counts
