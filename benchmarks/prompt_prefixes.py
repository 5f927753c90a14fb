"""How much of a judge's prompts is a beginning that was read before, in the order in which `analyze` asks.

    python benchmarks/prompt_prefixes.py ../examples/shop.jsonl --rubric quality_1 --rubric relevance_1

Prompts are counted with the embedded model's tokenizer; no model runs. Tokens to read, where a server

    nothing   remembers nothing
    last      remembers the prompt before, as one slot of llama.cpp does
    all       remembers every prompt
"""

import argparse
import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from convexplain import Rubric, load_rubric, read_log
from convexplain.analysis.pipeline import chosen_turns
from convexplain.connectors.models.embedded import EmbeddedModel
from convexplain.connectors.models.prefix_tree import common_length
from convexplain.judges import judge_request
from convexplain.models.chat import Request

_CHUNK = 16  # conversations that are judged on one rubric before the next, as in the pipeline


def requests(log: Path, rubrics: list[Rubric]) -> Iterator[Request]:
    """Yield the requests for labels in the order of an analysis."""
    conversations = list(read_log(log))
    for start in range(0, len(conversations), _CHUNK):
        for rubric in rubrics:
            for conversation in conversations[start : start + _CHUNK]:
                for turn in chosen_turns(conversation, "all", rubric):
                    yield judge_request(rubric, rubric.judged(conversation, turn).turns)


def to_read(prompts: list[list[int]]) -> dict[str, int]:
    """Return the tokens that are read in all, by what is remembered."""
    last = sum(
        len(ids) - min(common_length(before, ids), len(ids) - 1)
        for before, ids in zip([[], *prompts], prompts, strict=False)
    )
    tree: dict[int, Any] = {}
    everything = 0
    for ids in prompts:
        node, new = tree, 0
        for token in ids:
            new += token not in node
            node = node.setdefault(token, {})
        everything += max(1, new)
    return {"nothing": sum(map(len, prompts)), "last": last, "all": everything}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("--rubric", action="append", required=True)
    options = parser.parse_args()
    embedded = EmbeddedModel(heads=())
    asyncio.run(embedded.prepare())
    judge_requests = requests(options.log, [load_rubric(name) for name in options.rubric])
    prompts = [embedded._encoder.encode(request) for request in judge_requests]
    print(f"{options.log.name}: {len(prompts)} judgements; tokens to read in each, where a server remembers")
    for name, tokens in to_read(prompts).items():
        print(f"  {name:8} {tokens / len(prompts):6.1f}")


if __name__ == "__main__":
    main()
