"""Agreement with people of a judge on llama.cpp whose chat template thinks, and what the probe learns of it.

    python benchmarks/thinking.py ../shared/data/conture.jsonl --model MODEL.gguf -n 100 --db thinking.db

The same model judges the same n turns three times: with its own chat template; with one that opens `<think>` unless
`enable_thinking` is false, as Qwen3's does; and with one that always opens it, so that only a budget of tokens helps.
The last two ask the model to think in one sentence. Figures as in `agreement.py`; 95 % intervals over dialogues.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agreement import judged, line
from labelled_sets import read_set

from convexplain.connectors.models.endpoint_memory import remembered_at

_TURN = "{{ '<|im_start|>' + message.role + '\\n' + message.content }}"
_SYSTEM = "<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n"
_ADVICE = "{{ '\\nFirst think in one short sentence. Then write </think>, and then the answer.' }}"
_TEMPLATE = (
    f"{{{{ '{_SYSTEM}' }}}}"
    f"{{%- for message in messages %}}{_TURN}{{%- if loop.last and (THINKS) %}}{_ADVICE}{{%- endif %}}"
    "{{ '<|im_end|>\\n' }}{%- endfor %}{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' }}"
    "{%- if not (THINKS) %}{{ '\\n</think>\\n\\n' }}{%- endif %}{%- endif %}"
)
CONDITIONS = {
    "its own template": "",
    "thinks unless switched off": _TEMPLATE.replace("THINKS", "enable_thinking is not defined or enable_thinking"),
    "always thinks": _TEMPLATE.replace("THINKS", "true"),
}


def serve() -> None:
    """Serve one model with llama.cpp until standard input ends: a process of its own, as it holds Python's lock."""
    import xllamacpp

    settings = json.loads(sys.stdin.readline())
    params = xllamacpp.CommonParams()
    params.model.path = settings["model"]
    params.n_parallel, params.n_ctx = 1, 8192
    params.hostnames, params.port, params.ui = ["127.0.0.1"], 0, False
    params.use_jinja, params.cache_ram_mib, params.warmup, params.verbosity = True, 0, False, 1
    if settings["template"]:
        params.chat_template = settings["template"]
        params.default_template_kwargs = {
            "enable_thinking": "true"
        }  # llama.cpp's own default for a foreign template: off
    server = xllamacpp.Server(params)
    print(json.dumps({"address": server.listening_address}), flush=True)
    sys.stdin.read()
    os._exit(0)


@contextmanager
def served(model: str, template: str) -> Iterator[str]:
    """Yield the base URL of a server with this model and chat template."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"OMP_WAIT_POLICY": "passive", **os.environ},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps({"model": model, "template": template}) + "\n")
        process.stdin.flush()
        yield f"{json.loads(process.stdout.readline())['address']}/v1"
    finally:
        process.kill()
        process.wait()


async def main() -> None:
    """Judge the set's turns under each condition, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("-n", type=int, default=100)
    parser.add_argument("--db", required=True)
    parser.add_argument("--only", choices=CONDITIONS, help="just this condition")
    options = parser.parse_args()
    labelled_set = read_set(options.set, options.n)
    os.environ["CONVEXPLAIN_CACHE"] = tempfile.mkdtemp()  # what is learnt here is of no use to anybody later
    for condition, template in CONDITIONS.items():
        if options.only not in (None, condition):
            continue
        with served(options.model, template) as base:
            scores, seconds = await judged(labelled_set, f"{base}?timeout=900&in_flight=1", options.db)
            rules = "; ".join(dict(learnt.rows())["thinking"] for learnt in remembered_at(base).values())
        unscored = len(labelled_set.source.turn_keys) - len(scores)
        values = Counter(round(value, 1) for (value,) in scores.values())
        line(condition, labelled_set, scores, f"({seconds:.2f} s a call, {unscored} unscored, thinking: {rules})")
        print(f"    scores: {dict(sorted(values.items()))}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve()
    else:
        asyncio.run(main())
