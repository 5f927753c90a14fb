"""A run in shards gives what a run on one machine gives: here without Ray, its actor called in this process."""

import asyncio
import json
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from convexplain import Conversation, Turn
from convexplain.analysis.progress import Progress
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import MissingExtraError, UnavailableError, UsageError
from convexplain.models.chat import Reply
from convexplain.workspace import Cluster, Workspace
from convexplain.workspace.cluster import RayCluster, cluster_of, connected
from convexplain.workspace.shard_judge import shard_report

RUBRICS = ["helpfulness", "harm"]
OPTIONS = {"rubrics": RUBRICS, "cluster": "local", "reasons": "all"}


class OneProcess(RayCluster):
    """A cluster whose only worker is this process; `broken` shards end in an error of the test.

    Attributes:
        done: what was done, as the rows say it.
        work: what the last worker got.
    """

    broken = frozenset()

    def __init__(self, cluster):
        super().__init__(cluster, SimpleNamespace(nodes=lambda: [{"Alive": True}]))
        self.done, self.work = [], None

    def _mapped(self, worker, work, rows, judge, weights):
        self.work = work

        async def do_all():
            actor = worker(work)
            return await asyncio.gather(*map(actor, rows))

        for row, report in zip(rows, asyncio.run(do_all()), strict=True):
            if row.get("shard", "")[:6] in self.broken:
                raise UnavailableError("Ray gave up")
            self.done.append(row)
            yield report


