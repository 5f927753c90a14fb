"""`convexplain export`, with scripted models in place of those that are named; and the way there and back of logs."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain import Conversation, Turn, load_rubric, read_log
from convexplain.cli.main import main
from convexplain.connectors.models import ScriptedModel
from convexplain.connectors.training import EXPORTERS, write_conversations
from convexplain.store import (
    Review,
    RunStore,
    keep_contrast,
    keep_conversations,
    keep_review,
    reviews,
    scored_places,
    scored_turns,
)
from convexplain.types import Evidence, Judgement
from tests.explain.test_pairs import TALK, contrast
from tests.reviewed_contrasts import accept_all


@pytest.fixture
def world(monkeypatch, capsys, tmp_path):
    """A store with a run on TALK; runs commands; remembers the models that were opened."""

    class World:
        folder = tmp_path
        answer = staticmethod(lambda request: {"yes": 0.5, "no": 0.5})

        def keep(self, *some, settings=None, accepted=True):
            store, rubric = RunStore(str(tmp_path / "s.db")), load_rubric("helpfulness")
            run = store.begin_run("judge", "f", settings or {}, [rubric])
            number = store.keep_conversation(TALK, run.id)
            judged = Judgement("c1", 5, rubric.id, 0.2, None, "why", Evidence(), "judge", "s")
            store.keep_judgement(run.id, number, rubric, judged)
            (turn,) = scored_turns(store, rubric, scored_places(store, run.id, rubric))
            for i, one in enumerate(some):
                keep_contrast(store, run.id, turn, f"{i:064}", one)
            if accepted:
                accept_all(store, run.id)
            store.close()

        def run(self, *args):
            monkeypatch.setattr("sys.argv", ["convexplain", *map(str, args), "--db", str(tmp_path / "s.db")])
            with pytest.raises(SystemExit) as done:
                main()
            out, err = capsys.readouterr()
            return done.value.code, out, err

    world = World()
    world.models = []

    def opened(name):
        world.models.append(ScriptedModel(lambda request: world.answer(request), name=name))
        return world.models[-1]

    monkeypatch.setattr("convexplain.workspace.judge_arguments.open_model", opened)
    monkeypatch.chdir(tmp_path)
    return world


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.slow
def test_revised_turns_leave_without_asking_anything(world):
    world.keep(contrast(), contrast(found=False))
    code, out, _ = world.run("export", "--format", "trl-dpo", "--out", "data")
    assert (code, world.models) == (0, [])
    assert "left out 1 x: no contrast was found" in out
    assert "1 pair of 2 contrasts, 1 record: data/train.jsonl" in out
    (row,) = lines(world.folder / "data/train.jsonl")
    assert [row["chosen"][0]["content"], row["rejected"][0]["content"]] == ["Let me look it up.", "Yes."]
    assert "from run 1" in (world.folder / "data/README.md").read_text()


def test_earlier_edited_turns_are_judged_by_the_runs_judge_first(world):
    world.keep(contrast("rescore", edited={1: "It left on Friday."}))
    world.answer = lambda request: {"yes": 0.9, "no": 0.1} if "Friday" in request.messages[0].content else {"no": 1.0}
    code, out, _ = world.run("export", "1", "--format", "jsonl", "--out", "data")
    assert code == 0, out
    (row,) = lines(world.folder / "data/train.jsonl")
    assert row["chosen"][0]["content"] == "It left on Friday."
    assert row["margin"] == pytest.approx(0.9)
    (model,) = world.models
    assert (model.name, len(model.requests)) == ("judge", 2)
    world.run("export", "1", "--format", "jsonl", "--out", "again")
    assert len(world.models[-1].requests) == 0  # both judgements were kept


@pytest.mark.slow
def test_a_judge_that_drew_samples_draws_them_again(world):
    world.keep(contrast("rescore", edited={1: "It left on Friday."}), settings={"samples": 3})
    world.answer = lambda request: {"yes": 0.9, "no": 0.1} if "Friday" in str(request.messages) else {"no": 1.0}
    for judge, draws in (((), 3), (("--judge", "other"), 1), (("--judge", "another", "--samples", "2"), 2)):
        world.run("export", "1", "--format", "jsonl", "--out", "data", *judge)
        assert len({request.draw for request in world.models[-1].requests}) == draws


def test_nothing_to_export_says_why(world):
    world.keep()
    code, _, err = world.run("export", "--format", "csv")
    assert code == 2
    assert "run 1 has no contrast to export; `convexplain contrast 1` looks for some" in err
    world.keep(contrast(before=0.45, after=0.5))
    code, out, _ = world.run("export", "--format", "csv", "--out", "data", "--min-margin", "0.1")
    assert code == 1
    assert "None of 1 contrasts makes a pair; nothing was written." in out
    assert not (world.folder / "data").exists()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--format", "trl"], "format 'trl' is not known; valid are: axolotl, csv"),
        (["--format", "csv", "--min-margin", "2"], "2.0 is not in the range"),
        (["7", "--format", "csv"], "run 7"),
        (["--format", "csv", "--rubric", "harmm"], "--rubric harmm: run 1 was not judged by it; it was by helpfulness"),
        (["--format", "csv", "--out", "."], "README.md is there, and no data card of convexplain; name another"),
    ],
)
def test_orders_that_cannot_be_meant(world, args, words):
    world.keep(contrast())
    (world.folder / "README.md").write_text("mine")
    code, _, err = world.run("export", *args)
    assert code in (1, 2)
    assert words in err


def test_a_review_decides(world):
    world.keep(contrast(), contrast("revise", edited={5: "Tomorrow at noon."}), accepted=False)
    store = RunStore(str(world.folder / "s.db"))
    keep_review(store, Review(1, "Anna", "accept"))
    keep_review(store, Review(1, "Anna", "reject"))  # the same reviewer thinks again
    keep_review(store, Review(2, "Bert", "fix", "At noon, tomorrow."))
    assert {number: one.decision for number, one in reviews(store, 1).items()} == {1: "reject", 2: "fix"}
    store.close()
    world.answer = lambda request: {"yes": 1.0} if "At noon" in str(request.messages) else {"yes": 0.5, "no": 0.5}
    code, out, _ = world.run("export", "--format", "jsonl", "--out", "data")
    assert code == 0, out
    assert "left out 1 x: a reviewer rejected it" in out
    (row,) = lines(world.folder / "data/train.jsonl")
    assert (row["chosen"][0]["content"], row["provenance"]["by_hand"]) == ("At noon, tomorrow.", True)


def test_contrasts_that_nobody_has_reviewed_stay(world):
    natural = {"naturalness": -0.1, "fresh_draws": 5, "fresh_held": 5}
    world.keep(contrast(**natural), contrast(edited={5: "It is at door 7."}, **natural), accepted=False)
    code, out, _ = world.run("export", "--format", "jsonl", "--out", "data")
    assert (code, world.models) == (1, [])
    assert "left out 2 x: nobody has reviewed it" in out
    assert "0 of 2 contrasts are reviewed; `convexplain dashboard`, page Contrast pairs, or --unreviewed" in out
    code, out, _ = world.run("export", "--format", "jsonl", "--out", "data", "--unreviewed")
    assert code == 0
    assert "left out 1 x: a fact of the conversation is missing, changed or made up" in out
    assert "1 pair of 2 contrasts, 1 record: data/train.jsonl" in out
    (row,) = lines(world.folder / "data/train.jsonl")
    assert (row["chosen"][0]["content"], row["provenance"]["review"]) == ("Let me look it up.", None)
    card = (world.folder / "data/README.md").read_text()
    assert "- not reviewed, but passed all gates: 1\n" in card
    assert "- contrasts that somebody has reviewed: 0 of 2\n" in card
    assert "- 1 x a fact of the conversation is missing, changed or made up" in card


def test_a_second_judge_must_prefer_the_same_turn(world):
    world.keep(contrast(naturalness=0.0), accepted=False)
    options = ("export", "--format", "jsonl", "--unreviewed", "--second-judge", "another")
    code, out, _ = world.run(*options, "--dry-run")
    assert "At most 4 judgements" in out
    code, out, _ = world.run(*options, "--out", "data")  # it gives both turns the same score
    assert (code, [model.name for model in world.models[1:]]) == (1, ["another"])
    assert "left out 1 x: the second judge does not prefer the same turn" in out
    world.answer = lambda request: {"yes": 1.0} if "look it up" in request.messages[0].content else {"no": 1.0}
    code, out, _ = world.run(*options[:-1], "third", "--out", "data")
    assert code == 0
    assert "passed all gates: 1; the second judge third agreed\n" in (world.folder / "data/README.md").read_text()
    code, _, err = world.run("export", "--format", "jsonl", "--second-judge", "another")
    assert code == 2
    assert "--second-judge means nothing without --unreviewed" in err


def test_test_conversations_have_a_file_of_their_own(world):
    world.keep(contrast())
    code, _, _ = world.run("export", "--format", "trl-kto", "--out", "data", "--test", "0.999")
    assert code == 0
    assert (world.folder / "data/test.jsonl").exists()
    assert not (world.folder / "data/train.jsonl").exists()


# ---- there and back

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1, max_size=8).filter(
    lambda name: name.strip() == name
)
TIMES = st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1)).map(
    lambda at: at.replace(tzinfo=UTC) if at.minute % 2 else at.replace(tzinfo=timezone(timedelta(hours=2)))
)
EXTRAS = st.dictionaries(st.sampled_from(["mood", "score", "tags", "stars"]), st.integers() | st.booleans() | NAMES)
TURNS = st.builds(
    Turn,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    st.text(min_size=1, max_size=30),
    st.none() | NAMES,
    st.none() | TIMES,
    EXTRAS,
)
TALKS = st.lists(
    st.builds(Conversation, NAMES, st.lists(TURNS, min_size=1, max_size=5).map(tuple), st.just("x"), EXTRAS).filter(
        lambda talk: any(
            turn.content.strip() for turn in talk.turns
        )  # what says nothing is no conversation to a reader
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda talk: talk.id,
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(TALKS)
def test_what_is_written_is_read_as_the_same_conversations(tmp_path_factory, talks):
    folder = tmp_path_factory.mktemp("back")
    done = write_conversations(talks, EXPORTERS.get("openai"), folder)
    path = done.files[0]
    found = list(read_log(path))
    assert found == [replace(talk, source=str(path)) for talk in talks]


@pytest.mark.slow
def test_read_store_export_read(world, tmp_path):
    log = tmp_path / "in.jsonl"
    turns = [{"role": "user", "content": "Hi \u2028 <b>"}, {"role": "assistant", "content": "=1", "name": "Bot"}]
    log.write_text("\n".join(json.dumps({"id": f"c{i}", "messages": turns, "topic": i}) for i in range(3)))
    store, rubric = RunStore(str(tmp_path / "s.db")), load_rubric("helpfulness")
    first = list(read_log(log))
    assert keep_conversations(store, first).added == 3
    run = store.begin_run("judge", "f", {}, [rubric])
    for talk in first:
        store.keep_conversation(talk, run.id)
    store.close()
    code, out, _ = world.run("export", "1", "--format", "openai", "--out", "chats")
    assert (code, out.strip()) == (0, "3 conversations: chats/conversations.jsonl")
    again = list(read_log("chats/conversations.jsonl"))
    assert again == [replace(talk, source="chats/conversations.jsonl") for talk in first]
    code, _, err = world.run("export", "1", "--format", "openai", "--out", "chats")
    assert (code, list(read_log("chats/conversations.jsonl"))) == (2, again)
    assert "conversations.jsonl is there already; name another" in err
