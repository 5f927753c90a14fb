"""XPrompt's Table 1 (Chang et al., arXiv:2405.20404): what masking the k words that a method names does to the reply.

    python benchmarks/papers.py xprompt --model embedded --db papers.db --rows xprompt.jsonl --embeddings FOLDER

A model replies to each prompt. Each method names k words of the prompt on which its reply depends most; these are left
out, and the model replies again. Compared are the two replies (BLEU, ROUGE-L, cosine of sentence embeddings: lower is
better) and the probability of the first reply after both prompts (PR: lower is better; KL of its next tokens, in nats a
token: higher is better). Means over prompts, with 95 % intervals; paired ones for the difference to Captum's.

- Random: the mean of three draws.
- Captum: its feature ablation of a language model. Integrated Gradients: Captum's, from embeddings of 0.
- XPrompt as printed: Algorithm 1, whose swaps are drawn among the words that can be swapped only.
- joint, gradient: convexplain's joint attribution, with the gradient as its guide. joint, black box: without it.

`evaluations` counts prompts whose reply was scored, a gradient as one. Methods that search have --per-word evaluations
a word. `--rows` keeps what was measured, so that the same command goes on where it was stopped. Needs `pip install
captum` and convexplain[local,metrics].
"""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from papers_prompts import PROMPTS
from papers_white_box import STEPS, WhiteBox, open_white_box

from convexplain.connectors.scorers import SentenceEmbeddings
from convexplain.fidelity import (
    Embed,
    Estimate,
    bleu,
    content_preservation,
    mean,
    reply_divergence,
    reply_probability_ratio,
    rouge_l_parts,
)
from convexplain.models.calls import Calls
from convexplain.models.chat import Message, Request
from convexplain.search import aattribute
from convexplain.store import RunStore

DRAWS = 3  # of random words
MEASURES = {
    "bleu": "BLEU ↓",
    "precision": "ROUGE-L P ↓",
    "recall": "R ↓",
    "f1": "F1 ↓",
    "embedding": "embedding ↓",
    "pr": "PR ↓",
    "kl": "KL ↑",
}

LogProbs = Callable[[Sequence[frozenset[int]]], Awaitable[list[float | None]]]


@dataclass(frozen=True, slots=True)
class Choice:
    """The words that a method names.

    Attributes:
        sets: of k words each; the measures are the mean over them.
        evaluations: prompts whose reply was scored for it.
        seconds: how long it took.
    """

    sets: tuple[frozenset[int], ...]
    evaluations: int
    seconds: float


async def algorithm_1(
    n: int,
    k: int,
    guide: Sequence[float],
    logprobs: LogProbs,
    iterations: int,
    rng: np.random.Generator,
    *,
    gradient_start: bool = True,
    gradient_sampling: bool = True,
) -> list[tuple[frozenset[int], float]]:
    """Return the masked words, and the log-probability of the reply without them, after each iteration.

    XPrompt's Algorithm 1, with two departures: a swap's words are drawn among those that can be swapped (as printed,
    the softmax leaves mass on all others), and magnitudes are divided by the largest one before the softmax.

    Args:
        n: words.
        k: words that are masked.
        guide: the gradient's magnitude at each word.
        logprobs: of the reply without the words of a set.
        iterations: swaps that are tried.
        rng: the source of all chance.
        gradient_start: begin with the k words of the largest magnitude; else with any k.
        gradient_sampling: draw by the magnitude; else evenly.
    """
    magnitudes = np.abs(guide) / max(float(np.abs(guide).max()), 1e-12)
    order = np.argsort(-magnitudes, kind="stable") if gradient_start else rng.permutation(n)
    masked = frozenset(int(i) for i in order[:k])
    (best,) = await logprobs([masked])
    assert best is not None
    steps = [(masked, best)]

    def draw(words: list[int]) -> int:
        weights = np.exp(magnitudes[words]) if gradient_sampling else np.ones(len(words))
        return int(rng.choice(words, p=weights / weights.sum()))

    for _ in range(iterations):
        swapped = masked - {draw(sorted(masked))} | {draw([i for i in range(n) if i not in masked])}
        (logprob,) = await logprobs([swapped])
        if logprob is not None and logprob < best:
            masked, best = swapped, logprob
        steps.append((masked, best))
    return steps


