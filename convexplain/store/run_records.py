"""Records of runs, and the process that works on a run."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from convexplain.models.chat import Spend

Status = Literal["running", "done", "stopped"]
Purpose = Literal["analysis", "validation", "calibration"]
"""The purpose of a run: only analyses are listed, and only they can be the newest run."""

_SIGN_OF_LIFE = timedelta(seconds=60)  # a process that gave none for so long has ended


@dataclass(frozen=True, slots=True)
class Run:
    """One analysis of a set of conversations.

    Attributes:
        id: its number in the store.
        name: None where nobody has named it.
        created_at, finished_at: finished_at is None until it is done.
        status: `running` while a process works on it: one that is gone is noticed at once on its own machine, and
            after a minute elsewhere; the run is `stopped` then.
        judge: the judge's model.
        fingerprint: identifies what the judge's scores depend on, as `judged_by` says.
        settings: the settings (rubrics, turns, sources, …).
        spend: its cost, over all sessions that worked on it.
        judge_spec: the text form of its `JudgeSpec`, without passwords; None where it cannot be built again from one,
            and for runs of an earlier version.
        resumed: True if it had been begun before.
        joined: the process that works on it already, where it is worked on together; else empty.
        purpose: the purpose for which its turns are judged.
        alarms: by a maxim's id the threshold that an alarm budget chose, as JSON values; empty without one.
        sample: the design of its sample, as JSON values (`run_sample` reads them); None where it judged everything.
    """

    id: int
    created_at: datetime
    finished_at: datetime | None
    status: Status
    judge: str
    fingerprint: str
    settings: Mapping[str, Any]
    spend: Spend
    judge_spec: str | None = None
    resumed: bool = False
    joined: str = ""
    name: str | None = None
    purpose: Purpose = "analysis"
    alarms: Mapping[str, Any] = field(default_factory=dict)
    sample: Mapping[str, Any] | None = None


def to_run(row: Any, resumed: bool = False, joined: str = "") -> Run:
    """Return the run of a row of `runs`."""
    at_work = row.status != "running" or is_alive(row.owner, row.alive_at, row.status, include_self=True)
    return Run(
        id=row.id,
        created_at=row.created_at,
        finished_at=row.finished_at,
        status=row.status if at_work else "stopped",
        judge=row.judge,
        fingerprint=row.fingerprint,
        settings=row.settings,
        spend=Spend(**row.spend),
        judge_spec=row.judge_spec,
        resumed=resumed,
        joined=joined,
        name=row.name,
        purpose=row.purpose,
        alarms=row.alarms or {},
        sample=row.sample,
    )


def this_process() -> str:
    """Return the name of this process as an owner of runs: host and number."""
    return f"{socket.gethostname()}:{os.getpid()}"


def has_ended(owner: str) -> bool:
    """Return True where it is certain that an owner has ended: it was a process of this machine that is gone.

    Args:
        owner: as of `this_process`; what follows a `#` does not count.
    """
    host, _, process = owner.partition("#")[0].rpartition(":")
    if host != socket.gethostname() or os.name == "nt":  # on Windows no signal tests for a process without effect
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def is_alive(owner: str, alive_at: datetime, status: str, *, include_self: bool = False) -> bool:
    """Return whether a process still works on a run: a recent sign of life, and no evidence that it has ended.

    Args:
        owner, alive_at, status: of the run.
        include_self: also count this process. It is False when an analysis begins: an earlier run of this process on
            the same analysis did not come to its end.
    """
    if status != "running" or datetime.now(UTC) - alive_at > _SIGN_OF_LIFE:
        return False
    return include_self if owner == this_process() else not has_ended(owner)
