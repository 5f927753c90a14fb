import asyncio
import re

import pytest

from convexplain import Conversation, Turn
from convexplain.agreement.calibration import Calibration
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UsageError
from convexplain.judges.noise import VARIATIONS, extra_variations, noise_floor
from convexplain.judges.prompt import judge_request
from convexplain.judges.spec import JudgeSpec
from convexplain.models.calls import Calls
from convexplain.workspace.build import BuiltJudge


def talks(n):
    return [
        (Conversation(str(i), (Turn("user", f"What's {i}? Say."), Turn("assistant", f"It is {i}. Really."))), 1)
        for i in range(n)
    ]


def floor(answer, rubric, n=20, **calibrations):
    async def go():
        async with Calls(ScriptedModel(answer)) as calls:

            def judge_with(reword):
                return BuiltJudge(JudgeSpec("scripted"), calls, calibrations=calibrations).single(reword)

            return await noise_floor(judge_with, "scripted", rubric, talks(n))

    return asyncio.run(go())


def judged(request):
    return request.messages[0].content.rsplit("<conversation>\n", 1)[1]


def test_there_are_twenty_changes_of_the_five_kinds_each_with_a_name_of_its_own():
    assert len({change.name for change in VARIATIONS}) == 20
    assert {change.name.split(":")[0] for change in VARIATIONS} == {
        "white space",
        "speaker labels",
        "quotation marks",
        "order of the examples",
        "opening phrase",
    }


@pytest.mark.slow
def test_each_change_makes_a_prompt_of_its_own_and_leaves_the_words(helpfulness):
    asked = []

    def answer(request):
        asked.append(request)
        return {"yes": 0.5, "no": 0.5}

    found = floor(answer, helpfulness)
    assert found.n == 400
    assert len({request.messages[0].content for request in asked}) == 21 * 20
    mean = {"Hello", "Good", "day", "Hi", "there", "user", "assistant", "User", "Assistant", "USER", "ASSISTANT"}
    mean |= {"Human", "AI"}
    unchanged = judge_request(helpfulness, talks(1)[0][0].turns)
    words = set(re.findall(r"[^\W_]+", judged(unchanged))) - mean
    for request in asked:
        if " 0" in judged(request):
            assert set(re.findall(r"[^\W_]+", judged(request))) - mean == words


@pytest.mark.slow
def test_a_judge_that_never_moves_has_no_noise(helpfulness):
    found = floor({"yes": 0.7, "no": 0.3}, helpfulness)
    assert (found.value, found.turns, found.unscored) == (0.0, 20, 0)
    assert set(found.by_change.values()) == {0.0}


@pytest.mark.slow
def test_the_floor_is_the_95th_percentile_of_the_differences(helpfulness):
    """Two of twenty changes move the score, by 0.2: 40 of 400 pairs, so the 95th percentile is 0.2.

    One moves it: 20 of 400 pairs. The percentile stands at place 0.95 * 399 = 379.05 of 0 … 399, a twentieth of the way
    from the last 0 (379) to the first 0.2 (380): 0.01.
    """

    def moved_by(*phrases):
        return lambda request: (
            {"yes": 0.8, "no": 0.2} if any(p in judged(request) for p in phrases) else {"yes": 0.6, "no": 0.4}
        )

    two = floor(moved_by("Hello.", "Hi there!"), helpfulness)
    assert two.value == pytest.approx(0.2)
    assert two.by_change["opening phrase: Hello."] == pytest.approx(0.2)
    assert two.by_change["opening phrase: Good day,"] == 0.0
    assert floor(moved_by("Hello."), helpfulness).value == pytest.approx(0.01)


def test_pairs_without_a_score_are_counted_and_left_out(helpfulness):
    found = floor(lambda request: "nonsense" if "Hello." in judged(request) else {"yes": 0.6, "no": 0.4}, helpfulness)
    assert (found.n, found.unscored, found.value) == (380, 20, 0.0)
    assert "opening phrase: Hello." not in found.by_change


def test_too_few_turns_are_refused(helpfulness):
    with pytest.raises(UsageError, match="19 of 19 could be scored; a noise floor needs at least 20"):
        floor({"yes": 0.6, "no": 0.4}, helpfulness, n=19)
    with pytest.raises(UsageError, match="0 of 20"):
        floor("nonsense", helpfulness)


@pytest.mark.slow
def test_the_floor_of_calibrated_scores_is_on_their_scale(helpfulness):
    """Two of twenty changes move the score from 0.6 to 0.8; the map halves that, across the threshold: 0.43 to 0.53."""

    def answer(request):
        moved = "Hello." in judged(request) or "Hi there!" in judged(request)
        return {"yes": 0.8, "no": 0.2} if moved else {"yes": 0.6, "no": 0.4}

    half = Calibration("isotonic", ((0.0, 0.13), (1.0, 0.63)))
    found = floor(answer, helpfulness, helpfulness=half)
    assert found.value == pytest.approx(0.1)
    assert found.by_change["opening phrase: Hello."] == pytest.approx(0.1)
    assert (found.flips, found.unsure) == (pytest.approx(0.1), 1.0)
    raw = floor(answer, helpfulness)
    assert (raw.value, raw.flips) == (pytest.approx(0.2), 0.0)


def test_examples_are_shuffled_by_the_seed(helpfulness):
    def orders(seed):
        return [one.rubric(helpfulness).examples for one in extra_variations(seed) if one.name.startswith("examples")]

    assert len(helpfulness.examples) >= 4
    assert orders(0) == orders(0)
    assert any(orders(0) != orders(seed) for seed in (1, 2, 3))
    for some in orders(3):
        assert sorted(map(str, some)) == sorted(map(str, helpfulness.examples))
    assert len({one.name for one in extra_variations(5)}) == len(extra_variations())