async def choices(box: WhiteBox, k: int, per_word: float, seed: int) -> dict[str, Choice]:
    """Return the words that each method names."""
    n, rng = len(box.words), np.random.default_rng(seed)
    budget = round(per_word * n)
    named: dict[str, Choice] = {
        "Random": Choice(tuple(frozenset(rng.choice(n, k, replace=False).tolist()) for _ in range(DRAWS)), 0, 0.0)
    }

    async def add(name: str, chosen: Callable[[], Awaitable[tuple[frozenset[int], int]]]) -> None:
        began = time.perf_counter()
        words, evaluations = await chosen()
        named[name] = Choice((words,), evaluations, time.perf_counter() - began)

    async def captum() -> tuple[frozenset[int], int]:
        return top(await box.captum(), k), n

    async def integrated() -> tuple[frozenset[int], int]:
        return top(await box.integrated_gradients(), k), STEPS

    async def printed() -> tuple[frozenset[int], int]:
        steps = await algorithm_1(n, k, await box.gradients(), box.logprobs, budget - 2, rng)
        return steps[-1][0], budget

    async def guided() -> tuple[frozenset[int], int]:
        start = await box.gradients()
        joint = await aattribute("joint", n, value=box.logprobs, k=k, start=start, budget=budget - 1, seed=seed)
        return frozenset(joint.chosen), joint.calls + 1

    async def black_box() -> tuple[frozenset[int], int]:
        joint = await aattribute("joint", n, value=box.logprobs, k=k, budget=budget, seed=seed)
        return frozenset(joint.chosen), joint.calls

    await add("Captum", captum)
    await add("Integrated Gradients", integrated)
    await add("XPrompt as printed", printed)
    await add("joint, gradient", guided)
    await add("joint, black box", black_box)
    return named


def top(scores: Sequence[float], k: int) -> frozenset[int]:
    """Return the k words with the highest scores."""
    return frozenset(int(i) for i in np.argsort(-np.asarray(scores), kind="stable")[:k])


async def measures(box: WhiteBox, choice: Choice, embed: Embed | None) -> dict[str, float]:
    """Return the measures of a choice of words, each the mean over its sets."""
    full_logprobs, full = await box.distributions(frozenset())
    answers = await asyncio.gather(*map(box.answer, choice.sets))
    rows = []
    for removed, answer in zip(choice.sets, answers, strict=True):
        logprobs, masked = await box.distributions(removed)
        rouge = rouge_l_parts(box.reply, answer)
        row = {
            "bleu": bleu(box.reply, answer),
            "precision": rouge.precision,
            "recall": rouge.recall,
            "f1": rouge.f1,
            "embedding": content_preservation(box.reply, answer, embed) if embed and answer else None,
            "pr": reply_probability_ratio(logprobs, full_logprobs),
            "kl": reply_divergence(masked, full),
        }
        rows.append(row)
    means = {name: [row[name] for row in rows if row[name] is not None] for name in MEASURES}
    averages = {name: sum(values) / len(values) for name, values in means.items() if values}
    return {**averages, "evaluations": choice.evaluations, "seconds": choice.seconds}


async def measured(calls: Calls, prompt: str, options: argparse.Namespace, embed: Embed | None) -> dict[str, Any]:
    """Return the reply to a prompt and the measures of each method."""
    words = tuple(prompt.split())
    unmasked = Request((Message("user", " ".join(words)),), max_tokens=options.tokens)
    reply = (await calls.ask(unmasked)).text.strip()
    box = WhiteBox(calls, words, reply, options.tokens)
    methods = await choices(box, options.k, options.per_word, options.seed)
    named = {name: sorted(words[i] for i in choice.sets[0]) for name, choice in methods.items()}
    await asyncio.gather(*(box.answer(removed) for choice in methods.values() for removed in choice.sets))  # together
    return {
        "reply": reply,
        "words": len(words),
        "named": named,
        "methods": {name: await measures(box, choice, embed) for name, choice in methods.items()},
    }


def settings_of(options: argparse.Namespace, *unused: str) -> dict[str, Any]:
    """Return the options that a measurement depends on: all but files, the choice of prompts, and the unused ones."""
    apart = {"db", "rows", "n", "kind", *unused}
    return {name: option for name, option in vars(options).items() if name not in apart}


