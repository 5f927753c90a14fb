"""`convexplain contrast`, with scripted models in place of those that are named."""

import io
import json
import re

import pytest
from rich.console import Console

from convexplain import Conversation, Turn, load_rubric
from convexplain.cli.main import main
from convexplain.cli.show.contrasts import show_diff
from convexplain.cli.show.progress import ConsoleProgress
from convexplain.connectors.infillers import open_infiller
from convexplain.connectors.models import ScriptedModel
from convexplain.connectors.scorers import ScoreKind
from convexplain.errors import ModelError, UnavailableError, UsageError
from convexplain.models.chat import Spend
from convexplain.store import RunStore, contrasts
from convexplain.types import Evidence, Judgement
from tests.fake_editor import FakeEditor, open_fake_screen
from tests.fake_infiller import FakeInfiller
from tests.workspace.test_functions import answers, bananas, depot, safe_or_polite

WORDS = ("--search", "guided", "--any-text", "--placebo", "0")
RESCORE = ("contrast", "--question", "rescore", *WORDS)
TALK = ("Where is my parcel?", "It left our depot on Monday.", "And the address?", "Bananas are yellow.")
LEGEND = (
    "helpfulness: unvalidated. Nobody has compared this judge with people on this maxim. Use its scores to sort turns, "
    "not to count or to flag them."
)
NOISE = (
    "The noise of this judge was not measured: differences under 0.1 are taken for chance. "
    "`convexplain judges noise --judge judge --rubric helpfulness` measures it."
)


def talk(name, turns=TALK):
    roles = ("user", "assistant") * len(turns)
    return Conversation(name, tuple(Turn(role, text) for role, text in zip(roles, turns, strict=False)))


def keep(folder, scores, settings=None, judge="judge"):
    """A finished run in the store; `scores`: (conversation, turn) to score."""
    store, rubric = RunStore(str(folder / "store.db")), load_rubric("helpfulness")
    run = store.begin_run(judge, "f", settings or {}, [rubric])
    for (conversation, turn), score in scores.items():
        number = store.keep_conversation(conversation, run.id)
        judged = Judgement(conversation.id, turn, rubric.id, score, None, "why", Evidence(), judge, "s")
        store.keep_judgement(run.id, number, rubric, judged)
    store.end_run(run.id, "done", Spend())
    store.close()


def kept(folder):
    store = RunStore(str(folder / "store.db"))
    found = [contrast for _, contrast in contrasts(store, store.run().id)]
    store.close()
    return found


class World:
    """Everything that the command line reaches by name.

    Attributes:
        answer: name of a model to what it answers.
        models: every model that was opened, in order.
        fills: the infiller.
        editor: the editor, whatever its name.
    """

    def __init__(self, monkeypatch, capsys, folder):
        self.answer = {"judge": depot, "bot": answers}
        self.models = []
        self.fills = FakeInfiller()
        self.editor = FakeEditor()
        self.folder = folder
        self._monkeypatch, self._capsys = monkeypatch, capsys
        monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", self._open)
        monkeypatch.setattr("convexplain.workspace.explainers.open_infiller", lambda name, cache: self.fills)
        monkeypatch.setattr("convexplain.workspace.explainers.open_editor", lambda name, resources: self.editor)
        monkeypatch.setattr("convexplain.workspace.explainers.open_screen", open_fake_screen)
        monkeypatch.setenv("CONVEXPLAIN_DB", str(folder / "store.db"))
        monkeypatch.chdir(folder)

    def _open(self, name):
        self.models.append(ScriptedModel(lambda request: self.answer[name](request), name=name))
        return self.models[-1]

    @property
    def asked(self):
        return sum(len(model.requests) for model in self.models)

    def run(self, *args):
        """(exit code, stdout, stderr) of a command."""
        self._monkeypatch.setattr("sys.argv", ["convexplain", *map(str, args)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = self._capsys.readouterr()
        return end.value.code, out, err


@pytest.fixture
def world(monkeypatch, capsys, tmp_path):
    return World(monkeypatch, capsys, tmp_path)


# ---- turns of a run


def test_the_edit_is_shown_kept_and_written(world):
    """Four calls: all six words, the last three, of these the last two (not enough), the first; one before them."""
    keep(world.folder, {(talk("chat:1"), 3): 0.2})
    code, out, err = world.run(*RESCORE)
    assert code == 0
    assert out.splitlines() == [
        "chat:1:3 helpfulness (unvalidated), rescore: 0.20 → 0.90 (threshold 0.5) by 1 changed word.",
        "  turn 1, assistant: It left our [-depot-]{+lorry+} on Monday.",
        LEGEND,
        "1 contrast for 1 turn.   Contrasts: convexplain-out/run-1/contrasts.jsonl   Store: "
        + str(world.folder / "store.db"),
    ]
    assert err.splitlines() == [NOISE, "1/1 explained, 5 calls"]
    (found,) = kept(world.folder)
    (row,) = map(json.loads, (world.folder / "convexplain-out" / "run-1" / "contrasts.jsonl").read_text().splitlines())
    assert (found.found, found.calls, row["calls"], row["found"]) == (True, 4, 4, True)
    assert (found.conversation_id, row["conversation_id"]) == ("chat:1", "chat:1")


@pytest.mark.slow
def test_the_same_command_again_asks_nothing_and_shows_the_same(world):
    keep(world.folder, {(talk("a"), 3): 0.2})
    _, first, _ = world.run(*RESCORE)
    asked, filled = world.asked, len(world.fills.asked)
    code, second, err = world.run(*RESCORE)
    assert (code, second) == (0, first)
    assert (world.asked, len(world.fills.asked)) == (asked, filled)
    assert err.splitlines()[-1] == "1/1 explained, 0 calls"
    world.run(*RESCORE, "--seed", "1")  # another search, though the judge's replies are known
    assert len(world.fills.asked) > filled
    assert len(kept(world.folder)) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ([], ["c:3", "b:3", "a:3"]),  # the lowest three
        (["--worst", "1"], ["c:3"]),
        (["--below", "0.3"], ["c:3", "b:3"]),
        (["--turn", "b:3"], ["b:3"]),
        (["1", "--rubric", "helpfulness", "--worst", "1"], ["c:3"]),
    ],
)
def test_the_turns_that_were_asked_for_are_explained(world, options, shown):
    scores = {("a", 3): 0.4, ("b", 3): 0.2, ("c", 3): 0.1, ("a", 1): 0.8}
    keep(world.folder, {(talk(name), turn): score for (name, turn), score in scores.items()})
    code, out, _ = world.run(*RESCORE, *options)
    assert code == 0
    assert re.findall(r"^(\S+) helpfulness \(unvalidated\),", out, re.MULTILINE) == shown


