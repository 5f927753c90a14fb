"""Conversations to judge or to import: those of log files, of the store, or in memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Protocol, runtime_checkable

from convexplain.errors import LogError, Problem, UsageError
from convexplain.store import RunStore
from convexplain.types import Conversation

STDIN = Path("/dev/stdin")
"""The standard input, which is also written `-`."""

_NO_LOGS = {".md", ".ipynb", ".py", ".pyc"}  # that lie beside logs in folders

OnProblem = Callable[[Problem], None]
OnBytes = Callable[[int], None]
Accepts = Callable[[Conversation], bool]


class Reader(Protocol):
    """Reads one log file; bad records go to `on_problem`, a file that cannot be read at all raises LogError."""

    def __call__(  # noqa: D102
        self, path: Path, *, on_problem: OnProblem, on_bytes: OnBytes | None = None
    ) -> Iterator[Conversation]: ...


@runtime_checkable
class JoiningReader(Protocol):
    """A reader that can join the records of several log files."""

    def joining(self) -> "JointReader":
        """Return the reader for several files."""


class JointReader(Reader, Protocol):
    """Reads several log files, one after the other, and at the end the conversations that they make up together."""

    def joined(self, *, on_problem: OnProblem) -> Iterator[Conversation]:
        """Return the conversations that the files make up together."""


class ConversationSource(Protocol):
    """A source of conversations."""

    def read(self, store: RunStore, on_problem: OnProblem) -> Iterator[Conversation]:
        """Yield the conversations, one after the other."""

    def narrowed(self, accepts: Accepts) -> "ConversationSource":
        """Return the source of those conversations that are accepted."""


@dataclass(frozen=True, slots=True)
class MemorySource:
    """Conversations in memory."""

    conversations: Sequence[Conversation]

    def read(self, store: RunStore, on_problem: OnProblem) -> Iterator[Conversation]:
        """Return the conversations."""
        return iter(self.conversations)

    def narrowed(self, accepts: Accepts) -> "MemorySource":
        """Return the source of those conversations that are accepted."""
        return MemorySource(list(filter(accepts, self.conversations)))


@dataclass(frozen=True, slots=True)
class LogSource:
    """Conversations of log files, or of a run of the store.

    Attributes:
        read_log: how a file is read.
        logs: log files; those that are pipes can be read once.
        stored: instead of files, the conversations of this run of the store (0: all that is stored).
        limit: only so many conversations, the first ones.
        accepts: of these, only those for which it returns True; None = all.
    """

    read_log: Reader
    logs: tuple[Path, ...] = ()
    stored: int | None = None
    limit: int | None = None
    accepts: Accepts | None = None

    @property
    def size(self) -> int | None:
        """Bytes of all files together; None where one of them is a pipe."""
        if not all(log.is_file() for log in self.logs):
            return None
        return sum(log.stat().st_size for log in self.logs)

    def read(self, store: RunStore, on_problem: OnProblem, on_bytes: OnBytes | None = None) -> Iterator[Conversation]:
        """Yield the conversations, one after the other.

        Args:
            store: where stored ones are.
            on_problem: receives what cannot be read.
            on_bytes: receives the number of bytes each time that some of a file were read.
        """
        conversations = islice(self._conversations(store, on_problem, on_bytes), self.limit)
        return conversations if self.accepts is None else filter(self.accepts, conversations)

    def narrowed(self, accepts: Accepts) -> "LogSource":
        """Return the source of those conversations that are accepted."""
        return replace(self, accepts=accepts)

    def _conversations(
        self, store: RunStore, on_problem: OnProblem, on_bytes: OnBytes | None
    ) -> Iterator[Conversation]:
        if self.stored is not None:
            yield from store.conversations(self.stored or None)
        joint = None
        if len(self.logs) > 1 and isinstance(self.read_log, JoiningReader):
            joint = self.read_log.joining()
        read_log: Reader = self.read_log if joint is None else joint
        for log in self.logs:
            try:
                yield from read_log(log, on_problem=on_problem, on_bytes=on_bytes)
            except LogError as error:  # the file as a whole; the next ones are read all the same
                on_problem(Problem(error.path, error.line, error.reason))
            except UsageError as error:  # a table whose columns cannot be recognised
                on_problem(Problem(log, None, str(error)))
        if joint is not None:
            yield from joint.joined(on_problem=on_problem)


def find_logs(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return the files among the paths, each once, and those in folders.

    In folders, files beginning with a dot, documentation, notebooks and programs are left out. `-` is the standard
    input; it and other pipes come as they are.

    Raises:
        UsageError: a path does not exist, or there is no file at all.
    """
    logs: list[Path] = []
    for path in paths:
        if path == Path("-"):
            logs.append(STDIN)
        elif path.is_dir():
            logs += _files_in(path)
        elif path.is_file():
            logs.append(path.resolve())
        elif path == STDIN or path.is_fifo() or path.is_char_device():
            logs.append(path.absolute())
        elif path.exists():
            raise UsageError(f"log {str(path)!r} is neither a file, nor a folder, nor a pipe")
        else:
            raise UsageError(f"log {str(path)!r} does not exist")
    if paths and not logs:
        raise UsageError(f"no log file in: {', '.join(map(str, paths))}")
    return tuple(dict.fromkeys(logs))


def _files_in(folder: Path) -> list[Path]:
    return sorted(
        file.resolve()
        for file in folder.rglob("*")
        if file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and file.suffix.lower() not in _NO_LOGS
    )
