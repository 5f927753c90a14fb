"""Editors, which propose natural texts for a passage, and how a user names one."""

from convexplain.connectors.kinds import find_kind
from convexplain.models.editing import Editor

from .deletion import DeletionEditor
from .infilling import InfillEditor
from .kind import EDITORS, EditorKind, EditorResources
from .rewriting import RewriteEditor
from .swap import SwapEditor

__all__ = [
    "EDITORS",
    "DeletionEditor",
    "EditorKind",
    "EditorResources",
    "InfillEditor",
    "RewriteEditor",
    "SwapEditor",
    "open_editor",
]


def open_editor(name: str, resources: EditorResources | None = None) -> Editor:
    """Open the editor that a user named; nothing is loaded or reached before its `prepare`.

    Args:
        name: a name of `EDITORS` with its target, as in `rewrite:openai:gpt-5`.
        resources: what an editor may use that names nothing of its own.

    Raises:
        UsageError: no editor, or no model, is named like that; or it needs a resource that is not at hand.
        UnavailableError: its model is nowhere to be had.
        MissingExtraError: what it needs is not installed.
    """
    kind, target = find_kind(EDITORS, name)
    return kind.make(target, resources or EditorResources())
