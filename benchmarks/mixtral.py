"""Speed at which the reference judge's architecture judges here, and how near that is to what the device could do.

    python benchmarks/mixtral.py                 # one GPU with 141 GB: Mixtral-8x7B, random weights, bfloat16
    python benchmarks/mixtral.py --tiny          # the same script with a tiny model, to see that it runs

Needs the extra `local` and `mistral-common[sentencepiece]`, which carries Mixtral's tokenizer. No weights are fetched:
how long a forward pass takes hardly depends on their values. Judges `benchmarks/logs/` on helpfulness, every prompt
computed whole, and then with what prompts share computed once. The limit that the tokens a second are held against is
790 TFLOP/s (bfloat16, H200, as measured on large matrices) over 2 * 12.9e9 operations a token, 12.9e9 being the
parameters that one token uses.
"""

import argparse
import asyncio
import shutil
import tempfile
import time
from pathlib import Path

import mistral_common
import torch
from example_talks import example_talks
from transformers import LlamaTokenizer, MixtralConfig, MixtralForCausalLM

from convexplain import load_rubric
from convexplain.connectors.models import LocalModel, prefix_tree
from convexplain.connectors.models.weights import widen_head
from convexplain.judges.prompt import judge_request
from convexplain.models.chat import Reply, Request

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ ' [INST] ' + m.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}"
)
TINY = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
FLOPS, ACTIVE = 790e12, 12.9e9
SHARING = prefix_tree.WORTH_SHARING


def tokenizer(folder: Path) -> LlamaTokenizer:
    shutil.copy(Path(mistral_common.__file__).parent / "data" / "tokenizer.model.v1", folder / "tokenizer.model")
    llama_tokenizer = LlamaTokenizer.from_pretrained(folder)
    llama_tokenizer.chat_template = TEMPLATE
    return llama_tokenizer


def requests() -> list[Request]:
    rubric = load_rubric("helpfulness")
    return [
        judge_request(rubric, talk.turns[: i + 1])
        for talk in example_talks()
        for i, turn in enumerate(talk.turns)
        if turn.role == "assistant"
    ]


def model(folder: Path, tiny: bool, device: str) -> LocalModel:
    """A Mixtral that was made here: nothing is read from a disk, where 94 GB would have to be written first."""
    config = MixtralConfig(
        vocab_size=32_000,
        max_position_embeddings=32_768,
        sliding_window=None,
        **(TINY if tiny else {}),
    )
    torch.set_default_dtype(torch.bfloat16 if device == "cuda" else torch.float32)
    with torch.device(device):
        weights = MixtralForCausalLM(config).eval().requires_grad_(False)
    widen_head(weights)  # as it is when weights are loaded
    judge = LocalModel(folder, "tiny" if tiny else "random Mixtral", "random")
    free = torch.cuda.mem_get_info()[0] // 4 if device == "cuda" else 1 << 28
    judge._use(weights, tokenizer(folder), 32_768, 8_192 if device == "cuda" else 128, free)
    return judge


async def judged(judge: LocalModel, prompts: list[Request], batch: int, share: bool) -> None:
    computed = total = 0
    began = time.perf_counter()
    prefix_tree.WORTH_SHARING = SHARING if share else 1 << 30
    for i in range(0, len(prompts), batch):
        for reply in await judge.chat(prompts[i : i + batch]):
            assert isinstance(reply, Reply), reply
            computed += reply.prompt_tokens - reply.cached_tokens
            total += reply.prompt_tokens
    seconds = time.perf_counter() - began
    rate = computed / seconds
    limit = "" if judge.name == "tiny" else f" = {rate * 2 * ACTIVE / FLOPS:.0%} of the limit"
    way = "shared prefix" if share else "prompts whole"
    print(
        f"{way}, {batch:2} a call: {len(prompts) / seconds:5.1f} judgements/s of "
        f"{total / len(prompts):.0f} prompt tokens, {computed / len(prompts):.0f} computed, "
        f"{rate:,.0f} tokens/s{limit}",
        flush=True,
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not options.tiny:
        parser.error("there is no GPU; --tiny runs a tiny model on the CPU")
    with tempfile.TemporaryDirectory() as folder:
        judge = model(Path(folder), options.tiny, device)
        prompts = requests()
        await judge.chat(prompts[:2])  # warm
        for batch, share in ((1, False), (16, False), (1, True), (16, True), (64, True)):
            if judge._forward is not None:
                judge._forward.free()
            await judged(judge, prompts, batch, share)


if __name__ == "__main__":
    asyncio.run(main())
