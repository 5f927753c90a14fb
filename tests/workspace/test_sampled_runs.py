"""Runs that judge a sample: what is asked, what the figures are estimates of, and where that is said."""

import json

import pytest
from click.testing import CliRunner

from convexplain import Conversation, Turn, Workspace
from convexplain.cli.main import cli
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import UsageError
from convexplain.store.judgement_filters import JudgementFilters
from convexplain.store.overview import score_groups
from convexplain.workspace.job_specs import AnalyzeJob, job_settings
from tests.trust_states import keep_trust


def bot_talks(bot, n, scores, version=""):
    """Conversations of two answers each; an answer's text is its score."""
    return [
        Conversation(
            f"{bot}{i}",
            tuple(
                turn
                for k in range(2)
                for turn in (
                    Turn("user", f"Question {k}?"),
                    Turn("assistant", f"{version}{scores[(2 * i + k) % len(scores)]}", name=bot),
                )
            ),
            "log.jsonl",
        )
        for i in range(n)
    ]


# 40 turns of bot a, with mean 0.5 (0.3 and 0.7), and 20 of bot b, with mean 0.9: 0.6333 over all
TALKS = [*bot_talks("a", 20, ["0.30", "0.70"]), *bot_talks("b", 10, ["0.90"])]


def judge():
    """A judge that reads the score out of the answer."""

    def answer(request):
        score = float(request.messages[0].content.rsplit("\nassistant: ", 1)[-1].partition("\n")[0][-4:])
        return {"yes": score, "no": 1 - score}

    return ScriptedModel(answer)


@pytest.fixture
def ws(tmp_path):
    workspace = Workspace(tmp_path / "s.db")
    yield workspace
    workspace.close()


@pytest.fixture
def sampled(ws):
    return ws.analyze(TALKS, ["harm"], judge(), sample=15, strata="bot")


def test_only_the_sample_is_judged_and_the_population_is_kept(ws, sampled):
    # of 60 turns 15: of bot a 10 of 40, of bot b 5 of 20
    assert sampled.summary.turns == len(sampled.judgements) == 15
    assert [(s.values, s.turns, s.conversations, s.sampled_turns) for s in sampled.sample.strata] == [
        (("a",), 40, 20, 10),
        (("b",), 20, 10, 5),
    ]
    assert sampled.sample.sentence.startswith("From a sample of 15 of 60 turns, drawn by bot (2 strata): means")
    drawn = {judgement.conversation_id for judgement in sampled.judgements}
    assert {talk.id for talk in ws.store.conversations(sampled.id)} == drawn  # each is whole, others are not kept
    assert all(len(talk.turns) == 4 for talk in ws.store.conversations(sampled.id))


def test_figures_are_estimates_for_all_turns(ws, sampled):
    (maxim,) = sampled.summary.maxims
    scores = {bot: [j.score for j in sampled.judgements if j.conversation_id.startswith(bot)] for bot in "ab"}
    mean = (40 * sum(scores["a"]) / 10 + 20 * sum(scores["b"]) / 5) / 60
    assert maxim.mean == pytest.approx(mean)
    assert maxim.below == pytest.approx(40 / 60 * sum(score < 0.5 for score in scores["a"]) / 10)
    low, high = maxim.mean_interval
    assert low < 0.6333 < high
    assert maxim.below_interval[0] < maxim.below < maxim.below_interval[1]
    groups = score_groups(ws.store, JudgementFilters(sampled.id, sampled.rubrics[0].sha, 0.5), "bot")
    assert [(group.key, group.n, group.mean) for group in groups] == [
        ("a", 10, pytest.approx(sum(scores["a"]) / 10)),
        ("b", 5, pytest.approx(0.9)),
    ]
    (state,) = ws.story(sampled.id).states
    assert (state.mean, state.interval, state.scored) == (maxim.mean, maxim.mean_interval, 15)
    assert state.sample == "a sample of 15 of 60 turns"


def test_every_surface_says_that_it_is_a_sample(ws, sampled, tmp_path):
    keep_trust(ws.store, sampled.run.fingerprint, {sampled.rubrics[0]: "validated"})
    run = ws.run(sampled.id)
    body = json.loads(json.dumps(run.to_dict(), default=str))
    assert body["sample"]["strata"][0]["turns"] == 40
    assert body["maxims"][0]["mean_interval"] == pytest.approx(run.summary.maxims[0].mean_interval)
    assert json.loads(json.dumps(ws.runs().to_dict()))[0]["sample"]["size"] == 15
    page = ws.report(run.id, html=tmp_path / "report.html")["Report"].read_text("utf-8")
    assert page.count("a sample of 15 of 60 turns") == 3  # above all, beside the mean, and in the note on themes
    assert "of all answers too low (" in page
    assert ws.themes(run.id).search.notes[0].startswith("The run has judged a sample of 15 of 60 turns: counts and")
    listed = CliRunner().invoke(cli, ["runs", "list", "--db", str(tmp_path / "s.db")], standalone_mode=False)
    assert "a sample of 15 of 60 turns, judge scripted" in " ".join(listed.output.split())


