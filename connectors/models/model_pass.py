"""Single forward passes of a `transformers` model over a batch of prefix tree nodes, and batched decoding.

Keys and values of the text before are padded on the left, the new tokens on the right, and masked there, with positions
counted without padding.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from convexplain.errors import ModelError, UnavailableError

from .prefix_tree import Node, padded_cache

if TYPE_CHECKING:
    import torch

    Outcome = torch.Tensor | ModelError

Rows = Sequence[Node]
Choose = Callable[[int, Sequence[int], "torch.Tensor"], int | None]
Output = Literal["last", "all", "logprobs"]


class _ReachedError(Exception):
    """The layer is reached: nothing above it is needed."""


class ModelPass:
    """Runs one model on batches.

    Args:
        model: a causal language model that keeps keys and values.

    Raises:
        UnavailableError: the model takes no keys and values.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._cache_argument = _cache_argument(model)
        self._spread = len(set((getattr(model, "hf_device_map", None) or {}).values())) > 1

    @property
    def layers(self) -> int:
        """Return the number of layers of the model."""
        return int(self._model.config.get_text_config().num_hidden_layers)

    def run(self, nodes: Rows, output: Output, *, keep: bool = False) -> "list[torch.Tensor]":
        """Compute one forward pass over the nodes' tokens after the text before them.

        Args:
            nodes: the rows of the batch.
            output: "last" logits, "all" logits, or "logprobs" of the nodes' tokens after the first.
            keep: store the keys and values in the nodes.

        Returns:
            One tensor a node, in float32 on the CPU.
        """
        import torch

        before, width = max(node.start for node in nodes), max(len(node.tokens) for node in nodes)
        cache = padded_cache([node.parent.path() if node.parent else [] for node in nodes], before)
        with torch.inference_mode():
            result = self._model(
                **self._inputs(nodes, before, width),
                **{self._cache_argument: cache},
                use_cache=True,
                logits_to_keep=self._logits_to_keep(nodes, output, width),
            )
            if keep:
                _keep(nodes, cache, before)
            return self._outputs(result, nodes, output, width)

    def decode(
        self,
        prompts: Sequence[int],
        leaves: Rows,
        logits: "Sequence[Outcome]",
        choose: Choose,
        check_stop: Callable[[], None],
    ) -> list[list[int]]:
        """Continue prompts together until each of them has ended.

        Args:
            prompts: the prompts' indices, for `choose`.
            leaves: their ends in the prefix tree.
            logits: the next token's logits of each.
            choose: returns the next token from a prompt's index, its new tokens and the logits; None ends it.
            check_stop: is called before each step; raises where the call was cancelled.

        Returns:
            The new tokens of each prompt.
        """
        import torch

        before = max(leaf.end for leaf in leaves)
        device = self._device
        cache = padded_cache([leaf.path() for leaf in leaves], before)
        mask = torch.zeros((len(prompts), before), dtype=torch.long, device=device)
        for row, leaf in enumerate(leaves):
            mask[row, before - leaf.end :] = 1
        new_tokens: list[list[int]] = [[] for _ in prompts]
        active = set(range(len(prompts)))
        while True:
            check_stop()
            for row in sorted(active):
                outcome = logits[row]
                token = None if isinstance(outcome, ModelError) else choose(prompts[row], new_tokens[row], outcome)
                if token is None:
                    active.remove(row)
                else:
                    new_tokens[row].append(token)
            if not active:
                return new_tokens
            mask = torch.cat([mask, mask.new_ones((len(prompts), 1))], dim=1)
            # A prompt that has ended is computed on, at the position where it ended, and its logits are ignored.
            at = [[max(0, leaf.end + len(new) - 1)] for leaf, new in zip(leaves, new_tokens, strict=True)]
            with torch.inference_mode():
                result = self._model(
                    input_ids=torch.tensor([[new[-1] if new else 0] for new in new_tokens], device=device),
                    attention_mask=mask,
                    position_ids=torch.tensor(at, device=device),
                    **{self._cache_argument: cache},
                    use_cache=True,
                )
            logits = list(result.logits[:, -1].float().cpu())

    def states(self, nodes: Rows, layers: Sequence[int], *, keep: bool = False) -> "list[torch.Tensor]":
        """Compute hidden states of the nodes' tokens after the text before them, as far up as is needed.

        Args:
            nodes: the rows of the batch; the nodes before them have keys and values of an earlier pass up to there.
            layers: whose output: 0 = the embeddings, -1 = the last layer, after its norm.
            keep: store the keys and values in the nodes, those of the layers that were computed.

        Returns:
            One (layers, tokens, width) tensor a node, in float32 on the CPU.
        """
        import torch

        before, width = max(node.start for node in nodes), max(len(node.tokens) for node in nodes)
        cache = padded_cache([node.parent.path() if node.parent else [] for node in nodes], before)
        positive = [layer if layer >= 0 else self.layers + 1 + layer for layer in layers]
        inputs: dict[str, Any] = self._inputs(nodes, before, width)
        if before or keep:
            inputs |= {self._cache_argument: cache, "use_cache": True}
        else:
            inputs |= {"use_cache": False}
        with torch.inference_mode():
            hidden = self._hidden(inputs, positive)
            if keep:
                _keep(nodes, cache, before)
            return [
                torch.stack([hidden[layer][row, : len(node.tokens)].float().cpu() for layer in positive])
                for row, node in enumerate(nodes)
            ]

    def _hidden(self, inputs: "dict[str, Any]", layers: Sequence[int]) -> "dict[int, torch.Tensor]":
        """Return the output of layers (0 = the embeddings); the pass ends after the highest where that can be had."""
        blocks = getattr(self._model.get_decoder(), "layers", ())
        top = max(layers)
        if len(blocks) != self.layers or not 0 < top < self.layers:  # the last layer's output is meant after its norm
            # Without logits of all tokens, which would take the vocabulary's width each.
            result = self._model(**inputs, output_hidden_states=True, logits_to_keep=1)
            return dict(enumerate(result.hidden_states))
        hidden: dict[int, torch.Tensor] = {}

        def keep(layer: int) -> Callable[..., None]:
            def hook(_module: Any, arguments: Any, output: Any) -> None:
                if layer == 1:
                    hidden[0] = arguments[0]
                hidden[layer] = output[0] if isinstance(output, tuple) else output
                if layer == top:
                    raise _ReachedError

            return hook

        handles = [blocks[layer - 1].register_forward_hook(keep(layer)) for layer in {1, *layers} - {0}]
        try:
            self._model(**inputs, logits_to_keep=1)
        except _ReachedError:
            pass
        finally:
            for handle in handles:
                handle.remove()
        return hidden

    @property
    def _device(self) -> Any:
        return self._model.get_input_embeddings().weight.device

    def _inputs(self, nodes: Rows, before: int, width: int) -> "dict[str, torch.Tensor]":
        import torch

        ids = torch.zeros((len(nodes), width), dtype=torch.long)
        mask = torch.zeros((len(nodes), before + width), dtype=torch.long)
        positions = torch.zeros((len(nodes), width), dtype=torch.long)
        for row, node in enumerate(nodes):
            length = len(node.tokens)
            ids[row, :length] = torch.tensor(node.tokens)
            mask[row, before - node.start : before + length] = 1
            # Not beyond the prompt's own end: some models have no more positions, others compute by the highest.
            positions[row] = torch.arange(node.start, node.start + width).clamp(max=node.end - 1)
        device = self._device
        return {
            "input_ids": ids.to(device),
            "attention_mask": mask.to(device),
            "position_ids": positions.to(device),
        }

    def _logits_to_keep(self, nodes: Rows, output: Output, width: int) -> "torch.Tensor | int":
        """Return the positions whose logits are computed, or how many of the last ones; 0 = all."""
        import torch

        lengths = torch.tensor([len(node.tokens) for node in nodes])
        if output in ("all", "logprobs"):
            return 0
        if self._spread:  # the last layers are on another device, where an index from here is refused
            return width - int(lengths.min()) + 1
        return (lengths - 1)[:, None].to(self._device)

    def _outputs(self, result: Any, nodes: Rows, output: Output, width: int) -> "list[torch.Tensor]":
        lengths = [len(node.tokens) for node in nodes]
        if output == "logprobs":  # row by row: the whole vocabulary's for all rows may take gigabytes
            return [_token_logprobs(rows, node.tokens) for rows, node in zip(result.logits, nodes, strict=True)]
        logits = result.logits.float().cpu()
        if output == "all":
            return [logits[row, :length] for row, length in enumerate(lengths)]
        return [logits[row, length - 1 - width if self._spread else 0] for row, length in enumerate(lengths)]


