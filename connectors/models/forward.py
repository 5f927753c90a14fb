"""Forward passes of a `transformers` model over many prompts at once, what they share computed once.

Prompts are placed in a prefix tree. Its new nodes are computed wave by wave, those whose beginnings are known first; a
wave goes through the model in batches: keys and values of what stands before are padded on the left, the new tokens on
the right, and masked there, with positions counted without padding.
"""

import inspect
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from convexplain.errors import ModelError, TooLongError, UnavailableError

from .memory import batches, empty_cache, out_of_memory
from .prefix_tree import Node, PrefixTree, past, waves

if TYPE_CHECKING:
    import torch

    Outcome = torch.Tensor | ModelError

Rows = Sequence[Node]
Choose = Callable[[int, Sequence[int], "torch.Tensor"], int | None]
T = TypeVar("T")
R = TypeVar("R")
_SCORED = 2_048  # tokens of given replies at once: each takes as many float32 as the vocabulary has tokens
_BRANCHES = 384  # tokens of short branches at once, whatever the device: a token alone costs a CPU what ten cost
_BEFORE = 8  # so many tokens before a node count like one new token: they take room, but no time


class Forward:
    """Runs one model.

    Args:
        model: a causal language model that keeps keys and values.
        tokens_at_once: new tokens, padding included, in one forward pass of several prompts. A single longer prompt is
            computed alone. Halved when the memory does not suffice.
        kept_bytes: keys and values that are kept between calls, and that prompts which are continued together take.

    Raises:
        UnavailableError: the model takes no keys and values.
    """

    def __init__(self, model: Any, tokens_at_once: int, kept_bytes: int) -> None:
        self.tokens_at_once = tokens_at_once
        self.tree = PrefixTree()
        self.stop = threading.Event()
        self._model = model
        self._past = _past_name(model)
        self._kept_bytes = kept_bytes
        self._spread = len(set((getattr(model, "hf_device_map", None) or {}).values())) > 1

    @property
    def layers(self) -> int:
        """How many layers the model has."""
        return int(self._model.config.get_text_config().num_hidden_layers)

    def last(
        self, prompts: Sequence[Sequence[int]], *, keep: bool = True, hidden: bool = False
    ) -> tuple[list["Outcome"], list[int]]:
        """What the model gives after the last token of each prompt, and how many of its tokens were known already.

        Args:
            prompts: token ids, at least one each.
            keep: keep the prompts' own endings for later calls too.
            hidden: the last layer's hidden state instead of the next token's logits.

        Returns:
            One vector a prompt, of the vocabulary's or the model's width, in float32 on the CPU; TooLongError in its
            place where the memory does not suffice for that prompt even alone.
        """
        leaves, known = self._place(prompts)
        outcomes = self._compute(leaves, hidden)
        self._tidy(leaves, keep)
        return [outcomes[leaf] for leaf in leaves], known

    def continuation(self, whole: Sequence[int], start: int) -> float:
        """The summed log-probability of `whole[start:]` after `whole[:start]`; `start` is at least 1.

        Raises:
            TooLongError: the memory does not suffice.
        """
        (found,), _ = self.continuations([(whole, start)])
        if isinstance(found, ModelError):
            raise found
        return found

    def continuations(self, pairs: Sequence[tuple[Sequence[int], int]]) -> tuple[list[float | ModelError], list[int]]:
        """For each (whole, start) the summed log-probability of `whole[start:]` after `whole[:start]`.

        Args:
            pairs: token ids, and where what is scored begins: at least 1, and before the end.

        Returns:
            One number a pair, or TooLongError in its place where the memory does not suffice for it even alone; and
            how many of its tokens before `start` were known already.
        """
        leaves, known = self._place([whole[:start] for whole, start in pairs])
        outcomes = self._compute(leaves, hidden=False)
        found: list[float | ModelError] = []
        rests: dict[Node, tuple[int, float]] = {}
        for i, ((whole, start), leaf) in enumerate(zip(pairs, leaves, strict=True)):
            outcome = outcomes[leaf]
            if isinstance(outcome, ModelError):
                found.append(outcome)
                continue
            first = float(outcome.log_softmax(-1)[whole[start]])
            found.append(first)
            if len(whole) > start + 1:
                rests[Node(whole[start:], leaf, start=start)] = i, first
        order = sorted(rests, key=lambda node: (len(node.tokens), node.start))
        for some in batches(order, _cost, min(self.tokens_at_once, _SCORED)):
            computed = self._in_memory(lambda nodes: self._forward(nodes, "own"), some)
            for node, own in zip(some, computed, strict=True):
                i, first = rests[node]
                found[i] = own if isinstance(own, ModelError) else first + float(own.double().sum())
        self._tidy(leaves, keep=True)
        return found, known

    def states(
        self, pairs: Sequence[tuple[Sequence[int], int]], layers: Sequence[int]
    ) -> "tuple[list[Outcome], list[int]]":
        """For each (whole, start) the hidden states of `whole[start:]` after `whole[:start]`.

        Args:
            pairs: token ids, and where what is wanted begins: at least 1, and before the end.
            layers: whose output: 0 = the embeddings, -1 = the last layer, after its norm.

        Returns:
            One (layers, tokens, width) float32 a pair, on the CPU, or TooLongError in its place; and how many of its
            tokens before `start` were known already.
        """
        leaves, known = self._place([whole[:start] for whole, start in pairs])
        outcomes = self._compute(leaves, hidden=False)
        found: list[Outcome] = [outcomes[leaf] for leaf in leaves]
        rests = {
            Node(whole[start:], leaf, start=start): i
            for i, ((whole, start), leaf) in enumerate(zip(pairs, leaves, strict=True))
            if not isinstance(found[i], ModelError)
        }
        order = sorted(rests, key=lambda node: (len(node.tokens), node.start))
        for some in batches(order, _cost, self.tokens_at_once):
            computed = self._in_memory(lambda nodes: self._forward(nodes, "states", layers=layers), some)
            for node, states in zip(some, computed, strict=True):
                found[rests[node]] = states
        self._tidy(leaves, keep=True)
        return found, known

    def along(self, whole: Sequence[int], ends: Sequence[int]) -> "list[tuple[Node, torch.Tensor]]":
        """What follows several beginnings of one sequence, `whole[:end]` for each end, from one pass over it.

        Args:
            whole: token ids.
            ends: ascending, at least 1.

        Returns:
            For each end the place there, from which `branches` goes on, and the next token's logits.

        Raises:
            TooLongError: the memory does not suffice.
        """
        first, last = ends[0], ends[-1]
        (leaf,), _ = self._place([whole[:first]])
        outcome = self._compute([leaf], hidden=False)[leaf]
        self._tidy([leaf], keep=True)
        if isinstance(outcome, ModelError):
            raise outcome
        if first == last:
            return [(leaf, outcome) for _ in ends]
        rest = Node(whole[first:last], leaf, start=first)
        (logits,) = self._in_memory(lambda nodes: self._forward(nodes, "all", keep=True), [rest])
        if isinstance(logits, ModelError):
            raise logits
        found = []
        for end in ends:
            if end == first:
                found.append((leaf, outcome))
                continue
            kept = [tensor[:, : end - first] for tensor in rest.kept]
            found.append((Node(whole[first:end], leaf, kept, start=first), logits[end - first - 1]))
        return found

    def branches(self, place: Node, tokens: Sequence[Sequence[int]]) -> "list[torch.Tensor]":
        """The logits after each token of several short sequences that all follow `place`: (tokens, vocabulary) each.

        Raises:
            TooLongError: the memory does not suffice.
        """
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        found: dict[int, torch.Tensor] = {}
        for some in batches(order, lambda i: len(tokens[i]), max(self.tokens_at_once, _BRANCHES)):
            nodes = [Node(tokens[i], place, start=place.end) for i in some]
            computed = self._in_memory(lambda nodes: self._forward(nodes, "all"), nodes)
            for i, logits in zip(some, computed, strict=True):
                if isinstance(logits, ModelError):
                    raise logits
                found[i] = logits
        return [found[i] for i in range(len(tokens))]

    def generate(
        self, prompts: Sequence[Sequence[int]], choose: Choose
    ) -> tuple[list[list[int] | ModelError], list[int]]:
        """Continues the prompts token by token.

        Args:
            prompts: token ids, at least one each.
            choose: from a prompt's index, its new tokens so far and the next one's logits to that token; None ends it.

        Returns:
            The new tokens of each prompt, and how many of the prompt's tokens were known already.
        """
        leaves, known = self._place(prompts)
        outcomes = self._compute(leaves, hidden=False)
        made: list[list[int] | ModelError] = [[] for _ in prompts]
        going: list[int] = []
        for i, leaf in enumerate(leaves):
            outcome = outcomes[leaf]
            if isinstance(outcome, ModelError):
                made[i] = outcome
            else:
                going.append(i)

        def decode(some: Sequence[int]) -> list[list[int]]:
            return self._decode(some, [leaves[i] for i in some], [outcomes[leaves[i]] for i in some], choose)

        # What a step of decoding takes is room for keys and values; it costs one prompt nearly what it costs ten.
        for some in batches(going, lambda i: sum(node.size for node in leaves[i].path()), self._kept_bytes):
            decoded = self._in_memory(decode, some)
            for i, new in zip(some, decoded, strict=True):
                made[i] = new
        self._tidy(leaves, keep=True)
        return made, known

    def alone(self, work: Callable[[], R]) -> R:
        """`work()`, a second time and with nothing else kept where the memory does not suffice.

        Raises:
            TooLongError: it does not suffice then either.
        """
        (found,) = self._in_memory(lambda _: [work()], [None])
        if isinstance(found, ModelError):
            raise found
        return found

    def free(self) -> None:
        """Forgets all keys and values."""
        self.tree.clear()

    def _go_on(self) -> None:
        if self.stop.is_set():
            raise ModelError("the call was cancelled")

    def _place(self, prompts: Sequence[Sequence[int]]) -> tuple[list[Node], list[int]]:
        """Each prompt's leaf, and how many of its tokens are known or will be computed for a prompt before it."""
        self.tree.next_call()
        leaves, known = [], []
        for ids in prompts:
            leaf = self.tree.insert(ids)
            leaves.append(leaf)
            known.append(leaf.start)  # a later prompt may split it
        return leaves, known

    def _tidy(self, leaves: Rows, keep: bool) -> None:
        for leaf in leaves:
            twin = leaf.parent is not None and any(
                other is not leaf and other.tokens == leaf.tokens for other in leaf.parent.children
            )
            if not leaf.children and (not keep or twin or not leaf.kept):
                self.tree.remove(leaf)
        self.tree.next_call()
        self.tree.shrink(self._kept_bytes)

    def _compute(self, leaves: Rows, hidden: bool) -> "dict[Node, Outcome]":
        """Keys and values of every node that has none yet, and the outcome at each leaf."""
        outcomes: dict[Node, Outcome] = {}

        def forward(nodes: Rows) -> "list[torch.Tensor]":
            return self._forward(nodes, "hidden" if hidden else "last", keep=True)

        for wave in waves(leaves):
            possible = []
            for node in wave:
                before = outcomes.get(node.parent) if node.parent else None
                if isinstance(before, ModelError):
                    outcomes[node] = before
                else:
                    possible.append(node)
            possible.sort(key=lambda node: (len(node.tokens), node.start))
            for some in batches(possible, _cost, self.tokens_at_once):
                computed = self._in_memory(forward, some)
                outcomes |= zip(some, computed, strict=True)
        return outcomes

    def _in_memory(self, work: Callable[[Sequence[T]], list[R]], items: Sequence[T]) -> list[R | ModelError]:
        """`work(items)`, in halves when the memory does not suffice; an error for an item that is too much alone."""
        for _ in range(2):
            self._go_on()
            try:
                return list(work(items))
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                reason = str(error).splitlines()[0]
            self.tree.shrink(0)  # and then the whole once more: it was perhaps only what is kept that was too much
            empty_cache()
        if len(items) == 1:
            return [TooLongError(f"the prompt is too long for the memory there is: {reason}")]
        self.tokens_at_once = max(1, self.tokens_at_once // 2)
        half = len(items) // 2
        return self._in_memory(work, items[:half]) + self._in_memory(work, items[half:])

    def _forward(
        self, nodes: Rows, wanted: str, *, keep: bool = False, layers: Sequence[int] = ()
    ) -> "list[torch.Tensor]":
        """One forward pass over the nodes' tokens after what stands before them.

        `wanted`: "last" logits, "all" logits, the "hidden" state at the last token, log-probabilities of the nodes'
        "own" tokens after the first, or the "states" of these layers at all tokens; one tensor a node.
        """
        import torch

        before, width = max(node.start for node in nodes), max(len(node.tokens) for node in nodes)
        device = self._model.get_input_embeddings().weight.device
        ids = torch.zeros((len(nodes), width), dtype=torch.long)
        mask = torch.zeros((len(nodes), before + width), dtype=torch.long)
        positions = torch.zeros((len(nodes), width), dtype=torch.long)
        for row, node in enumerate(nodes):
            length = len(node.tokens)
            ids[row, :length] = torch.tensor(node.tokens)
            mask[row, before - node.start : before + length] = 1
            # Not beyond the prompt's own end: some models have no more positions, others compute by the highest.
            positions[row] = torch.arange(node.start, node.start + width).clamp(max=node.end - 1)
        lengths = torch.tensor([len(node.tokens) for node in nodes])
        cache = past([node.parent.path() if node.parent else [] for node in nodes], before)
        asked: torch.Tensor | int = (lengths - 1)[:, None].to(device)  # which positions' logits are computed
        if wanted in ("all", "own"):
            asked = 0
        elif self._spread:  # the last layers are on another device, where an index from here is refused
            asked = width - int(lengths.min()) + 1
        with torch.inference_mode():
            output = self._model(
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                position_ids=positions.to(device),
                **{self._past: cache},
                use_cache=True,
                logits_to_keep=asked,
                output_hidden_states=wanted in ("hidden", "states"),
            )
            if keep:
                for row, node in enumerate(nodes):
                    at = slice(before, before + len(node.tokens))
                    kept = [part[row, :, at].clone() for layer in cache.layers for part in (layer.keys, layer.values)]
                    node.kept = kept
            if wanted == "hidden":
                states = output.hidden_states[-1].float().cpu()
                return [states[row, len(node.tokens) - 1] for row, node in enumerate(nodes)]
            if wanted == "states":
                return [
                    torch.stack(
                        [output.hidden_states[layer][row, : len(node.tokens)].float().cpu() for layer in layers]
                    )
                    for row, node in enumerate(nodes)
                ]
            if wanted == "own":  # row by row: the whole vocabulary's for all rows may take gigabytes
                return [_own(rows, node.tokens) for rows, node in zip(output.logits, nodes, strict=True)]
            logits = output.logits.float().cpu()
            if wanted == "all":
                return [logits[row, : len(node.tokens)] for row, node in enumerate(nodes)]
            return [logits[row, int(length) - 1 - width if self._spread else 0] for row, length in enumerate(lengths)]

    def _decode(
        self, some: Sequence[int], leaves: Rows, logits: "Sequence[Outcome]", choose: Choose
    ) -> list[list[int]]:
        """Continues these prompts together until each of them has ended."""
        import torch

        before = max(leaf.end for leaf in leaves)
        device = self._model.get_input_embeddings().weight.device
        cache = past([leaf.path() for leaf in leaves], before)
        mask = torch.zeros((len(some), before), dtype=torch.long, device=device)
        for row, leaf in enumerate(leaves):
            mask[row, before - leaf.end :] = 1
        made: list[list[int]] = [[] for _ in some]
        going = set(range(len(some)))
        while True:
            self._go_on()
            for row in sorted(going):
                seen = logits[row]
                token = None if isinstance(seen, ModelError) else choose(some[row], made[row], seen)
                if token is None:
                    going.remove(row)
                else:
                    made[row].append(token)
            if not going:
                break
            mask = torch.cat([mask, mask.new_ones((len(some), 1))], dim=1)
            # A prompt that has ended is computed on, at the position where it ended, and not looked at.
            at = [[max(0, leaf.end + len(new) - 1)] for leaf, new in zip(leaves, made, strict=True)]
            with torch.inference_mode():
                output = self._model(
                    input_ids=torch.tensor([[new[-1] if new else 0] for new in made], device=device),
                    attention_mask=mask,
                    position_ids=torch.tensor(at, device=device),
                    **{self._past: cache},
                    use_cache=True,
                )
            logits = list(output.logits[:, -1].float().cpu())
        return made


def _past_name(model: Any) -> str:
    """What the model calls the keys and values it is given: `cache` since transformers 5.24, `past_key_values` before.

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


def _own(logits: "torch.Tensor", tokens: Sequence[int]) -> "torch.Tensor":
    """Log-probabilities of the tokens after the first, from the logits after each token; what pads them is cut off."""
    import torch

    wanted = torch.tensor(tokens[1:], device=logits.device)[:, None]
    return logits[: len(wanted)].float().log_softmax(-1).gather(-1, wanted)[:, 0].cpu()


def _cost(node: Node) -> int:
    return max(len(node.tokens), node.end // _BEFORE)
