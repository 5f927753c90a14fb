"""The options of commands that judge on a Ray cluster."""

import functools
from collections.abc import Callable
from typing import Any

import click

from convexplain.errors import UsageError
from convexplain.workspace import Cluster

from .numbers import Count

_ADDRESS = click.option(
    "--ray",
    "ray_address",
    is_flag=False,
    flag_value="local",
    metavar="[ADDRESS]",
    help="Judge on a Ray cluster: one that is started on this machine for this run (local), the one that runs here "
    "(auto), or another one (HOST:PORT). Needs the extra 'ray'.",
)
_WORKERS = click.option(
    "--ray-workers",
    type=Count(min=1),
    metavar="N",
    help="With --ray: how many processes judge.  [default: one for each CPU]",
)
_FOLDER = click.option(
    "--ray-folder",
    metavar="DIR|URL",
    help="With --ray: where conversations and judgements stay as Parquet, reached by all machines "
    "(s3://bucket/folder).  [default: this machine's cache folder, until the run is done]",
)


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a Ray cluster that explains; the command receives them as one argument, `cluster`."""
    return _with_options(command, _ADDRESS, _WORKERS)


def sharding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a Ray cluster that judges shards; the command receives them as one argument, `cluster`."""
    return _with_options(command, _ADDRESS, _WORKERS, _FOLDER)


def _with_options(command: Callable[..., Any], *options: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(command)
    def collected(
        *args: Any,
        ray_address: str | None,
        ray_workers: int | None,
        ray_folder: str | None = None,
        **arguments: Any,
    ) -> Any:
        if ray_address is None and (ray_workers is not None or ray_folder is not None):
            option = "--ray-folder" if ray_workers is None else "--ray-workers"
            raise UsageError(f"{option} means nothing without --ray: add --ray, or leave it out")
        cluster = None if ray_address is None else Cluster(ray_address, ray_workers, ray_folder)
        return command(*args, cluster=cluster, **arguments)

    for option in reversed(options):
        collected = option(collected)
    return collected
