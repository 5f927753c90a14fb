"""ICX360's C-LIME and L-SHAP on a value that lives elsewhere, to be measured against.

    python3.11 -m venv icx && icx/bin/pip install torch==2.13.0 icx360==0.1.0
    icx/bin/python benchmarks/peer_attribution.py        # started by benchmarks/attribution_against_peer.py

To be run in an environment of its own, in which convexplain need not be installed. No model is loaded and nothing is
downloaded. It talks in lines of JSON. In comes what is to be explained, with any options of `explain_instance`:

    {"method": "clime" or "lshap", "n": 12, "seed": 0, "options": {"max_units_replace": 2}}

Out goes what ICX360 wants evaluated, as the units that are gone; in comes a value for each; out go the scores:

    {"removed": [[], [0], [0, 3], ...]}
    {"values": [1.5, 0.25, ...]}
    {"scores": [0.5, ...]}

The units are words. The output that is explained is given, so that ICX360 generates none. Its random numbers come from
Python's global generator, which is seeded before each run.
"""

import json
import random
import sys
from typing import Any, TextIO

import torch
from icx360.algorithms.mexgen import CLIME, LSHAP
from icx360.utils.scalarizers import Scalarizer


class _Asking(Scalarizer):  # type: ignore[misc]
    """The value of a text, which the other side knows: units that are gone are empty strings."""

    def __init__(self, out: TextIO) -> None:
        super().__init__()
        self._out = out

    def scalarize_output(self, inputs: list[list[str]], **_: Any) -> torch.Tensor:
        _say(self._out, {"removed": [[i for i, word in enumerate(words) if not word] for words in inputs]})
        return torch.tensor(json.loads(sys.stdin.readline())["values"], dtype=torch.float64)


class _Plugged:
    """Sets what the constructor of ICX360's explainers sets, which would load a segmenter by name."""

    def __init__(self, value: _Asking) -> None:
        self.model = None
        self.scalarized_model = value


class _PluggedCLIME(_Plugged, CLIME):  # type: ignore[misc]
    """C-LIME."""


class _PluggedLSHAP(_Plugged, LSHAP):  # type: ignore[misc]
    """L-SHAP."""


def _say(out: TextIO, what: dict[str, Any]) -> None:
    print(json.dumps(what), file=out, flush=True)


def main() -> None:
    out, sys.stdout = sys.stdout, sys.stderr  # ICX360 prints
    explainers = {"clime": _PluggedCLIME(_Asking(out)), "lshap": _PluggedLSHAP(_Asking(out))}
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        random.seed(request["seed"])
        explanation = explainers[request["method"]].explain_instance(
            [f"w{i}" for i in range(request["n"])], "w", output_orig="", ind_segment=False, **request["options"]
        )
        _say(out, {"scores": explanation["attributions"]["score"].tolist()})


if __name__ == "__main__":
    main()
