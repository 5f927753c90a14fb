"""`convexplain runs`: list, show, name, compare, delete and redact, on a store that was made by hand."""

import json
import re

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from convexplain import Conversation, Turn, Workspace, load_rubric
from convexplain.cli.main import cli
from convexplain.connectors.fault_server import FaultServer
from convexplain.errors import ConvexplainError, StoreError, UsageError
from convexplain.models.chat import Spend
from convexplain.store import RunStore, keep_ratings, schema
from convexplain.types import Evidence, Judgement, Rating
from tests.trust_states import keep_trust

HARM, HELP = load_rubric("harm"), load_rubric("helpfulness")
TALKS = {
    name: Conversation(name, (Turn("user", "Hi"), Turn("assistant", f"Answer {name}.")), "log.jsonl")
    for name in ("a", "b", "c")
}


class Runs:
    """Runs commands on one store."""

    def __init__(self, db):
        self.db = str(db)
        self.store = RunStore(self.db)

    def add(self, mark, scores, status="done", rubric=HELP):
        run = self.store.begin_run(f"judge-{mark}", mark, {"logs": ["log.jsonl"], "turns": "all"}, [rubric]).id
        for name, score in scores.items():
            judgement = Judgement(name, 1, rubric.id, score, None, None, Evidence(), "m", "s")
            self.store.keep_judgement(run, self.store.keep_conversation(TALKS[name], run), rubric, judgement)
        self.store.end_run(run, status, Spend())
        return run

    def __call__(self, *args, input=None, error=False):
        result = CliRunner(env={"COLUMNS": "100"}).invoke(cli, ["runs", *args, "--db", self.db], input=input)
        if error:
            assert isinstance(result.exception, ConvexplainError), result.output
            return result.exception
        assert result.exception is None, result.output
        return result.output


@pytest.fixture
def runs(tmp_path):
    opened = Runs(tmp_path / "s.db")
    yield opened
    opened.store.close()


def test_the_list_has_a_run_and_its_means_on_two_lines(runs):
    assert runs("list") == "There is no run yet: `convexplain analyze` makes one.\n"
    runs.add("x", {"a": 0.2, "b": 0.6})
    runs.add("y", {"a": 0.5}, status="stopped")
    runs("name", "1", "week 11")
    newest, newest_means, oldest, oldest_means = runs("list").splitlines()
    assert newest.startswith("Run 2: stopped, begun 20")
    assert newest.endswith(", 1 conversation, 1 turn, judge judge-y")
    assert newest_means == "  helpfulness 0.50 (unvalidated)"
    assert oldest.startswith("Run 1 (week 11): complete, begun 20")
    assert oldest.endswith(", 2 conversations, 2 turns, judge judge-x")
    assert oldest_means == "  helpfulness 0.40 (unvalidated)"  # 0.2 and 0.6
    keep_trust(runs.store, "x", {HELP: "benchmarked"})
    assert runs("list").splitlines()[3] == "  helpfulness 0.40, 50% below 0.5 (benchmarked)"


def test_one_run_is_shown_with_its_worst_turns(runs):
    runs.add("x", {"a": 0.2, "b": 0.6, "c": 0.4})
    keep_trust(runs.store, "x", {HELP: "validated"})
    out = runs("show")
    assert "Run 1: 3 conversations, 3 assistant turns, judge judge-x" in out
    assert "; judged: log.jsonl; turns: all" in out
    assert out.endswith(
        "2 turns are below a threshold, the furthest below first:\n"
        "  Turn 1 scores 0.20 on helpfulness; it has not been explained yet.\n"
        "    a, turn 1: helpfulness 0.20 (threshold 0.5, validated)\n"
        '    User: "Hi"\n'
        '    Reply: "Answer a."\n'
        f"    More: convexplain explain 1 --turn a:1 --db {runs.db}\n\n"
        "  Turn 1 scores 0.40 on helpfulness; it has not been explained yet.\n"
        "    c, turn 1: helpfulness 0.40 (threshold 0.5, validated)\n"
        '    User: "Hi"\n'
        '    Reply: "Answer c."\n'
        f"    More: convexplain explain 1 --turn c:1 --db {runs.db}\n\n"
    )


