import asyncio
import math

import pytest

from convexplain import AsyncWorkspace, Edit, Turn, Unit, Workspace, attribute, contrast, judge, load_rubric
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import RubricError, UnavailableError, UsageError
from convexplain.store import RunStore, keep_noise_floor
from convexplain.workspace import MEMORY
from tests.fake_infiller import WORD_SEARCH, FakeInfiller

MESSAGES = [
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi! How can I help?"},
    {"role": "user", "content": "Where is my parcel?"},
    {"role": "assistant", "content": "Bananas."},
]


def bananas(request):
    judged = request.messages[0].content.rsplit("\nassistant: ", 1)[-1]
    return {"yes": 0.1, "no": 0.9} if "Bananas" in judged else {"yes": 0.8, "no": 0.2}


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
    assert asyncio.run(AsyncWorkspace(MEMORY).judge(MESSAGES, "harm", ScriptedModel(bananas))) == expected

    async def inside():
        return judge(MESSAGES, "harm", ScriptedModel(bananas))

    assert asyncio.run(inside()) == expected


def test_turns_conversation_and_mappings_are_the_same():
    turns = [Turn(message["role"], message["content"]) for message in MESSAGES]
    assert judge(turns, load_rubric("harm"), ScriptedModel(bananas)) == judge(MESSAGES, "harm", ScriptedModel(bananas))


@pytest.mark.slow
def test_last_judges_the_last_assistant_turn():
    assert [item.turn for item in judge(MESSAGES, "harm", ScriptedModel(bananas), "last")] == [3]


def test_a_workspace_keeps_the_replies_and_the_functions_do_not(tmp_path):
    model, workspace = ScriptedModel(bananas), Workspace(tmp_path / "a.db")
    workspace.judge(MESSAGES, "harm", model)
    workspace.judge(MESSAGES, "harm", model)
    assert len(model.requests) == 3  # two turns, and the reason of the flagged one
    workspace.close()
    judge(MESSAGES, "harm", model)
    assert len(model.requests) == 6


def test_nothing_to_judge_is_no_error():
    assert judge([Turn("user", "Hello?")], "harm", ScriptedModel(bananas)) == []
    assert judge([], "harm", ScriptedModel(bananas)) == []


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (
            ([{"role": "robot", "content": "x"}], "harm"),
            {},
            UsageError,
            "turn 0: it needs a 'role' out of .* it has 'robot'",
        ),
        (([{"content": "x"}], "harm"), {}, UsageError, "turn 0: dict is not valid; .* 'role' and 'content'"),
        (([MESSAGES[0], 5], "harm"), {}, UsageError, "turn 1: int is not valid"),
        (("hello", "harm"), {}, UsageError, "conversation: str is not valid; valid are a Conversation"),
        ((MESSAGES, "harm"), {"turns": "first"}, UsageError, "valid are: 'all', 'last'"),
        ((MESSAGES, "harm"), {"samples": 0}, UsageError, "at least 1"),
        ((MESSAGES, "harmm"), {}, RubricError, "neither a file nor one of"),
        ((MESSAGES, "harm", "gpt"), {}, UsageError, "is not known; `convexplain judges list` lists"),
    ],
)
def test_arguments_that_cannot_be_meant(arguments, options, error, words):
    if len(arguments) == 2:
        options = {"judge": ScriptedModel(bananas), **options}
    with pytest.raises(error, match=words):
        judge(*arguments, **options)


HARMLESS = load_rubric("harm").requirement.split(".")[0]
PARCEL = [
    {"role": "user", "content": "Where is my parcel?"},
    {"role": "assistant", "content": "It left our depot on Monday."},
    {"role": "user", "content": "And the address?"},
    {"role": "assistant", "content": "Bananas are yellow."},
]


def depot(request):
    """The last turn is bad in a context with the word "depot", and good in any other; Bananas are never good."""
    return {"yes": 0.2, "no": 0.8} if "depot" in request.messages[0].content else {"yes": 0.9, "no": 0.1}


def answers(request):
    """A responder that talks of bananas whenever it reads "depot"."""
    return "Bananas." if any("depot" in message.content for message in request.messages) else "To your office."


def explain(judge=None, responder=None, infiller=None, contrast=contrast, **options):
    judge, infiller = judge or ScriptedModel(depot), infiller or FakeInfiller()
    options = {**WORD_SEARCH, "question": None if responder else "rescore", **options}
    return contrast(PARCEL, -1, "helpfulness", judge, responder, infiller, **options)


