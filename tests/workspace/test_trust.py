"""What is known of a judge on a maxim: by people's labels, by the reference set, or by nothing."""

from dataclasses import asdict, replace
from importlib.resources import files

import pytest

from convexplain import Conversation, Turn, Workspace, load_rubric
from convexplain.agreement.calibration import Calibration
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UsageError
from convexplain.fidelity import Estimate
from convexplain.judges.reference import reference_set, shipped_results
from convexplain.judges.reference.measures import wording_of
from convexplain.report.trust_marks import trust_mark
from convexplain.store import RunStore, keep_judge_agreement, keep_ratings
from convexplain.types import Rating
from convexplain.workspace import trust as trust_module
from convexplain.workspace.trust import Trust, shipped_trust, trust, trust_keys

HARM = load_rubric("harm")
KINDS = {" ".join(turn.text.split()): turn.kind for turn in reference_set().turns}
FIGURE = {"auc": asdict(Estimate(0.88, 0.83, 0.92, 200)), "length": asdict(Estimate(0.5, 0.4, 0.6, 200))}


def judged_reply(request):
    """Return the judged reply of a prompt on one line."""
    text = request.messages[0].content.rpartition("</conversation>")[0].rpartition("assistant:")[2]
    return " ".join(text.split())


def reads_rudeness(request):
    return {"yes": 0.1, "no": 0.9} if KINDS[judged_reply(request)] == "rude" else {"yes": 0.8, "no": 0.2}


def test_a_benchmark_makes_a_judge_benchmarked_in_this_store_and_asks_nothing_twice(tmp_path):
    workspace, model = Workspace(tmp_path / "s.db"), ScriptedModel(reads_rudeness, name="m")
    plan = workspace.plan_benchmark(model, "harm")
    log = reference_set("reporting")
    assert (plan.conversations, plan.turns, plan.calls) == (len(log.conversations), len(log.turns), len(log.turns))
    assert workspace.trust(model, "harm") == [Trust("harm", "m")]
    result = workspace.benchmark(model, "harm")
    asked = len(model.requests)
    assert asked == len(log.turns)
    assert (result.judge, result.fingerprint, result.set_sha) == ("m", "m", log.sha)
    assert result.sentence == "Reads rude turns well and misses dangerous ones."
    rude = sum(turn.kind == "rude" for turn in log.turns)
    assert result.recall.value == pytest.approx(rude / result.planted)
    assert workspace.benchmark(model, "harm") == result
    assert len(model.requests) == asked
    (known,) = workspace.trust(model, "harm")
    assert (known.state, known.auc) == ("benchmarked", result.maxims[0].auc)
    assert workspace.trust(model, "harm", samples=3)[0].state == "unvalidated"
    assert workspace.trust(model, replace(HARM, threshold=0.3))[0].state == "benchmarked"
    assert workspace.trust(model, replace(HARM, notes=()))[0].state == "unvalidated"
    workspace.close()


def test_the_half_for_choosing_proves_nothing(tmp_path):
    workspace, model = Workspace(tmp_path / "s.db"), ScriptedModel(reads_rudeness, name="m")
    assert workspace.benchmark(model, "harm", half="choosing").half == "choosing"
    assert workspace.trust(model, "harm")[0].state == "unvalidated"
    with pytest.raises(UsageError, match="'manner_1': the reference set has no labels on it"):
        workspace.benchmark(model, "manner_1")
    with pytest.raises(UsageError, match="half='all' is not valid; valid are: choosing, reporting"):
        workspace.benchmark(model, "harm", half="all")
    workspace.close()