@pytest.mark.slow
def test_unscored_turns_are_left_out_and_said(world):
    keep(world.folder, {(talk("a"), 3): 0.2, (talk("b"), 3): None, (talk("b"), 1): None})
    code, out, err = world.run(*RESCORE)
    assert code == 0
    assert "1 contrast for 1 turn." in out
    assert "2 turns without a score on helpfulness left out." in err
    code, out, err = world.run(*RESCORE, "--turn", "b:3")
    assert code == 1
    assert "b:3 has no score on helpfulness and is left out." in err
    assert "0 contrasts for 0 turns." in out
    code, out, err = world.run(*RESCORE, "--turn", "a:3")
    assert (code, "left out" in err) == (0, False)
    code, out, _ = world.run(*RESCORE, "--below", "0.1")
    assert code == 0
    assert out.startswith("No turn of run 1 was chosen")


def test_dry_run_counts_and_asks_nothing(world):
    keep(world.folder, {(talk("a"), 3): 0.2, (talk("b"), 3): 0.3})
    code, out, _ = world.run(*RESCORE, "--dry-run", "--budget", "7")
    assert code == 0
    assert out == (
        "Run 1: 2 turns to explain on 1 maxim with judge: at most 14 edited contexts (2 x 7) to be judged. "
        "Nothing was asked.\n"
    )
    assert (world.models, kept(world.folder), list(world.folder.glob("convexplain-out"))) == ([], [], [])


def test_a_kept_maxim_of_another_run_is_judged_and_shown(world):
    """The run has judged helpfulness only. Without the depot the reply is helpful and, as before, harmless."""
    keep(world.folder, {(talk("a"), 3): 0.2})
    code, out, err = world.run(*RESCORE, "--keep", "harm,manner_1")
    assert code == 0
    line = out.splitlines()[0]
    assert line.startswith("a:3 helpfulness (unvalidated), rescore: 0.20 → 0.90 (threshold 0.5) by 1 changed word; ")
    assert line.endswith("; keeps harm (0.20 → 0.90), manner_1 (0.20 → 0.90).")
    assert "convexplain judges noise --judge judge --rubric helpfulness --rubric harm --rubric manner_1`" in err
    (stored,) = kept(world.folder)
    assert set(stored.kept_scores) == {"harm", "manner_1"}
    asked = world.asked
    assert world.run(*RESCORE, "--keep", "harm,manner_1")[1] == out  # from the store
    assert world.asked == asked


def test_where_an_edit_lowers_a_kept_maxim_the_edits_are_listed(world):
    world.answer["judge"] = safe_or_polite
    keep(world.folder, {(talk("a"), 3): 0.2})
    code, out, _ = world.run(*RESCORE, "--keep", "harm")
    assert code == 0
    assert "without lowering harm in" in out.splitlines()[0]
    assert out.splitlines()[1:4] == [
        "  The best edit that was measured on all of these maxims:",
        "  1. helpfulness 0.20 -> 0.90, harm 0.90 -> 0.40, 1 word changed",
        "     turn 1, assistant: It left our [-depot-]{+lorry+} on Monday.",
    ]


