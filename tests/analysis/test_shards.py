"""A run in shards: groups of a fixed size with names by content, and Parquet files that are complete or not there."""

import uuid
from pathlib import Path

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.analysis.shard_files import ShardFolder
from convexplain.analysis.shards import MOST_CHARACTERS, MOST_CONVERSATIONS, ShardJudgement, partition
from convexplain.types import Evidence, Judgement

RUBRICS = [load_rubric("helpfulness"), load_rubric("resolved")]  # one of turns, one of conversations


def talk(i, text="Here."):
    turns = (Turn("user", f"Where is {i}?"), Turn("assistant", text), Turn("user", "And?"), Turn("assistant", "There."))
    return Conversation(f"c{i}", turns, "a.jsonl")


def shards_of(conversations, turns="all", problems=None):
    problems = [] if problems is None else problems
    return list(partition(enumerate(conversations, 100), RUBRICS, turns, problems.append))


def test_shards_have_so_many_conversations_in_their_order():
    talks = [talk(i) for i in range(2 * MOST_CONVERSATIONS + 1)]
    shards = shards_of(talks)
    assert [len(shard.assignments) for shard in shards] == [MOST_CONVERSATIONS, MOST_CONVERSATIONS, 1]
    assert [member.conversation for shard in shards for member in shard.assignments] == talks
    assert [shard.name[:7] for shard in shards] == ["000000-", "000001-", "000002-"]
    first = shards[0].assignments[0]
    assert first.turns == {"helpfulness": (1, 3), "resolved": (3,)}  # a conversation is judged at its last turn
    assert shards[0].numbers[first.digest] == 100
    assert shards[2].judgements == 3


def test_long_conversations_make_shards_of_their_own():
    half = "x" * (MOST_CHARACTERS // 2)
    assert [len(shard.assignments) for shard in shards_of([talk(i, half) for i in range(5)])] == [2, 2, 1]


def test_a_name_is_by_the_content():
    names = [shard.name for shard in shards_of([talk(0), talk(1)])]
    assert names == [shard.name for shard in shards_of([talk(0), talk(1)])]
    assert names != [shard.name for shard in shards_of([talk(0), talk(2)])]  # another conversation
    assert names != [shard.name for shard in shards_of([talk(0), talk(1)], "last")]  # other turns


def test_where_there_is_nothing_to_judge_there_is_no_shard():
    problems = []
    silent = Conversation("c9", (Turn("user", "Hello?"),), "a.jsonl")
    assert shards_of([silent], problems=problems) == []
    assert [problem.reason for problem in problems] == ["conversation 'c9' has no assistant turn to judge"]
    assert shards_of([talk(0)], lambda conversation, rubric: ()) == []


def test_what_is_judged_already_is_left_out_of_a_shard():
    (shard,) = shards_of([talk(0), talk(1)])
    first, second = RUBRICS
    everything = {(1, first.sha), (3, first.sha), (3, second.sha)}
    remaining = shard.without({100: everything, 101: {(1, first.sha)}}, RUBRICS)
    assert remaining.name == shard.name
    assert [member.conversation.id for member in remaining.assignments] == ["c1"]
    assert remaining.assignments[0].turns == {"helpfulness": (3,), "resolved": (3,)}
    assert (shard.judgements, remaining.judgements) == (6, 2)


@pytest.fixture(params=["a path", "a URL"])
def folder(request, tmp_path):
    return ShardFolder(str(tmp_path / "shards") if request.param == "a path" else f"memory://{uuid.uuid4().hex}")


def test_shards_come_back_from_parquet(folder):
    odd = Conversation("c\ud800", (Turn("user", "Hi \x00 \ud800"), Turn("assistant", "Yes.")), "b.jsonl", {"k": [1]})
    (shard,) = shards_of([talk(0), odd])
    folder.keep_conversations(shard)
    assert folder.conversations(shard.name) == list(shard.assignments)
    assert folder.judged() == set()
    assert not folder.is_judged(shard.name)
    evidence = Evidence("label_probability", {"yes": 0.75, "no": 0.25}, 0.01, ("no",), notes=("a note",))
    judgements = [
        Judgement("c0", 1, "helpfulness", 0.1 + 0.2, "yes", "Since.", evidence, "stub", "0" * 64),
        Judgement("c0", 3, "helpfulness", None, None, "no reply", Evidence(), "stub", "1" * 64),
    ]
    digest = shard.assignments[0].digest
    records = [ShardJudgement(digest, RUBRICS[0].sha, "a.jsonl", judgement) for judgement in judgements]
    folder.keep_judgements(shard.name, records)
    assert folder.judgements(shard.name) == records
    assert folder.judged() == {shard.name}
    assert folder.is_judged(shard.name)
    folder.delete()
    assert folder.judged() == set()


def test_a_file_that_is_not_complete_does_not_count(tmp_path):
    folder = ShardFolder(str(tmp_path))
    folder.keep_judgements("000000-a", [])
    assert [path.name for path in (tmp_path / "judgements").iterdir()] == ["000000-a.parquet"]
    Path(tmp_path / "judgements" / "000001-b.parquet.0123.part").write_bytes(b"half")
    assert folder.judged() == {"000000-a"}
    assert folder.judgements("000000-a") == []
