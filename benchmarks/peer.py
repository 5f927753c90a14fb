"""ICX360's CELL and mCELL on synthetic tasks, to be measured against.

    python3.11 -m venv icx && icx/bin/pip install icx360==0.1.0
    icx/bin/python benchmarks/peer.py tasks.jsonl        # or the tasks on stdin

To be run in an environment of its own, in which convexplain need not be installed. No model is loaded. One JSON task a
line:

    {"words": ["w0", "w1", ...], "causes": [[index, weight], ...], "delta": 0.95, "budget": 50, "split_k": 1,
     "seed": 0, "infill": "neutral"}

The text is the words, which must be unique and hold none of `.!?;`, joined by a space; units are `split_k` words.
The model answers with its prompt, the infiller writes `xx` for each word of the masked unit, and g is the sum of the
weights of those causes whose word does not occur in the response. A run is a contrast when g >= delta.

For each task two lines are printed, one for each method:

    {"task": line number, "method": "cell" or "mcell", "found", "score", "edits", "calls", "distinct", "text",
     "stopped"}

`found` and `score` belong to the text that is handed back, `edits` counts its changed units, `calls` the calls to the
model without the first, unperturbed one, `distinct` the different perturbed texts among them. `stopped` says that
the method itself noticed the contrast: CELL scores the prompts of a round's beginning before its budget is used up, but
compares them with the threshold only afterwards. mCELL has no budget. Where ICX360 raises (CELL with a budget below 4)
`found` is false, `score`, `edits` and `text` are null, and `error` says what it was.

ICX360 compares |g| > epsilon; it gets the number just below delta, so that g = delta counts here too. Its random
numbers come from Python's global generator, which is seeded before each run.
"""

import argparse
import io
import json
import math
import random
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

from icx360.algorithms.cell.CELL import CELL
from icx360.algorithms.cell.mCELL import mCELL

NEUTRAL = "xx"


class _Echo:
    """The model: answers with the prompt, and keeps every prompt."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def generate(self, prompt: str, text_only: bool = True) -> list[str]:
        self.prompts.append(prompt)
        return [prompt]


class _NeutralInfiller:
    """Writes the neutral word for each word of the masked unit. Its "tokens" are the text itself."""

    mask_string = "<mask>"

    def encode(self, text: str, add_special_tokens: bool = True) -> str:
        return text

    def decode(self, text: str) -> str:
        return text

    def generate(
        self, text: str, masked_word: str, num_return_sequences: int, return_mask_filled: bool
    ) -> tuple[str, str]:
        filled = " ".join(NEUTRAL for _ in masked_word.split())
        return text.replace(self.mask_string, filled), filled


class _LostCauses:
    """The score g: the weights of the causes whose word is gone from the response."""

    def __init__(self, causes: dict[str, float]) -> None:
        self.causes = causes

    def g(self, response: str) -> float:
        present_words = set(response.split())
        return sum((weight for word, weight in self.causes.items() if word not in present_words), 0.0)

    def scalarize_output(
        self, prompt: str, response: str, new_prompt: str, new_response: str, input_label: int = 0, info: bool = False
    ) -> tuple[float, int]:
        return self.g(new_response), 0


class _Plugged:
    """Sets what the constructors of CELL and mCELL set, which would load an infiller and a scorer by name."""

    def __init__(self, model: _Echo, scorer: _LostCauses) -> None:
        self._model = model
        self._infiller = _NeutralInfiller()
        self._num_return_sequences = 1
        self._scalarizer_func = scorer
        self._scalarizer_name = "bleu"  # only picks the words of a message at the end
        self._scalarizer_type = "distance"
        self._generation = True


class _PluggedCELL(_Plugged, CELL):  # type: ignore[misc]
    """CELL-budget."""


class _PluggedMyopic(_Plugged, mCELL):  # type: ignore[misc]
    """mCELL."""


def run(task: dict[str, Any], method: str) -> dict[str, Any]:
    """One method on one task, as the module docstring says. Raises ValueError where the task breaks its rules."""
    check(task)
    words = task["words"]
    model, scorer = _Echo(), _LostCauses({words[i]: weight for i, weight in task["causes"]})
    options = {"epsilon_contrastive": math.nextafter(task["delta"], -math.inf), "split_k": task["split_k"]}
    original, output = " ".join(words), io.StringIO()
    random.seed(task["seed"])
    text: str | None = None
    failed: dict[str, str] = {}
    try:
        with redirect_stdout(output):  # with info=False, CELL fails where it finds nothing
            if method == "cell":
                explained = _PluggedCELL(model, scorer).explain_instance(original, budget=task["budget"], **options)
            else:
                explained = _PluggedMyopic(model, scorer).explain_instance(original, **options)
        text = explained["prompt_cell"]
    except Exception as error:  # noqa: BLE001 - whatever it raises is a result
        failed = {"error": f"{type(error).__name__}: {error}"}
    score = None if text is None else scorer.g(text)
    return {
        "method": method,
        "found": score is not None and score >= task["delta"],
        "score": score,
        "edits": None if text is None else changed_units(words, text.split(), task["split_k"]),
        "calls": len(model.prompts) - 1,
        "distinct": len(set(model.prompts) - {original}),
        "text": text,
        "stopped": "contrastive threshold has been passed" in output.getvalue(),
        **failed,
    }


def check(task: dict[str, Any]) -> None:
    words = task["words"]
    if task["infill"] != "neutral":
        raise ValueError(f"infill is {task['infill']!r}; it must be 'neutral'")
    if len({*words, NEUTRAL}) != len(words) + 1:
        raise ValueError(f"words must be unique and none of them {NEUTRAL!r}")
    if any(set(word) & set(".!?;") or word.split() != [word] for word in words):
        raise ValueError("words must hold no white space and none of .!?; at which ICX360 splits the text")


def changed_units(before: list[str], after: list[str], split_k: int) -> int:
    """In how many units of `split_k` words the texts differ."""
    return len({i // split_k for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new})


def tasks(path: str | None) -> Iterator[dict[str, Any]]:
    lines = sys.stdin if path is None else open(path, encoding="utf-8")  # noqa: SIM115 - closed at the end
    with lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="?", help="file of JSON tasks, one a line; default: stdin")
    for number, task in enumerate(tasks(parser.parse_args().tasks)):
        for method in ("cell", "mcell"):
            print(json.dumps({"task": number, **run(task, method)}), flush=True)


if __name__ == "__main__":
    main()
