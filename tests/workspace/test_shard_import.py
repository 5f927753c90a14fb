"""A run in shards, taken into another store from its folder: all of it, and what is missing is said."""

import json

import pytest
from click.testing import CliRunner

from convexplain import Conversation, Turn, Workspace, load_rubric
from convexplain.analysis.shard_files import ShardFolder
from convexplain.analysis.shards import ShardJudgement, partition
from convexplain.cli.main import cli
from convexplain.errors import StoreError
from convexplain.store import RunStore
from convexplain.types import Evidence, Judgement
from convexplain.workspace.shard_import import run_body

RUBRICS = [load_rubric("helpfulness"), load_rubric("harm")]
EVIDENCE = Evidence(probabilities={"yes": 0.25}, warnings=("Read it.",))


def talk(i):
    text = "Here. \ud800" if i == 7 else "Here."  # no UTF-8: the store keeps an escape
    return Conversation(f"c{i}", (Turn("user", f"Where is {i}?"), Turn("assistant", text)), "a.jsonl", {"bot": "b"})


def score(i, rubric):
    return i / 100 if rubric == "harm" else 1 - i / 100


@pytest.fixture
def folder(tmp_path):
    """The folder of a run of 70 conversations in two shards, as a cluster leaves it; `judged` says which are judged."""

    def make(judged=2, settings=None):
        made = ShardFolder(str(tmp_path / "run-1-x"))
        store = RunStore(str(tmp_path / "first.db"))
        run = store.begin_run("m", "f", {"turns": "all", **(settings or {})}, RUBRICS, judge_spec="m?a=1")
        store.close()
        made.keep_run(run_body(run, RUBRICS))
        for number, shard in enumerate(partition(enumerate(map(talk, range(70)), 1), RUBRICS, "all", print)):
            made.keep_conversations(shard)
            if number < judged:
                made.keep_judgements(shard.name, [*judgements(shard)])
        return tmp_path / "run-1-x"

    def judgements(shard):
        for member in shard.assignments:
            name = member.conversation.id
            for rubric in RUBRICS:
                one = Judgement(name, 1, rubric.id, score(int(name[1:]), rubric.id), "yes", "So.", EVIDENCE, "m", "s")
                yield ShardJudgement(member.digest, rubric.sha, "a.jsonl", one)

    return make


def test_a_run_comes_whole_into_another_store(folder, tmp_path):
    ws = Workspace(str(tmp_path / "second.db"))
    found = ws.import_run(str(folder()))
    assert (found.run, found.conversations, found.judgements, found.missing) == (1, 70, 140, 0)
    run = ws.run(1)
    assert (run.run.status, run.run.judge, run.run.judge_spec, run.run.fingerprint) == ("done", "m", "m?a=1", "f")
    assert [rubric.sha for rubric in run.rubrics] == [rubric.sha for rubric in RUBRICS]
    kept = list(run.store.judgements(1))
    assert {(one.conversation_id, one.rubric): one.score for _, one in kept} == {
        (f"c{i}", rubric.id): score(i, rubric.id) for i in range(70) for rubric in RUBRICS
    }
    assert all((one.reason, one.evidence) == ("So.", EVIDENCE) for _, one in kept)
    assert next(iter(run.store.conversations(1))) == talk(0)
    assert ws.import_run(str(folder())).run == 2  # another time it is another run


def test_shards_that_nobody_has_judged_are_told(folder, tmp_path):
    command = ["runs", "import", str(folder(judged=1)), "--db", str(tmp_path / "second.db")]
    done = CliRunner().invoke(cli, command, standalone_mode=False)
    assert done.return_value == 1
    assert done.stdout == "Run 1: 70 conversations, 128 judgements.\n"
    assert done.stderr == "1 shard was not judged: the conversations in it have no scores.\n"
    assert Workspace(str(tmp_path / "second.db")).run(1).run.status == "stopped"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (None, "has no run.json, so it is no folder of a run"),
        ("{", "run.json cannot be read"),
        ("[]", "run.json cannot be read"),
        (json.dumps({"settings": {}}), "run.json cannot be read: KeyError: 'judge'"),
        (
            json.dumps(
                {"settings": {}, "judge": "m", "fingerprint": "f", "judge_spec": None, "rubrics": [{"id": "x"}]}
            ),
            "run.json cannot be read: KeyError: 'examples'",
        ),
    ],
)
def test_a_folder_that_is_none_of_a_run_is_refused_and_leaves_no_run(tmp_path, text, error):
    if text is not None:
        ShardFolder(str(tmp_path / "x")).keep_run(text)
    ws = Workspace(str(tmp_path / "s.db"))
    with pytest.raises(StoreError, match=error):
        ws.import_run(str(tmp_path / "x"))
    assert len(ws.runs()) == 0


@pytest.mark.parametrize("kind", ["conversations", "judgements"])
def test_a_file_that_is_broken_is_named_and_leaves_no_run(folder, tmp_path, kind):
    broken = sorted((folder() / kind).iterdir())[1]
    broken.write_bytes(b"no Parquet")
    ws = Workspace(str(tmp_path / "second.db"))
    with pytest.raises(StoreError, match=f"{kind}/{broken.stem}.parquet cannot be read"):
        ws.import_run(str(tmp_path / "run-1-x"))
    assert len(ws.runs()) == 0


def test_a_judgement_of_a_conversation_that_is_not_there_is_named(folder, tmp_path):
    first, second = sorted((folder() / "conversations").iterdir())
    second.unlink()
    (tmp_path / "run-1-x" / "judgements" / second.name).replace(tmp_path / "run-1-x" / "judgements" / first.name)
    with pytest.raises(StoreError, match=f"judgements/{first.stem}.parquet cannot be read: KeyError"):
        Workspace(str(tmp_path / "second.db")).import_run(str(tmp_path / "run-1-x"))


def test_a_sample_stays_with_the_store_that_drew_it(folder, tmp_path):
    sampled = folder(settings={"sample": {"size": 10, "strata": [], "seed": 0}})
    with pytest.raises(StoreError, match="is of a sample"):
        Workspace(str(tmp_path / "second.db")).import_run(str(sampled))
