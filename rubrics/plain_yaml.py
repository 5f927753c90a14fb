"""YAML of rubrics: a plain tree of texts and numbers, within limits, so that any file is refused in a moment.

Aliases, tags, dates and merged keys are no part of it, and a key stands once in a mapping.
"""

from typing import Any

import yaml

MAX_CHARACTERS = 100_000
"""Characters of a rubric; the longest that ships has 3,400."""
_MAX_DEPTH = 12
_MAX_NODES = 5_000
_MAX_NUMBER = 30  # characters of a number
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_WORDS = [f"tag:yaml.org,2002:{name}" for name in ("bool", "timestamp", "merge", "value")]


class _Loader(yaml.SafeLoader):
    """Loader within the limits of this module.

    A bare `yes` or `no` is a word, not a truth value: labels are usually called that. So are dates and `<<`.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose the next node, unless it goes beyond a limit."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _refused("aliases and anchors (* and &) are not allowed", event)
        if event.tag is not None:
            raise _refused(f"the tag {event.tag!r:.80} is not allowed", event)
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise _refused(f"there are more than {_MAX_NODES:,} keys and values", event)
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _refused(f"nested too deeply: more than {_MAX_DEPTH} levels", event)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is not None:
            _check_node(node)
        return node


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _WORDS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str) -> tuple[yaml.Node | None, Any]:
    """Return the tree of a YAML text, and its value; None for an empty text.

    Raises:
        yaml.YAMLError: the text is not valid YAML, has a key twice, or goes beyond a limit.
    """
    if len(text) > MAX_CHARACTERS:
        raise yaml.YAMLError(f"the text has {len(text):,} characters; a rubric may have {MAX_CHARACTERS:,}")
    loader = _Loader(text)
    try:
        tree = loader.get_single_node()
        return tree, None if tree is None else loader.construct_document(tree)
    except ValueError as error:  # 0x_ looks like a number
        raise yaml.YAMLError(f"a number cannot be read: {error}") from error
    finally:
        loader.dispose()


def _check_node(node: yaml.Node) -> None:
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
    elif node.tag in _NUMBERS and len(node.value) > _MAX_NUMBER:
        raise _refused(f"a number has {len(node.value):,} characters; {_MAX_NUMBER} are allowed", node)


def _check_keys(node: yaml.MappingNode) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _refused("a key must be a word", key)
        line = key.start_mark.line + 1
        if key.value in lines:
            raise _refused(f"the key {key.value!r:.80} stands twice, first in line {lines[key.value]}", key)
        lines[key.value] = line


def _refused(problem: str, place: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=place.start_mark)
