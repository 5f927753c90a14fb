"""The table of many prompts: a row for each, the measures of section 5 of the CELL paper, and files of both."""

import asyncio
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from convexplain.connectors.models.embedded import EmbeddedModel
from convexplain.connectors.scorers import SentenceEmbeddings
from convexplain.connectors.training.exporters.csv import safe_cell
from convexplain.errors import MissingExtraError, Problem, UnavailableError
from convexplain.explain.explanations import write_lines
from convexplain.fidelity import ContrastTable, Embed, Estimate, Favourability, contrast_table, favourability
from convexplain.system.files import make_folder, replacing

from .prompt_contrasts import PromptContrast
from .prompt_files import PromptCase

_COLUMNS = ("id", "prompt", "found", "score", "edited", "response_before", "response_after", "edit_rate", "calls")


@dataclass(frozen=True, slots=True)
class CaseContrast:
    """A prompt with its contrast.

    Attributes:
        case: the prompt.
        contrast: what came of the search; None where the model gave no answer to the prompt.
        error: why there is none.
    """

    case: PromptCase
    contrast: PromptContrast | None
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        contrast = None if self.contrast is None else self.contrast.to_dict()
        case = {name: getattr(self.case, name) for name in ("id", "prompt", "system", "document", "editable")}
        return {**case, "contrast": contrast, "error": self.error}

    def row(self) -> dict[str, Any]:
        """Return the row of a table."""
        row: dict[str, Any] = {**dict.fromkeys(_COLUMNS), "id": self.case.id, "prompt": self.case.prompt}
        if self.contrast is not None:
            result = self.contrast.result
            row |= {"found": result.found, "score": result.score, "response_before": result.response_before}
            row |= {"calls": result.calls}
            if result.found:
                row |= {"edited": result.text, "response_after": result.response, "edit_rate": result.edit_rate}
        return {**row, "error": self.error}


@dataclass(frozen=True)
class PromptContrasts:
    """The contrasts of many prompts.

    Attributes:
        rows: each prompt with its contrast.
        problems: lines of the file that hold no prompt.
        embed: gives texts their vectors; None where no embedding is at hand.
    """

    rows: Sequence[CaseContrast]
    problems: Sequence[Problem] = ()
    embed: Embed | None = field(default=None, repr=False, compare=False)

    @property
    def failed(self) -> bool:
        """Return whether a line, an answer or a score could not be had."""
        return bool(self.problems) or any(row.contrast is None or row.contrast.unscored for row in self.rows)

    @cached_property
    def table(self) -> ContrastTable:
        """The measures of the paper's section 5, each with its n and 95 % interval; unanswered prompts do not count."""
        measures = [row.contrast.measures(row.case.prompt) for row in self.rows if row.contrast is not None]
        return contrast_table(measures, self.embed)

    @cached_property
    def favourability(self) -> dict[str, Favourability]:
        """Return how favourable the answers are that were compared with the contrasts'.

        `first` are those to the prompts before they were edited, `baseline` the baseline's. Empty without a judge.
        """
        comparisons = [row.contrast.comparison for row in self.rows if row.contrast and row.contrast.comparison]
        leads = {name: [getattr(comparison, name) for comparison in comparisons] for name in ("first", "baseline")}
        return {
            name: favourability(values) for name, values in leads.items() if any(lead is not None for lead in values)
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "rows": [row.to_dict() for row in self.rows],
            "table": _estimates(self.table),
            "favourability": {
                name: {**_estimate(each.lead), "wins": each.wins, "ties": each.ties, "losses": each.losses}
                for name, each in self.favourability.items()
            },
            "problems": [str(problem) for problem in self.problems],
        }

    def to_pandas(self) -> Any:
        """Return one row a prompt as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame([row.row() for row in self.rows], columns=[*_COLUMNS, "error"])

    def write(self, folder: Path) -> list[Path]:
        """Write `prompt_contrasts.jsonl`, with everything, and `prompt_contrasts.csv`, a row a prompt.

        Raises:
            OSError: they cannot be written.
        """
        make_folder(folder)
        lines, table = folder / "prompt_contrasts.jsonl", folder / "prompt_contrasts.csv"
        write_lines([row.to_dict() for row in self.rows], lines)
        with replacing(table) as part, part.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, [*_COLUMNS, "error"])
            writer.writeheader()
            writer.writerows({key: safe_cell(value) for key, value in row.row().items()} for row in self.rows)
        return [lines, table]


async def prompt_embedding() -> Embed | None:
    """Return what gives texts vectors: the embedded model's hidden states; None where its weights are not here."""
    model = EmbeddedModel(heads=())
    if not model.installed:
        return None
    embed = SentenceEmbeddings(model.folder)
    try:
        await asyncio.to_thread(embed, [])
    except (MissingExtraError, UnavailableError):
        return None
    return embed


def _estimates(table: ContrastTable) -> Mapping[str, Any]:
    names = ("flip_rate", "edits", "edit_rate", "content_preservation", "calls", "prompts", "seconds")
    estimates = {name: getattr(table, name) for name in names}
    return {name: None if each is None else _estimate(each) for name, each in estimates.items()}


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high, "n": estimate.n}