def same(found):
    """A contrast without the time that it took."""
    return {name: getattr(found, name) for name in found.__slots__ if name != "seconds"}


def test_the_one_word_that_the_score_hangs_on_is_found():
    found = explain()
    assert (found.turn, found.rubric, found.question, found.goal) == (3, "helpfulness", "rescore", "cross")
    assert (found.found, found.score_before, found.score_after) == (True, pytest.approx(0.2), pytest.approx(0.9))
    assert found.edits == (Edit(Unit(1, 12, 17, "word"), "depot", "lorry"),)
    assert found.turns[1].content == "It left our lorry on Monday."
    assert found.response_after == found.response_before == "Bananas are yellow."
    assert (found.edit_distance, found.edit_rate) == (1, pytest.approx(1 / 6))


def test_contrasts_sync_async_and_inside_a_loop_are_the_same():
    expected = same(explain())

    def arguments():
        return PARCEL, 3, load_rubric("helpfulness"), ScriptedModel(depot), None, FakeInfiller()

    how = {"question": "rescore", **WORD_SEARCH}
    assert same(asyncio.run(AsyncWorkspace(MEMORY).contrast(*arguments(), **how))) == expected

    async def inside():
        return contrast(*arguments(), **how)

    assert same(asyncio.run(inside())) == expected


def test_an_error_inside_a_loop_reaches_the_caller():
    async def inside():
        return contrast(
            PARCEL, 2, "helpfulness", ScriptedModel(depot), None, FakeInfiller(), question="rescore", **WORD_SEARCH
        )

    with pytest.raises(UsageError, match="turn=2 is not valid"):
        asyncio.run(inside())


def test_with_a_responder_the_turn_is_answered_anew():
    bananas_are_bad = ScriptedModel(bananas)
    found = explain(bananas_are_bad, ScriptedModel(answers, name="bot"))
    assert (found.question, found.responder, found.found) == ("regenerate", "bot", True)
    assert (found.response_before, found.response_after) == ("Bananas.", "To your office.")
    assert (found.score_before, found.score_after) == (pytest.approx(0.1), pytest.approx(0.8))
    assert [edit.before for edit in found.edits] == ["depot"]


def test_revise_edits_the_judged_turn_itself():
    found = explain(ScriptedModel(bananas), question="revise")
    assert (found.question, found.found) == ("revise", True)
    assert found.turns[3].content == found.response_after == "lorry are yellow."
    assert found.turns[:3] == tuple(Turn(item["role"], item["content"]) for item in PARCEL[:3])


def test_options_reach_the_search():
    one = explain(budget=1, editable="user", goal="improve", delta=0.3, search="cell_budget", split_k=2, seed=4)
    assert (one.goal, one.delta, one.search, one.calls, one.stopped) == ("improve", 0.3, "cell_budget", 1, "budget")
    assert one.editable == (0, 2)
    assert not one.found
    assert explain(editable=[0]).editable == (0,)


def safe_or_polite(request):
    """Without the depot a reply is helpful (0.9), but harmful: 0.4 instead of 0.9."""
    there, harm = "depot" in request.messages[0].content, HARMLESS in request.messages[0].content
    p = (0.9 if there else 0.4) if harm else 0.2 if there else 0.9
    return {"yes": p, "no": 1 - p}


def test_a_maxim_is_kept():
    conflict = explain(ScriptedModel(safe_or_polite), keep=["harm"])
    assert (conflict.found, set(conflict.conflicts)) == (False, {"harm"})
    assert conflict.kept_scores["harm"][0] == pytest.approx(0.9)
    (point,) = conflict.pareto  # one word is enough, and no other edit is better on any count
    assert point.texts == ((1, "It left our lorry on Monday."),)
    assert dict(point.scores) == {"helpfulness": pytest.approx(0.9), "harm": pytest.approx(0.4)}
    steady = explain(ScriptedModel(depot), keep=[load_rubric("harm")])
    assert (steady.found, dict(steady.kept_scores)) == (True, {"harm": (pytest.approx(0.2), pytest.approx(0.9))})
    assert set(explain(ScriptedModel(depot), keep="harm, manner_1").kept_scores) == {"harm", "manner_1"}


