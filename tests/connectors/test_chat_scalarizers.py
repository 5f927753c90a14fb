"""Scalarizers that ask the responder itself, scripted."""

import asyncio
import math

import pytest

from convexplain import Conversation, Turn
from convexplain.connectors.models import ScriptedModel
from convexplain.connectors.scorers import find_scalarizer
from convexplain.errors import UsageError
from convexplain.models.calls import Calls


def test_the_responder_itself_says_how_much_two_answers_entail_each_other():
    """P(entailment) is 0.9 with the original as the premise and 0.5 the other way: (ln 9 + ln 1) / 2."""

    def replies(request):
        content = request.messages[-1].content
        if not request.labels:
            return "It is open." if "please" in content else "It is open on Monday."
        p = 0.9 if "\nAnswer A: It is open.\n" in content else 0.5
        return {"entailment": p, "neutral": 1 - p}

    async def values():
        async with Calls(ScriptedModel(replies)) as calls:
            kind, target = find_scalarizer("nli:chat")
            scalarizer = kind.make(target, calls)()
            turns = (Turn("user", "please say"), Turn("assistant", "logged"))
            whole = await scalarizer.value(Conversation("a", turns), 1)
            without = await scalarizer.value(Conversation("a", (Turn("user", "say"), turns[1])), 1)
            return whole, without

    whole, without = asyncio.run(values())
    assert whole.value == pytest.approx(math.log(9))  # of the original with itself
    assert without.value == pytest.approx(math.log(9) / 2)


def test_a_responder_that_is_at_chance_on_labels_compares_no_answers():
    model = ScriptedModel("yes")
    model.only_heads = True
    kind, target = find_scalarizer("nli:chat")
    with pytest.raises(UsageError, match="scripted cannot compare two answers"):
        kind.make(target, Calls(model))
