"""The errors that convexplain raises on purpose, all under one root.

ConvexplainError
├── UsageError           an argument that is not valid: names the parameter, the value, what would be valid
├── MissingExtraError    an optional dependency is not installed: names the install command
├── LogError             a log file, or a record in it, that cannot be read: file and position
│   └── Problem          the same, where reading goes on: reported, not raised
├── RubricError          a rubric file that breaks the schema: file, line and key
├── HeadError            a file that is no head, or a head of another model
├── StoreError           the run store cannot be opened, is of a newer schema, or is full
└── ModelError           a chat model gave no usable reply
    ├── TooLongError     the prompt does not fit the model's window
    ├── FilteredError    a content filter refuses the prompt
    ├── TransientError   worth asking again (429, 5xx, time-out, broken connection); may carry `retry_after`
    │   └── FaultyReplyError  success was reported, but the answer is damaged: worth asking again a few times
    └── UnavailableError the model cannot be had at all (no weights, no server, refused credentials)
"""

from pathlib import Path


class ConvexplainError(Exception):
    """Root of all errors that convexplain raises on purpose."""


class UsageError(ConvexplainError):
    """An argument that is not valid; the message names it, its value and what would be valid."""


class MissingExtraError(ConvexplainError):
    """An optional dependency is not installed.

    Args:
        what: the feature, as a person would say it.
        extra: the extra of `convexplain` that brings it.
    """

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra '{extra}': pip install 'convexplain[{extra}]'")
        self.extra = extra


class LogError(ConvexplainError):
    """A log, or one record in it, that cannot be read.

    Attributes:
        path: the file.
        line: 1-based line (for line formats) or 1-based record number; None for the whole file.
        reason: what is wrong, without file and position.
    """

    def __init__(self, path: str | Path, line: int | None, reason: str) -> None:
        where = f"{path}:{line}" if line is not None else str(path)
        super().__init__(f"{where}: {reason}")
        self.path = str(path)
        self.line = line
        self.reason = reason


class Problem(LogError):  # noqa: N818 - what is kept is no error
    """Something in a log that a person should know of; reading went on after it.

    Attributes:
        kept: True when the conversation came all the same (and this is a remark about it or about the whole file),
            False when something was left out.
    """

    def __init__(self, path: str | Path, line: int | None, reason: str, *, kept: bool = False) -> None:
        super().__init__(path, line, reason)
        self.kept = kept


class RubricError(ConvexplainError):
    """A rubric that cannot be found or breaks the schema; the message carries file, line and key."""


class HeadError(ConvexplainError):
    """A file that is no head, or a head that reads another model's hidden states."""


class StoreError(ConvexplainError):
    """The run store cannot be opened, read or written."""


class ModelError(ConvexplainError):
    """A chat model gave no usable reply.

    Attributes:
        raw: the answer (cut to a readable length), or an empty string.
    """

    def __init__(self, message: str, raw: str = "") -> None:
        super().__init__(message)
        self.raw = raw[:2000]


class TooLongError(ModelError):
    """The prompt does not fit the model's window."""


class FilteredError(ModelError):
    """A content filter refuses the prompt; it says nothing about other prompts."""


class UnsupportedRequestError(ModelError):
    """The model answers, but cannot give what was asked of it: hidden states, or the probability of a given reply."""


class TransientError(ModelError):
    """A failure that asking again may mend.

    Attributes:
        retry_after: seconds that the endpoint asked to wait, or None.
        timed_out: the call hung until its time-out.
    """

    def __init__(self, message: str, raw: str = "", retry_after: float | None = None, timed_out: bool = False) -> None:
        super().__init__(message, raw)
        self.retry_after = retry_after
        self.timed_out = timed_out


class FaultyReplyError(TransientError):
    """An answer that was sent as a success and is damaged.

    It is half of its JSON, has no choice or no text, holds numbers that are no log-probabilities, is an error without a
    name, or comes from another model.
    """


class UnavailableError(ModelError):
    """The model cannot be had at all; every further call would fail the same way, so a run stops."""


def first_error(error: BaseException) -> BaseException:
    """Return the first error of a group, as a task group raises it; an error that is no group is returned as it is.

    To be raised in an `except BaseExceptionGroup`: in an `except*` some versions of Python wrap it in a group again.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
