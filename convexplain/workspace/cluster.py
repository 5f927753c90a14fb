"""Work on a Ray cluster: Ray Data's actors judge shards, whose judgements the store takes in, or explain turns."""

import logging
import os
import socket
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from threading import Event
from types import ModuleType
from typing import Any

from convexplain.analysis.pipeline import Choice
from convexplain.analysis.progress import Progress
from convexplain.analysis.runs import Pipeline
from convexplain.analysis.shard_files import ShardFolder
from convexplain.analysis.sources import OnProblem
from convexplain.analysis.threads import in_thread
from convexplain.connectors.models.cache_folder import cache_folder
from convexplain.errors import MissingExtraError, UnavailableError, UsageError
from convexplain.judges.heads import scoring_fingerprint
from convexplain.judges.spec import JudgeSpec
from convexplain.models.calls import Calls
from convexplain.models.chat import LoadsWeights
from convexplain.store import Run, RunStore, ScoredTurn
from convexplain.types import Conversation, sha256_json

from .build import BuiltJudge
from .explainers import Explainers
from .explanations import Elsewhere, ExplanationModels, Scope
from .judge_arguments import JudgeLike, judge_spec, located
from .shard_import import run_body
from .shard_judge import ShardJudge, ShardWork, shard_report
from .sharded_run import ShardedRun, worker_error
from .tasks import Task
from .turn_explainer import ExplanationWork, TurnExplainer, turn_report, turn_row