@pytest.fixture
def cluster(monkeypatch, tmp_path):
    monkeypatch.setenv("CONVEXPLAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("convexplain.analysis.shards.MOST_CONVERSATIONS", 2)
    monkeypatch.setattr("convexplain.workspace.cluster._import_ray", lambda: None)
    clusters = []

    @asynccontextmanager
    async def joined(settings):
        clusters.append(OneProcess(settings) if settings else None)
        yield clusters[-1]

    monkeypatch.setattr("convexplain.workspace.runs.connected", joined)
    return clusters


def answer(request):
    if not request.labels:
        return '{"label": "no", "explanation": "It is bad."}'
    share = sum(map(ord, request.messages[0].content)) % 89 / 100 + 0.05
    return Reply("", labels=None) if "Answer 3" in request.messages[0].content else {"yes": share, "no": 1 - share}


def places(run):
    return sorted((talk.id, each.turn, each.rubric, each) for talk, each in run.store.judgements(run.run.id))


def test_a_run_in_shards_is_the_run_of_one_machine(cluster, chats, tmp_path):
    chats.write_text(chats.read_text() + '\n{"id": "mute", "messages": [{"role": "user", "content": "Hello?"}]}')
    plain = Workspace(tmp_path / "plain.db").analyze(chats, RUBRICS, ScriptedModel(answer), reasons="all")
    sharded = Workspace(tmp_path / "shards.db").analyze(chats, judge=ScriptedModel(answer), **OPTIONS)
    assert [row["shard"][:6] for row in cluster[-1].done] == [
        "000000",
        "000001",
        "000002",
    ]  # 6 conversations, 2 a shard
    assert places(sharded) == places(plain)
    assert len(places(plain)) == 24  # 12 turns on 2 maxims
    assert sharded.summary.unscored_turns == plain.summary.unscored_turns > 0
    assert sharded.run.spend.calls == plain.run.spend.calls > 24  # labels and reasons
    assert sharded.run.settings == plain.run.settings
    assert sharded.run.status == "done"
    problems = [[problem.reason for problem in run.store.problems(run.run.id)] for run in (sharded, plain)]
    assert problems[0] == problems[1] == ["conversation 'mute' has no assistant turn to judge"]
    assert list((tmp_path / "cache" / "shards").iterdir()) == []  # nothing stays that nobody asked for


def test_a_named_folder_keeps_the_shards(cluster, chats, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = Cluster(folder="kept")
    run = Workspace(tmp_path / "a.db").analyze(chats, RUBRICS, ScriptedModel(answer), cluster=settings)
    (folder,) = (tmp_path / "kept").iterdir()
    assert cluster[-1].work.folder == f"file://{folder}"  # workers have another working folder
    assert folder.name.startswith(f"run-{run.run.id}-")
    assert [len(list((folder / kind).iterdir())) for kind in ("conversations", "judgements")] == [3, 3]


def test_a_stopped_run_goes_on_with_the_shards_that_are_missing(cluster, chats, tmp_path, monkeypatch):
    monkeypatch.setattr(OneProcess, "broken", {"000001"})
    ws, first, second = Workspace(tmp_path / "a.db"), ScriptedModel(answer), ScriptedModel(answer)
    with pytest.raises(UnavailableError, match="gave up"):
        ws.analyze(chats, judge=first, **OPTIONS)
    run = ws.run()
    assert run.run.status == "stopped"
    assert len(places(run)) == 8  # the first shard: 2 conversations, 2 turns each, 2 maxims
    monkeypatch.setattr(OneProcess, "broken", frozenset())
    counts = Counts()
    finished = ws.analyze(chats, judge=second, progress=counts, **OPTIONS)
    assert finished.run.id == run.run.id
    assert len(places(finished)) == 24
    assert cluster[-1].done == []  # the worker had written all three shards before Ray gave up
    assert second.requests == []
    assert (counts.skipped_count, counts.judged_count) == (8, 16)


class Counts(Progress):
    skipped_count = judged_count = 0

    def skipped(self, count):
        self.skipped_count += count

    def judged(self, judgement):
        self.judged_count += 1


def test_a_run_that_began_on_one_machine_goes_on_in_shards(cluster, chats, tmp_path):
    def fails(request):
        return UnavailableError("no credit") if "Question 4" in request.messages[0].content else answer(request)

    ws = Workspace(tmp_path / "a.db")
    with pytest.raises(UnavailableError):
        ws.analyze(chats, RUBRICS, ScriptedModel(fails), reasons="all")
    begun = ws.run().run.id
    finished = ws.analyze(chats, judge=ScriptedModel(answer), **OPTIONS)
    assert finished.run.id == begun
    plain = Workspace(tmp_path / "plain.db").analyze(chats, RUBRICS, ScriptedModel(answer), reasons="all")
    assert places(finished) == places(plain)


def test_a_model_that_is_gone_stops_the_run_with_its_reason(cluster, chats, tmp_path):
    gone = ScriptedModel(lambda request: UnavailableError("no credit"))
    with pytest.raises(UnavailableError, match="no credit"):
        Workspace(tmp_path / "a.db").analyze(chats, judge=gone, **OPTIONS)


def test_escalations_of_workers_are_counted(cluster, chats, tmp_path, monkeypatch):
    strong = ScriptedModel({"yes": 0.9, "no": 0.1}, name="strong")
    monkeypatch.setattr("convexplain.workspace.build.opened_model", lambda m: strong if m == strong_spec() else m)
    run = Workspace(tmp_path / "a.db").analyze(
        chats, RUBRICS, ScriptedModel({"yes": 0.5, "no": 0.5}), cluster="local", escalate="strong", reasons="none"
    )
    assert run.escalated.startswith("24 of 24 judgements (100%) were escalated to strong")
    assert {each.score for *_, each in places(run)} == {0.9}


def strong_spec():
    from convexplain.workspace import JudgeSpec

    return JudgeSpec("strong")


def test_a_worker_with_another_model_is_refused(cluster, chats, tmp_path, monkeypatch):
    fingerprints = iter(["first", "another"])
    monkeypatch.setattr("convexplain.workspace.cluster.scoring_fingerprint", lambda model: next(fingerprints))
    with pytest.raises(UsageError, match="another model answers"):
        Workspace(tmp_path / "a.db").analyze(chats, judge=ScriptedModel(answer), **OPTIONS)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"address": "chats.jsonl"}, "address='chats.jsonl' is not valid"),
        ({"address": "ray://head:10001"}, "valid are 'local', 'auto' and 'HOST:PORT'"),
        ({"address": "head:port"}, "address='head:port' is not valid"),
        ({"workers": 0}, "workers=0 is not valid"),
    ],
)
def test_settings_that_are_not_valid(settings, reason):
    with pytest.raises(UsageError, match=reason):
        Cluster(**settings)