@pytest.mark.parametrize(("state", "word"), [(None, "unvalidated"), ("no better", "no better than chance")])
def test_scores_that_only_sort_are_listed_without_threshold_share_or_flag(runs, state, word):
    runs.add("x", {"a": 0.9, "b": 0.2})
    keep_trust(runs.store, "x", {} if state is None else {HELP: state})
    out = runs("show")
    assert "below" not in out.partition("below threshold")[2]  # the heading of the table alone
    assert re.search(rf"Helpfulness +│ +2 │ +0 │ 0\.55 │ +– │ {word}", out)
    assert "threshold 0.5" not in out
    heading, *listed = out.splitlines()[-13:]
    assert heading == "Lowest scores on helpfulness, which only sort turns (none of these turns is flagged):"
    assert [listed[1], listed[7]] == [
        f"    b, turn 1: helpfulness 0.20 ({word})",
        f"    a, turn 1: helpfulness 0.90 ({word})",
    ]


def test_turns_below_a_threshold_come_before_the_lowest_of_other_maxims(runs):
    run = runs.add("x", {"a": 0.2, "b": 0.6})
    runs.store.keep_rubric(HARM)
    for number, (name, score) in enumerate((("a", 0.1), ("b", 0.3)), 1):
        runs.store.keep_judgement(
            run, number, HARM, Judgement(name, 1, "harm", score, None, None, Evidence(), "m", "s")
        )
    keep_trust(runs.store, "x", {HELP: "benchmarked"})
    lines = [line for line in runs("show").splitlines() if "urn" in line and "--turn" not in line]
    assert lines[-6:] == [
        "1 turn is below a threshold:",
        "  Turn 1 scores 0.20 on helpfulness; it has not been explained yet.",
        "    a, turn 1: helpfulness 0.20 (threshold 0.5, benchmarked)",
        "Lowest scores on harm, which only sort turns (none of these turns is flagged):",
        "  Turn 1 scores 0.30 on harm; it has not been explained yet.",
        "    b, turn 1: harm 0.30 (1 = harmless, unvalidated)",
    ]


def test_a_run_has_a_name_in_place_of_its_number(runs):
    runs.add("x", {"a": 0.2})
    assert runs("name", "1", "week 11") == "Run 1 is called 'week 11'.\n"
    assert "Run 1 (week 11): " in runs("show", "week 11")
    assert isinstance(runs("name", "1", "12", error=True), UsageError)
    assert runs("name", "week 11", "") == "Run 1 has no name.\n"
    assert "there is no run 'week 11'" in str(runs("show", "week 11", error=True))


def test_a_run_that_cannot_be_is_a_usage_error():
    result = CliRunner().invoke(cli, ["runs", "show", "0"])
    assert result.exit_code == 2
    assert "0 is not the number of a run; `convexplain runs list` lists them" in " ".join(result.output.split())


def test_two_judges_are_compared_on_the_same_texts(runs):
    """0.9, 0.4, 0.6 become 0.3, 0.8, 0.62: shifts -0.6, 0.4, 0.02, so their mean is -0.06."""
    runs.add("x", {"a": 0.9, "b": 0.4, "c": 0.6})
    runs.add("y", {"a": 0.3, "b": 0.8, "c": 0.62})
    for judge in ("x", "y"):
        keep_trust(runs.store, judge, {HELP: "benchmarked"})
    lines = runs("compare", "1", "2").splitlines()
    assert lines[:4] == [
        "Run 1 (judge-x) → Run 2 (judge-y)",
        "Both runs judged the same texts, so neither is better: their scores do not differ beyond chance.",
        "  helpfulness (benchmarked): cannot tell: the mean moved by -0.06 in only 3 conversations; 5 are needed to "
        "tell that from chance",
        "",
    ]
    # Deviations -0.54, 0.46, 0.08: sqrt(3 / 2 * 0.5096) / 3 = 0.29143, times 4.30265 (Student's t) is 1.2539.
    assert lines[4:] == [
        "Helpfulness",
        "  mean 0.63 → 0.57, difference -0.06 (95 % interval -1.31 to +1.19)",
        "  3 turns of 3 conversations; 1 went below the threshold 0.5, 1 rose above it",
        "  By more than the judges' noise (0.10, which is assumed: `convexplain judges noise` measures it), 1 fell and "
        "1 rose.",
        "  fell most:",
        "    a, turn 1: 0.90 → 0.30",
        "      Answer a.",
        "  rose most:",
        "    b, turn 1: 0.40 → 0.80",
        "      Answer b.",
        f"  More about a turn: convexplain explain 2 --rubric helpfulness --db {runs.db} --turn a:1",
        "",
        "How far to trust these scores",
        lines[-1],
    ]
    assert lines[-1].startswith("  helpfulness: benchmarked. The judge agrees with the reference set of convexplain")


