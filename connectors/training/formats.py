"""The forms in which pairs leave, by name; other packages add theirs under the entry points `convexplain.writers`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from convexplain.connectors.plugins import plugins, warn
from convexplain.errors import UsageError
from convexplain.explain.pairs import Pair

from . import records, tables
from .records import Settle, once
from .tables import Save


@dataclass(frozen=True, slots=True)
class WriterFormat:
    """A form.

    Attributes:
        name: what `convexplain export --format` takes.
        description: who reads it, in a sentence.
        records: a pair's records.
        suffix: the ending of its files; empty: a folder for each split.
        save: writes records to a file, or to a folder.
        extra_files: further files, by name, given the splits that there are and the files' names.
        settle: of all records of a split, those that are written, and how many are not, by the reason.
    """

    name: str
    description: str
    records: Callable[[Pair], list[dict[str, Any]]]
    suffix: str = ".jsonl"
    save: Save = tables.jsonl
    extra_files: Callable[[dict[str, str]], dict[str, str]] = field(default=lambda _: {})
    settle: Settle = once


FORMATS: tuple[WriterFormat, ...] = (
    WriterFormat("trl-dpo", "TRL's DPOTrainer (also CPO, ORPO): prompt, chosen, rejected.", records.trl_dpo),
    WriterFormat("trl-kto", "TRL's KTOTrainer: prompt, completion, label.", records.trl_kto, settle=records.one_label),
    WriterFormat("trl-reward", "TRL's RewardTrainer: as trl-dpo, with a margin.", records.trl_reward),
    WriterFormat("trl-sft", "TRL's SFTTrainer: prompt and the chosen turn.", records.trl_sft),
    WriterFormat(
        "openai-preference", "OpenAI's preference fine-tuning, Together, Fireworks.", records.openai_preference
    ),
    WriterFormat("axolotl", "Axolotl, `type: chat_template.default` with `rl: dpo`.", records.axolotl),
    WriterFormat(
        "llama-factory",
        "LLaMA-Factory, with its dataset_info.json.",
        records.llama_factory,
        ".json",
        tables.json_array,
        tables.dataset_info,
    ),
    WriterFormat("jsonl", "Everything that is known of each pair.", records.everything),
    WriterFormat("csv", "The same as a table, safe to open in a spreadsheet.", records.flat, ".csv", tables.csv),
    WriterFormat("parquet", "The same as Parquet.", records.flat, ".parquet", tables.parquet),
    WriterFormat(
        "hf-dataset",
        "A data set of Hugging Face `datasets`, for `load_from_disk`.",
        records.everything,
        "",
        tables.dataset,
    ),
)


@cache
def formats() -> tuple[WriterFormat, ...]:
    """FORMATS and those of other packages; what is none, or whose name is taken, is warned of and left out."""
    found = list(FORMATS)
    for name, foreign in plugins("writers"):
        if not isinstance(foreign, WriterFormat):
            warn("writers", name, f"is no WriterFormat but {type(foreign).__name__}")
        elif foreign.name in {one.name for one in found}:
            warn("writers", name, f"its format's name {foreign.name!r} is there already")
        else:
            found.append(foreign)
    return tuple(found)


def names() -> tuple[str, ...]:
    """The names of all forms."""
    return tuple(one.name for one in formats())


def writer_of(name: str) -> WriterFormat:
    """The form of that name.

    Raises:
        UsageError: there is none.
    """
    found = next((one for one in formats() if one.name == name), None)
    if found is None:
        raise UsageError(f"format {name!r} is not known; valid are: {', '.join(names())}")
    return found