def test_dry_run_counts_the_judgements_on_kept_maxims(world):
    """7 edited contexts; 2 placebos, each with two kept maxims; on these 8 edits for the list, and 4 draws before."""
    keep(world.folder, {(talk("a"), 3): 0.2})
    options = ("--dry-run", "--budget", "7", "--keep", "harm", "--keep", "manner_1")
    code, out, _ = world.run("contrast", "--question", "rescore", "--search", "guided", "--placebo", "2", *options)
    assert code == 0
    assert (
        f"at most {7 + 2 * 3 + 8 * 2 + 4 * 2} edited contexts (1 x 37, with those for kept maxims) to be judged" in out
    )


@pytest.mark.parametrize(("infiller", "code"), [("embedded", 0), ("nothing-like-it", 2)])
def test_the_infiller_of_the_editor_infill_may_be_named(world, monkeypatch, infiller, code):
    monkeypatch.setattr("convexplain.workspace.explainers.open_infiller", open_infiller)
    keep(world.folder, {(talk("a"), 3): 0.2})
    args = ("contrast", "--editor", "infill", "--infiller", infiller, "--dry-run")
    assert world.run(*args)[0] == code


@pytest.mark.parametrize(
    ("turns", "turn", "options", "words"),
    [
        (("...", "!?", "...", "!"), 3, RESCORE, "There is nothing to edit in the turns that may be edited"),
        (("...", "!?", "...", "!"), 3, ["contrast"], "There is nothing to edit in the reply"),
    ],
)
def test_nothing_to_edit_is_said(world, turns, turn, options, words):
    keep(world.folder, {(talk("a", turns), turn): 0.2})
    code, out, _ = world.run(*options, "--turn", f"a:{turn}")
    assert code == 0
    assert words in out.splitlines()[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "no earlier assistant turn"),
        (["--editable", "user"], "no earlier user turn"),
        (["--editable", "all"], "no earlier editable turn"),
    ],
)
def test_a_turn_with_none_before_it_opens_no_model(world, options, words):
    greeting = Conversation("a", (Turn("assistant", "Hello."), Turn("user", "Hi.")))
    keep(world.folder, {(greeting, 0): 0.2})
    code, out, err = world.run(*RESCORE, "--turn", "a:0", *options)
    assert (code, world.models) == (0, [])
    assert err == f"a:0 is left out: nothing to edit: {words}.\n"
    assert out.startswith("0 contrasts for 0 turns.")


@pytest.mark.slow
def test_turns_with_none_before_them_are_counted(world):
    keep(world.folder, {(talk("a"), 3): 0.2, (talk("b"), 1): 0.1, (talk("c"), 1): 0.1})
    code, out, err = world.run(*RESCORE, "--below", "0.5")
    assert code == 0
    assert err.splitlines()[0] == "2 turns left out: nothing to edit: no earlier assistant turn."
    assert "1 contrast for 1 turn." in out


def test_an_infiller_without_ideas_is_named(world):
    keep(world.folder, {(talk("a"), 3): 0.2})
    world.fills = FakeInfiller(lambda masked: [])
    _, out, _ = world.run(*RESCORE)
    assert "rescore: No text was proposed for an edit.\n" in out


def test_without_a_contrast_the_largest_movement_is_shown(world):
    keep(world.folder, {(talk("a"), 3): 0.2})
    up, down = {"yes": 0.3, "no": 0.7}, {"yes": 0.2, "no": 0.8}
    world.answer["judge"] = lambda request: up if "lorry" in request.messages[0].content else down
    code, out, _ = world.run(*RESCORE, "--budget", "2")
    assert code == 0
    head, *_ = out.splitlines()
    assert head == (
        "a:3 helpfulness (unvalidated), rescore: No edit moved the score from 0.20 to 0.60 (threshold 0.5 and a margin "
        "of 0.1 for noise) in 2 tries; the best reached 0.30."
    )
    assert "lorry" not in out  # the text that did not do stays in the file


def test_with_a_responder_both_responses_are_shown(world):
    keep(world.folder, {(talk("a"), 3): 0.1})
    world.answer["judge"] = bananas
    code, out, _ = world.run("contrast", *WORDS, "--responder", "bot")
    assert code == 0
    head, *rest = out.splitlines()
    assert head.startswith(
        "a:3 helpfulness (unvalidated), regenerate: 0.10 → 0.80, measured again 0.80 (threshold 0.5) by 1 changed "
        "word; "
    )
    assert rest[:-1] == [
        "  turn 1, assistant: It left our [-depot-]{+lorry+} on Monday.",
        "  response before: Bananas.",
        "  response after: To your office.",
        LEGEND,
    ]
    assert [model.name for model in world.models] == ["judge", "bot"]


def test_one_model_serves_as_judge_and_responder(world):
    keep(world.folder, {(talk("a"), 3): 0.1})
    world.answer["judge"] = lambda request: bananas(request) if request.labels else answers(request)
    _, out, _ = world.run("contrast", *WORDS, "--responder", "judge")
    assert "regenerate: 0.10 → 0.80" in out
    assert [model.name for model in world.models] == ["judge"]


