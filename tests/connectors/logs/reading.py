"""What the tests of log readers share."""

from convexplain.connectors.logs import read_log
from convexplain.errors import Problem


def write(folder, content, name="log.txt", encoding="utf-8"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def read(folder, content, name="log.txt", encoding="utf-8", **options):
    """The conversations and the problems of a log with this content."""
    problems: list[Problem] = []
    path = write(folder, content, name, encoding)
    return list(read_log(path, on_problem=problems.append, **options)), problems


def said(conversation):
    return [(turn.role, turn.content) for turn in conversation.turns]


def told(folder, problems):
    """The problems as texts, without the folder, and which of them are remarks."""
    return [(str(problem).removeprefix(f"{folder}/"), problem.kept) for problem in problems]


HI = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
HI_SAID = [("user", "Hi"), ("assistant", "Hello")]
