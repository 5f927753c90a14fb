"""MExGen's AUPC (Monteiro Paes et al., arXiv:2403.14459) for its scalarizers, on questions about short documents.

    python benchmarks/papers.py mexgen --model embedded --db papers.db --rows mexgen.jsonl --bertscore FOLDER

A model answers a question about a document. The sentences of the document are attributed to, by the value of a
scalarizer without some of them: the log-probability of the first answer, or how like it the new answer is. Then the
sentences that a method puts first are removed, up to half of the words. AUPC is the mean fall of a value on the way
(higher is better): that of the scalarizer itself, and that of the log-probability, which all have in common. Each
method has --per-unit evaluations a sentence. Intervals are 95 %, over documents; `beyond random` is paired.

- logprob: log-probability of the answer. bertscore: BERTScore by the encoder in --bertscore.
- bart, summ: no weights of BART are at hand, so the chat model itself stands in: how probable it finds the first answer
  as another wording of the new one (summ), and the mean of that and of the reverse (bart), each a token.
- bartscore: with real weights, where they are at hand, in --bartscore.
- nli: log-odds that the answers entail each other, by the weights in --nli-weights, or by the chat model in --nli.
"""

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from papers_prompts import DOCUMENTS
from papers_white_box import open_white_box
from papers_xprompt import interval, parser_of, read_rows, settings_of

from convexplain import Conversation, Turn
from convexplain.connectors.models import open_model
from convexplain.connectors.scorers import BartScore, BertScore, NLIModel
from convexplain.errors import ModelError
from convexplain.explain.faithfulness import baselines, faithfulness
from convexplain.explain.scalarizers import Scalarizer, TurnValues
from convexplain.fidelity import mean, ranked
from convexplain.judges.inference import ChatInference
from convexplain.judges.label_choice import LabelChoice
from convexplain.judges.response_logprob import ResponseLogprob
from convexplain.judges.similarity import NLILogOdds, ResponseSimilarity, Similarity
from convexplain.models.calls import Calls
from convexplain.models.chat import Message, Reply, Request
from convexplain.search import aattribute
from convexplain.search.registry import ATTRIBUTION_METHODS
from convexplain.store import RunStore
from convexplain.text.segmentation import segment
from convexplain.types import Unit

METHODS = {"loo": "LOO", "clime": "C-LIME", "lshap": "L-SHAP", "surrogate": "surrogate"}
RANDOM = 3  # random orders that are averaged over
INSTRUCTION = "Answer the question in one short sentence."


class ShortReplies:
    """A model whose replies are cut after so many tokens."""

    def __init__(self, model: Any, tokens: int) -> None:
        self._model, self._tokens = model, tokens
        self.name, self.fingerprint = model.name, model.fingerprint
        self.batch, self.in_flight, self.timeout = model.batch, model.in_flight, model.timeout

    async def chat(self, requests: Sequence[Request]) -> "list[Reply | ModelError]":
        """Answer requests together."""
        return await self._model.chat(
            [replace(each, max_tokens=min(each.max_tokens, self._tokens)) for each in requests]
        )


@dataclass(frozen=True, slots=True)
class ChatLikelihood:
    """The probability of one text as another wording of the other, by a chat model: it stands in for BARTScore.

    Attributes:
        calls: the model.
        both: the mean of both directions (BARTScore's F), else that of the original given the response (MExGen's SUMM).
        loop: where the model is called.
    """

    calls: Calls
    both: bool
    loop: asyncio.AbstractEventLoop

    @property
    def name(self) -> str:
        """The scalarizer that it stands in for."""
        return "bart" if self.both else "summ"

    def __call__(self, original: str, responses: Sequence[str]) -> list[float | None]:
        """Return the mean log-probability a token for each response; called in a thread."""
        return asyncio.run_coroutine_threadsafe(self._values(original, responses), self.loop).result()

    async def _values(self, original: str, responses: Sequence[str]) -> list[float | None]:
        forward = await asyncio.gather(*(self._logprob(response, original) for response in responses))
        if not self.both:
            return forward
        backward = await asyncio.gather(*(self._logprob(original, response) for response in responses))
        return [(there + back) / 2 for there, back in zip(forward, backward, strict=True)]

    async def _logprob(self, text: str, wording: str) -> float:
        message = Message("user", f"Say this in other words:\n{text}")
        reply = await self.calls.ask(Request((message,), reply=wording))
        assert reply.logprob is not None
        return reply.logprob / reply.reply_tokens


def sentences(document: str) -> tuple[Unit, ...]:
    """Return the sentences of the document, which is the beginning of turn 1; the question after it is no unit."""
    return tuple(segment(document, "sentence", turn=1))


async def orders(
    values: TurnValues, units: Sequence[Unit], budget: int, seed: int
) -> tuple[dict[str, list[int]], dict[str, int]]:
    """Return each method's order of the sentences, and the evaluations that it took."""

    async def value(sets: list[frozenset[int]]) -> list[float | None]:
        return await values.values([frozenset(units[i] for i in removed) for removed in sets])

    named, spent = {}, {}
    for method, title in METHODS.items():
        if ATTRIBUTION_METHODS.find(method) is None:
            continue
        options = {name: option for name, option in (("budget", budget), ("seed", seed)) if _takes(method, name)}
        attribution = await aattribute(method, len(units), value=value, **options)
        named[title], spent[title] = ranked(attribution.scores), attribution.calls
    for draw in range(RANDOM):
        named[f"random {draw}"] = baselines(values.conversation, units, draw)["random"]
    return named, spent