def test_scores_that_are_not_trusted_are_not_counted_in_a_comparison(runs):
    runs.add("x", {"a": 0.9, "b": 0.4})
    runs.add("y", {"a": 0.3, "b": 0.8})
    lines = runs("compare", "1", "2").splitlines()
    assert "  2 turns of 2 conversations" in lines
    assert {"  fell most:", "  rose most:"} <= set(lines)
    for judge in ("x", "y"):
        keep_trust(runs.store, judge, {HELP: "no better"})
    lines = runs("compare", "1", "2").splitlines()
    assert lines[2] == (
        "  helpfulness (no better than chance): cannot tell: the judge is no better than chance here, so its scores "
        "say nothing about a change"
    )
    assert not {"  fell most:", "  rose most:"} & set(lines)


def bots(runs, before, after, reply=lambda name: f"Other answer {name}.", marks="xx"):
    """Two runs of one judge: the scores of two bots, by the conversations' ids."""
    for mark, scores, texts in zip(marks, (before, after), (lambda name: f"Answer {name}.", reply), strict=True):
        run = runs.store.begin_run(f"judge-{mark}", mark, {"logs": [str(texts)]}, [HELP]).id
        for name, score in scores.items():
            talk = Conversation(name, (Turn("user", "Hi"), Turn("assistant", texts(name))), "log.jsonl")
            judgement = Judgement(name, 1, "helpfulness", score, None, "Rude.", Evidence(), "m", "s")
            runs.store.keep_judgement(run, runs.store.keep_conversation(talk, run), HELP, judgement)


def test_the_answers_of_two_bots_are_both_shown(runs):
    bots(runs, {"a": 0.9}, {"a": 0.3}, lambda name: "No\x1b[2J" + "o" * 200)
    lines = runs("compare", "1", "2").splitlines()
    assert lines[1] == (
        "Cannot tell whether the chats got better or worse. The mean moved by -0.60 in only 1 conversation; 5 are "
        "needed to tell that from chance."
    )
    assert not [line for line in lines if "threshold" in line]
    at = lines.index("    a, turn 1: 0.90 → 0.30")
    assert lines[at + 1] == "      Turn 1: rude."
    assert lines[at + 2] == "      before: Answer a."
    assert lines[at + 3].startswith("      after: No\ufffd[2Jooo")
    assert lines[at + 3].endswith("o…")


def test_similar_answers_are_shown_as_a_word_difference(runs):
    bots(runs, {"a": 0.9}, {"a": 0.3}, lambda name: f"Answer {name}, sir.")
    assert "      changed: Answer a{+, sir+}." in runs("compare", "1", "2").splitlines()


SIX = "abcdef"


def gate(runs, *options):
    result = CliRunner().invoke(cli, ["runs", "compare", "1", "2", *options, "--db", runs.db], standalone_mode=False)
    assert result.exception is None, result.output
    return result.return_value, result


@pytest.mark.parametrize(
    ("after", "trust", "code", "words"),
    [
        (0.4, "benchmarked", 3, "FAILED: --fail-if-worse helpfulness: worse by 0.20 (95 % interval -0.24 to -0.16)."),
        (
            0.4,
            None,
            3,
            "FAILED: --fail-if-worse helpfulness: lower by 0.20 (95 % interval -0.24 to -0.16). Remark: unv",
        ),
        (0.8, "benchmarked", 0, "passed: --fail-if-worse helpfulness: better by 0.20"),
        # by less than the noise of the mean: 0.1 / sqrt(6) = 0.04
        (0.58, "benchmarked", 0, "passed: --fail-if-worse helpfulness: cannot tell: the change may be -0.06 to +0.02."),
    ],
)
def test_a_check_fails_where_the_second_run_is_worse(runs, after, trust, code, words):
    bots(runs, dict.fromkeys(SIX, 0.6), dict.fromkeys(SIX, after))
    if trust:
        keep_trust(runs.store, "x", {HELP: trust})
    returned, result = gate(runs, "--fail-if-worse", "helpfulness")
    assert returned == code
    assert words in " ".join(result.stderr.split())
    assert ("Exit code 3: run 2 is worse on helpfulness." in result.stderr) == bool(code)
    assert gate(runs)[0] == 0


def test_another_judge_is_no_regression(runs):
    bots(runs, dict.fromkeys(SIX, 0.6), dict.fromkeys(SIX, 0.2), marks="xy")
    code, result = gate(runs, "--fail-if-worse", "helpfulness")
    assert code == 0
    assert "cannot tell: another judge gave the scores of the second run, so a change may come from it." in " ".join(
        result.stderr.split()
    )


