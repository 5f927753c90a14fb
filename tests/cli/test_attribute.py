"""`convexplain attribute`, with scripted models in place of those that are named."""

import io
import json

import pytest
from rich.console import Console

from convexplain import Conversation, Turn
from convexplain.cli.show.attributions import show_attributions
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import ModelError, UnavailableError
from convexplain.explain.attribution import NOTHING_TO_ATTRIBUTE
from convexplain.store import RunStore, attributions
from convexplain.types import Unit
from tests.explain.test_attribution import attributed, both, either, empty, grumpy, scripted

from .test_contrast import LEGEND, NOISE, RESCORE, World, keep, talk


@pytest.fixture
def world(monkeypatch, capsys, tmp_path):
    return World(monkeypatch, capsys, tmp_path)


def kept(folder):
    store = RunStore(str(folder / "store.db"))
    found = list(attributions(store, store.run().id))
    store.close()
    return found


def test_what_the_score_hangs_on_is_shown_kept_and_written(world):
    keep(world.folder, {(talk("chat:1"), 3): 0.2})
    code, out, err = world.run("attribute")
    assert code == 0
    assert out.splitlines() == [
        "chat:1:3 helpfulness (unvalidated), rescore, clime: 0.20 (threshold 0.5), 0.90 without all turns before it, "
        "16 calls",
        "  turn 0 user          ~   0.20 without             Where is my parcel?",
        "  turn 1 assistant      -  0.90 without  ██████████ It left our depot on Monday.",
        "  turn 2 user          ~   0.20 without             And the address?",
        "  + raises the score, - lowers it, ~ no more than the judge's noise",
        LEGEND,
        "1 of 1 turn attributed.   Attributions: convexplain-out/run-1/attributions.jsonl   Store: "
        + str(world.folder / "store.db"),
    ]
    assert err.splitlines() == [NOISE, "1/1 explained, 17 calls"]
    ((_, conversation, found),) = kept(world.folder)
    rows = (world.folder / "convexplain-out" / "run-1" / "attributions.jsonl").read_text().splitlines()
    assert conversation.id == "chat:1"
    assert [one.level for one in found] == [json.loads(row)["level"] for row in rows] == ["turn", "sentence", "phrase"]
    assert json.loads(rows[0])["scores"] == list(found[0].scores)


def test_the_same_command_again_asks_nothing_and_shows_the_same(world):
    keep(world.folder, {(talk("a"), 3): 0.2})
    _, first, _ = world.run("attribute")
    asked = world.asked
    code, second, err = world.run("attribute")
    assert (code, second, world.asked) == (0, first, asked)
    assert err.splitlines()[-1] == "1/1 explained, 0 calls"
    world.run("attribute", "--method", "loo")
    assert len(kept(world.folder)) == 2


def test_no_infiller_is_opened_unless_it_is_wanted(world, monkeypatch):
    keep(world.folder, {(talk("a"), 3): 0.2})
    monkeypatch.setattr("convexplain.workspace.explainers.open_infiller", lambda name, cache: pytest.fail("opened"))
    assert world.run("attribute")[0] == 0
    monkeypatch.setattr("convexplain.workspace.explainers.open_infiller", lambda name, cache: world.fills)
    assert world.run("attribute", "--perturb", "infill", "--levels", "turn")[0] == 0
    assert world.fills.asked


def test_dry_run_says_how_much_and_asks_nothing(world):
    keep(world.folder, {(talk("a"), 3): 0.2})
    _, out, _ = world.run("attribute", "--levels", "turn,word", "--dry-run")
    # 3 for each of 3 turns, 3 for each word of the two longest (6 + 4) and of the reply (3), and one without all turns.
    assert out.splitlines() == [
        "Run 1: 1 turn to explain on 1 maxim with judge: at most 49 perturbed conversations to be judged. "
        "Nothing was asked."
    ]
    assert not world.asked


@pytest.mark.slow
def test_a_contrast_may_look_first_where_the_attribution_points(world):
    turns = (
        "Where is it?",
        " ".join(f"Word number {i} is here." for i in range(30)) + " It left our depot.",
        "Hm?",
        "No.",
    )
    keep(world.folder, {(talk("a", turns), 3): 0.2})
    assert world.run("attribute", "--levels", "turn,sentence,word")[0] == 0

    def calls(*options):
        world.run(*RESCORE, *options)
        return json.loads((world.folder / "convexplain-out" / "run-1" / "contrasts.jsonl").read_text())["calls"]

    assert calls("--prior") < calls()


def test_what_failed_is_said_and_asked_again(world):
    keep(world.folder, {(talk("a"), 3): 0.2})
    right = world.answer["judge"]
    world.answer["judge"] = lambda request: (
        right(request) if "parcel" in request.messages[0].content else ModelError("overloaded")
    )
    code, out, _ = world.run("attribute", "--levels", "turn", "--method", "loo")
    assert code == 1
    assert "  turn 0 user          ? " in out
    assert "note: overloaded" in out
    world.answer["judge"] = right
    code, out, _ = world.run("attribute", "--levels", "turn", "--method", "loo")
    assert code == 0
    assert "?  " not in out