def _cache_argument(model: Any) -> str:
    """Return the model's argument for keys and values: `cache` since transformers 5.24, `past_key_values` before.

    It is read and not tried out: most models swallow a name that they do not know.
    """
    names = inspect.signature(model.forward).parameters
    for name in ("cache", "past_key_values"):
        if name in names:
            return name
    raise UnavailableError(
        f"{model.config.model_type} takes no keys and values, so that prompts cannot share them; name a model that "
        "does (Llama, Qwen, Mistral and nearly all later ones do)"
    )


def _keep(nodes: Rows, cache: Any, before: int) -> None:
    """Store the keys and values of the nodes' tokens, which stand in the cache after `before` others."""
    for row, node in enumerate(nodes):
        at = slice(before, before + len(node.tokens))
        node.keys_values = [part[row, :, at].clone() for layer in cache.layers for part in (layer.keys, layer.values)]


def _token_logprobs(logits: "torch.Tensor", tokens: Sequence[int]) -> "torch.Tensor":
    """Return log-probabilities of the tokens after the first, from the logits after each token; padding is cut off."""
    import torch

    targets = torch.tensor(tokens[1:], device=logits.device)[:, None]
    return logits[: len(targets)].float().log_softmax(-1).gather(-1, targets)[:, 0].cpu()