def test_a_comparison_as_json(runs):
    bots(runs, dict.fromkeys(SIX, 0.6), dict.fromkeys(SIX, 0.4))
    keep_trust(runs.store, "x", {HELP: "benchmarked"})
    code, result = gate(runs, "--fail-if-worse", "helpfulness", "--json")
    body = json.loads(result.stdout)
    assert (code, body["failed"], body["first"], body["second"]) == (3, ["helpfulness"], 1, 2)
    (maxim,) = body["maxims"]
    assert maxim["verdict"]["outcome"] == "worse"
    assert maxim["verdict"]["interval"] == pytest.approx([-0.2 - 0.1 / 6**0.5, -0.2 + 0.1 / 6**0.5])
    first = maxim["falls"][0]
    assert (first["text_before"], first["text_after"]) == ("Answer a.", "Other answer a.")
    assert (first["reason_after"], first["headline"]) == ("Rude.", "Turn 1: rude.")


def test_a_check_of_a_maxim_that_the_runs_lack(runs):
    bots(runs, {"a": 0.6}, {"a": 0.4})
    error = runs("compare", "1", "2", "--fail-if-worse", "harm", error=True)
    assert isinstance(error, UsageError)
    assert str(error) == "'harm' is not a maxim of both runs 1 and 2; these are helpfulness"


def test_runs_over_other_conversations_are_compared_by_their_averages(runs):
    """Six of 0.6 and six of 0.4: the difference is -0.2 in each draw; the noise of a mean of six is 0.04."""
    for mark, score in (("x", 0.6), ("x", 0.4)):
        run = runs.store.begin_run(f"judge-{mark}", mark, {"logs": [str(score)]}, [HELP]).id
        for number in range(6):
            name = f"{score}{number}"
            talk = Conversation(name, (Turn("user", f"Hi {name}"), Turn("assistant", "Ho")), "log.jsonl")
            judgement = Judgement(name, 1, "helpfulness", score, None, None, Evidence(), "m", "s")
            runs.store.keep_judgement(run, runs.store.keep_conversation(talk, run), HELP, judgement)
    keep_trust(runs.store, "x", {HELP: "benchmarked"})
    assert runs("compare", "1", "2").splitlines()[:-1] == [
        "Run 1 (judge-x) → Run 2 (judge-x)",
        "The runs have no conversation in common: only their averages are compared.",
        "Worse on helpfulness by 0.20 (95 % interval -0.24 to -0.16).",
        "  helpfulness (benchmarked): worse by 0.20 (95 % interval -0.24 to -0.16)",
        "",
        "Helpfulness",
        "  mean 0.60 → 0.40, difference -0.20 (95 % interval -0.20 to -0.20)",
        "  below the threshold 0.5: 0% of 6 turns in 6 conversations → 100% of 6 turns in 6 conversations",
        "",
        "How far to trust these scores",
    ]


def test_what_only_one_run_has_is_named(runs):
    runs.add("x", {"a": 0.9})
    both = runs.add("y", {"a": 0.9})
    judgement = Judgement("a", 1, "harm", 0.5, None, None, Evidence(), "m", "s")
    runs.store.keep_rubric(HARM)
    runs.store.keep_judgement(both, 1, HARM, judgement)
    assert "\nOnly run 2 has: harm\n" in runs("compare", "1", "2")
    runs.add("z", {"a": 0.9}, rubric=HARM)
    assert "no maxim in common" in str(runs("compare", "1", "3", error=True))


def test_a_run_is_deleted_after_a_question(runs, monkeypatch):
    runs.add("x", {"a": 0.2, "b": 0.6})
    keep_ratings(runs.store, [(TALKS["b"], Rating("b", 1, "helpfulness", 1.0))])
    assert "there is no terminal to ask; --yes deletes without asking" in str(runs("delete", "1", error=True))
    monkeypatch.setattr("convexplain.cli.runs.delete.has_terminal", lambda: True)
    files = "The files of the run stay (convexplain-out/run-1, where --out named no other folder)."
    stays = f"The conversations themselves are kept: 1. Labels of people are kept: 1. {files}"
    question = f"Run 1 has 2 judgements, 1 conversation that nothing else uses. {stays}"
    out = runs("delete", "1", input="n\n")
    assert out.startswith(question)
    assert out.endswith("Nothing was deleted.\n")
    assert runs.store.run(1).id == 1
    out = runs("delete", "1", input="y\n")
    assert out.endswith(question.replace("Run 1 has", "Run 1 was deleted, with").replace(" are ", " were ") + "\n")
    with pytest.raises(StoreError, match="no run 1"):
        runs.store.run(1)


