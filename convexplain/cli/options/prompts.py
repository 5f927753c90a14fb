"""The options of `contrast` for prompts, and what it does with them."""

import asyncio
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from convexplain.connectors.scorers import find_score
from convexplain.errors import UsageError
from convexplain.explain.wording import counted
from convexplain.workspace import SCORE_NAMES, JudgeSpec, PromptCase, PromptContrasts
from convexplain.workspace.answer_comparison import QUESTIONS
from convexplain.workspace.explainers import check_models
from convexplain.workspace.prompt_files import read_prompts
from convexplain.workspace.prompt_scores import sampled_questions, score_model
from convexplain.workspace.prompt_tables import CaseContrast
from convexplain.workspace.run_files import check_writable

from ..show.progress import ConsoleProgress, plain
from ..show.prompt_contrasts import show_case, show_prompt_contrast, show_prompt_table
from .store import open_workspace

_file = click.Path(exists=True, dir_okay=False, allow_dash=True)

prompt_option = click.option(
    "--prompt",
    "prompt",
    type=_file,
    metavar="FILE",
    help="Instead of a run's turns: edit this prompt; - reads the standard input.",
)
prompts_option = click.option(
    "--prompts",
    "prompts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Instead of a run's turns: edit many prompts, and show a table of what came of them. One prompt a line; or"
    ' JSON Lines: {"prompt": ..., "id": ..., "system": ..., "document": ..., "editable": ...}, where only prompt is'
    " needed, and editable is the part of the prompt that may be edited.",
)
system_option = click.option(
    "--system",
    "system",
    type=_file,
    metavar="FILE",
    help="With --prompt or --prompts: the system message, the same for every prompt and never edited.",
)
context_option = click.option(
    "--context",
    "context",
    type=_file,
    metavar="FILE",
    help="With --prompt or --prompts: a text that stands before the prompt in its message, and is never edited: a"
    " policy, a document.",
)
score_option = click.option(
    "--score",
    metavar="NAME",
    help=f"With --prompt or --prompts: what the answer must become, one of: {SCORE_NAMES}. contradiction and"
    " preference take the weights of the paper's models, or --responder itself where they cannot be had; :chat always"
    " takes --responder, and :chat=MODEL another chat model.",
)
baseline_option = click.option(
    "--baseline", is_flag=True, help="With --prompt or --prompts: also ask the model itself for a worse answer."
)


@dataclass(frozen=True, slots=True)
class PromptArguments:
    """The arguments of contrasts of prompts, as the command line gives them.

    Attributes:
        score: name of the scoring function.
        responder: name of the model that is explained.
        delta: score from which on an answer is a contrast.
        baseline: also ask the model itself for a worse answer.
        judge: name of the model that compares the answers; None for none.
        system, context: files whose text every prompt gets; None for none.
        db: the store.
        dry_run: only say what it would ask.
        options: of the search, with its name and the infiller.
    """

    score: str
    responder: str
    delta: float
    baseline: bool
    judge: str | None
    system: str | None
    context: str | None
    db: str | None
    dry_run: bool
    options: dict[str, Any]

    def __post_init__(self) -> None:
        if not math.isfinite(self.delta):
            raise UsageError(f"--delta {self.delta} is not valid; it must be a finite number")

    @property
    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `Workspace.contrast_prompt` besides the prompt."""
        plain_arguments = {"score": self.score, "responder": self.responder, "delta": self.delta}
        return {**plain_arguments, "baseline": self.baseline, "judge": self.judge, **self.options}

    def contrast_one(self, file: str) -> int:
        """Contrast the prompt of a file, show it, and return the exit code."""
        prompt = _text("--prompt", file)
        if not prompt:
            raise UsageError("--prompt: the file is empty; a prompt has at least one word")
        if self.dry_run:
            return self._plan(1)
        case = PromptCase(prompt, system=_text("--system", self.system), document=_text("--context", self.context))
        contrast = open_workspace(self.db).contrast_prompt(case, **self.arguments)
        show_prompt_contrast(Console(), self.score, prompt, self.delta, contrast)
        return 1 if contrast.unscored else 0

    def contrast_many(self, file: Path, out: Path) -> int:
        """Contrast the prompts of a file, show and write them, and return the exit code."""
        console, progress = Console(), ConsoleProgress(Console(stderr=True))
        contents = read_prompts(file, _text("--system", self.system), _text("--context", self.context))
        for problem in contents.problems:
            progress.problem(problem)
        if contents.unused:
            progress.note(f"Keys of the file that are not used: {', '.join(contents.unused)}.")
        if self.dry_run:
            self._plan(len(contents.cases))
        if self.dry_run or not contents.cases:
            return 1 if contents.problems else 0
        folder = out / f"prompts-{file.stem}"
        check_writable(out)
        rows: list[CaseContrast] = []

        def show(row: CaseContrast) -> None:
            rows.append(row)
            with progress.paused():
                show_case(console, self.score, self.delta, row)

        workspace = open_workspace(self.db)
        try:
            contrasts = workspace.contrast_prompts(contents.cases, on_result=show, progress=progress, **self.arguments)
        finally:
            files = PromptContrasts(rows).write(folder) if rows else []
        contrasts = PromptContrasts(contrasts.rows, contents.problems, contrasts.embed)
        if rows:
            show_prompt_table(console, contrasts, files)
        return 1 if contrasts.failed else 0

    def _plan(self, prompts: int) -> int:
        models = {"responder": self.responder, "infiller": self.options["infiller"]}
        asyncio.run(check_models(score_model(self.score) or None, **models))
        asyncio.run(check_models(self.judge))
        each = 1 + self.options["budget"] + self.baseline
        name = JudgeSpec.parse(self.responder).public
        many = f" ({counted(prompts, 'prompt')} x {each})" if prompts != 1 else ""
        text = f"At most {prompts * each} answers of {name}{many}, each scored by {self.score}"
        questions = f"{self._questions(prompts, each)}{self._comparisons(prompts)}"
        Console().print(plain(f"{text}{questions}. Nothing was asked."), soft_wrap=True)
        return 0

    def _comparisons(self, prompts: int) -> str:
        """Return in words what the judge is asked at most to compare the answers; empty where there is none."""
        if self.judge is None:
            return ""
        number = prompts * QUESTIONS * (1 + self.baseline)
        sampled = f" ({sampled_questions(number)} where it gives no label probabilities)"
        return f", and at most {number} questions to {JudgeSpec.parse(self.judge).public} to compare answers{sampled}"

    def _questions(self, prompts: int, answers: int) -> str:
        """Return in words what a chat model is asked at most for the scores; empty where none is asked."""
        kind, target = find_score(self.score)
        model = kind.chat_model(target)
        if kind.make_of_chat is None or (target and model is None):
            return ""
        number = prompts * kind.most_questions(answers)
        name = JudgeSpec.parse(model or self.responder).public
        questions = f"at most {number} questions to {name} for the scores"
        sampled = f" ({sampled_questions(number)} where it gives no label probabilities)"
        return f", and {questions}{sampled}{' if the weights of the paper cannot be had' if model is None else ''}"


def _text(option: str, file: str | None) -> str:
    if file is None:
        return ""
    try:
        with click.open_file(file, encoding="utf-8", errors="replace") as opened:
            return str(opened.read()).strip()
    except OSError as error:
        raise UsageError(f"{option} {file!r} cannot be read ({error.strerror or error}); name another file") from error
