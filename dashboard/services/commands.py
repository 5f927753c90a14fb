"""The command lines that pages start."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from convexplain.errors import UsageError
from convexplain.types import Goal

from .uploads import Options


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """Which contrast is looked for.

    Attributes:
        revise: the judged turn itself is edited, not the turns before it.
        goal: cross the threshold, or change the score by `delta`.
        delta: by how much; None where the threshold is to be crossed.
    """

    revise: bool = False
    goal: Goal = "cross"
    delta: float | None = None


def analyze_arguments(files: Sequence[Path], options: Options) -> list[str]:
    """What follows `convexplain` to judge these files, without the store and the folder for what is written."""
    reading = options.reading
    given = [f"--judge={options.judge}", f"--turns={options.turns}"]
    given += [f"--rubric={rubric}" for rubric in options.rubrics]
    given += [f"--format={reading.format}"] if reading.format else []
    given += [f"--columns={reading.columns}"] if reading.columns else []
    given += [f"--assistant={name}" for name in reading.assistant]
    given += ["--redact"] if reading.redact else []
    given += [f"--limit={options.limit}"] if options.limit else []
    given += [f"--samples={options.samples}"] if options.samples else []
    given += ["--explain"] if options.explain else []
    return _sayable(["analyze", *given, "--", *(str(file.resolve()) for file in files)])


def explain_arguments(run: int, conversation: str, turn: int, rubric: str, options: SearchOptions | None) -> list[str]:
    """What follows `convexplain` to explain one turn: by a contrast, or, with None, by what its score hangs on."""
    given = ["explain", str(run), f"--turn={conversation}:{turn}", f"--rubric={rubric}"]
    if options is None:
        return _sayable([*given, "--attribute"])
    given += ["--revise"] if options.revise else []
    given += [f"--goal={options.goal}"] if options.goal != "cross" else []
    given += [f"--delta={options.delta}"] if options.delta is not None else []
    return _sayable(given)


def export_arguments(run: int, form: str, out: Path, min_margin: float, test: float) -> list[str]:
    """What follows `convexplain` to write the pairs of a run."""
    return _sayable(
        ["export", str(run), f"--format={form}", f"--out={out}", f"--min-margin={min_margin}", f"--test={test}"]
    )


def _sayable(arguments: list[str]) -> list[str]:
    for argument in arguments:
        try:
            argument.encode("utf-8")
        except UnicodeEncodeError:
            pass
        else:
            if "\x00" not in argument:
                continue
        raise UsageError(f"{argument!r} cannot be written on a command line: it holds NUL or half a character")
    return arguments