def test_a_kept_maxim_has_its_own_noise(tmp_path):
    """Harm falls by 0.5: with a measured noise floor of 0.6 that is noise."""
    workspace = Workspace(tmp_path / "a.db")
    keep_noise_floor(workspace.store, "scripted", load_rubric("harm"), 0.6, turns=20, n=400)
    assert explain(ScriptedModel(safe_or_polite), contrast=workspace.contrast, keep=["harm"]).found
    workspace.close()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"keep": ["helpfulness"]}, UsageError, "keep='helpfulness' is not valid: the search is to change that maxim"),
        ({"keep": ["harmm"]}, UsageError, "keep='harmm' is not valid; valid are helpfulness, harm, informativeness"),
        ({"keep": ["harm", "harm"]}, UsageError, "rubric harm is named twice"),
        ({"pareto": True}, UsageError, "pareto=True needs keep"),
    ],
)
def test_maxims_that_cannot_be_kept(options, error, words):
    judge = ScriptedModel(depot)
    with pytest.raises(error, match=words):
        explain(judge, **options)
    assert judge.requests == []


def test_models_named_alike_are_one_and_all_that_was_opened_is_closed(monkeypatch):
    opened, fakes = [], []

    class Model(ScriptedModel):
        closed = 0

        async def aclose(self):
            self.closed += 1

    def open_model(name):
        opened.append(Model(lambda request: depot(request) if request.labels else answers(request), name=name))
        return opened[-1]

    def open_infiller(name, cache=None):
        fakes.append(FakeInfiller())
        return fakes[-1]

    monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", open_model)
    monkeypatch.setattr("convexplain.workspace.explainers.open_infiller", open_infiller)
    assert contrast(PARCEL, 3, "helpfulness", "one", "one", **WORD_SEARCH).found
    assert [(model.name, model.closed) for model in opened] == [("one", 1)]
    assert [(fake.prepared, fake.closed) for fake in fakes] == [(1, 1)]
    assert contrast(PARCEL, 3, "helpfulness", "one", "two", **WORD_SEARCH).found
    assert [(model.name, model.closed) for model in opened[1:]] == [("one", 1), ("two", 1)]


def test_models_of_ones_own_are_not_closed():
    infiller = FakeInfiller()
    explain(infiller=infiller)
    assert (infiller.prepared, infiller.closed) == (1, 0)


@pytest.mark.slow
def test_a_store_keeps_the_replies_and_gives_the_noise_floor(tmp_path):
    store, model = RunStore(str(tmp_path / "a.db")), ScriptedModel(depot)
    stored = Workspace(store).contrast
    assert explain(model, contrast=stored).delta == 0.1  # assumed: none was measured
    asked = len(model.requests)
    assert explain(model, contrast=stored).found
    assert len(model.requests) == asked
    keep_noise_floor(store, "scripted", load_rubric("helpfulness"), 0.35, turns=20, n=400)
    assert explain(model, contrast=stored).delta == 0.35
    assert explain(model, contrast=stored, delta=0.2).delta == 0.2
    store.close()


def test_a_model_that_is_gone_is_an_error():
    gone = ScriptedModel(UnavailableError("it is gone"))
    with pytest.raises(UnavailableError, match="it is gone"):
        explain(gone)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((PARCEL, 2, "helpfulness"), {}, UsageError, "turn=2 is not valid"),
        ((PARCEL, 4, "helpfulness"), {}, UsageError, "turn=4 is not valid"),
        ((PARCEL, -5, "helpfulness"), {}, UsageError, "turn=-5 is not valid"),
        (([], -1, "helpfulness"), {}, UsageError, "turn=-1 is not valid"),
        ((PARCEL, 3, "helpfullness"), {}, RubricError, "neither a file nor one of"),
        ((PARCEL, 3, "helpfulness"), {"judge": "gpt"}, UsageError, "is not known; `convexplain judges list` lists"),
        (
            (PARCEL, 3, "helpfulness"),
            {"responder": "gpt", "question": None},
            UsageError,
            "is not known; `convexplain judges list` lists",
        ),
        ((PARCEL, 3, "helpfulness"), {"infiller": "gpt", "search": "cell"}, UsageError, "infiller 'gpt' is not known"),
        ((PARCEL, 3, "helpfulness"), {"samples": 0}, UsageError, "at least 1"),
        ((PARCEL, 3, "helpfulness"), {"budget": 0}, UsageError, "budget=0 is not valid"),
        ((PARCEL, 3, "helpfulness"), {"goal": "improve"}, UsageError, "needs a delta"),
        ((PARCEL, 3, "helpfulness"), {"search": "best"}, UsageError, "search 'best' is not known"),
        ((PARCEL, 3, "helpfulness"), {"editable": "robot"}, UsageError, "editable='robot' is not valid"),
        ((PARCEL, 3, "helpfulness"), {"editable": [3]}, UsageError, "the turns before turn 3 are 0 to 2"),
        (
            (PARCEL, 3, "helpfulness"),
            {"question": "revise", "responder": "embedded"},
            UsageError,
            "question='revise' asks no responder",
        ),
    ],
)
def test_arguments_of_a_contrast_that_cannot_be_meant(arguments, options, error, words):
    options = {"judge": ScriptedModel(depot), "infiller": FakeInfiller(), "question": "rescore", **options}
    with pytest.raises(error, match=words):
        contrast(*arguments, **options)


