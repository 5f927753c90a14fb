"""Ways to compute the embedded judge's hidden states, on the same turns in one run: time, scores and agreement.

    OMP_NUM_THREADS=1 python benchmarks/embedded_speed.py dbdc3_en.jsonl conture.jsonl -n 300
    OMP_NUM_THREADS=1 python benchmarks/embedded_speed.py ../examples/shop.jsonl --ways alone library

A file is a labelled set (`labelled_sets.py`) or a log. One pass over a turn serves all maxims, so a turn is as many
judgements as there are shipped heads (three). Turns are read 16 at a time, as in an analysis; the ways take turns at
each 16, so that other work on the machine meets all of them. Ways:

    alone      each turn whole, in a pass of its own
    beginning  what the chat template writes before the first message is computed once
    batches    turns of about the same length in one pass
    library    both: what the library does
    bfloat16   both, weights and activations in bfloat16
    int8       both, PyTorch's dynamic quantisation of the linear layers

Seconds are processor time of the whole process, and the clock's beside it. "Change" is the largest change of a score
on any maxim. Agreement is of the set's own maxim with people; the shipped heads were trained on parts of these sets, so
it says what a way changes and not how good the judge is.
"""

import argparse
import asyncio
import copy
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from labelled_sets import RUBRICS_OF, read_set

from convexplain import Turn, read_log
from convexplain.agreement.ranks import auc, spearman
from convexplain.connectors.models import forward as forward_module
from convexplain.connectors.models.embedded import EmbeddedModel
from convexplain.connectors.models.forward import Forward
from convexplain.connectors.models.reply_features import reply_features
from convexplain.judges.heads import features_request, head_features, shipped_heads

_AT_ONCE = 16  # turns in one call
_HEADS = shipped_heads()

Pair = tuple[list[int], int]
Turns = Sequence[Turn]
Features = list[tuple[float, ...]]
Way = Callable[[Sequence[Pair]], Features]


def quantised(model: Any) -> Any:
    from torch.ao.quantization import quantize_dynamic

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return quantize_dynamic(copy.deepcopy(model), {torch.nn.Linear}, dtype=torch.qint8)


def way(model: Any, beginning: Sequence[int], *, batched: bool) -> Way:
    """Return a way to compute the features of turns."""
    forward = Forward(model, 1, 1 << 29, beginning)
    short = forward_module._SHORT

    def features(pairs: Sequence[Pair]) -> Features:
        forward_module._SHORT = short if batched else 1
        try:
            return reply_features(forward, [_HEADS[0].recipe] * len(pairs), pairs)  # type: ignore[return-value]
        finally:
            forward_module._SHORT = short

    return features


def ways_of(embedded: EmbeddedModel, names: Sequence[str]) -> dict[str, Way]:
    """Return the ways of these names."""
    model, beginning = embedded._model, embedded._encoder.beginning()
    makers: dict[str, Callable[[], Way]] = {
        "alone": lambda: way(model, (), batched=False),
        "beginning": lambda: way(model, beginning, batched=False),
        "batches": lambda: way(model, (), batched=True),
        "library": lambda: way(model, beginning, batched=True),
        "bfloat16": lambda: way(copy.deepcopy(model).bfloat16(), beginning, batched=True),
        "int8": lambda: way(quantised(model), beginning, batched=True),
    }
    return {name: makers[name]() for name in names}


def judged_turns(path: Path, n: int) -> tuple[list[Turns], np.ndarray]:
    """Return turns with all before them, and what people say of each on the set's maxim; of a log nothing."""
    if path.stem in RUBRICS_OF:
        labelled = read_set(path, n).source.turns
        people = np.array([item.ratings[0].score for item in labelled])
        return [item.conversation.turns[: item.turn + 1] for item in labelled], people
    talks = [talk.turns for talk in read_log(path)]
    turns = [talk[: i + 1] for talk in talks for i, turn in enumerate(talk) if turn.role == "assistant"]
    return turns[:n], np.zeros(0)


def measured(ways: dict[str, Way], pairs: Sequence[Pair]) -> tuple[dict[str, Features], dict[str, list[float]]]:
    """Return each way's features, and its seconds of the processor and of the clock."""
    features: dict[str, Features] = {name: [] for name in ways}
    seconds = {name: [0.0, 0.0] for name in ways}
    for way_features in ways.values():  # warm, and the beginning is computed
        way_features(pairs[:2])
    for start in range(0, len(pairs), _AT_ONCE):
        for name, way_features in ways.items():
            cpu, clock = time.process_time(), time.perf_counter()
            features[name] += way_features(pairs[start : start + _AT_ONCE])
            seconds[name][0] += time.process_time() - cpu
            seconds[name][1] += time.perf_counter() - clock
    return features, seconds


def scores_of(turns: Sequence[Turns], features: Features) -> np.ndarray:
    """Return (turns, maxims) scores."""
    read = [head_features(conversation, states) for conversation, states in zip(turns, features, strict=True)]
    return np.array([[head.score(numbers) for head in _HEADS] for numbers in read])


def agreement(scores: np.ndarray, people: np.ndarray, rubric: str) -> str:
    """Return Spearman's correlation with people, and the AUC for turns that they place above the middle."""
    column = scores[:, [head.rubric for head in _HEADS].index(rubric)]
    even = np.ones((1, len(people)))
    rho = spearman(column, people)(even)[0]
    return f"rho {rho:+.4f}, AUC {auc(column, people > 0.5)(even)[0]:.4f}"


def compare(path: Path, embedded: EmbeddedModel, names: Sequence[str], n: int) -> None:
    turns, people = judged_turns(path, n)
    pairs = [embedded._encoder.encode_with_reply(features_request(item, _HEADS[0].recipe)) for item in turns]
    tokens = [np.mean([len(ids) for ids, _ in pairs]), np.mean([len(ids) - start for ids, start in pairs])]
    print(f"\n{path.name}: {len(turns)} turns, {len(_HEADS) * len(turns)} judgements; {tokens[0]:.0f} tokens a turn, ")
    print(f"{tokens[1]:.0f} of them the reply's; load {os.getloadavg()[0]:.0f}, {torch.get_num_threads()} threads")
    features, seconds = measured(ways_of(embedded, names), pairs)
    first, scores = names[0], {name: scores_of(turns, features[name]) for name in names}
    for name in names:
        cpu, clock = seconds[name]
        change = np.abs(scores[name] - scores[first]).max()
        people_say = agreement(scores[name], people, RUBRICS_OF[path.stem][0]) if len(people) else ""
        print(
            f"{name:10} {len(_HEADS) * len(turns) / cpu:7.1f} judgements a second of processor time "
            f"({seconds[first][0] / cpu:.2f} times; by the clock {seconds[first][1] / clock:.2f} times), "
            f"change {change:.1e}  {people_say}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("-n", type=int, default=300, help="turns of each file")
    ways = ["alone", "beginning", "batches", "library", "bfloat16", "int8"]
    parser.add_argument("--ways", nargs="+", default=ways, help="the first is what the others are compared with")
    options = parser.parse_args()
    embedded = EmbeddedModel()
    asyncio.run(embedded.prepare())
    for path in options.files:
        compare(path, embedded, options.ways, options.n)


if __name__ == "__main__":
    main()
