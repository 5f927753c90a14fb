"""The judge that is asked where none is named."""

import importlib.util
import os
from dataclasses import dataclass

from convexplain.connectors.models import small_is_ready
from convexplain.connectors.models.connection_registry import read_registry
from convexplain.errors import UsageError
from convexplain.judges.spec import JudgeSpec

from .judge_arguments import JudgeLike

BASE_URL = "CONVEXPLAIN_BASE_URL"
SCREEN = "a screen: it finds many rude, dangerous and evasive turns, fewer off-topic ones, and misses most wrong facts"


@dataclass(frozen=True, slots=True)
class DefaultJudge:
    """The judge that is asked where none is named.

    Attributes:
        spec: the judge.
        reason: what it is, in words.
        better: how to get a better one, in a sentence.
    """

    spec: JudgeSpec
    reason: str
    better: str

    def __str__(self) -> str:
        return f"Judge: {self.spec.public} ({self.reason}). {self.better}"


def default_judge() -> DefaultJudge:
    """Return the first of these that is there; nothing is loaded or reached.

    1. The endpoint in the environment variable `CONVEXPLAIN_BASE_URL`.
    2. The default connection (`convexplain connections default NAME`).
    3. `small`, where its file is on this machine and llama.cpp is installed.
    4. `embedded`.

    Raises:
        UsageError: the variable holds no URL of a judge, or the file of connections cannot be read.
    """
    if (endpoint := endpoint_judge()) is not None:
        return DefaultJudge(endpoint, f"the endpoint in {BASE_URL}", "Another one: --judge MODEL.")
    if url := os.environ.get(BASE_URL, "").strip():
        raise UsageError(f"{BASE_URL}={url.rpartition('@')[2]!r} is no URL; valid is http://HOST:PORT/v1")
    if name := read_registry().default:
        judge = JudgeSpec(f"connection:{name}")
        return DefaultJudge(judge, "your default connection", "Another one: --judge MODEL.")
    if small_is_ready():
        return DefaultJudge(
            JudgeSpec("small"),
            f"{SCREEN}; other maxims by a model of 1.5B parameters",
            "A stronger one: --judge openai:MODEL or a server of yours.",
        )
    extra = "" if importlib.util.find_spec("xllamacpp") else "pip install 'convexplain[gguf]'; "
    better = (
        "A stronger one: --judge openai:MODEL or a server of yours. Other maxims, and reasons in words: --judge small "
        f"({extra}1.1 GB, fetched once)."
    )
    return DefaultJudge(JudgeSpec("embedded"), SCREEN, better)


def judge_or_default(judge: JudgeLike | None) -> JudgeLike:
    """Return the judge; the default one for None. Raises UsageError as `default_judge`."""
    return default_judge().spec if judge is None else judge


def local_judges() -> tuple[str, ...]:
    """Return the names of the judges that are on this machine: `embedded`, and `small` where it can be used."""
    return ("embedded", "small") if small_is_ready() else ("embedded",)


def connection_judges() -> tuple[str, ...]:
    """Return the names of the judges that are connections; none where their file cannot be read."""
    try:
        return tuple(f"connection:{name}" for name in read_registry().connections)
    except UsageError:
        return ()


def endpoint_judge() -> JudgeSpec | None:
    """Return the judge at the URL in `CONVEXPLAIN_BASE_URL`; None where it holds no URL.

    Raises:
        UsageError: an option in the URL is not valid.
    """
    url = os.environ.get(BASE_URL, "").strip()
    if not url.lower().startswith(("http://", "https://")):
        return None
    try:
        return JudgeSpec.parse(url)
    except UsageError as error:
        raise UsageError(f"the environment variable {BASE_URL} names no valid judge: {error}") from error