# ---- attribute


def test_attribute_says_what_the_score_hangs_on():
    """Without turn 1, and without its words with "depot", the score is 0.9 instead of 0.2: odds of 9 instead of 1/4."""
    turns, sentences, phrases = attribute(PARCEL, -1, "helpfulness", ScriptedModel(depot))
    assert [one.level for one in (turns, sentences, phrases)] == ["turn", "sentence", "phrase"]
    assert [unit.turn for unit in turns.units] == [0, 1, 2]
    assert turns.scores == pytest.approx((0, -math.log(36), 0), abs=1e-9)
    assert turns.scores_without == pytest.approx((0.2, 0.9, 0.2))
    assert (turns.side, turns.score, turns.value_of(turns.baseline)) == (-1, pytest.approx(0.2), pytest.approx(0.9))
    assert (turns.scalarizer, turns.question, turns.rubric, turns.judge) == (
        "log_odds", "rescore", "helpfulness", "scripted",
    )  # fmt: skip
    assert {unit.turn for unit in sentences.units} == {1}  # the others do nothing


def test_attribute_in_and_outside_of_a_loop_gives_the_same():
    def same(found):
        return [{name: getattr(one, name) for name in one.__slots__ if name != "seconds"} for one in found]

    expected = same(attribute(PARCEL, 3, "helpfulness", ScriptedModel(depot), levels=("sentence", "word"), seed=2))
    found = AsyncWorkspace(MEMORY).attribute(
        PARCEL, 3, "helpfulness", ScriptedModel(depot), levels=["sentence", "word"], seed=2
    )
    assert same(asyncio.run(found)) == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "shap"}, "valid are: clime, joint, loo, lshap"),
        ({"levels": ()}, "from coarse to fine"),
        ({"levels": ("word", "turn")}, "from coarse to fine"),
        ({"levels": ("chapter",)}, "from coarse to fine"),
        ({"budget": 0}, "budget=0 is not valid"),
        ({"top": 0}, "top=0 is not valid"),
        ({"share": 0}, "share=0 is not valid"),
        ({"perturb": "burn"}, "valid are: remove, placeholder, infill"),
        ({"seed": -1}, "seed=-1 is not valid"),
        ({"samples": 0}, "samples=0 is not valid"),
        ({"turn": 0}, "no assistant turn there"),
        ({"turn": 9}, "no assistant turn there"),
    ],
)
def test_attribute_refuses_what_cannot_be_meant(options, words):
    with pytest.raises(UsageError, match=words):
        attribute(PARCEL, options.pop("turn", 3), "helpfulness", ScriptedModel(depot), **options)


def test_an_attribution_says_where_a_contrast_is_looked_for_first():
    words = [f"Number {i} came to the {name} of our city." for i, name in enumerate(["house", "depot", *["park"] * 18])]
    talk = [PARCEL[0], {"role": "assistant", "content": " ".join(words)}, *PARCEL[2:]]
    found = attribute(talk, -1, "helpfulness", ScriptedModel(depot), levels=("turn", "sentence", "word"))

    def search(**options):
        return contrast(
            talk,
            -1,
            "helpfulness",
            ScriptedModel(depot),
            None,
            FakeInfiller(),
            **{"question": "rescore", **WORD_SEARCH, **options},
        )

    assert search(prior=found).calls < search().calls
    assert search(prior=found).edits == search().edits
