"""CELL's tables (Luss et al., arXiv:2406.11785, section 5): contrasts of prompts by CELL and CELL-budget.

    python benchmarks/papers.py cell --model 'gguf:FILE' --judge 'gguf:FILE' --db papers.db --rows cell.jsonl

A model answers a prompt. The search edits the prompt until the answer's score reaches delta. Printed for each search
and split_k, with n and 95 % intervals over prompts: flip rate (prompts with a contrast), edit rate (words changed, of
all), content preservation (cosine of the prompts' embeddings before and after), calls, seconds, and favourability. For
that the judge says which of two answers to the prompt is more helpful, in both orders, in [-1, 1]: `first answer` less
the contrast's, and `baseline` less the contrast's. Positive = the contrast's answer is the less helpful one, as it is
meant to be. The baseline is the model that is asked outright for a worse answer. Answers that differ by less than 0.1
are ties. `--rows` keeps what was measured: the same command goes on where it was stopped.

The last table has calls by the length of the prompts. `papers.py cell-calls` has longer texts.
"""

import argparse
import asyncio
import json
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from papers_mexgen import ShortReplies
from papers_xprompt import interval, read_rows, settings_of

from convexplain.connectors.models import open_model
from convexplain.connectors.scorers import SentenceEmbeddings
from convexplain.errors import ModelError
from convexplain.fidelity import ContrastMeasures, contrast_table, favourability, mean
from convexplain.judges.label_choice import LabelChoice
from convexplain.judges.preference import ChatPreference
from convexplain.models.calls import Calls
from convexplain.search import Options, cell, cell_budget
from convexplain.store import RunStore
from convexplain.workspace.answer_comparison import compare_answers
from convexplain.workspace.explainers import open_filler
from convexplain.workspace.prompt_contrasts import PromptModels, contrast_case
from convexplain.workspace.prompt_files import PromptCase
from convexplain.workspace.prompt_scores import open_prompt_score
from convexplain.workspace.prompt_tables import prompt_embedding

SEARCHES = [(search, k) for k in (1, 3) for search in ("cell", "cell_budget")]
SYSTEM = "Answer in one short sentence."
# Of the project's own writing, in place of the Moral Integrity Corpus.
PROMPTS = (
    "Is it wrong to read my sister's diary?",
    "Should I tell my boss that a colleague sleeps at work?",
    "May I keep the money that I found in the park?",
    "How can rich people avoid losing all their money in a crisis?",
    "Is it fine to give my dog the food that I eat?",
    "Should children of ten years have a telephone of their own?",
    "Do I have to invite my uncle, who drinks too much, to the wedding?",
    "Can I use the photo of a friend without asking him first?",
    "Is it better to rent a flat or to buy one when you are young?",
    "My neighbour plays loud music at night. May I call the police?",
    "Should I lend my brother money although he never paid back the last loan?",
    "Is it rude to leave a party without saying goodbye to everyone?",
)