def test_the_goal_and_the_judge_can_be_others_than_the_runs(world):
    keep(world.folder, {(talk("a"), 3): 0.2}, {"samples": 3})
    world.answer["other"] = lambda request: (
        {"yes": 0.9, "no": 0.1} if "depot" in request.messages[0].content else {"no": 1}
    )
    code, out, _ = world.run(*RESCORE, "--judge", "other", "--goal", "worsen", "--delta", "0.5")
    assert code == 0
    assert "rescore: 0.90 → 0.00 (worsen by 0.5) by 1 changed word" in out
    assert [model.name for model in world.models] == ["other"]
    assert all(request.temperature == 0 for request in world.models[0].requests)  # samples were for the run's own judge


@pytest.mark.slow
def test_the_runs_own_judge_draws_samples_as_it_did(world):
    keep(world.folder, {(talk("a"), 3): 0.2}, {"samples": 2})
    _, out, _ = world.run(*RESCORE)
    assert (
        "rescore: 0.00 → 1.00, measured again 1.00 (threshold 0.5) by 1 changed word" in out
    )  # the most probable label each time
    assert {request.temperature for request in world.models[0].requests} == {1.0}


@pytest.mark.slow
def test_a_judge_that_cannot_be_read_makes_the_exit_code_1(world):
    keep(world.folder, {(talk("a"), 3): 0.2})
    world.answer["judge"] = lambda request: ModelError("what?")
    code, out, _ = world.run(*RESCORE)
    assert code == 1
    assert re.search(r"^a:3 helpfulness \(unvalidated\), rescore: The turn could not be scored: .*what\?", out)
    world.answer["judge"] = depot
    code, out, _ = world.run(*RESCORE)
    assert code == 0
    assert "0.20 → 0.90" in out


@pytest.mark.slow
def test_when_a_model_is_gone_the_same_command_goes_on(world):
    keep(world.folder, {(talk("a"), 3): 0.1, (talk("b", (*TALK[:2], "b?", TALK[3])), 3): 0.2})
    gone = UnavailableError("the judge is gone")
    world.answer["judge"] = lambda request: gone if "b?" in request.messages[0].content else depot(request)
    code, out, err = world.run(*RESCORE)
    assert code == 1
    assert "a:3 helpfulness (unvalidated), rescore: 0.20 → 0.90" in out
    assert "What was found until here is kept." in err
    assert "Error: the judge is gone" in err
    assert len((world.folder / "convexplain-out" / "run-1" / "contrasts.jsonl").read_text().splitlines()) == 1
    world.answer["judge"] = depot
    filled = [hole.context for hole in world.fills.asked]
    code, out, _ = world.run(*RESCORE)
    assert code == 0
    assert "2 contrasts for 2 turns." in out
    assert len(world.fills.asked) - len(filled) <= 6  # the six words of b's turn; a's search was not made again
    assert len((world.folder / "convexplain-out" / "run-1" / "contrasts.jsonl").read_text().splitlines()) == 2


@pytest.mark.slow
def test_what_was_written_stays_where_nothing_is_found(world):
    keep(world.folder, {(talk("a"), 3): 0.2})
    file = world.folder / "convexplain-out" / "run-1" / "contrasts.jsonl"
    assert world.run(*RESCORE)[0] == 0
    written = file.read_text()
    assert written
    code, out, _ = world.run(*RESCORE, "--below", "0.1")  # no such turn
    assert (code, "contrasts.jsonl" in out) == (0, False)
    world.answer["judge"] = lambda request: UnavailableError("the judge is gone")
    assert world.run(*RESCORE, "--seed", "1", "--goal", "improve", "--delta", "0.3", "--editable", "all")[0] == 1
    assert file.read_text() == written


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--turn", "a:99999999999999999999"], "--turn 'a:99999999999999999999' is not valid"),
        (["99999999999999999999"], "99999999999999999999 is not the number of a run"),
        (["--below", "nan"], "nan is not in the range 0<=x<=1"),
        (["--delta", "2"], "--delta 2.0 is not valid; it must be in [0, 1]"),
        (["--pareto"], "--pareto needs --keep"),
        (["--keep", "harm,helpfulness"], "keep='helpfulness' is not valid: the search is to change that maxim's score"),
        (["--keep", "harm,"], "keep='' is not valid; valid are helpfulness, harm"),
        (["--keep", "kindness"], "keep='kindness' is not valid; valid are helpfulness, harm"),
    ],
)
def test_options_that_cannot_be_meant(world, options, words):
    keep(world.folder, {(talk("a"), 3): 0.2})
    code, _, err = world.run(*RESCORE, *options)
    assert (code, words in " ".join(err.split())) == (2, True)
    assert world.models == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--below", "0.5", "--worst", "1"], 2, "--below, --turn and --worst exclude each other"),
        (["--turn", "a3"], 2, "write CONVERSATION:N"),
        (["--turn", "a:-1"], 2, "write CONVERSATION:N"),
        (["--turn", "b:3"], 2, "--turn b:3: run 1 has judged no such turn on helpfulness"),
        (["--turn", "a:0"], 2, "run 1 has judged no such turn on helpfulness; of a it has judged 3"),
        (["--rubric", "harm"], 2, "run 1 was not judged by it; it was by helpfulness"),
        (["7"], 1, "there is no run 7"),
        (["--goal", "improve"], 2, "goal='improve' needs a delta"),
        (["--responder", "bot"], 2, "--responder: with --question rescore no model answers again"),
        (["--question", "regenerate"], 2, "--question regenerate needs --responder"),
        (["--question", "revise", "--editable", "user"], 2, "--editable means nothing with --question revise"),
        (["--search", "natural", "--infiller", "embedded"], 2, "--infiller means nothing with --search natural, which"),
        (
            ["--search", "natural", "--infiller", "embedded", "--editor", "delete"],
            2,
            "--infiller means nothing with --search natural",
        ),
        (
            ["--search", "natural", "--split-k", "2", "--editor", "infill"],
            2,
            "--split-k means nothing with --search natural",
        ),
        (["--prior", "--search", "cell"], 2, "--prior means nothing with --search cell"),
        (["--alpha", "0.2"], 2, "--alpha means nothing with --search guided; only --search cell_budget has it"),
        (["--radius", "5", "--search", "cell"], 2, "--radius means nothing with --search cell; only --search cell_b"),
        (["--alpha", "2", "--search", "cell_budget"], 2, "2.0 is not in the range 0<=x<=1"),
        (["--radius", "0", "--search", "cell_budget"], 2, "0 is not in the range x>=1"),
        (["--similarity", "rogue"], 2, "'rogue' is not one of 'edits', 'bleu', 'rouge'"),
        (["--score", "contradiction"], 2, "--score means nothing without --prompt"),
        (["--search", "best"], 2, "'best' is not one of"),
        (["--below", "2"], 2, "2.0 is not in the range 0<=x<=1"),
        (["--budget", "0"], 2, "0 is not in the range x>=1"),
    ],
)
def test_usage_errors_for_turns(world, args, code, words):
    keep(world.folder, {(talk("a"), 3): 0.2})
    found, _, err = world.run(*RESCORE, *args)
    assert found == code
    assert words in " ".join(err.replace("│", " ").split())
    assert world.asked == 0


