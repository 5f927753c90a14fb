"""The installed parts of this machine, which judges can be reached, and what is missing."""

import asyncio
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import convexplain
from convexplain.connectors.models import EmbeddedModel, SmallModel, open_model
from convexplain.connectors.models.connection_registry import read_registry
from convexplain.connectors.models.providers import PROVIDERS
from convexplain.errors import ConvexplainError
from convexplain.report.pdf import browser
from convexplain.store import RunStore

from .judge_defaults import BASE_URL, default_judge

Area = Literal["extra", "judge", "store"]

EXTRAS: dict[str, tuple[str, tuple[str, ...]]] = {
    "local": (
        "the embedded judge, and weights on this machine",
        ("accelerate", "gguf", "huggingface-hub", "pip", "torch", "transformers"),
    ),
    "gguf": ("the judge small, and GGUF files", ("huggingface-hub", "xllamacpp")),
    "dashboard": ("convexplain dashboard", ("authlib", "markdown-it-py", "streamlit")),
    "langchain": ("hooks for LangChain, and its providers as judges", ("langchain",)),
    "logs": ("Excel, Parquet and Zstandard logs", ("openpyxl", "pyarrow", "zstandard")),
    "export": ("exports as Parquet and data sets", ("datasets", "pyarrow")),
    "postgres": ("a shared store in PostgreSQL", ("psycopg",)),
    "redact": ("--redact", ("phonenumbers", "python-stdnum")),
    "keyring": ("keys in the system's keyring", ("keyring",)),
    "metrics": ("--similarity bleu", ("sacrebleu",)),
}
"""Each extra with its purpose and the distributions that it needs."""

_SECONDS = 10  # until an endpoint counts as not reached


@dataclass(frozen=True, slots=True)
class InstallationCheck:
    """One thing that was looked at.

    Attributes:
        area: an extra, a judge, or the store and the files.
        name: its name.
        ready: whether it can be used.
        remark: what it is for, or what is missing and how to get it.
    """

    area: Area
    name: str
    ready: bool
    remark: str


@dataclass(frozen=True, slots=True)
class Installation:
    """The parts and judges that can be used on this machine.

    Attributes:
        version, python: of convexplain and of Python.
        default_judge: the judge that is asked where none is named, in words.
        checks: everything that was looked at.
    """

    version: str
    python: str
    default_judge: str
    checks: tuple[InstallationCheck, ...]

    @property
    def can_judge(self) -> bool:
        """Return whether any judge can be used."""
        return any(check.ready for check in self.checks if check.area == "judge")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {**asdict(self), "can_judge": self.can_judge}


async def inspect_installation(database: str) -> Installation:
    """Look at the extras, the judges and the store; endpoints are reached, but no model is asked anything.

    Args:
        database: the store's URL or file. It is not created.
    """
    try:
        default = str(default_judge())
    except ConvexplainError as error:
        default = f"none: {error}"
    checks = [*_extras(), *_local_judges(), *await _endpoints(), *_providers(), _store(database), _browser()]
    return Installation(convexplain.__version__, platform.python_version(), default, tuple(checks))


def missing_packages(extra: str) -> list[str]:
    """Return the distributions of an extra that are not installed."""
    return [name for name in EXTRAS[extra][1] if not _installed(name)]


def _installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def _extras() -> Iterator[InstallationCheck]:
    for extra, (purpose, _) in EXTRAS.items():
        missing = missing_packages(extra)
        remark = (
            f"{purpose}: pip install 'convexplain[{extra}]' (missing: {', '.join(missing)})" if missing else purpose
        )
        yield InstallationCheck("extra", extra, not missing, remark)


def _local_judges() -> Iterator[InstallationCheck]:
    for model, extras, size in ((EmbeddedModel(), ["local"], "98 MB"), (SmallModel(), ["local", "gguf"], "1.1 GB")):
        lacking = [extra for extra in extras if missing_packages(extra)]
        if lacking:
            remark = f"needs pip install 'convexplain[{','.join(lacking)}]'"
        elif not model.installed:
            remark = f"is fetched at its first use ({size})"
        else:
            remark = "is on this machine"
        yield InstallationCheck(
            "judge", model.name, not lacking and (model.installed or model.name == "embedded"), remark
        )


async def _endpoints() -> list[InstallationCheck]:
    """Reach the server of the environment and all connections, at the same time."""
    judges = {url.rpartition("@")[2]: url} if (url := os.environ.get(BASE_URL, "").strip()) else {}
    try:
        judges |= {f"connection:{name}": f"connection:{name}" for name in read_registry().connections}
    except ConvexplainError as error:
        return [InstallationCheck("judge", "connections", False, str(error))]
    return await asyncio.gather(*(_reach(name, judge) for name, judge in judges.items()))


async def _reach(name: str, judge: str) -> InstallationCheck:
    try:
        model = open_model(judge)
    except ConvexplainError as error:
        return InstallationCheck("judge", name, False, str(error))
    try:
        await asyncio.wait_for(model.prepare(), _SECONDS)
    except TimeoutError:
        return InstallationCheck("judge", name, False, f"does not answer within {_SECONDS} s")
    except ConvexplainError as error:
        return InstallationCheck("judge", name, False, str(error))
    finally:
        await model.aclose()
    return InstallationCheck("judge", name, True, f"can be reached; `convexplain judges check '{name}'` asks it")


def _providers() -> Iterator[InstallationCheck]:
    for provider in PROVIDERS.values():
        if provider.key and os.environ.get(provider.key):
            yield InstallationCheck(
                "judge", f"{provider.name}:MODEL", True, f"has its key in {provider.key}; it was not asked"
            )


def _store(database: str) -> InstallationCheck:
    name = database.rpartition("@")[2]
    if "://" not in database and not Path(database).exists():
        return InstallationCheck("store", name, True, "does not exist yet; the first run creates it")
    try:
        store = RunStore(database)
        try:
            runs = len(store.runs())
        finally:
            store.close()
    except ConvexplainError as error:
        return InstallationCheck("store", name, False, str(error))
    return InstallationCheck("store", name, True, f"holds {runs} run{'' if runs == 1 else 's'}")


def _browser() -> InstallationCheck:
    program = browser()
    missing = "neither Chromium, Chrome nor Edge is found: `report --pdf` does not work, `--html` does"
    return InstallationCheck(
        "store", "browser", program is not None, f"{program}, for `report --pdf`" if program else missing
    )