def test_a_turn_without_units_is_no_failure(world):
    first = Conversation("first", (Turn("assistant", "Hello."), Turn("user", "Ah.")))
    keep(world.folder, {(first, 0): 0.2})
    code, _, err = world.run("attribute", "--turn", "first:0")
    assert (code, err, world.models) == (0, f"first:0 is left out: {NOTHING_TO_ATTRIBUTE}.\n", [])


def test_the_parts_of_the_reply_stand_under_its_turn(world):
    """Of a reply with nothing before it the word that the judge dislikes."""
    first = Conversation("first", (Turn("assistant", "It left our depot."), Turn("user", "Ah.")))
    keep(world.folder, {(first, 0): 0.2})

    def answer(request):
        reply = request.messages[0].content.rpartition("</conversation>")[0].rpartition("assistant:")[2]
        return {"yes": 0.2, "no": 0.8} if "left" in reply else {"yes": 0.9, "no": 0.1}

    world.answer["judge"] = answer
    code, out, _ = world.run("attribute", "--turn", "first:0", "--method", "loo")
    assert code == 0
    assert out.splitlines()[:6] == [
        "first:0 helpfulness (unvalidated), rescore, loo: 0.20 (threshold 0.5), 4 calls",
        "  turn 0 assistant (the reply)",
        "    word               ~   0.20 without             It",
        "    word                -  0.90 without  ██████████ left",
        "    word               ~   0.20 without             our",
        "    word               ~   0.20 without             depot.",
    ]
    _, _, err = world.run("attribute", "--turn", "first:0", "--responder", "bot")  # another answer has no such parts
    assert err == f"first:0 is left out: {NOTHING_TO_ATTRIBUTE}.\n"


def test_the_log_probability_of_the_logged_answer(world):
    keep(world.folder, {(talk("a"), 3): 0.2})
    world.answer["bot"] = lambda request: -5.0 if "depot" in str(request.messages) else -9.0
    code, out, _ = world.run(
        "attribute", "--scalarizer", "logprob", "--responder", "bot", "--levels", "turn", "--method", "loo"
    )
    assert code == 0
    assert out.splitlines()[0] == "a:3 helpfulness (unvalidated), rescore, loo: logprob -5.000, 4 calls"
    assert "turn 1 assistant      + -9.00 without  ██████████" in out


def test_a_prior_of_another_scalarizer_is_none(world):
    keep(world.folder, {(talk("a"), 3): 0.2})
    world.answer["bot"] = lambda request: -5.0
    world.run("attribute", "--scalarizer", "logprob", "--responder", "bot", "--levels", "turn")
    _, out, _ = world.run(*RESCORE, "--prior")
    assert "note: no attribution of this turn is kept" in out
    _, plain, _ = world.run(*RESCORE)  # the same search, but nothing was asked for that lacks
    assert "no attribution" not in plain
    _, again, _ = world.run(*RESCORE, "--prior")
    assert again == out


def test_a_judge_that_is_gone_ends_it_and_what_was_found_is_kept(world):
    keep(world.folder, {(talk("a"), 3): 0.2, (talk("b", ("Hi", "Ho", "Hu", "Ha")), 3): 0.3})
    right = world.answer["judge"]
    world.answer["judge"] = lambda request: (
        UnavailableError("gone") if "Hu" in request.messages[0].content else right(request)
    )
    code, _, err = world.run("attribute", "--levels", "sentence")
    assert code == 1
    assert "What was found until here is kept." in err
    assert len(kept(world.folder)) == 1


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--levels", "turn,chapter"), "valid are turn, sentence, phrase, word"),
        (("--levels", ""), "valid are turn, sentence, phrase, word"),
        (("--method", "shap"), "'clime', 'joint', 'loo', 'lshap'"),
        (("--share", "0"), "0<x<=1"),
        (("--share", "0.5", "--top", "1"), "--top means nothing with --share"),
        (("--mixed", "--levels", "turn"), "--mixed means nothing with one level"),
        (("--target", "Bananas"), "--target means nothing without --turn"),
        (("--target", "Bananas", "--turn", "a:3", "--check"), "--check means nothing with --target"),
        (("--target", "Apples", "--turn", "a:3", "--dry-run"), "target='Apples' is not valid: the reply does not"),
        (("--target", "an", "--turn", "a:3"), "the reply contains it 2 times"),
        (("--target", "Bananas", "--turn", "a:3", "--responder", "bot"), "each new reply is another text"),
        (
            ("--target", "Bananas", "--turn", "a:3", "--responder", "bot", "--scalarizer", "bertscore"),
            "not valid with scalarizer 'bertscore', which compares new replies",
        ),
        (("--k", "2"), "--k means nothing without --method joint"),
        (("--levels", "turn", "--top", "1"), "--top means nothing with one level"),
        (("--levels", "turn,word", "--phrases", "rules"), "--phrases means nothing without the level phrase"),
        (("--infiller", "embedded"), "--infiller means nothing without --perturb infill"),
        (("--levels", "word,turn"), "from coarse to fine"),
        (("--levels", "turn,turn"), "from coarse to fine"),
        (("--scalarizer", "logprob", "--check"), "--check means nothing with another --scalarizer than judge"),
        (("--scalarizer", "rouge", "--dry-run"), "scalarizer 'rouge' is not known"),
        (("--scalarizer", "bertscore", "--dry-run"), "name a responder"),
        (("--phrases", "nltk", "--dry-run"), "valid are: rules, spacy:PIPELINE"),
    ],
)
def test_usage_errors(world, args, words):
    keep(world.folder, {(talk("a"), 3): 0.2})
    code, _, err = world.run("attribute", *args)
    assert code == 2
    assert words in " ".join(err.split())
    assert not world.asked