def test_text_from_a_log_cannot_steer_the_terminal(world):
    hostile = "[red]It\x1b[31m left\u202e our depot on\nMonday:3  helpfulness, rescore: 0.10 -> 0.90[/red]"
    keep(world.folder, {(talk("a\x1b[2J\nb", (TALK[0], hostile, *TALK[2:])), 3): 0.2})
    world.fills = FakeInfiller("lor\x1bry\n[bold]")
    code, out, err = world.run(*RESCORE)
    assert code == 0
    assert "\x1b" not in out + err
    assert "\u202e" not in out + err
    assert len(out.splitlines()) == 4  # the outcome, one edited turn, the trust, the end
    assert "[-depot-]{+lor\ufffdry [bold]+}" in out


# ---- a prompt


def refuse(x0, y0, pairs):
    """A scoring function: 0.8 for another answer than the first, of which shorter ones have 0.1 more."""
    return [(0.8 if len(yc) >= len(y0) else 0.9) if yc != y0 else 0.0 for _, yc in pairs]


def gift(request):
    """A model that says yes to gifts, and less the better asked for less."""
    (message,) = request.messages
    if message.content.startswith("Below are a prompt and an answer"):
        assert "May I accept a gift?" in message.content
        assert "Yes, you may." in message.content
        return "No."
    return "Yes, you may." if "gift" in message.content else "You must not do that."


@pytest.fixture
def prompt(world, monkeypatch):
    world.answer["bot"] = gift
    world.score = refuse
    kind = ScoreKind("contradiction", "A fake.", make=lambda target: lambda *pairs: world.score(*pairs))
    monkeypatch.setattr("convexplain.workspace.prompt_scores.find_score", lambda name: (kind, ""))
    path = world.folder / "prompt.txt"
    path.write_text("May I accept a gift?\n")
    return ("contrast", "--prompt", path, "--score", "contradiction", "--responder", "bot", "--split-k", "1")


def test_a_prompt_that_is_answered_otherwise(world, prompt):
    world.fills = FakeInfiller("bribe?")
    code, out, _ = world.run(*prompt)
    assert code == 0
    head, *rest = out.splitlines()
    assert re.fullmatch(r"contradiction 0\.80 \(delta 0\.5\), 1 edit, \d+ calls", head)
    assert rest == [
        "  prompt: May I accept a [-gift?-]{+bribe?+}",
        "  response before: Yes, you may.",
        "  response after: You must not do that.",
    ]
    asked = world.asked
    assert world.run(*prompt) == (code, out, "")
    assert world.asked == asked  # replies are kept in the store


def test_the_baseline_asks_the_model_outright(world, prompt):
    code, out, _ = world.run(*prompt, "--baseline")
    assert code == 0
    assert out.splitlines()[-1] == "  baseline (contradiction 0.90, asked outright): No."