def test_labels_of_people_make_a_judge_validated_and_come_before_the_reference_set(tmp_path):
    workspace = Workspace(tmp_path / "s.db")
    talks = [
        Conversation(f"c{i}", (Turn("user", "Well?"), Turn("assistant", "Nice one." if i % 2 else "Silly you.")), "s")
        for i in range(24)
    ]
    keep_ratings(workspace.store, ((talk, Rating(talk.id, 1, "harm", i % 2)) for i, talk in enumerate(talks)))
    model = ScriptedModel(
        lambda request: {"yes": 0.9, "no": 0.1} if judged_reply(request) == "Nice one." else {"yes": 0.2, "no": 0.8},
        name="m",
    )
    keep_judge_agreement(workspace.store, "m", wording_of(HARM), "reporting", FIGURE)
    assert workspace.trust(model, "harm")[0].state == "benchmarked"
    workspace.validate(talks, rubrics="harm", judge=model)
    (known,) = workspace.trust(model, "harm")
    assert (known.state, known.better, known.auc) == ("validated", True, Estimate(1.0, 1.0, 1.0, 24))
    run = workspace.run(1)
    assert run.trust == {"harm": known}
    assert (known.use, known.flags) == ("flagging", True)
    assert known.verdict.startswith(
        "may be used for flagging and for sorting: of the 12 turns below its threshold 0.5 100%"
    )
    workspace.validate(talks[:12], rubrics="harm", judge=model)  # too few for a verdict: the earlier one stays
    assert workspace.trust(model, "harm") == [known]
    assert known.scores == {"good": [0.9] * 12, "bad": [0.2] * 12}
    assert run.to_dict()["trust"]["harm"]["state"] == "validated"
    assert str(known) == "harm by m: validated, AUC 1.00 [1.00, 1.00] on 24 turns that people have labelled"
    workspace.close()


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (
            Trust("harm", "small", "benchmarked", Estimate(0.88, 0.83, 0.92, 200)),
            "harm by small: benchmarked, AUC 0.88 [0.83, 0.92] on the reference set",
        ),
        (
            Trust("harm", "small", "benchmarked", Estimate(0.52, 0.43, 0.61, 200), better=False),
            "harm by small: benchmarked, AUC 0.52 [0.43, 0.61] on the reference set: no better than chance or length, "
            "so do not act on its scores",
        ),
        (Trust("harm", "e", "benchmarked", note="head, rho 0.3 on FED"), "harm by e: head, rho 0.3 on FED"),
        (
            Trust("harm", "e", "validated", Estimate(0.7, 0.6, 0.8, 90), use="sorting"),
            "harm by e: validated, AUC 0.70 [0.60, 0.80] on 90 turns that people have labelled; for sorting, not for "
            "flagging",
        ),
        (Trust("harm", "e"), f"harm by e: {trust_module.UNVALIDATED}"),
    ],
)
def test_trust_in_words(known, text):
    assert str(known) == text


def test_a_cascade_is_known_by_its_own_figures_or_by_those_of_its_first_judge(tmp_path):
    keys = trust_keys("f", {"samples": 3, "escalate": ["g", "h", 0.15]})
    assert keys == ["f samples=3 escalate=g,h band=0.15", "f samples=3"]
    assert trust_keys("f", {"samples": None, "explain": True}) == ["f"]
    store = RunStore(str(tmp_path / "s.db"))
    keep_judge_agreement(store, keys[1], wording_of(HARM), "reporting", FIGURE)
    assert trust(store, keys, "f", HARM).state == "benchmarked"
    better = {**FIGURE, "auc": asdict(Estimate(0.95, 0.9, 0.99, 200))}
    keep_judge_agreement(store, keys[0], wording_of(HARM), "reporting", better)
    assert trust(store, keys, "f", HARM).auc.value == 0.95
    store.close()


def test_results_that_ship_are_read_like_those_of_the_store(monkeypatch):
    maxim = {"rubric": "harm", "wording": wording_of(HARM), **FIGURE}
    body = {"judge": "small", "set_sha": reference_set("reporting").sha, "maxims": [maxim]}
    results = {"f": {"reporting": body}}
    for module in (trust_module, shipped_results):
        monkeypatch.setattr(module, "shipped_results", lambda: results)
    known = Trust("harm", "small", "benchmarked", Estimate(0.88, 0.83, 0.92, 200))
    assert trust(None, ["f"], "small", HARM) == known
    assert shipped_trust() == [known]
    assert trust(None, ["g"], "small", HARM).state == "unvalidated"
    body["set_sha"] = "of an earlier set"
    assert trust(None, ["f"], "small", HARM).state == "unvalidated"


def test_the_results_that_ship_are_of_the_set_and_rubrics_that_ship():
    wordings = {wording_of(load_rubric(name)) for name in ("helpfulness", "informativeness", "harm")}
    assert len((files("convexplain.judges.reference") / "results.json").read_bytes()) < 100_000
    for halves in shipped_results.shipped_results().values():
        for half, body in halves.items():
            assert all(len(maxim["scores"]["good"]) == 159 for maxim in body["maxims"])
            assert body["set_sha"] == reference_set(half).sha
            assert {maxim["wording"] for maxim in body["maxims"]} <= wordings


LADDER = {"good": [round(0.5 + 0.01 * i, 2) for i in range(40)], "rude": [0.1, 0.3, 0.55], "dangerous": [0.6]}


def test_the_scores_of_labelled_turns_say_which_thresholds_can_be_reached(tmp_path):
    store = RunStore(str(tmp_path / "s.db"))
    keep_judge_agreement(store, "m", wording_of(HARM), "reporting", {**FIGURE, "scores": LADDER})
    reference = trust(store, ["m"], "m", HARM)
    assert (reference.lowest, reference.highest) == (0.1, 0.89)
    # 5 % of 40 good turns are two, those of 0.50 and 0.51; 4 % are one; below 0.5 there is none
    assert [reference.quantile(share) for share in (0.05, 0.04, 0.0, 0.99)] == [0.52, 0.51, 0.5, 0.89]
    assert reference.catch(0.52) == {"rude": pytest.approx(2 / 3), "dangerous": 0.0}
    body = reference.to_dict()
    assert (body["lowest"], body["highest"], "scores" in body) == (0.1, 0.89, False)
    # of a cascade the scores of its first judge say nothing
    assert trust(store, ["m escalate=n band=0.1", "m"], "m", HARM).lowest is None
    unknown = Trust("harm", "m")
    assert (unknown.lowest, unknown.highest, unknown.quantile(0.05), unknown.catch(0.5)) == (None, None, None, {})
    store.close()


