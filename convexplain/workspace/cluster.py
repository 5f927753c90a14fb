"""Analyses on a Ray cluster: Ray Data's actors judge shards, whose judgements the store takes in."""

import logging
import os
import socket
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
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
from convexplain.models.chat import LoadsWeights
from convexplain.store import Run, RunStore
from convexplain.types import Conversation, sha256_json

from .build import BuiltJudge
from .judge_arguments import JudgeLike, located
from .shard_judge import ShardJudge, ShardWork, shard_report
from .sharded_run import ShardedRun

_OPEN_SHARDS = 4  # that a worker judges at once: while one ends, the others keep its calls busy
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
        folder: a folder, or its URL as fsspec takes it (`s3://bucket/folder`), that all machines of the cluster reach:
            conversations and judgements stay there as Parquet. None takes one on this machine, until the run is done.

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
        UsageError: the cluster has several machines, and no folder that they share is named.
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

    Raises:
        UsageError: it has several machines, and no folder that they share is named.
    """

    def __init__(self, cluster: Cluster, ray: ModuleType) -> None:
        self._cluster, self._ray = cluster, ray
        machines = sum(node["Alive"] for node in ray.nodes())
        self._one_machine = machines == 1 and cluster.address in ("local", "auto")
        if not self._one_machine and cluster.folder is None:
            raise UsageError(
                f"cluster: Ray at {cluster.address!r} has {machines} machines; name a folder that all of them and this "
                "one reach, for instance s3://BUCKET/FOLDER (--ray-folder; from Python: Cluster(…, folder=…))"
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
        sharded = ShardedRun(store, run, built, folder, progress)
        weights = any(isinstance(calls.model, LoadsWeights) for calls in built.all_calls)

        async def judge_all(
            conversations: Iterable[tuple[int, Conversation]], turns: Choice, on_problem: OnProblem
        ) -> None:
            def judge_shards(cancelled: Event) -> None:
                names = sharded.prepare(conversations, turns, on_problem, cancelled)
                for row in () if cancelled.is_set() else self._rows(work, names, weights):
                    if cancelled.is_set():
                        return
                    sharded.take(shard_report(row))

            await in_thread(judge_shards)
            if self._cluster.folder is None:
                folder.delete()

        return judge_all

    def _reachable_store(self, store: RunStore) -> str | None:
        """Return the URL of the store where workers reach it."""
        url = store.engine.url
        if url.get_backend_name() == "sqlite" and (store.in_memory or not self._one_machine):
            return None
        return url.render_as_string(hide_password=False)

    def _rows(self, work: ShardWork, names: Sequence[str], weights: bool) -> Iterator[dict[str, Any]]:
        """Yield a report for each shard, as soon as it is judged."""
        if not names:
            return
        try:
            self._ray.cloudpickle.dumps(work)
        except Exception as error:
            raise UsageError(
                f"judge: {work.spec.public!r} cannot be copied to the workers of a cluster ({error}); name a model or "
                "an endpoint, or use a function or model that can be pickled"
            ) from error
        data = self._ray.data
        data.DataContext.get_current().enable_progress_bars = False
        data.DataContext.get_current().execution_no_progress_timeout_s = -1  # a shard takes as long as it takes
        data.DataContext.get_current().max_consecutive_actor_init_deaths = 3
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        resources = self._ray.cluster_resources()
        gpus = int(resources.get("GPU", 0)) if weights else 0
        workers = self._cluster.workers or gpus or int(resources.get("CPU", 1))
        shards = data.from_items([{"shard": name} for name in names], override_num_blocks=min(len(names), _MOST_BLOCKS))
        reports = shards.map(
            ShardJudge,
            fn_constructor_args=(work,),
            **({"num_gpus": 1} if gpus else {"num_cpus": 1}),
            compute=data.ActorPoolStrategy(
                size=workers,
                max_tasks_in_flight_per_actor=_OPEN_SHARDS,
                max_concurrent_calls_per_actor=_OPEN_SHARDS,
            ),
        )
        try:
            for batch in reports.iter_batches(batch_size=None, prefetch_batches=0):
                yield from ({"report": report} for report in batch["report"])
        except self._ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[-1]
            raise UnavailableError(f"Ray gave up: {reason}. What was judged is kept") from error