def test_a_judge_compares_the_answers_in_both_orders(world, prompt):
    """A judge that always prefers A by 0.4, and the answer with "may" by 0.2 more: (0.6 - 0.2) / 2 ahead, and 0.0."""

    def compare(request):
        pair = request.messages[0].content.rpartition("Now compare these:")[2]
        lead = 0.4 + 0.2 * ("A: Yes, you may." in pair) - 0.2 * ("B: Yes, you may." in pair)
        return {"A": (1 + lead) / 2, "B": (1 - lead) / 2}

    world.fills = FakeInfiller("bribe?")
    world.answer["judge"] = compare
    code, out, _ = world.run(*prompt, "--baseline", "--judge", "judge")
    assert code == 0
    assert out.splitlines()[-1] == (
        "  beside the answer after, by judge in both orders: the first answer is more helpful (+0.20); the baseline's "
        "answer is about as helpful (+0.00)"
    )
    code, out, _ = world.run(*prompt, "--baseline", "--judge", "judge", "--dry-run")
    assert "and at most 4 questions to judge to compare answers (21 where it gives no label probabilities)" in out


def test_the_standard_input_is_a_prompt(world, prompt, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"A gift, perhaps?"), encoding="utf-8"))
    args = [*prompt]
    args[2] = "-"
    _, out, _ = world.run(*args)
    assert "  prompt: A [-gift,-]{+lorry+} perhaps?" in out


def test_a_chat_model_compares_the_answers(world, prompt, monkeypatch):
    """Without weights the model that is explained does it, and a note says so; each answer is asked about both ways."""
    monkeypatch.undo()
    world = World(monkeypatch, world._capsys, world.folder)

    def no_weights(source, *args):
        raise UnavailableError("no such weights")

    def compare(request):
        pair = request.messages[0].content.rpartition("Now compare these:")[2]
        p = 0.9 if "must not" in pair and "may" in pair else 0.1
        return {"contradiction": p, "neutral": 1 - p}

    monkeypatch.setattr("convexplain.connectors.scorers.nli.NLIModel.contradiction", no_weights)
    world.answer["bot"] = lambda request: compare(request) if request.labels else gift(request)
    world.answer["nli"] = compare
    world.fills = FakeInfiller("bribe?")
    code, out, _ = world.run(*prompt)
    assert code == 0
    assert out.startswith("contradiction 0.80 (delta 0.5), 1 edit")  # 0.9 both ways, less 0.1
    assert out.splitlines()[-1] == (
        "  note: contradiction was scored by bot, the model that is explained, because the paper's weights cannot be "
        "had here (no such weights). contradiction:chat=MODEL takes another chat model"
    )
    for score, asked in (("contradiction:chat", 1), ("contradiction:chat=nli", 2)):
        before = len(world.models)
        code, out, _ = world.run(*prompt[:4], score, *prompt[5:])
        assert code == 0
        assert "note:" not in out
        assert len(world.models) - before == asked


def test_the_plan_of_a_prompt_opens_the_model_that_scores(world, prompt, monkeypatch):
    monkeypatch.undo()
    world = World(monkeypatch, world._capsys, world.folder)
    code, out, _ = world.run(*prompt, "--dry-run")
    assert (code, out) == (
        0,
        "At most 51 answers of bot, each scored by contradiction, and at most 101 questions to bot for the scores "
        "(506 where it gives no label probabilities) if the weights of the paper cannot be had. Nothing was asked.\n",
    )
    code, _, err = world.run(*prompt[:4], "contradiction:chat=", *prompt[5:], "--dry-run")
    assert code == 2
    assert "names no model" in err


def test_the_options_of_cell_budget_reach_the_search(world, prompt, monkeypatch):
    asked = {}

    async def search(name, text, *, respond, infill, score, delta, **options):
        asked.update(options, search=name)
        raise UsageError("seen")

    monkeypatch.setattr("convexplain.workspace.prompt_contrasts.asearch", search)
    world.run(*prompt, "--search", "cell_budget", "--alpha", "0.25", "--radius", "5", "--similarity", "rouge")
    expected = {"search": "cell_budget", "alpha": 0.25, "radius": 5, "similarity": "rouge"}
    assert {name: asked[name] for name in expected} == expected


def test_many_prompts_and_their_table(world, prompt, monkeypatch):
    """Of three prompts one has a contrast, one has nothing that crosses, one is not answered; one line is bad."""

    async def no_embedding():
        return None

    monkeypatch.setattr("convexplain.workspace.methods.prompts.prompt_embedding", no_embedding)
    world.fills = FakeInfiller("bribe?")
    world.answer["bot"] = lambda request: (
        ModelError("oops") if "parcel" in request.messages[-1].content else gift(request)
    )
    (world.folder / "many.jsonl").write_text(
        '{"prompt": "May I accept a gift?", "id": "gift"}\n{"prompt": "My parcel?", "id": "par[red]cel"}\n'
        '{"prompt": "May I not?"}\n{"text": "?"}\n'
    )
    (world.folder / "rules.txt").write_text("The rules.\n")
    many = ("contrast", "--prompts", "many.jsonl", "--context", "rules.txt", *prompt[3:])
    code, out, err = world.run(*many)
    assert code == 1
    assert "! many.jsonl:4: it has no key prompt; its keys are: text\n" in err
    assert "not used" not in err
    lines = out.splitlines()
    assert re.fullmatch(r"gift: contradiction 0\.80 \(delta 0\.5\), 1 edit, \d+ calls", lines[0])
    assert lines[1] == "  prompt: May I accept a [-gift?-]{+bribe?+}"
    assert "par[red]cel: not answered: bot: oops" in lines
    assert any(line.startswith("3: no contrast within") for line in lines)
    assert re.search(r"flip rate: prompts with a contrast\W+0\.50\W+2\b", out)
    folder = world.folder / "convexplain-out" / "prompts-many"
    assert lines[-1] == (
        "3 prompts, 1 not answered, 1 line not read.   Contrasts: convexplain-out/prompts-many/prompt_contrasts.jsonl "
        "convexplain-out/prompts-many/prompt_contrasts.csv"
    )
    bodies = [json.loads(line) for line in (folder / "prompt_contrasts.jsonl").read_text().splitlines()]
    assert [(body["id"], body["document"]) for body in bodies] == [
        ("gift", "The rules."), ("par[red]cel", "The rules."), ("3", "The rules."),
    ]  # fmt: skip
    requests = [request for model in world.models for request in model.requests]
    assert all(request.messages[-1].content.startswith("The rules.\n\n") for request in requests)


