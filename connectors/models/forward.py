"""Forward passes of a `transformers` model over many prompts at once, what they share computed once.

Prompts are placed in a prefix tree. Its new nodes are computed wave by wave, those whose beginnings are known first; a
wave goes through the model in batches.
"""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from convexplain.errors import ModelError, TooLongError

from .device_memory import batches, empty_cache, out_of_memory
from .model_pass import Choose, ModelPass, Rows
from .prefix_tree import WORTH_SHARING, Node, PrefixTree, waves

if TYPE_CHECKING:
    import torch

    Outcome = torch.Tensor | ModelError

_Context: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]  # token ids, and the layers
T = TypeVar("T")
R = TypeVar("R")
_SCORED = 2_048  # tokens of given replies at once: each takes as many float32 as the vocabulary has tokens
_SHORT = 384  # tokens of short sequences at once, whatever the device: a token alone costs a CPU what ten cost
_CONTEXTS_SHARE = 4  # of the bytes of the cache a fourth at most is for the contexts of hidden states
_BEFORE = 8  # so many tokens before a node count like one new token: they take room, but no time


class Forward:
    """Runs one model.

    Args:
        model: a causal language model that keeps keys and values.
        tokens_at_once: new tokens, padding included, in one forward pass of several prompts. A single longer prompt is
            computed alone. Halved when the memory does not suffice.
        cache_bytes: the limit of keys and values that stay between calls, and of those of prompts that are continued
            together.
        beginning: tokens with which nearly every prompt begins; for hidden states they are computed once.

    Raises:
        UnavailableError: the model takes no keys and values.
    """

    def __init__(self, model: Any, tokens_at_once: int, cache_bytes: int, beginning: Sequence[int] = ()) -> None:
        self.tokens_at_once = tokens_at_once
        self.tree = PrefixTree()
        self.stop = threading.Event()
        self._pass = ModelPass(model)
        self._cache_bytes = cache_bytes
        self._beginning = tuple(beginning)
        self._contexts: dict[_Context, Node] = {}  # what stands before the tokens whose states were asked for

    @property
    def layers(self) -> int:
        """Return the number of layers of the model."""
        return self._pass.layers

    def last(self, prompts: Sequence[Sequence[int]], *, keep: bool = True) -> tuple[list["Outcome"], list[int]]:
        """Return the next token's logits after each prompt, and how many of its tokens were cached.

        Args:
            prompts: token ids, at least one each.
            keep: keep the prompts' own endings for later calls too.

        Returns:
            One vector a prompt, of the vocabulary's width, in float32 on the CPU; TooLongError in its
            place where the memory does not suffice for that prompt even alone.
        """
        leaves, cached = self._place(prompts)
        outcomes = self._compute(leaves)
        self._tidy(leaves, keep)
        return [outcomes[leaf] for leaf in leaves], cached

    def continuations(self, pairs: Sequence[tuple[Sequence[int], int]]) -> tuple[list[float | ModelError], list[int]]:
        """Return for each (ids, start) the summed log-probability of `ids[start:]` after `ids[:start]`.

        Args:
            pairs: token ids, and the index of the first scored token: at least 1, and before the end.

        Returns:
            One number a pair, or TooLongError in its place where the memory does not suffice for it even alone; and
            how many of its tokens before `start` were cached.
        """
        outcomes, cached = self.token_logprobs(pairs)
        return [
            outcome if isinstance(outcome, ModelError) else float(outcome[0]) + float(outcome[1:].double().sum())
            for outcome in outcomes
        ], cached

    def token_logprobs(
        self, pairs: Sequence[tuple[Sequence[int], int]], at_once: int = 1
    ) -> "tuple[list[Outcome], list[int]]":
        """Return for each (ids, start) the log-probability of each token of `ids[start:]` after the ones before it.

        Args:
            pairs: token ids, and the index of the first scored token: at least 1, and before the end.
            at_once: scored tokens in one forward pass at least, whatever the device.

        Returns:
            One vector a pair, in float32 on the CPU, or TooLongError in its place where the memory does not suffice for
            it even alone; and how many of its tokens before `start` were cached.
        """
        # Texts that follow the same tokens have one leaf: each leaf costs a pass for its last token.
        beginnings = [tuple(ids[:start]) for ids, start in pairs]
        distinct = list(dict.fromkeys(beginnings))
        placed, reused = self._place(distinct)
        outcomes = self._compute(placed)
        leaf_of = dict(zip(distinct, placed, strict=True))
        leaves = [leaf_of[beginning] for beginning in beginnings]
        first_cached = dict(zip(distinct, reused, strict=True))
        cached = [first_cached.pop(beginning, len(beginning)) for beginning in beginnings]
        logprobs: list[Outcome] = []
        endings: dict[Node, int] = {}
        for i, ((ids, start), leaf) in enumerate(zip(pairs, leaves, strict=True)):
            outcome = outcomes[leaf]
            if isinstance(outcome, ModelError):
                logprobs.append(outcome)
                continue
            logprobs.append(outcome.log_softmax(-1)[ids[start] : ids[start] + 1])
            if len(ids) > start + 1:
                endings[Node(ids[start:], leaf, start=start)] = i
        order = sorted(endings, key=lambda node: (len(node.tokens), node.start))
        for batch in batches(order, _cost, min(max(self.tokens_at_once, at_once), _SCORED)):
            computed = self._in_memory(lambda nodes: self._pass.run(nodes, "logprobs"), batch)
            for node, later in zip(batch, computed, strict=True):
                i = endings[node]
                logprobs[i] = later if isinstance(later, ModelError) else _joined(logprobs[i], later)
        self._tidy(placed, keep=True)
        return logprobs, cached

    def states(self, pairs: Sequence[tuple[Sequence[int], int]], layers: Sequence[int]) -> "list[Outcome]":
        """Return for each (ids, start) the hidden states of `ids[start:]`; a pass ends after the last layer wanted.

        The tokens before are computed once where several of the call, or calls one after the other, share them. Short
        texts of about the same length go through the model together on any device, which changes the states by about a
        millionth of their size.

        Args:
            pairs: token ids, and the index of the first token whose states count, before the end.
            layers: whose output: 0 = the embeddings, -1 = the last layer, after its norm.

        Returns:
            One (layers, tokens, width) float32 a pair, on the CPU, or TooLongError in its place.
        """
        keys = self._context_keys(pairs, tuple(layers))
        self._compute_contexts(keys)
        nodes: dict[Node, int] = {}
        for i, (ids, _) in enumerate(pairs):
            context = self._contexts.get(keys[i])
            nodes[Node(ids) if context is None else Node(ids[context.end :], context, start=context.end)] = i
        states: dict[int, Outcome] = {}
        order = sorted(nodes, key=lambda node: (len(node.tokens), node.start))
        for batch in batches(order, _cost, max(self.tokens_at_once, _SHORT)):
            computed = self._in_memory(lambda rows: self._pass.states(rows, layers), batch)
            for node, outcome in zip(batch, computed, strict=True):
                start = pairs[nodes[node]][1] - node.start
                states[nodes[node]] = outcome if isinstance(outcome, ModelError) else outcome[:, start:]
        while sum(context.size for context in self._contexts.values()) > self._cache_bytes // _CONTEXTS_SHARE:
            self._contexts.pop(next(iter(self._contexts)))
        return [states[i] for i in range(len(pairs))]

    def _context_keys(self, pairs: Sequence[tuple[Sequence[int], int]], layers: tuple[int, ...]) -> list[_Context]:
        """Return for each (ids, start) what is computed apart: all before `start` where that is shared, else less."""
        contexts = [(tuple(ids[:start]), layers) for ids, start in pairs]
        counts, size = Counter(contexts), len(self._beginning)

        def shared(key: _Context) -> _Context:
            if key in self._contexts or counts[key] > 1 or len(pairs) == 1:
                return key
            return (self._beginning if key[0][:size] == self._beginning else (), layers)

        return [shared(key) for key in contexts]

    def _compute_contexts(self, keys: Sequence[_Context]) -> None:
        """Keep keys and values of the contexts that are long enough, the last used ones last."""
        for key in dict.fromkeys(keys):
            tokens, layers = key
            node = self._contexts.pop(key, None)
            if node is None and len(tokens) >= WORTH_SHARING:
                node = Node(tokens, Node(()))
                self._in_memory(partial(self._pass.states, layers=layers, keep=True), [node])
            if node is not None and node.keys_values:  # else the memory does not suffice
                self._contexts[key] = node

    def prefix_outputs(self, ids: Sequence[int], ends: Sequence[int]) -> "list[tuple[Node, torch.Tensor]]":
        """Return the output after several beginnings of one sequence, `ids[:end]` for each end, from one pass over it.

        Args:
            ids: token ids.
            ends: ascending, at least 1.

        Returns:
            For each end its node, from which `branches` continues, and the next token's logits.

        Raises:
            TooLongError: the memory does not suffice.
        """
        first, last = ends[0], ends[-1]
        (leaf,), _ = self._place([ids[:first]])
        outcome = self._compute([leaf])[leaf]
        self._tidy([leaf], keep=True)
        if isinstance(outcome, ModelError):
            raise outcome
        if first == last:
            return [(leaf, outcome) for _ in ends]
        ending = Node(ids[first:last], leaf, start=first)
        (logits,) = self._in_memory(lambda nodes: self._pass.run(nodes, "all", keep=True), [ending])
        if isinstance(logits, ModelError):
            raise logits
        places = []
        for end in ends:
            if end == first:
                places.append((leaf, outcome))
                continue
            keys_values = [tensor[:, : end - first] for tensor in ending.keys_values]
            places.append((Node(ids[first:end], leaf, keys_values, start=first), logits[end - first - 1]))
        return places

    def branches(self, place: Node, tokens: Sequence[Sequence[int]]) -> "list[torch.Tensor]":
        """Return the logits after each token of several short sequences that all follow `place`.

        Returns:
            One (tokens, vocabulary) tensor a sequence.

        Raises:
            TooLongError: the memory does not suffice.
        """
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        by_index: dict[int, torch.Tensor] = {}
        for batch in batches(order, lambda i: len(tokens[i]), max(self.tokens_at_once, _SHORT)):
            nodes = [Node(tokens[i], place, start=place.end) for i in batch]
            computed = self._in_memory(lambda nodes: self._pass.run(nodes, "all"), nodes)
            for i, logits in zip(batch, computed, strict=True):
                if isinstance(logits, ModelError):
                    raise logits
                by_index[i] = logits
        return [by_index[i] for i in range(len(tokens))]

    def generate(
        self, prompts: Sequence[Sequence[int]], choose: Choose
    ) -> tuple[list[list[int] | ModelError], list[int]]:
        """Continue the prompts token by token.

        Args:
            prompts: token ids, at least one each.
            choose: returns the next token from a prompt's index, its new tokens so far and the logits; None ends it.

        Returns:
            The new tokens of each prompt, and how many of the prompt's tokens were cached.
        """
        leaves, cached = self._place(prompts)
        outcomes = self._compute(leaves)
        continuations: list[list[int] | ModelError] = [[] for _ in prompts]
        active: list[int] = []
        for i, leaf in enumerate(leaves):
            outcome = outcomes[leaf]
            if isinstance(outcome, ModelError):
                continuations[i] = outcome
            else:
                active.append(i)

        def decode(batch: Sequence[int]) -> list[list[int]]:
            ends = [leaves[i] for i in batch]
            return self._pass.decode(batch, ends, [outcomes[end] for end in ends], choose, self._check_stop)

        # What a step of decoding takes is room for keys and values; it costs one prompt nearly what it costs ten.
        for batch in batches(active, lambda i: sum(node.size for node in leaves[i].path()), self._cache_bytes):
            decoded = self._in_memory(decode, batch)
            for i, new in zip(batch, decoded, strict=True):
                continuations[i] = new
        self._tidy(leaves, keep=True)
        return continuations, cached

    def run_alone(self, work: Callable[[], R]) -> R:
        """Return the result of `work()`, which runs again with an empty cache where the memory did not suffice.

        Raises:
            TooLongError: it does not suffice then either.
        """
        (outcome,) = self._in_memory(lambda _: [work()], [None])
        if isinstance(outcome, ModelError):
            raise outcome
        return outcome

    def free(self) -> None:
        """Forget all keys and values."""
        self.tree.clear()
        self._contexts.clear()

    def _check_stop(self) -> None:
        if self.stop.is_set():
            raise ModelError("the call was cancelled")

    def _place(self, prompts: Sequence[Sequence[int]]) -> tuple[list[Node], list[int]]:
        """Return each prompt's leaf, and how many of its tokens are cached or computed for a prompt before it."""
        self.tree.next_call()
        leaves, cached = [], []
        for ids in prompts:
            leaf = self.tree.insert(ids)
            leaves.append(leaf)
            cached.append(leaf.start)  # a later prompt may split it
        return leaves, cached

    def _tidy(self, leaves: Rows, keep: bool) -> None:
        for leaf in leaves:
            twin = leaf.parent is not None and any(
                sibling is not leaf and sibling.tokens == leaf.tokens for sibling in leaf.parent.children
            )
            if not leaf.children and (not keep or twin or not leaf.keys_values):
                self.tree.remove(leaf)
        self.tree.next_call()
        self.tree.shrink(self._cache_bytes)

    def _compute(self, leaves: Rows) -> "dict[Node, Outcome]":
        """Compute keys and values of every node that has none yet, and return the outcome at each leaf."""
        outcomes: dict[Node, Outcome] = {}

        def forward(nodes: Rows) -> "list[torch.Tensor]":
            return self._pass.run(nodes, "last", keep=True)

        for wave in waves(leaves):
            possible = []
            for node in wave:
                before = outcomes.get(node.parent) if node.parent else None
                if isinstance(before, ModelError):
                    outcomes[node] = before
                else:
                    possible.append(node)
            possible.sort(key=lambda node: (len(node.tokens), node.start))
            for batch in batches(possible, _cost, self.tokens_at_once):
                computed = self._in_memory(forward, batch)
                outcomes |= zip(batch, computed, strict=True)
        return outcomes

    def _in_memory(self, work: Callable[[Sequence[T]], list[R]], items: Sequence[T]) -> list[R | ModelError]:
        """Return `work(items)`, in halves where the memory is too small; an error for an item too large alone."""
        for _ in range(2):
            self._check_stop()
            try:
                return list(work(items))
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                reason = str(error).splitlines()[0]
            self.tree.shrink(0)  # and then all of it once more: perhaps only the cache was too much
            self._contexts.clear()
            empty_cache()
        if len(items) == 1:
            return [TooLongError(f"the prompt is too long for the memory there is: {reason}")]
        self.tokens_at_once = max(1, self.tokens_at_once // 2)
        half = len(items) // 2
        return self._in_memory(work, items[:half]) + self._in_memory(work, items[half:])


def _joined(first: "Outcome", later: "torch.Tensor") -> "Outcome":
    import torch

    return first if isinstance(first, ModelError) else torch.cat([first, later])


def _cost(node: Node) -> int:
    return max(len(node.tokens), node.end // _BEFORE)
