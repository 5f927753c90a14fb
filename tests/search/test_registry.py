"""A search of another package is one record: by its name it works everywhere, with options of its own."""

import asyncio

import pytest

from convexplain.errors import UsageError
from convexplain.explain.settings import AttributionSettings, ContrastSettings
from convexplain.search import (
    ATTRIBUTION_METHODS,
    CONTRAST_SEARCHES,
    AttributionMethod,
    ContrastSearch,
    aattribute,
    asearch,
    described,
    offered_searches,
)
from convexplain.search.protocol import Hole, Infill, MethodOutcome, Score, Value


def last_first(n, *, delta, stride=1):
    """Edit one unit after the other, the last one first."""
    for unit in range(n - 1, -1, -stride):
        (fill,) = yield Infill((Hole(unit),))
        (g,) = yield Score((((unit, fill),),))
        if g is not None and g >= delta:
            return


def halves(n, *, weight=1.0):
    full, first = yield Value((frozenset(), frozenset(range(n // 2))))
    return MethodOutcome(tuple(weight * (full - first) if unit < n // 2 else 0.0 for unit in range(n)))


@pytest.fixture(autouse=True)
def _plugins():
    CONTRAST_SEARCHES.forget()
    ATTRIBUTION_METHODS.forget()
    CONTRAST_SEARCHES.foreign["last"] = ContrastSearch("last", "The last unit first.", last_first)
    ATTRIBUTION_METHODS.foreign["halves"] = AttributionMethod("halves", "The first half at once.", halves)
    yield
    CONTRAST_SEARCHES.forget()
    ATTRIBUTION_METHODS.forget()


async def respond(texts):
    return texts


async def infill(masked):
    return ["blank" for _ in masked]


async def gone(x0, y0, pairs):
    return [float("four" not in text) for text, _ in pairs]


def search(name, **options):
    return asyncio.run(
        asearch(name, "one two three four five", respond=respond, infill=infill, score=gone, delta=1.0, **options)
    )


def test_a_search_is_known_by_its_name():
    assert (search("last").text, search("last").calls) == ("one two three blank five", 2)
    assert ContrastSettings(search="last").search == "last"
    assert "last: The last unit first." in described(offered_searches())


def test_the_searches_that_people_are_offered_are_all_but_the_baselines():
    assert [record.name for record in offered_searches()] == ["cell", "cell_budget", "few", "guided", "natural", "last"]


def test_a_search_takes_options_of_its_own_and_no_one_elses():
    assert not search("last", stride=3).found  # it tries "five" and "two"
    with pytest.raises(UsageError, match="stride: no such option; there are budget, "):
        search("cell", stride=3)


def test_a_search_says_whether_it_uses_a_prior():
    assert [record.name for record in CONTRAST_SEARCHES.records if record.uses_prior] == [
        "cell_budget",
        "few",
        "guided",
        "natural",
    ]


def test_a_method_is_known_by_its_name_and_its_options():
    async def value(sets):
        return [4.0 - len(removed) for removed in sets]

    assert asyncio.run(aattribute("halves", 4, value=value, weight=0.5)).scores == (1.0, 1.0, 0.0, 0.0)
    assert AttributionSettings("halves").method == "halves"
    with pytest.raises(UsageError, match="seed is not known to halves; valid are: weight, budget"):
        asyncio.run(aattribute("halves", 4, value=value, seed=1))


@pytest.mark.parametrize("settings", [lambda: ContrastSettings(search="best"), lambda: AttributionSettings("shap")])
def test_a_name_that_is_not_known_is_refused_with_those_that_are(settings):
    with pytest.raises(UsageError, match="is not known; valid are: c"):
        settings()