def _takes(method: str, option: str) -> bool:
    return option in ATTRIBUTION_METHODS.get(method).options and not (method == "loo" and option == "budget")


def scalarizers(calls: Calls, nli: Calls | None, options: argparse.Namespace) -> dict[str, Scalarizer]:
    """Return the scalarizers by name, each for one answer."""
    loop = asyncio.get_running_loop()
    similarities: list[Similarity] = [ChatLikelihood(calls, True, loop), ChatLikelihood(calls, False, loop)]
    if options.bertscore:
        similarities.append(BertScore(options.bertscore))
    if options.bartscore:
        similarities.append(BartScore(options.bartscore))
    if options.nli_weights:
        similarities.append(NLILogOdds(NLIModel(options.nli_weights, "nli")))
    named: dict[str, Scalarizer] = {"logprob": ResponseLogprob(calls)}
    named |= {each.name.partition(":")[0]: ResponseSimilarity(calls, each) for each in similarities}
    if nli is not None:
        named["nli"] = ResponseSimilarity(calls, NLILogOdds(ChatInference(LabelChoice(nli))))
    return {name: scalarizer for name, scalarizer in named.items() if name in (options.scalarizer or named)}


async def measured(
    calls: Calls, nli: Calls | None, document: str, question: str, options: argparse.Namespace
) -> dict[str, Any]:
    """Return the AUPC of each order for each scalarizer, by its own value and by the log-probability."""
    turns = (Turn("system", INSTRUCTION), Turn("user", f"{document}\n\n{question}"))
    request = Request(tuple(Message(turn.role, turn.content) for turn in turns), max_tokens=256)
    answer = (await calls.ask(request)).text.strip()
    conversation = Conversation(question, (*turns, Turn("assistant", answer)), "papers")
    units, aupc, spent = sentences(document), {}, {}
    logprobs = TurnValues(conversation, ResponseLogprob(calls))
    for name, scalarizer in scalarizers(calls, nli, options).items():
        values = TurnValues(conversation, scalarizer)
        await values.values([frozenset()])  # a similarity compares with what it measures first
        by_method, spent = await orders(values, units, options.per_unit * len(units), options.seed)
        by_itself = await faithfulness(values, units, by_method, 1)
        by_logprob = await faithfulness(logprobs, units, by_method, 1)
        aupc[name] = {method: [by_itself[method].aupc, by_logprob[method].aupc] for method in by_method}
    return {"answer": answer, "sentences": len(units), "spent": spent, "aupc": aupc}


async def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure the documents that are not in the rows yet, and return all rows."""
    model, settings, store = open_white_box(options.model), settings_of(options), RunStore(options.db)
    rows = read_rows(options.rows, settings)
    done = {row["question"] for row in rows}
    judge = open_model(options.nli) if options.nli else None
    await model.prepare()
    if judge is not None:
        await judge.prepare()
    nli = Calls(judge, store) if judge is not None else None
    try:
        async with Calls(ShortReplies(model, options.tokens), store) as calls:
            for document, question in DOCUMENTS[: options.n]:
                if question in done:
                    continue
                row = {"question": question, **await measured(calls, nli, document, question, options)}
                rows.append({**row, "settings": settings})
                with options.rows.open("a", encoding="utf-8") as file:
                    print(json.dumps(rows[-1]), file=file)
                print(f"  {len(rows)}: {rows[-1]['answer']!r} {rows[-1]['aupc']}", flush=True)
    finally:
        await model.aclose()
        if judge is not None:
            await judge.aclose()
    return rows


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print the table."""
    units = mean([row["sentences"] for row in rows]).value
    print(f"\n{len(rows)} documents of {units:.1f} sentences in the mean")
    print("| scalarizer | method | evaluations | AUPC ↑ | beyond random | AUPC by logprob ↑ | beyond random |")
    print("|---|---|---|---|---|---|---|")
    for name in rows[0]["aupc"]:
        tables = [_averaged(row["aupc"][name]) for row in rows]
        for method in tables[0]:
            cells = []
            for which in (0, 1):
                pairs = [(table[method][which], table["random"][which]) for table in tables]
                pairs = [pair for pair in pairs if None not in pair]
                cells.append(interval(mean([value for value, _ in pairs])))
                cells.append("" if method == "random" else interval(mean([value - other for value, other in pairs])))
            spent = mean([row["spent"][method] for row in rows if method in row["spent"]]).value
            print(f"| {name} | {method} | {'' if spent is None else f'{spent:.0f}'} | {' | '.join(cells)} |")


def _averaged(aupc: dict[str, list[float | None]]) -> dict[str, list[float | None]]:
    """Return the AUPC of each order, those of random orders in the mean."""
    random = [aupc[name] for name in aupc if name.startswith("random")]
    means = [[values[which] for values in random if values[which] is not None] for which in (0, 1)]
    named = {name: values for name, values in aupc.items() if not name.startswith("random")}
    return named | {"random": [sum(values) / len(values) if values else None for values in means]}


def main(argv: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("-n", type=int, default=len(DOCUMENTS), help=f"documents, at most {len(DOCUMENTS)}")
    parser.add_argument("--per-unit", type=int, default=3, help="evaluations a sentence that each method has")
    parser.add_argument("--bertscore", help="folder or repository of an encoder")
    parser.add_argument("--bartscore", help="folder or repository of an encoder-decoder")
    parser.add_argument("--nli-weights", help="folder or repository of a model of natural language inference")
    parser.add_argument("--nli", help="chat model that does the same, by the project's names")
    parser.add_argument("--scalarizer", action="append", help="only that one; may be repeated")
    show(asyncio.run(run(parser.parse_args(argv))))
