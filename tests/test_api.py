import asyncio

import pytest

import convexplain
from convexplain import Turn, ajudge, judge, load_rubric
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import RubricError, UsageError
from convexplain.models import MemoryCache

MESSAGES = [
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi! How can I help?"},
    {"role": "user", "content": "Where is my parcel?"},
    {"role": "assistant", "content": "Bananas."},
]


def bananas(request):
    judged = request.messages[0].content.rsplit("\nassistant: ", 1)[-1]
    return {"yes": 0.1, "no": 0.9} if "Bananas" in judged else {"yes": 0.8, "no": 0.2}


def test_the_public_surface():
    assert sorted(convexplain.__all__) == convexplain.__all__
    assert convexplain.__all__ == [
        *("Conversation", "ConvexplainError", "Evidence", "Judgement", "Rubric", "Turn", "Unit"),
        *("ajudge", "judge", "load_rubric", "read_log"),
    ]
    assert all(hasattr(convexplain, name) for name in convexplain.__all__)
    with pytest.raises(AttributeError, match="no attribute 'jugde'"):
        convexplain.jugde  # noqa: B018


def test_one_judgement_for_each_turn_and_rubric():
    found = judge(MESSAGES, ["harm", "helpfulness"], ScriptedModel(bananas))
    assert [(item.rubric, item.turn, round(item.score, 2)) for item in found] == [
        ("harm", 1, 0.8),
        ("harm", 3, 0.1),
        ("helpfulness", 1, 0.8),
        ("helpfulness", 3, 0.1),
    ]


def test_sync_async_and_inside_a_loop_give_the_same():
    expected = judge(MESSAGES, "harm", ScriptedModel(bananas))
    assert asyncio.run(ajudge(MESSAGES, "harm", ScriptedModel(bananas))) == expected

    async def inside():
        return judge(MESSAGES, "harm", ScriptedModel(bananas))

    assert asyncio.run(inside()) == expected


def test_turns_conversation_and_mappings_are_the_same():
    turns = [Turn(message["role"], message["content"]) for message in MESSAGES]
    assert judge(turns, load_rubric("harm"), ScriptedModel(bananas)) == judge(MESSAGES, "harm", ScriptedModel(bananas))


def test_last_judges_the_last_assistant_turn():
    assert [item.turn for item in judge(MESSAGES, "harm", ScriptedModel(bananas), "last")] == [3]


def test_a_cache_is_used():
    model, cache = ScriptedModel(bananas), MemoryCache()
    judge(MESSAGES, "harm", model, cache=cache)
    judge(MESSAGES, "harm", model, cache=cache)
    assert len(model.requests) == 2


def test_nothing_to_judge_is_no_error():
    assert judge([Turn("user", "Hello?")], "harm", ScriptedModel(bananas)) == []
    assert judge([], "harm", ScriptedModel(bananas)) == []


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (([{"role": "robot", "content": "x"}], "harm"), {}, UsageError, "role='robot'"),
        (([{"role": "user", "content": None}], "harm"), {}, UsageError, "content of type NoneType"),
        (("hello", "harm"), {}, UsageError, r"conversation\[0\] must have a 'role'"),
        ((MESSAGES, "harm"), {"turns": "first"}, UsageError, "valid are: 'all', 'last'"),
        ((MESSAGES, "harm"), {"samples": 0}, UsageError, "at least 1"),
        ((MESSAGES, "harmm"), {}, RubricError, "neither a file nor one of"),
        ((MESSAGES, "harm", "gpt"), {}, UsageError, "valid are: embedded"),
    ],
)
def test_arguments_that_cannot_be_meant(arguments, options, error, words):
    if len(arguments) == 2:
        options = {"model": ScriptedModel(bananas), **options}
    with pytest.raises(error, match=words):
        judge(*arguments, **options)