def test_a_plan_counts_the_sample(ws):
    plan = ws.plan(TALKS, ["harm", "resolved"], judge(), sample=15, strata="bot")
    # 15 turns on the one maxim; on the other 10 of 20 and 5 of 10 conversations
    assert (plan.judgements, plan.calls) == (30, 30)
    assert plan.sample.words() == "a sample of 15 of 60 turns"
    assert plan.sample.words("conversation") == "a sample of 15 of 30 conversations"


def test_a_maxim_of_conversations_has_a_sample_of_conversations(ws):
    run = ws.analyze(TALKS, ["harm", "resolved"], judge(), sample=15, strata="bot")
    judged = {rubric: [j for j in run.judgements if j.rubric == rubric] for rubric in ("harm", "resolved")}
    assert [len(judgements) for judgements in judged.values()] == [15, 15]
    assert {judgement.turn for judgement in judged["resolved"]} == {3}
    states = {state.rubric: state.sample for state in ws.story(run.id).states}
    assert states == {"harm": "a sample of 15 of 60 turns", "resolved": "a sample of 15 of 30 conversations"}


def test_a_sample_of_all_is_exact(ws):
    (maxim,) = ws.analyze(TALKS, ["harm"], judge(), sample=60).summary.maxims
    assert maxim.mean == pytest.approx((20 * 0.3 + 20 * 0.7 + 20 * 0.9) / 60)
    assert maxim.mean_interval == pytest.approx((maxim.mean, maxim.mean))


def test_the_same_turns_are_judged_again_from_the_store(ws, sampled):
    again = ws.analyze(stored=sampled.id, rubrics=["helpfulness"], judge=judge())
    places = [[(j.conversation_id, j.turn) for j in run.judgements] for run in (sampled, again)]
    assert places[0] == places[1]
    assert again.sample == sampled.sample
    assert again.summary.maxims[0].mean == pytest.approx(sampled.summary.maxims[0].mean)
    with pytest.raises(UsageError, match="run 1 has judged a sample of 15 of 60 turns already; leave sample out"):
        ws.analyze(stored=sampled.id, rubrics=["harm"], judge=judge(), sample=5)
    with pytest.raises(UsageError, match="resolved: run 1 has drawn turns only"):
        ws.analyze(stored=sampled.id, rubrics=["resolved"], judge=judge())


def test_what_has_no_score_is_asked_again_and_nothing_else(ws, sampled):
    with ws.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE judgements SET score = NULL WHERE id = 3")
    assert ws.run(sampled.id).summary.unscored_turns == 1
    again = ws.retry(sampled.id, judge())
    assert (again.summary.unscored_turns, again.summary.turns) == (0, 15)


def test_versions_of_a_bot_are_compared_on_the_turns_that_both_samples_have(ws, sampled):
    other = [*bot_talks("a", 20, ["0.30", "0.70"], "now "), *bot_talks("b", 10, ["0.80"], "now ")]
    later = ws.analyze(other, ["harm"], judge(), sample=15, strata="bot")
    compared = ws.compare(sampled.id, later.id)
    assert compared.maxims[0].paired == 15
    assert compared.samples == tuple(
        f"Run {run.id} has judged a sample of 15 of 60 turns; only sampled turns are compared."
        for run in (sampled, later)
    )
    assert compared.to_dict()["samples"] == list(compared.samples)


def test_a_pipe_cannot_be_read_twice(ws):
    with pytest.raises(UsageError, match="sample=5 reads the logs twice, so they cannot be a pipe"):
        ws.analyze("-", ["harm"], judge(), sample=5)


@pytest.mark.enable_socket
def test_the_command_line_draws_and_says_so(tmp_path):
    log = tmp_path / "log.jsonl"
    rows = (
        {"id": f"c{i}", "messages": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": f"Hi {i}."}]}
        for i in range(20)
    )
    log.write_text("\n".join(map(json.dumps, rows)))
    arguments = ["analyze", str(log), "--sample", "5", "--strata", "none", "--rubric", "harm", "--dry-run"]
    result = CliRunner().invoke(
        cli, [*arguments, "--judge", "http://127.0.0.1:9/v1?model=m", "--db", str(tmp_path / "s.db")],
        standalone_mode=False,
    )  # fmt: skip
    assert result.exception is None
    assert "Judged is a sample of 5 of 20 turns.\n5 conversations, 5 assistant turns, 1 maxims" in result.output


def test_a_job_keeps_its_sample():
    assert job_settings(AnalyzeJob((), sample=5))["sample"] == 5