def read_rows(path: Path, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of an earlier run with the same settings; a remark is printed on those with others."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines]
    same = [row for row in rows if row.get("settings") == settings]
    if len(same) < len(rows):
        print(f"{len(rows) - len(same)} of {len(rows)} rows in {path} were measured with other options: left out")
    return same


def prompts(n: int, kinds: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """Yield at most n prompts with their kind: of some kinds, or of all, in turn."""
    numbered = sorted((i, kind, prompt) for kind in kinds or PROMPTS for i, prompt in enumerate(PROMPTS[kind]))
    yield from ((kind, prompt) for _, kind, prompt in numbered[:n])


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that the tables of XPrompt and MExGen share."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded", help="embedded, or local:FOLDER")
    parser.add_argument("--db", required=True, help="run store that keeps the model's replies")
    parser.add_argument("--rows", type=Path, required=True, help="JSON Lines file that keeps the measurements")
    parser.add_argument("--tokens", type=int, default=24, help="tokens of a reply at most")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def add_prompt_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of tables that mask words of prompts."""
    count = sum(map(len, PROMPTS.values()))
    parser.add_argument("-n", type=int, default=count, help=f"prompts, at most {count}")
    parser.add_argument("--kind", action="append", choices=PROMPTS, help="only prompts of that kind; may be repeated")
    parser.add_argument("-k", type=int, default=3, help="words that are masked")


async def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure the prompts that are not in the rows yet, and return all rows."""
    model, embed = open_white_box(options.model), None
    if options.embeddings:
        embed = SentenceEmbeddings(options.embeddings)
    settings = settings_of(options)
    rows = read_rows(options.rows, settings)
    done = {row["prompt"] for row in rows}
    await model.prepare()
    try:
        async with Calls(model, RunStore(options.db)) as calls:
            for kind, prompt in prompts(options.n, options.kind):
                if prompt in done:
                    continue
                row = {"kind": kind, "prompt": prompt, **await measured(calls, prompt, options, embed)}
                row["settings"] = settings
                rows.append(row)
                with options.rows.open("a", encoding="utf-8") as file:
                    print(json.dumps(row), file=file)
                print(f"  {len(rows)} {kind}: {row['named']}", flush=True)
    finally:
        await model.aclose()
    return rows


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print the table of all prompts with intervals, and that of each kind without."""
    words = mean([row["words"] for row in rows]).value
    print(f"\n{len(rows)} prompts of {words:.0f} words in the mean")
    columns = [*MEASURES.values(), "PR less Captum's", "evaluations", "seconds"]
    print(f"| method | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for name in rows[0]["methods"]:
        cells = [interval(mean(column(rows, name, measure))) for measure in MEASURES]
        differences = [row["methods"][name]["pr"] - row["methods"]["Captum"]["pr"] for row in rows]
        cells.append("" if name == "Captum" else interval(mean(differences)))
        cells += [f"{mean(column(rows, name, cost)).value:.1f}" for cost in ("evaluations", "seconds")]
        print(f"| {name} | {' | '.join(cells)} |")
    for kind in PROMPTS:
        of_kind = [row for row in rows if row["kind"] == kind]
        if not of_kind:
            continue
        print(f"\n{kind}, {len(of_kind)} prompts\n| method | {' | '.join(MEASURES.values())} |")
        print(f"|---|{'---|' * len(MEASURES)}")
        for name in rows[0]["methods"]:
            values = [mean(column(of_kind, name, measure)).value for measure in MEASURES]
            print(f"| {name} | {' | '.join('' if value is None else f'{value:.2f}' for value in values)} |")


def column(rows: Sequence[dict[str, Any]], name: str, measure: str) -> list[float]:
    """Return a method's values of a measure."""
    return [row["methods"][name][measure] for row in rows if measure in row["methods"][name]]


def interval(estimate: Estimate) -> str:
    """Return an estimate as it stands in a table."""
    if estimate.value is None or estimate.low is None:
        return "" if estimate.value is None else f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def main(argv: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    add_prompt_options(parser)
    parser.add_argument("--per-word", type=float, default=1.5, help="evaluations a word that each search has")
    parser.add_argument("--embeddings", help="folder or repository of a sentence encoder")
    show(asyncio.run(run(parser.parse_args(argv))))