def test_several_machines_need_a_folder_that_they_share():
    machines = SimpleNamespace(nodes=lambda: [{"Alive": True}, {"Alive": True}, {"Alive": False}])
    with pytest.raises(UsageError, match=r"has 2 machines; name a folder"):
        RayCluster(Cluster("head:6379"), machines).check_folder()
    RayCluster(Cluster("head:6379", folder="s3://bucket/shards"), machines).check_folder()


def test_a_cluster_that_does_not_answer_is_named(monkeypatch, socket_enabled):
    monkeypatch.setattr("convexplain.workspace.cluster._import_ray", lambda: SimpleNamespace(is_initialized=bool))

    async def connect():
        async with connected(Cluster("127.0.0.1:1", folder="/tmp")):
            pass

    with pytest.raises(UnavailableError, match=r"Ray cannot be had at '127.0.0.1:1': .*refused"):
        asyncio.run(connect())


def test_without_ray_the_install_command_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'convexplain\[ray\]'"):
        cluster_of("local")
    assert cluster_of(None) is None


def test_a_report_travels_as_a_row():
    fields = {
        "shard": "s",
        "worker": "w",
        "spends": [],
        "escalations": [[2, 1]],
        "limit": 4,
        "failure": "",
        "error": "",
    }
    report = shard_report({"report": json.dumps(fields)})
    assert (report.shard, report.escalations, report.row) == ("s", [[2, 1]], {"report": json.dumps(fields)})


def test_conversations_in_memory_are_judged_too(cluster, tmp_path):
    talks = [Conversation(f"c{i}", (Turn("user", f"{i}?"), Turn("assistant", f"{i}."))) for i in range(5)]
    run = Workspace(tmp_path / "a.db").analyze(talks, judge=ScriptedModel(answer), **OPTIONS)
    assert len(places(run)) == 10


DIALOGUES = [
    Conversation(
        f"c{i}", tuple(Turn(role, f"{i}, {role}, {n}.") for n, role in enumerate(("user", "assistant") * 2)), "log"
    )
    for i in range(20)
]


def test_a_sample_in_shards_is_the_sample_of_one_machine(cluster, tmp_path, monkeypatch):
    plain = Workspace(tmp_path / "plain.db").analyze(DIALOGUES, RUBRICS, ScriptedModel(answer), sample=9, reasons="all")
    ws = Workspace(tmp_path / "shards.db")
    monkeypatch.setattr(OneProcess, "broken", {"000001"})
    with pytest.raises(UnavailableError, match="gave up"):
        ws.analyze(DIALOGUES, judge=ScriptedModel(answer), sample=9, **OPTIONS)
    monkeypatch.setattr(OneProcess, "broken", frozenset())
    sharded = ws.analyze(DIALOGUES, judge=ScriptedModel(answer), sample=9, **OPTIONS)  # goes on
    assert (sharded.run.id, sharded.run.resumed) == (1, False)
    assert places(sharded) == places(plain)
    assert len(places(plain)) == 18  # 9 turns on 2 maxims
    assert sharded.sample == plain.sample
    assert sharded.summary.maxims == plain.summary.maxims
    again = ws.analyze(stored=1, judge=ScriptedModel(answer, name="other"), **OPTIONS)
    assert [place[:3] for place in places(again)] == [place[:3] for place in places(plain)]
    assert again.sample == plain.sample
