"""One-liners over a workspace that keeps nothing."""

from .methods.base import MEMORY
from .workspace import Workspace

_workspace = Workspace(MEMORY)
judge = _workspace.judge
contrast = _workspace.contrast
attribute = _workspace.attribute