def test_yes_asks_nothing(runs):
    runs.add("x", {"a": 0.2})
    assert runs("delete", "1", "--yes") == (
        "Run 1 was deleted, with 1 judgement, 1 conversation that nothing else uses. "
        "The files of the run stay (convexplain-out/run-1, where --out named no other folder).\n"
    )
    assert isinstance(runs("delete", "1", "--yes", error=True), StoreError)


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_what_has_no_score_is_asked_again(runs):
    refused = ["content filter"] * 2
    with FaultServer() as server:
        server.next_faults = [*refused]
        judge = f"{server.url}?model=stub&in_flight=1"
        Workspace(runs.store).analyze([TALKS["a"], TALKS["b"]], ["harm", "helpfulness"], judge, reasons="none")
        server.next_faults = ["", *refused[:1]]
        result = CliRunner(env={"COLUMNS": "100"}).invoke(
            cli, ["runs", "retry", "--db", runs.db], standalone_mode=False
        )
        assert result.return_value == 1
        assert "Run 1: 2 judgements had no score; 1 has one now." in result.output
        assert f"`convexplain report 1 --db {runs.db}` writes its files again." in " ".join(result.output.split())
        assert "1 reply has no score: " in result.output
        assert "content filter" in result.output
        assert "Run 1: 1 judgement had no score; 1 has one now." in runs("retry", "1")
        asked = len(server.prompts)
        assert runs("retry") == "Run 1: every judgement has a score. Nothing was asked.\n"
    assert (asked, len(server.prompts)) == (7, 7)  # 4 judgements, then the 2 and the 1 without a score


@pytest.mark.parametrize(("status", "code"), [("done", 0), ("stopped", 1)])
def test_a_retry_says_where_a_run_is_not_complete(runs, status, code):
    runs.add("x", {"a": 0.2, "b": 0.6}, status=status)  # all that is stored has a score
    result = CliRunner().invoke(cli, ["runs", "retry", "--db", runs.db], standalone_mode=False)
    assert result.return_value == code
    assert "Run 1: every judgement has a score. Nothing was asked." in result.stdout
    assert result.stderr == ("Exit code 1: Run 1 is not complete: the same analyze command goes on.\n" if code else "")


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_retry_of_a_stopped_run_does_not_make_it_complete(runs):
    with FaultServer() as server:
        server.next_faults = ["content filter"]
        judge = f"{server.url}?model=stub&in_flight=1"
        Workspace(runs.store).analyze([TALKS["a"]], ["harm"], judge, reasons="none")
        with runs.store.engine.begin() as connection:  # as if it had been stopped before its end
            connection.execute(sa.update(schema.runs).values(status="stopped"))
        result = CliRunner().invoke(cli, ["runs", "retry", "--db", runs.db], standalone_mode=False)
    assert "Run 1: 1 judgement had no score; 1 has one now." in result.stdout
    assert result.return_value == 1
    assert "Exit code 1: Run 1 is not complete: the same analyze command goes on." in result.stderr


def test_a_run_is_redacted_after_a_question(runs, monkeypatch, tmp_path):
    talk = Conversation(
        "d", (Turn("user", "I am Ann, a@b.example"), Turn("assistant", "Hello a@b.example")), "log.jsonl"
    )
    monkeypatch.setitem(TALKS, "d", talk)
    runs.add("x", {"a": 0.2, "d": 0.6})
    assert "there is no terminal to ask; --yes redacts without asking" in str(runs("redact", "1", error=True))
    monkeypatch.setattr("convexplain.cli.runs.redact.has_terminal", lambda: True)
    out = runs("redact", "1", input="n\n")
    assert out.startswith("Replace personal data in run 1 for good?")
    assert out.endswith("Nothing was changed.\n")
    (tmp_path / "names.txt").write_text("Ann")
    assert runs("redact", "0", "--yes", "--redact-names", str(tmp_path / "names.txt")) == (
        "Changed: 1 of 2 conversations. Replaced: e-mail 2, name 1. Runs with them: 1. "
        "Logs, reports and exports that were written, uploads of the dashboard with what their jobs wrote, and copies "
        "of the store, stay as they are.\n"
    )
    assert [turn.content for turn in list(runs.store.conversations(1))[1].turns] == [
        "I am [name 1], [e-mail 1]",
        "Hello [e-mail 1]",
    ]
    assert runs("redact", "1", "--yes").startswith("No personal data was found in 2 conversations. Logs,")
    assert json.loads(runs("redact", "1", "--yes", "--json"))["changed"] == 0
