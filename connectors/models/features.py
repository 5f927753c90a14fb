"""Numbers about a given reply from inside a model: what heads read.

A recipe is `mean@L`, or `mean@L,L,…`: the mean over the reply's tokens of the hidden state after layer L, for each L in
turn. 0 = the embeddings, 1 = the first layer, -1 = the last one, after its norm; 0.6 = at six tenths of the depth.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from convexplain.errors import ModelError

if TYPE_CHECKING:
    from .forward import Forward

_LAYER = r"(?:-?\d{1,4}|0\.\d{1,4})"
_RECIPE = re.compile(rf"mean@{_LAYER}(?:,{_LAYER})*")
_DIGITS = 5  # float32 has seven; two machines agree on about five


def features(
    forward: "Forward", recipes: Sequence[str], pairs: Sequence[tuple[Sequence[int], int]]
) -> tuple[list[tuple[float, ...] | ModelError], list[int]]:
    """The numbers that each recipe asks for, of the tokens `whole[start:]`.

    Args:
        forward: runs the model.
        recipes: one a pair.
        pairs: token ids of prompt and reply, and where the reply begins.

    Returns:
        For each pair the numbers (layers times the model's width) or an error, and how many tokens of its prompt were
        known already.
    """
    found: dict[int, tuple[float, ...] | ModelError] = {}
    known: dict[int, int] = {}
    for recipe in dict.fromkeys(recipes):
        mine = [i for i, other in enumerate(recipes) if other == recipe]
        layers = _layers(recipe, forward.layers)
        if isinstance(layers, ModelError):
            found |= dict.fromkeys(mine, layers)
            continue
        states, shared = forward.states([pairs[i] for i in mine], layers)
        for i, one, before in zip(mine, states, shared, strict=True):
            known[i] = before
            if isinstance(one, ModelError):
                found[i] = one
            else:
                found[i] = tuple(float(f"{value:.{_DIGITS}g}") for value in one.mean(dim=1).flatten().tolist())
    return [found[i] for i in range(len(pairs))], [known.get(i, 0) for i in range(len(pairs))]


def _layers(recipe: str, there: int) -> list[int] | ModelError:
    if not _RECIPE.fullmatch(recipe):
        return ModelError(f"features={recipe!r} is no recipe; write mean@LAYER, or mean@LAYER,LAYER")
    given = recipe.removeprefix("mean@").split(",")
    layers = [round(float(layer) * there) if "." in layer else int(layer) for layer in given]
    if wrong := [layer for layer in layers if not -there - 1 <= layer <= there]:
        return ModelError(f"features={recipe!r}: there is no layer {wrong[0]}; the model has {there}")
    return layers