def test_scores_of_labels_come_beside_those_of_the_reference_set_and_follow_the_calibration(tmp_path):
    store = RunStore(str(tmp_path / "s.db"))
    keep_judge_agreement(store, "m", wording_of(HARM), "reporting", {**FIGURE, "scores": LADDER})
    keep_judge_agreement(
        store, "m", wording_of(HARM), "labels", {**FIGURE, "scores": {"good": [0.7] * 19, "bad": [0.2]}}
    )
    few = trust(store, ["m"], "m", HARM)
    assert (few.state, few.quantile(0.05), few.catch(0.25)["bad"], few.catch(0.25)["rude"]) == (
        "validated",
        0.52,
        1.0,
        pytest.approx(1 / 3),
    )
    keep_judge_agreement(store, "m", wording_of(HARM), "labels", {**FIGURE, "scores": {"good": [0.7] * 20, "bad": []}})
    assert trust(store, ["m"], "m", HARM).quantile(0.05) == 0.7
    halved = Calibration("isotonic", ((0.0, 0.0), (1.0, 0.5)))
    mapped = trust(store, ["m"], "m", HARM, calibration=halved)
    assert (mapped.lowest, mapped.quantile(0.05), mapped.catch(0.1)["rude"]) == (0.05, 0.35, pytest.approx(1 / 3))
    # of a cascade each judge has its own calibration, so that one of them does not map the scores
    keep_judge_agreement(store, "m escalate=n band=0.1", wording_of(HARM), "reporting", {**FIGURE, "scores": LADDER})
    cascade = ["m escalate=n band=0.1", "m"]
    assert trust(store, cascade, "m", HARM).quantile(0.05) == 0.52
    assert trust(store, cascade, "m", HARM, calibration=halved).quantile(0.05) is None
    store.close()


@pytest.mark.parametrize(
    ("threshold", "flags"),
    [
        (0.5, True),  # as validated: ten turns, all of them bad
        (0.3, True),  # fewer of the same
        (0.65, True),  # 17 turns, ten of them bad: 59 % [33 %, 82 %], of all 25 %
        (0.95, False),  # all 40 turns, a quarter of them bad
        (0.05, False),  # no turn
    ],
)
def test_flags_are_trusted_at_thresholds_where_labels_bear_them_out(tmp_path, threshold, flags):
    store = RunStore(str(tmp_path / "s.db"))
    scores = {"good": [*[0.6] * 7, *[0.9] * 23], "bad": [*[0.2] * 5, *[0.4] * 5]}
    body = {**FIGURE, "use": "flagging", "verdict": "may be used for flagging.", "flagged": 10, "scores": scores}
    keep_judge_agreement(store, "m", wording_of(HARM), "labels", body)
    assert trust(store, ["m"], "m", replace(HARM, threshold=threshold)).flags is flags
    halved = Calibration("isotonic", ((0.0, 0.0), (1.0, 0.5)))
    assert trust(store, ["m"], "m", replace(HARM, threshold=threshold / 2), calibration=halved).flags is flags
    store.close()


@pytest.mark.parametrize(
    ("use", "state", "better", "flags"),
    [
        ("flagging", "validated", True, True),
        ("sorting", "validated", True, False),
        ("neither", "validated", False, False),
        ("too early", "benchmarked", True, True),  # few labels say nothing: the reference set still does
    ],
)
def test_the_verdict_of_labels_decides_about_flags(tmp_path, use, state, better, flags):
    store = RunStore(str(tmp_path / "s.db"))
    keep_judge_agreement(store, "m", wording_of(HARM), "reporting", FIGURE)
    body = {**FIGURE, "use": use, "verdict": "too early to say: 3 are bad."}
    keep_judge_agreement(store, "m", wording_of(HARM), "labels", body)
    keep_judge_agreement(store, "n", wording_of(HARM), "labels", body)
    level = trust(store, ["m"], "m", HARM)
    assert (level.state, level.better, level.flags) == (state, better, flags)
    if use == "too early":
        alone = trust(store, ["n"], "n", HARM, "a card")
        assert (alone.state, alone.flags) == ("unvalidated", False)
        assert "People's labels so far: too early to say: 3 are bad. Its head: a card" in trust_mark(alone).sentence
        assert alone.note.endswith("People's labels so far: too early to say: 3 are bad. Its head: a card")
    store.close()
