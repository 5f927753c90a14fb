"""Judges and models in the forms that callers give them: names, specs, objects and functions."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from convexplain.connectors.models import as_model, open_model
from convexplain.judges.spec import JudgeSpec
from convexplain.models.chat import ChatModel
from convexplain.store import Run

PromptFunction: TypeAlias = Callable[[str], str] | Callable[[str], Awaitable[str]]
ModelLike: TypeAlias = str | ChatModel | PromptFunction
"""A model's name, a model of one's own (prepared; it is not closed), or a function from a prompt to a reply."""
JudgeLike: TypeAlias = ModelLike | JudgeSpec
"""A judge's text form or spec, a model of one's own, or a function from a prompt to a reply."""

_PATHS = ("local:", "gguf:", "small?file=")  # what stands before the path in names of models that may be files


def judge_spec(judge: JudgeLike, **options: Any) -> JudgeSpec:
    """Return the spec of a judge, with options that were given beside it.

    Args:
        judge: the judge; a model of one's own is described by its name.
        options: fields of `JudgeSpec`; None leaves a field as it is.

    Raises:
        UsageError: a value is not valid.
    """
    if isinstance(judge, JudgeSpec):
        spec = judge
    elif isinstance(judge, str):
        spec = JudgeSpec.parse(judge)
    else:
        spec = JudgeSpec(str(getattr(judge, "name", None) or getattr(judge, "__name__", "function")))
    return spec.changed(options)


def judges_of(judge: JudgeLike | Sequence[JudgeLike]) -> list[JudgeLike]:
    """Return one or several judges as a list."""
    return [judge] if isinstance(judge, str) or not isinstance(judge, Sequence) else list(judge)


def first_judge(judge: JudgeLike) -> JudgeLike:
    """Return a judge without its second judge."""
    return replace(judge_spec(judge), escalate=None) if isinstance(judge, (str, JudgeSpec)) else judge


def run_judge(run: Run, model: str | None = None) -> JudgeSpec:
    """Return the judge of a run as it was described then: the same endpoint, with the same options.

    Args:
        run: the run.
        model: the name of the model that a judgement is from, where the run had several judges; None takes the first.
    """
    samples = run.settings.get("samples")
    spec = JudgeSpec.parse(run.judge_spec) if run.judge_spec else JudgeSpec(run.judge, samples=samples)
    if model in (None, "", run.judge):
        return spec.raw()
    stronger = spec.chain[1:] or (JudgeSpec.parse(str(model)),)
    name = JudgeSpec.parse(str(model)).model
    named = next((judge for judge in stronger if judge.model == name), stronger[-1])
    return replace(named, samples=samples).raw()


def located(spec: JudgeSpec) -> JudgeSpec:
    """Return the same judge with the paths of files that are there made absolute, to be found from any folder."""
    prefix = next((prefix for prefix in _PATHS if spec.model.startswith(prefix)), "")
    path = spec.model.removeprefix(prefix) if prefix else ""
    is_file = bool(path) and Path(path).expanduser().exists()
    return replace(
        spec,
        model=f"{prefix}{Path(path).expanduser().resolve()}" if is_file else spec.model,
        heads=tuple(str(Path(head).resolve()) if Path(head).is_file() else head for head in spec.heads),
        escalate=spec.escalate and located(spec.escalate),
    )


def opened_model(model: ModelLike | JudgeSpec) -> ChatModel:
    """Return the model that is named or given; nothing is loaded or reached before its `prepare`.

    Raises:
        UsageError, UnavailableError, MissingExtraError: as `connectors.models.open_model`.
    """
    if isinstance(model, JudgeSpec):
        return open_model(model.address)
    return open_model(JudgeSpec.parse(model).address) if isinstance(model, str) else as_model(model)
