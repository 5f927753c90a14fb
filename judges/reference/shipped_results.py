"""Results on the reference set that ship with convexplain: of judges that everybody can have."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from .measures import JudgeBenchmark
from .reference_set import SET_SHAS, Half

FILE = "results.json"
RESISTANCE_FILE = "resistance.json"
_NUMBERS = re.compile(r"\[[\d.,\s]+\]")


@cache
def shipped_results() -> Mapping[str, Mapping[Half, Mapping[str, Any]]]:
    """Return the results as `JudgeBenchmark.to_dict` gives them: by the judge's fingerprint, and by the half."""
    path = files(__package__ or "convexplain.judges.reference") / FILE
    results: dict[str, dict[Half, dict[str, Any]]] = json.loads(path.read_text("ascii"))
    return results


def shipped_result(fingerprint: str, wording: str, half: Half = "reporting") -> Mapping[str, Any] | None:
    """Return a shipped result on one maxim, as `MaximBenchmark.to_dict`; None where there is none.

    Args:
        fingerprint: what identifies the judge's scores.
        wording: `wording_of` the rubric.
        half: the half of the set; results on an earlier set do not count.
    """
    result = shipped_results().get(fingerprint, {}).get(half)
    if result is None or result["set_sha"] != SET_SHAS[half]:
        return None
    maxims: list[dict[str, Any]] = result["maxims"]
    return next((maxim for maxim in maxims if maxim["wording"] == wording), None)


def shipped_resistance(fingerprint: str, wording: str) -> Mapping[str, Any] | None:
    """Return a shipped resistance to injected text on one maxim, as the store keeps it; None where there is none.

    Args:
        fingerprint: what identifies the judge's scores.
        wording: `wording_of` the rubric.
    """
    return _shipped_resistances().get(fingerprint, {}).get(wording)


@cache
def _shipped_resistances() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    path = files(__package__ or "convexplain.judges.reference") / RESISTANCE_FILE
    resistances: dict[str, dict[str, dict[str, Any]]] = json.loads(path.read_text("ascii"))
    return resistances


def write_results(results: Iterable[JudgeBenchmark], path: Path) -> None:
    """Write results into the file that ships, in place of earlier ones of the same judges and halves."""
    bodies: dict[str, dict[str, Any]] = json.loads(path.read_text("ascii")) if path.exists() else {}
    for result in results:
        bodies.setdefault(result.fingerprint, {})[result.half] = result.to_dict()
    text = json.dumps(bodies, indent=1, sort_keys=True)
    text = _NUMBERS.sub(lambda numbers: " ".join(numbers[0].split()), text)  # a list of scores is one line
    path.write_text(text + "\n", encoding="ascii")