# ---- what is shown


def shown(conversation, found, threshold=0.5):
    console = Console(file=io.StringIO(), width=200)
    show_attributions(console, conversation, found, threshold, "unvalidated")
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("score", "how", "alone"),
    [(both, "only together", "0.90"), (either, "as much alone as together (either is enough)", "0.20")],
)
def test_a_pair_of_turns_is_named_in_words(score, how, alone):
    attributions = attributed(scripted(score), levels=("turn",), method="surrogate")
    lines = shown(TALK, attributions).splitlines()
    assert lines[5].startswith("  Parts that count together (the effect of a part by itself, above, is a mean over ")
    assert lines[6] == (
        '    Turn 0, "Where is my parcel?", and turn 1, "Who knows, you grumpy lazy person. It may come.", lower the '
        f"score {how}: {alone} without the first, {alone} without the second, 0.90 without both."
    )


def test_joint_attribution_says_what_goes_together():
    model = scripted(lambda text: 0.2 if "parcel" in text or "look" in text else 0.9)
    found = attributed(model, levels=("turn",), method="joint", k=2)
    out = shown(TALK, found).splitlines()
    assert "0.90 without turns 0, 2 together" in out[0]
    assert out[4] == (
        "  + raises the score, - lowers it, ~ no more than the judge's noise, & only together with other parts, "
        "* chosen together"
    )
    assert [line[22:24] for line in out[1:4]] == ["*-", " -", "*-"] or [line[22] for line in out[1:4]] == [
        "*",
        " ",
        "*",
    ]


TALK = Conversation(
    "c",
    (
        Turn("user", "Where is my parcel?"),
        Turn("assistant", "Who knows, you grumpy lazy person. It may come."),
        Turn("user", "Please look again."),
        Turn("assistant", "Bananas are yellow."),
    ),
)


def test_text_from_a_log_is_text_only():
    talk_ = Conversation(
        "[red]x\x1b[2J", (Turn("user", "[bold]\x1b]0;t\x07\nline\u202e"), Turn("assistant", "grumpy"), TALK.turns[3])
    )
    out = shown(talk_, attributed(scripted(grumpy), talk=talk_, turn=2, levels=("turn",)))
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "[bold]" in out
    assert "[red]x" in out


def test_mixed_levels_are_shown_as_one_ranking():
    """The divided turn has the number of the level before, and parts are indented under it."""
    found = attributed(scripted(grumpy), levels=("turn", "sentence"), method="loo", top=1, mixed=True)
    assert shown(TALK, found).splitlines()[:7] == [
        "c:3 nice (unvalidated), rescore, loo: 0.20 (threshold 0.5), 0.90 without all turns before it, 9 calls",
        "  turn 0 user          ~   0.20 without             Where is my parcel?",
        "  turn 1 assistant: 0.90 without the whole turn",
        "    sentence            -  0.90 without  ██████████ Who knows, you grumpy lazy person.",
        "    sentence           ~   0.20 without             It may come.",
        "  turn 2 user          ~   0.20 without             Please look again.",
        "  turn 3 assistant (the reply)",
    ]


def test_a_target_is_named():
    found = attributed(scripted(grumpy), levels=("turn",), method="loo", target="are\nyellow")
    assert shown(TALK, found).splitlines()[0] == (
        'c:3 nice (unvalidated), rescore, loo, of the target "are yellow": 0.20 (threshold 0.5), 0.90 without all '
        "turns before it, 4 calls"
    )


def test_of_many_turns_those_that_do_most_are_shown():
    turns = tuple(Turn("user", f"Turn {i}") for i in range(100))
    units = tuple(Unit(i, 0, len(turn.content), "turn") for i, turn in enumerate(turns))
    values = {name: getattr(empty(), name) for name in empty().__slots__}
    one = type(empty())(**{**values, "turn": 100, "units": units, "scores": tuple(float(i) for i in range(100))})
    out = shown(Conversation("c", (*turns, TALK.turns[3])), [one])
    assert out.count("without") == 40
    assert "Turn 60" in out
    assert "Turn 59" not in out


def test_a_turn_that_could_not_be_attributed():
    found = attributed(ScriptedModel(ModelError("broken")), levels=("turn",))
    assert shown(TALK, found).splitlines() == ["c:3 nice (unvalidated), rescore, clime: not attributed", *(
        f"  note: {note}" for note in found[0].notes if "assumption" not in note
    )]  # fmt: skip