_OPEN = 4  # shards or turns that a worker has open at once: while one ends, the others keep its calls busy
_MOST_BLOCKS = 10_000  # of a data set; in longer runs a block has several shards
_PATIENCE = 10.0  # seconds for a machine to answer
_OBJECT_STORE = 200 << 20  # bytes of a Ray that is started here: only names of shards and reports go through it


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Ray cluster that judges.

    Attributes:
        address: `local` starts Ray on this machine for one analysis; `auto` takes the Ray that runs here; HOST:PORT
            takes that of another machine. All machines need the same version of convexplain.
        workers: how many processes judge; each sends as many requests at once as the judge's `in_flight` says. None
            takes one for each CPU of the cluster; for local weights one for each GPU where there are any.
        folder: for analyses, a folder, or its URL as fsspec takes it (`s3://bucket/folder`), that all machines of the
            cluster reach: conversations and judgements stay there as Parquet. None takes one on this machine, until the
            run is done.

    Raises:
        UsageError: a value is not valid.
    """

    address: str = "local"
    workers: int | None = None
    folder: str | None = None

    def __post_init__(self) -> None:
        host, _, port = self.address.rpartition(":")
        if self.address not in ("local", "auto") and ("/" in host or not host or not port.isdecimal()):
            raise UsageError(
                f"cluster: address={self.address!r} is not valid; valid are 'local', 'auto' and 'HOST:PORT'"
            )
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"cluster: workers={self.workers} is not valid; it must be a whole number, at least 1")


def cluster_of(cluster: Cluster | str | None) -> Cluster | None:
    """Return a cluster, also by its address; None where nothing is to be judged on one.

    Raises:
        UsageError: the address is not valid.
        MissingExtraError: Ray is not installed.
    """
    if cluster is not None:
        _import_ray()
    return Cluster(cluster) if isinstance(cluster, str) else cluster


@asynccontextmanager
async def connected(cluster: Cluster | None) -> AsyncIterator["RayCluster | None"]:
    """Connect to a cluster for the time of a block, or start Ray here; None connects to nothing.

    Raises:
        UnavailableError: there is no Ray at that address.
    """
    if cluster is None:
        yield None
        return
    ray = _import_ray()
    joined = ray.is_initialized()  # by the caller, who also ends it
    if not joined:
        _connect(ray, cluster.address)
    try:
        yield RayCluster(cluster, ray)
    finally:
        if not joined:
            ray.shutdown()


def _connect(ray: ModuleType, address: str) -> None:
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere that nobody asked for
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        options |= {"include_dashboard": False, "object_store_memory": _OBJECT_STORE, "num_cpus": os.cpu_count()}
    try:
        if address not in ("local", "auto"):  # Ray waits for minutes where nothing answers
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), _PATIENCE).close()
        ray.init(address, **options)
    except Exception as error:
        place = "on this machine" if address == "local" else f"at {address!r}"
        raise UnavailableError(f"Ray cannot be had {place}: {error}") from error


def _import_ray() -> ModuleType:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtraError("Judging on a cluster (--ray)", "ray") from error
    module: ModuleType = ray
    return module


class RayCluster:
    """A cluster that is connected.

    Args:
        cluster: which one, and how it is used.
        ray: the module.
    """

    def __init__(self, cluster: Cluster, ray: ModuleType) -> None:
        self._cluster, self._ray = cluster, ray
        self._machines = sum(node["Alive"] for node in ray.nodes())
        self._one_machine = self._machines == 1 and cluster.address in ("local", "auto")

    def check_folder(self) -> None:
        """Check that shards lie where all machines reach them.

        Raises:
            UsageError: it has several machines, and no folder that they share is named.
        """
        if not self._one_machine and self._cluster.folder is None:
            raise UsageError(
                f"cluster: Ray at {self._cluster.address!r} has {self._machines} machines; name a folder that all of "
                "them and this one reach, for instance s3://BUCKET/FOLDER (--ray-folder; from Python: Cluster(…, "
                "folder=…))"
            )

    def pipeline(self, store: RunStore, run: Run, judge: JudgeLike, built: BuiltJudge, progress: Progress) -> Pipeline:
        """Return what judges conversations into a run as `judge_into` does, on the cluster.

        Shards that were judged before count. It raises UnavailableError where the model is gone, or Ray gave up; what
        was judged until then is kept.

        Args:
            store, run, progress: as of `judge_into`.
            judge: the judge; a model or function of one's own is copied to the workers.
            built: the same judge, open; it takes what the workers spend.
        """
        mark = f"run-{run.id}-{sha256_json({'fingerprint': run.fingerprint, 'settings': run.settings})[:12]}"
        place = self._cluster.folder or str(cache_folder() / "shards")
        folder = ShardFolder(f"{place.rstrip('/')}/{mark}")
        work = ShardWork(
            judge=located(replace(built.spec, calibrated=False)) if built.reopens else judge,
            spec=built.spec,
            rubrics=built.rubrics,
            calibrations=(built.calibrations, *built.stronger_calibrations),
            fingerprints=[scoring_fingerprint(calls.model) for calls in built.all_calls],
            folder=folder.url,
            store=self._reachable_store(store),
            mark=mark,
        )
        if self._cluster.folder is not None:
            folder.keep_run(run_body(run, built.rubrics))
        sharded = ShardedRun(store, run, built, folder, progress)
        weights = _weights(built.all_calls)

        async def judge_all(
            conversations: Iterable[tuple[int, Conversation]], turns: Choice, on_problem: OnProblem
        ) -> None:
            def judge_shards(cancelled: Event) -> None:
                names = sharded.prepare(conversations, turns, on_problem, cancelled)
                rows = [] if cancelled.is_set() else [{"shard": name} for name in names]
                for row in self._mapped(ShardJudge, work, rows, built.spec.public, weights):
                    if cancelled.is_set():
                        return
                    sharded.take(shard_report(row))

            await in_thread(judge_shards)
            if self._cluster.folder is None:
                folder.delete()

        return judge_all

    def explaining(self, store: RunStore, task: Task[Any], models: ExplanationModels, progress: Progress) -> Elsewhere:
        """Return what explains turns of a scope on the cluster, as `explain_scope` does, and keeps the explanations.

        It raises UnavailableError where a model is gone, or Ray gave up; what was explained until then is kept.

        Args:
            store: the store that the workers write into.
            task, models, progress: as of `explain_scopes`.

        Raises:
            UsageError: the workers do not reach the store.
        """
        url = self._reachable_store(store)
        if url is None:
            raise UsageError(
                f"cluster: workers keep explanations in the store, and {store.place} cannot be reached by those of Ray "
                f"at {self._cluster.address!r}; valid are a PostgreSQL store, and a file where Ray runs on this machine"
            )

        async def explain_all(scope: Scope, opened: Explainers, turns: Sequence[ScoredTurn]) -> None:
            judge = scope.judge
            work = ExplanationWork(
                store=url,
                run=scope.run.id,
                rubrics=scope.rubrics,
                maxims=scope.maxims,
                judge=located(judge_spec(judge)) if isinstance(judge, (str, JudgeSpec)) else judge,
                task=task,
                models=models,
                fingerprint=opened.judge.fingerprint,
            )
            rows, weights = [turn_row(turn) for turn in turns], _weights(opened.all_calls)

            def explain_turns(cancelled: Event) -> None:
                for row in self._mapped(TurnExplainer, work, rows, scope.judge_name, weights):
                    if cancelled.is_set():
                        return
                    report = turn_report(row)
                    if report.failure:
                        raise worker_error(report.error, report.failure)
                    for calls, spend in zip(opened.all_calls, report.spends, strict=True):
                        calls.spend += spend
                    progress.advance()
                    progress.doing(report.place)
                    progress.spent(*opened.spends)

            progress.begin("explaining on the cluster", len(turns))
            try:
                await in_thread(explain_turns)
            finally:
                progress.end()

        return explain_all

    def _reachable_store(self, store: RunStore) -> str | None:
        """Return the URL of the store where workers reach it."""
        url = store.engine.url
        if url.get_backend_name() == "sqlite" and (store.in_memory or not self._one_machine):
            return None
        return url.render_as_string(hide_password=False)

    def _mapped(
        self,
        worker: type[ShardJudge] | type[TurnExplainer],
        work: ShardWork | ExplanationWork,
        rows: Sequence[Mapping[str, Any]],
        judge: str,
        weights: bool,
    ) -> Iterator[dict[str, Any]]:
        """Yield what the workers return for each row, as soon as it is there.

        Args:
            worker: the class of the actors.
            work: their argument.
            rows: name what is to be done.
            judge: the judge's name, for errors.
            weights: a worker loads weights.
        """
        if not rows:
            return
        try:
            self._ray.cloudpickle.dumps(work)
        except Exception as error:
            raise UsageError(
                f"judge: {judge!r} cannot be copied to the workers of a cluster ({error}); name a model or an "
                "endpoint, or use functions and models that can be pickled"
            ) from error
        data = self._ray.data
        data.DataContext.get_current().enable_progress_bars = False
        data.DataContext.get_current().execution_no_progress_timeout_s = -1  # a shard takes as long as it takes
        data.DataContext.get_current().max_consecutive_actor_init_deaths = 3
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        resources = self._ray.cluster_resources()
        gpus = int(resources.get("GPU", 0)) if weights else 0
        workers = self._cluster.workers or gpus or int(resources.get("CPU", 1))
        items = data.from_items(list(rows), override_num_blocks=min(len(rows), _MOST_BLOCKS))
        reports = items.map(
            worker,
            fn_constructor_args=(work,),
            **({"num_gpus": 1} if gpus else {"num_cpus": 1}),
            compute=data.ActorPoolStrategy(
                size=workers,
                max_tasks_in_flight_per_actor=_OPEN,
                max_concurrent_calls_per_actor=_OPEN,
            ),
        )
        try:
            for batch in reports.iter_batches(batch_size=None, prefetch_batches=0):
                yield from ({"report": report} for report in batch["report"])
        except self._ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1]
            raise UnavailableError(f"Ray gave up: {reason}. What was judged is kept") from error


def _weights(models: Iterable[Calls]) -> bool:
    """Return whether one of the models loads weights into its process."""
    return any(isinstance(calls.model, LoadsWeights) for calls in models)