def test_a_part_without_a_word_is_named_as_what_has_nothing_to_edit(world, prompt, monkeypatch):
    async def no_embedding():
        return None

    monkeypatch.setattr("convexplain.workspace.methods.prompts.prompt_embedding", no_embedding)
    world.answer["bot"] = gift
    (world.folder / "many.jsonl").write_text('{"prompt": "May I accept a gift - now?", "editable": "-"}\n')
    _, out, _ = world.run("contrast", "--prompts", "many.jsonl", *prompt[3:])
    assert out.splitlines()[0] == "1: nothing to edit: no word in the part that may be edited"


def test_the_plan_of_many_prompts(world, prompt, monkeypatch):
    monkeypatch.undo()
    world = World(monkeypatch, world._capsys, world.folder)
    (world.folder / "many.txt").write_text("May I accept a gift?\nAnd a cake?\n")
    code, out, _ = world.run("contrast", "--prompts", "many.txt", *prompt[3:], "--budget", "9", "--dry-run")
    assert code == 0
    assert out.startswith("At most 20 answers of bot (2 prompts x 10), each scored by contradiction, and at most 38 q")
    assert world.asked == 0


@pytest.mark.parametrize(
    ("score", "options", "questions"),
    [
        ("contradiction:chat", (), "101 questions to bot for the scores (506"),  # 1 of the first answer, 2 of 50 more
        ("contradiction:chat", ("--baseline",), "103 questions to bot for the scores (516"),
        ("contradiction:chat=nli", ("--budget", "3"), "7 questions to nli for the scores (36"),  # 5 samples, 1 in vain
        ("contradiction-difference:chat", ("--budget", "3"), "7 questions to bot for the scores (36"),
        ("preference:chat", ("--budget", "3"), "6 questions to bot for the scores (31"),
        ("bleu-summ", (), ""),
        ("contradiction:folder", (), ""),
        ("preference:folder", (), ""),
    ],
)
def test_the_plan_of_a_prompt_counts_the_questions_for_the_scores(world, prompt, score, options, questions):
    code, out, _ = world.run(*prompt[:4], score, *prompt[5:], *options, "--dry-run")
    count = 1 + (3 if "--budget" in options else 50) + ("--baseline" in options)
    text = f"At most {count} answers of bot, each scored by {score}"
    text += f", and at most {questions} where it gives no label probabilities)" if questions else ""
    assert (code, out) == (0, f"{text}. Nothing was asked.\n")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--prompts", "many.txt", "--prompt", "prompt.txt"], "--prompt and --prompts: name one of them"),
        (["--prompts", "empty.txt"], "the file is empty"),
        (["--prompts", "none.txt"], "'none.txt' does not exist"),
        (["--prompts", "many.txt", "--worst", "2"], "--worst means nothing with --prompt or --prompts"),
        (["--prompts", "many.txt", "--search", "natural"], "--search natural edits conversations"),
        (["--prompt", "prompt.txt", "--out", "x"], "--out means nothing with --prompt"),
        (["--system", "many.txt"], "--system means nothing without --prompt or --prompts"),
    ],
)
def test_usage_errors_for_many_prompts(world, prompt, args, words):
    (world.folder / "many.txt").write_text("May I accept a gift?\n")
    (world.folder / "empty.txt").write_text("\n")
    code, _, err = world.run("contrast", *args, *prompt[3:7])
    assert code == 2
    assert words in " ".join(err.replace("│", " ").split())


def test_words_are_edited_three_at_a_time_unless_told(world, prompt):
    world.fills = FakeInfiller("lorry and cart")
    world.run(*prompt[:-2])
    assert {hole.old for hole in world.fills.asked} == {"May I accept", "a gift?"}


def test_no_contrast_shows_the_highest_score(world, prompt):
    code, out, _ = world.run(*prompt, "--delta", "0.95", "--budget", "4")
    assert code == 0
    assert out.startswith("no contrast within 4 calls (delta 0.95); the highest contradiction was 0.80\n")


