"""One registry for each kind of plugin: its records come from the files of one folder, and from other packages.

A record is a frozen value with a `name`: a log format, a model, an infiller, a search, a scalarizer, an exporter. A
file in the kind's folder adds one by defining it at the top of the module; another package adds one by an entry point
of the group `convexplain.GROUP`, in its `pyproject.toml`:

    [project.entry-points."convexplain.log_formats"]
    mine = "my_package:FORMAT"
"""

import importlib
import logging
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, Protocol, TypeVar

from .errors import UsageError

_logger = logging.getLogger(__name__)


class Named(Protocol):
    """A record of a registry."""

    @property
    def name(self) -> str:
        """The record's name, one of its kind."""


R = TypeVar("R", bound=Named)


def _unchanged(record: Any) -> Any:
    return record


@dataclass(frozen=True)
class Registry(Generic[R]):
    """The records of one kind.

    Attributes:
        kind: the kind as a person says it, for messages: `log format`.
        group: the entry points' group, without `convexplain.`: `log_formats`.
        record: the records' class.
        package: the package whose public modules (no leading `_`) define the built-in records.
        guard: wraps the record of another package, whose code may fail in any way; returns it unchanged by default.
    """

    kind: str
    group: str
    record: type[R]
    package: str
    guard: Callable[[R], R] = _unchanged

    @cached_property
    def built_in(self) -> dict[str, R]:
        """The built-in records by name, in the order of their modules and of their definitions there.

        Raises:
            ValueError: two of them have one name.
        """
        records: dict[str, R] = {}
        for record in self._defined():
            if records.setdefault(record.name, record) is not record:
                raise ValueError(f"two records of {self.package} have the name {record.name!r}")
        return records

    @cached_property
    def foreign(self) -> dict[str, R]:
        """The records of other packages by name, in the order of their entry points.

        One that cannot be loaded, is no record or has a name that is taken is warned of once and left out.
        """
        records: dict[str, R] = {}
        for point in sorted(entry_points(group=f"convexplain.{self.group}")):
            try:
                record = point.load()
            except Exception as error:  # noqa: BLE001 - a foreign package may fail in any way when it is imported
                self.warn(point.name, f"it cannot be loaded ({type(error).__name__}: {error})")
                continue
            if self._is_usable(record, point, records):
                records[record.name] = self.guard(record)
        return records

    @property
    def records(self) -> tuple[R, ...]:
        """All records, those of this package first."""
        return (*self.built_in.values(), *self.foreign.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all records."""
        return (*self.built_in, *self.foreign)

    def find(self, name: str) -> R | None:
        """Return the record of that name; None where there is none. Other packages are loaded only if needed."""
        return self.built_in.get(name) or self.foreign.get(name)

    def get(self, name: str) -> R:
        """Return the record of that name.

        Raises:
            UsageError: there is none.
        """
        record = self.find(name)
        if record is None:
            raise UsageError(f"{self.kind} {name!r} is not known; valid are: {', '.join(self.names)}")
        return record

    def warn(self, name: str, reason: str) -> None:
        """Log, once for each reason, why a plugin is left out."""
        _warn_once(f"the plugin {name!r} of convexplain.{self.group} is left out: {reason}")

    def forget(self) -> None:
        """Read the records again at the next use: for tests that install a plugin."""
        for name in ("built_in", "foreign"):
            self.__dict__.pop(name, None)
        _warn_once.cache_clear()

    def _defined(self) -> Iterator[R]:
        package = importlib.import_module(self.package)
        seen: set[int] = set()
        for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
            if module.name.startswith("_") or module.ispkg:
                continue
            for value in vars(importlib.import_module(f"{self.package}.{module.name}")).values():
                if isinstance(value, self.record) and id(value) not in seen:
                    seen.add(id(value))
                    yield value

    def _is_usable(self, record: Any, point: EntryPoint, records: dict[str, R]) -> bool:
        if not isinstance(record, self.record):
            self.warn(point.name, f"is no {self.record.__name__} but {type(record).__name__}")
        elif not record.name or record.name in self.built_in or record.name in records:
            self.warn(point.name, f"its name {record.name!r} is empty or there already")
        else:
            return True
        return False


@cache
def _warn_once(message: str) -> None:
    _logger.warning("%s", message)
