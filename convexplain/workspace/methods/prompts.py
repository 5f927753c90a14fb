"""Prompts without a conversation: contrasted one by one, or many with a table of what came of them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Unpack

from convexplain.analysis.progress import Progress
from convexplain.errors import ModelError, UnavailableError
from convexplain.judges.scoring import ScoringFunction
from convexplain.models.infilling import Infiller
from convexplain.search import Options

from ..answer_comparison import open_preference
from ..build import open_calls
from ..explainers import open_filler
from ..judge_arguments import ModelLike
from ..prompt_contrasts import PromptContrast, PromptModels, contrast_case
from ..prompt_files import PromptCase, PromptFile, free_id, read_prompts
from ..prompt_scores import open_prompt_score, score_model
from ..prompt_tables import CaseContrast, PromptContrasts, prompt_embedding
from .base import StoreMethods


class PromptMethods(StoreMethods):
    """Prompts without a conversation: contrasted one by one, or many at a time."""

    async def contrast_prompt(
        self,
        prompt: str | PromptCase,
        score: str | ScoringFunction,
        responder: ModelLike,
        infiller: str | Infiller = "embedded",
        *,
        delta: float = 0.5,
        search: str = "guided",
        baseline: bool = False,
        judge: ModelLike | None = None,
        **options: Unpack[Options],
    ) -> PromptContrast:
        """Look for the smallest edit of one prompt whose answer is contrary to the first one, or less preferable.

        Args:
            prompt: the prompt; a `PromptCase` has a system message, a document, and the part that may be edited too.
            score: how far an answer has moved: a name out of `connectors.scorers.SCORES`, or a function of your own,
                which is shown the prompts without the document.
                `contradiction` and `preference` take the paper's weights or, where they cannot be had, the responder
                itself; `contradiction:chat` takes the responder, `contradiction:chat=MODEL` another chat model.
            responder: the model that is explained.
            infiller: what fills holes.
            delta: score from which on an answer is a contrast; higher = further away.
            search: a name of `search.CONTRAST_SEARCHES`.
            baseline: also ask the responder itself for a less preferable answer, to compare with.
            judge: a chat model that says whether the first answer, and the baseline's, are more helpful than the
                contrast's, in both orders; None asks nobody.
            options: what every search takes: see `search.Options`.

        Raises:
            UsageError: an argument is not valid.
            MissingExtraError: a package of the score or a model is not installed.
            ModelError: the responder gives no answer to the prompt.
            UnavailableError: a model cannot be had.
        """
        case = PromptCase(prompt) if isinstance(prompt, str) else prompt
        if isinstance(score, str):
            score_model(score)  # refused before the store is opened
        async with (
            open_calls(responder, self.cache) as calls,
            open_filler(infiller, self.cache) as filler,
            open_prompt_score(score, calls, self.cache) as scoring,
            open_preference(judge, self.cache) as preference,
        ):
            models = PromptModels(calls, filler, scoring, case, preference)
            return await contrast_case(models, delta, search, options, baseline)

    async def contrast_prompts(
        self,
        prompts: str | Path | Iterable[str | PromptCase],
        score: str | ScoringFunction,
        responder: ModelLike,
        infiller: str | Infiller = "embedded",
        *,
        delta: float = 0.5,
        search: str = "guided",
        baseline: bool = False,
        judge: ModelLike | None = None,
        on_result: Callable[[CaseContrast], None] = lambda contrast: None,
        progress: Progress = Progress(),
        **options: Unpack[Options],
    ) -> PromptContrasts:
        """Look for contrasts of many prompts, one after the other, and measure them together.

        A prompt that the responder does not answer is a row with its reason, and the rest goes on. Replies are kept in
        the store, so the same call goes on where it was stopped.

        Args:
            prompts: a file (one prompt a line, or JSON Lines with `prompt` and perhaps `id`, `system`, `document` and
                `editable`), or prompts.
            score, responder, infiller, delta, search, baseline, judge, options: as of `contrast_prompt`.
            on_result: receives each prompt with its contrast as soon as it is there.
            progress: receives how far it is, and lines of the file that hold no prompt.

        Returns:
            A row for each prompt, and `table`: flip rate, edit rate, content preservation, calls, each with its n and
            95 % interval. Content preservation is by the embedded model's hidden states; None where it is not there.
            With a judge also `favourability`.

        Raises:
            UsageError: an argument is not valid, or the file cannot be read or is empty.
            MissingExtraError: a package of the score or a model is not installed.
            UnavailableError: a model cannot be had; the same call goes on once it is back.
        """
        contents = read_prompts(prompts) if isinstance(prompts, (str, Path)) else PromptFile(_cases(prompts))
        if isinstance(score, str):
            score_model(score)
        for problem in contents.problems:
            progress.problem(problem)
        if contents.unused:
            progress.note(f"keys of the file that are not used: {', '.join(contents.unused)}")
        rows: list[CaseContrast] = []
        async with (
            open_calls(responder, self.cache) as calls,
            open_filler(infiller, self.cache) as filler,
            open_prompt_score(score, calls, self.cache) as scoring,
            open_preference(judge, self.cache) as preference,
        ):
            progress.begin("explaining", len(contents.cases))
            try:
                for case in contents.cases:
                    progress.doing(case.id)
                    models = PromptModels(calls, filler, scoring, case, preference)
                    try:
                        row = CaseContrast(case, await contrast_case(models, delta, search, options, baseline))
                    except UnavailableError:
                        raise
                    except ModelError as error:
                        row = CaseContrast(case, None, str(error))
                    rows.append(row)
                    on_result(row)
                    progress.spent(calls.spend)
                    progress.advance()
            finally:
                progress.end()
        return PromptContrasts(rows, contents.problems, await prompt_embedding())


def _cases(prompts: Iterable[str | PromptCase]) -> list[PromptCase]:
    listed = list(prompts)
    reserved = {prompt.id for prompt in listed if isinstance(prompt, PromptCase)}
    numbered = enumerate(listed, 1)
    return [PromptCase(prompt, free_id(i, reserved)) if isinstance(prompt, str) else prompt for i, prompt in numbered]