def test_a_responder_that_fails_now_and_then(world, prompt):
    world.answer["bot"] = lambda request: (
        gift(request) if "accept" in request.messages[0].content else ModelError("oops")
    )
    code, out, _ = world.run(*prompt)
    assert code == 1  # something could not be scored
    assert "contradiction 0.80" in out


@pytest.mark.parametrize(
    ("answer", "words"), [(ModelError("oops"), "bot: oops"), ("", "its answer to the prompt is empty")]
)
def test_a_responder_without_an_answer(world, prompt, answer, words):
    world.answer["bot"] = lambda request: answer
    code, _, err = world.run(*prompt)
    assert code == 1
    assert words in err
    assert world.fills.asked == []


def test_usage_errors_for_a_prompt(world, prompt, monkeypatch):
    (world.folder / "empty.txt").write_text(" \n")
    monkeypatch.undo()
    for args, words in (
        (
            ("--prompt", world.folder / "empty.txt", "--score", "bleu-summ", "--responder", "embedded"),
            "the file is empty",
        ),
        (("--prompt", world.folder / "none.txt", "--score", "bleu-summ", "--responder", "embedded"), "none.txt"),
        (("--prompt", prompt[2], "--score", "bleu", "--responder", "embedded"), "valid are: bleu-summ, contradiction"),
        (("--prompt", prompt[2], "--responder", "embedded"), "--prompt needs --score and --responder"),
        (("--prompt", prompt[2], "--worst", "2"), "--worst means nothing with --prompt"),
    ):
        monkeypatch.setattr("sys.argv", ["convexplain", "contrast", *map(str, args)])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 2
        assert words in world._capsys.readouterr().err


# ---- what is shown


def shown(width=200, **options):
    return Console(file=io.StringIO(), width=width, **options)


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("a b c", "a x c", "a [-b-]{+x+} c"),
        ("a b c", "a c", "a [-b-] c"),
        ("a c", "a b c", "a {+b+} c"),
        ("a b c d", "x y c z", "[-a b-]{+x y+} c [-d-]{+z+}"),
        ("a", "a", "a"),
        ("a\nb  c", "a\nb  d", "a b [-c-]{+d+}"),
        ("[-x-] b", "[-x-] {+b+}", "[-x-] [-b-]{+{+b+}+}"),
    ],
)
def test_a_word_diff(before, after, line):
    console = shown()
    show_diff(console, "turn 1, user", before, after)
    assert console.file.getvalue() == f"  turn 1, user: {line}\n"


def test_a_long_text_is_shortened_around_its_changes():
    words = [f"w{i}" for i in range(100)]
    changed = [*words]
    changed[50] = "x"
    changed[99] = "y"
    console = shown(width=10_000)
    show_diff(console, "t", " ".join(words), " ".join(changed))
    expected = ["…", *words[38:50], "[-w50-]{+x+}", *words[51:63], "…", *words[87:99], "[-w99-]{+y+}"]
    assert console.file.getvalue() == f"  t: {' '.join(expected)}\n"


def test_in_a_terminal_removed_words_are_red_and_struck_and_added_ones_green():
    console = shown(force_terminal=True, color_system="standard", legacy_windows=False, _environ={})
    show_diff(console, "t", "a b c", "a x c")
    assert console.file.getvalue() == "  t: a \x1b[9;31mb\x1b[0m \x1b[32mx\x1b[0m c\n"
    console = shown(force_terminal=True, color_system="standard", legacy_windows=False, _environ={"NO_COLOR": "1"})
    show_diff(console, "t", "a b c", "a x c")
    assert console.file.getvalue() == "  t: a [-b-]{+x+} c\n"


def test_in_a_terminal_results_come_above_the_bar():
    console = shown(width=100, force_terminal=True, legacy_windows=False, _environ={})
    progress = ConsoleProgress(console)
    progress.begin("explaining", 2)
    progress.doing("[red]a:3 helpfulness")
    progress.spent(Spend(calls=3, cached=1), Spend(calls=4, failures=2))
    with progress.paused():
        console.print("a result")
    progress.advance()
    progress.end()
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", console.file.getvalue())
    assert "now [red]a:3 helpfulness, 7 calls, 1 from cache, 2 failed" in text
    assert "a result\n" in text
    assert re.search(r"1/2 explained, 7 calls, 1 from cache, 2 failed, about \d+ s left$", text.rstrip())


def test_elsewhere_a_line_comes_every_ten_seconds(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("convexplain.cli.show.progress.time.monotonic", lambda: now[0])
    console = shown()
    progress = ConsoleProgress(console)
    progress.begin("explaining", 2)
    for second in range(0, 25):
        now[0] = 100.0 + second
        progress.doing("a:3 helpfulness")
        progress.spent(Spend(calls=second))
    progress.end()
    assert console.file.getvalue().splitlines() == [
        "0/2 explained, now a:3 helpfulness, 10 calls",
        "0/2 explained, now a:3 helpfulness, 21 calls",
        "0/2 explained, now a:3 helpfulness, 24 calls",
    ]
