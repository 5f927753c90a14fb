import asyncio

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.analysis.pipeline import judge_into, turns_to_judge
from convexplain.analysis.progress import Progress
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import ModelError, UnavailableError
from convexplain.judges import Judge
from convexplain.models.calls import Calls
from convexplain.store import RunStore

HARM, HELP = load_rubric("harm"), load_rubric("helpfulness")


def talk(i, turns=2):
    said = [turn for k in range(turns) for turn in (Turn("user", f"{i} q{k}"), Turn("assistant", f"{i} a{k}"))]
    return Conversation(f"c{i}", tuple(said))


@pytest.fixture
def store(tmp_path):
    opened = RunStore(str(tmp_path / "a.db"))
    yield opened
    opened.close()


class Seen(Progress):
    def __init__(self):
        self.scores, self.before, self.problems = [], 0, []

    def judged(self, judgement):
        self.scores.append(judgement.score)

    def skipped(self, count):
        self.before += count

    def problem(self, problem):
        self.problems.append(str(problem))


def work(store, model, talks, rubrics=(HARM, HELP), turns="all", run=None):
    seen = Seen()

    async def go():
        begun = run or store.begin_run(model.name, "f", {"turns": turns}, rubrics).id
        async with Calls(model, store, patience=0) as calls:
            members = ((store.keep_conversation(talk, begun), talk) for talk in talks)
            await judge_into(store, begun, members, rubrics, Judge(calls), calls, seen, turns)
        return begun

    return asyncio.run(go()), seen


@pytest.mark.parametrize(
    ("roles", "every", "last"),
    [("uaua", [1, 3], [3]), ("uau", [1], [1]), ("u", [], []), ("", [], []), ("auta", [0, 3], [3]), ("sa", [1], [1])],
)
def test_turns_to_judge(roles, every, last):
    names = {"u": "user", "a": "assistant", "t": "tool", "s": "system"}
    conversation = Conversation("c", tuple(Turn(names[role], "x") for role in roles))
    assert turns_to_judge(conversation, "all") == every
    assert turns_to_judge(conversation, "last") == last


def test_every_turn_is_judged_on_every_rubric(store):
    run, seen = work(store, ScriptedModel({"yes": 0.75, "no": 0.25}), [talk(0), talk(1, 3)])
    assert len(seen.scores) == 10
    found = [(item.conversation_id, item.turn, item.rubric) for _, item in store.judgements(run)]
    assert sorted(found) == sorted(
        [
            (f"c{i}", turn, rubric)
            for i, turns in ((0, (1, 3)), (1, (1, 3, 5)))
            for turn in turns
            for rubric in ("harm", "helpfulness")
        ]
    )


def test_chosen_turns_are_judged_on_each_rubric(store):
    talks = [talk(0), talk(1), talk(2)]
    chosen = {("c0", "harm"): [3], ("c0", "helpfulness"): [1, 3], ("c1", "harm"): [1]}

    def choose(conversation, rubric):
        return chosen.get((conversation.id, rubric.id), [])

    run = store.begin_run("m", "f", {}, [HARM, HELP]).id
    run, seen = work(store, ScriptedModel({"yes": 0.75, "no": 0.25}), talks, turns=choose, run=run)
    assert {(item.conversation_id, item.rubric, item.turn) for _, item in store.judgements(run)} == {
        (name, rubric, turn) for (name, rubric), turns in chosen.items() for turn in turns
    }
    assert len(seen.scores) == 4
    assert seen.problems == []


def test_what_is_judged_is_skipped_and_what_failed_is_tried_again(store):
    answer = {"fail": True}

    def flaky(request):
        failing = answer["fail"] and "0 a1\n</conversation>" in request.messages[0].content
        return ModelError("no") if failing else {"yes": 1.0}

    model = ScriptedModel(flaky)
    run, seen = work(store, model, [talk(0)])
    assert sorted(map(str, seen.scores)) == ["1.0", "1.0", "None", "None"]
    answer["fail"] = False
    _, seen = work(store, model, [talk(0)], run=run)
    assert (seen.scores, seen.before) == ([1.0, 1.0], 2)


def test_one_rubric_after_the_other_so_that_prompts_share_their_beginning(store):
    model = ScriptedModel({"yes": 1.0}, in_flight=1)
    work(store, model, [talk(0), talk(1)])
    order = [
        (HARM.requirement in request.messages[0].content, "0 q0" in request.messages[0].content)
        for request in model.requests
    ]
    assert order == [(True, True)] * 2 + [(True, False)] * 2 + [(False, True)] * 2 + [(False, False)] * 2


def test_a_conversation_with_nothing_to_judge_is_reported(store):
    _, seen = work(store, ScriptedModel({"yes": 1.0}), [Conversation("lonely", (Turn("user", "Hello?"),), "a.jsonl")])
    assert seen.problems == ["a.jsonl: conversation 'lonely' has no assistant turn to judge"]


@pytest.mark.slow
def test_a_log_streams_through(store):
    """Not more than a bounded number of judgements is under way, however long the log is."""
    model = ScriptedModel({"yes": 1.0}, in_flight=2, seconds=0.001)
    read = []

    def talks():
        for i in range(200):
            read.append(i)
            assert len(read) - len(model.requests) < 64
            yield talk(i, turns=1)

    _, seen = work(store, model, talks(), rubrics=(HARM,))
    assert len(seen.scores) == 200


def test_a_model_that_is_gone_stops_the_run_and_what_was_judged_is_kept(store):
    left = iter([{"yes": 1.0}] * 3)
    model = ScriptedModel(lambda request: next(left, UnavailableError("gone")), in_flight=1)
    with pytest.raises(UnavailableError, match="gone"):
        work(store, model, [talk(i) for i in range(5)])
    run = store.runs()[0].id
    assert len(list(store.judgements(run))) >= 1
    resumed, seen = work(store, ScriptedModel({"yes": 1.0}), [talk(i) for i in range(5)], run=run)
    assert resumed == run
    assert len(list(store.judgements(run))) == 20
    assert seen.before + len(seen.scores) == 20
