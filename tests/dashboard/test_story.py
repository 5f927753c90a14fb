"""What the overview says of a run, in words."""

import pytest

from convexplain.analysis.group_differences import GroupDifference
from convexplain.dashboard.services.story import group_sentence, low_turns_sentence
from convexplain.explain.wording import counted
from convexplain.store import RunStore
from tests.theme_store import two_modes


@pytest.mark.parametrize(
    ("field", "value", "beginning"),
    [
        ("depth", "4–7", "Turns 4–7: lower on Harm, mean 0.53 against 0.66 elsewhere"),
        ("depth", "32–", "Turns from 32 on: lower on Harm"),  # the last span has no end
        ("bot", "Robin <b>", "Bot “Robin <b>”: lower on Harm"),
        ("source", "–", "Source “–”: lower on Harm"),
    ],
)
def test_a_group_is_named_and_its_turns_are_counted(field, value, beginning):
    group = GroupDifference("harm", field, value, 8293, 900, 0.53, 0.66, 0.4, 0.2, (-0.2, -0.1), 0.001)
    sentence = group_sentence(group, "Harm", counts=False)
    assert sentence.startswith(beginning)
    assert sentence.endswith("(8,293 turns)")


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 turns"), (1, "1 turn"), (999, "999 turns"), (99524, "99,524 turns")]
)
def test_large_numbers_have_separators(number, words):
    assert counted(number, "turn") == words


@pytest.mark.parametrize(
    ("trust", "expected"),
    [("benchmarked", "9 of 20 turns (45 %) are below a threshold."), ("unvalidated", "")],
)
def test_the_overview_begins_with_the_turns_below_a_threshold(tmp_path, trust, expected):
    store = RunStore(str(tmp_path / "store.db"))
    run, _ = two_modes(store, trust)
    assert low_turns_sentence(store, run) == expected
    store.close()