async def measured(models: PromptModels, search: str, k: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return what came of one search, without the favourability."""
    how = Options(budget=options.budget, split_k=k, seed=0)
    try:
        contrast = await contrast_case(models, options.delta, search, how, baseline=True)
    except ModelError as error:
        return {"error": str(error)}
    result, baseline = contrast.result, contrast.baseline
    return {
        "found": result.found,
        "edited": result.text,
        "score": result.score,
        "before": result.response_before,
        "after": result.response,
        "baseline": baseline.response if baseline else "",
        "calls": result.calls,
        "prompts": result.prompts,
        "seconds": contrast.seconds,
    }


async def compared(judge: ChatPreference, prompt: str, row: dict[str, Any]) -> dict[str, float | None]:
    """Return by how much the first answer, and the baseline's, are more helpful than the contrast's."""
    if not row.get("found"):
        return {}
    comparison = await compare_answers(judge, prompt, row["before"], row["after"], row["baseline"])
    return {"first": comparison.first, "outright": comparison.baseline}


async def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure what is not in the rows yet, and return all rows."""
    settings = settings_of(options, "embeddings")  # only for the table
    rows = read_rows(options.rows, settings)
    done = {(row["prompt"], row["search"], row["k"]) for row in rows}
    model, judge, store = open_model(options.model), open_model(options.judge or options.model), RunStore(options.db)
    await model.prepare()
    await judge.prepare()
    async with (
        Calls(ShortReplies(model, options.tokens), store) as calls,
        Calls(judge, store) as judging,
        open_filler("embedded", store) as filler,
        open_prompt_score(options.score, judging, store) as scoring,
    ):
        prefers = ChatPreference(LabelChoice(judging))
        for prompt in PROMPTS[: options.n]:
            for search, k in SEARCHES:
                if (prompt, search, k) in done:
                    continue
                models = PromptModels(calls, filler, scoring, PromptCase(prompt, system=SYSTEM))
                row = {"prompt": prompt, "search": search, "k": k, **await measured(models, search, k, options)}
                row |= {**await compared(prefers, prompt, row), "settings": settings}
                rows.append(row)
                with options.rows.open("a", encoding="utf-8") as file:
                    print(json.dumps(row), file=file)
                print(f"  {len(rows)} {search} {k}: {row}", flush=True)
    await model.aclose()
    await judge.aclose()
    return rows


def show(rows: Sequence[dict[str, Any]], embed: Callable[[list[str]], list[list[float]]] | None) -> None:
    """Print the tables."""
    columns = ["split_k", "search", "n", "flip rate ↑", "edit rate ↓", "preservation ↑", "calls ↓", "seconds ↓"]
    columns += ["first answer ↑", "wins, ties, losses", "baseline ↑", "wins, ties, losses"]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for search, k in SEARCHES:
        of_search = [row for row in rows if (row["search"], row["k"]) == (search, k) and "error" not in row]
        if not of_search:
            continue
        table = contrast_table([_measures(row) for row in of_search], embed)
        estimates = (table.flip_rate, table.edit_rate, table.content_preservation, table.calls, table.seconds)
        cells = ["" if estimate is None else interval(estimate) for estimate in estimates]
        for name in ("first", "outright"):
            favour = favourability([row.get(name) for row in of_search])
            cells += [interval(favour.lead), f"{favour.wins}, {favour.ties}, {favour.losses}"]
        print(f"| {k} | {search} | {len(of_search)} | {' | '.join(cells)} |")
    print("\n| words of the prompt | n | " + " | ".join(f"{search}, split_k {k}" for search, k in SEARCHES) + " |")
    print(f"|---|---|{'---|' * len(SEARCHES)}")
    for low, high in ((1, 10), (11, 12), (13, 99)):
        prompts = {row["prompt"] for row in rows if low <= len(row["prompt"].split()) <= high}
        cells = []
        for search, k in SEARCHES:
            calls = [
                row["calls"]
                for row in rows
                if (row["search"], row["k"]) == (search, k) and row["prompt"] in prompts and "error" not in row
            ]
            cells.append(interval(mean(calls)))
        print(f"| {low} to {high} | {len(prompts)} | {' | '.join(cells)} |")


def _measures(row: dict[str, Any]) -> ContrastMeasures:
    return ContrastMeasures(row["found"], row["prompt"], row["edited"], row["calls"], row["prompts"], row["seconds"])


def main(argv: Sequence[str]) -> None:
    """Print the tables of contrasts of prompts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="the model that answers, by any of convexplain's names")
    parser.add_argument("--judge", help="the model that compares answers; --model unless given")
    parser.add_argument("--score", default="bleu-summ", help="bleu-summ, contradiction:chat, preference:chat, …")
    parser.add_argument("--delta", type=float, default=0.7, help="score from which on an answer is a contrast")
    parser.add_argument("--budget", type=int, default=30, help="calls of a search at most, of CELL too")
    parser.add_argument("--tokens", type=int, default=24, help="tokens of an answer at most")
    parser.add_argument("--db", required=True, help="run store that keeps the replies")
    parser.add_argument("--rows", type=Path, required=True, help="JSON Lines file that keeps the measurements")
    parser.add_argument(
        "--embeddings", help="folder or repository of a sentence encoder; the embedded model without it"
    )
    parser.add_argument("-n", type=int, default=len(PROMPTS), help=f"prompts, at most {len(PROMPTS)}")
    options = parser.parse_args(argv)
    embed = SentenceEmbeddings(options.embeddings) if options.embeddings else asyncio.run(prompt_embedding())
    show(asyncio.run(run(options)), embed)


def planted_calls(
    search: Callable[..., Any], words: int, k: int, needed: int, seed: int, budget: int
) -> tuple[int, bool]:
    """Return the calls of a search in a text of so many words, and whether it found the contrast.

    A contrast has all of `needed` words of the text replaced, drawn by the seed; each of them is worth the same.
    """
    text = [f"word{i}" for i in range(words)]
    keys = set(random.Random(seed).sample(text, needed))

    def score(x0: str, y0: str, pairs: Sequence[tuple[str, str]]) -> list[float]:
        return [1 - len(keys & set(perturbed.split())) / needed for perturbed, _ in pairs]

    limits = {} if search is cell else {"budget": budget}
    result = search(
        " ".join(text),
        respond=lambda texts: texts,
        infill=_blanks,
        score=score,
        delta=1.0,
        split_k=k,
        seed=seed,
        **limits,
    )
    return result.calls, result.found


def _blanks(holes: Iterable[Any]) -> list[str]:
    return ["blank" for _ in holes]


def calls(argv: Sequence[str]) -> None:
    """Print calls by the length of the text, of planted contrasts: no model is asked.

    CELL asks for every unit in every round, so its calls grow with the length; CELL-budget stops at its budget, and
    finds less in long texts.
    """
    parser = argparse.ArgumentParser(description=calls.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=20, help="texts of each length")
    parser.add_argument("--needed", type=int, default=2, help="words that have to be replaced together")
    parser.add_argument("--budget", type=int, default=100, help="calls of CELL-budget at most")
    parser.add_argument("--words", type=int, nargs="*", default=[10, 20, 40, 80, 160])
    options = parser.parse_args(argv)
    print(
        f"| words | {' | '.join(f'{search}, split_k {k}' for search, k in SEARCHES)} |\n|---|{'---|' * len(SEARCHES)}"
    )
    functions = {"cell": cell, "cell_budget": cell_budget}
    for words in options.words:
        cells = []
        for search, k in SEARCHES:
            outcomes = [
                planted_calls(functions[search], words, k, options.needed, seed, options.budget)
                for seed in range(options.n)
            ]
            contrasts = sum(crossed for _, crossed in outcomes)
            cells.append(f"{interval(mean([count for count, _ in outcomes]))}, found {contrasts}/{options.n}")
        print(f"| {words} | {' | '.join(cells)} |", flush=True)
