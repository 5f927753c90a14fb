"""Write `requirements-hashed.txt`: every package that users need, by exact version and with the hashes of its files.

    python .ci/hashed_requirements.py            # asks the package index (needs uv: pip install uv)
    python .ci/hashed_requirements.py --check    # asks nothing: does the file fit constraints.txt?

Run it after every change of `constraints.txt`. The index is the one that uv is set to (`UV_DEFAULT_INDEX`).
"""

import argparse
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILE, CONSTRAINTS = ROOT / "requirements-hashed.txt", ROOT / "constraints.txt"
EXTRAS = ("local", "gguf", "langchain", "logs", "export", "dashboard", "keyring", "postgres", "metrics", "redact")
HEADER = """\
# Every package that convexplain and its extras need, with the hashes of its files: pip refuses any other file.
#     pip install --require-hashes -r requirements-hashed.txt
#     pip install --no-deps convexplain
# Made by .ci/hashed_requirements.py from constraints.txt and the package index.
# Not in it: development tools, spaCy, Presidio.
"""
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)([^\\]*)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")


def canonical(name: str) -> str:
    """Return a package's name in the form in which names are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def constrained() -> dict[str, str]:
    """Return the version of each package of `constraints.txt`."""
    lines = CONSTRAINTS.read_text("utf-8").splitlines()
    return {canonical(line.partition("==")[0]): line.partition("==")[2].split()[0] for line in lines if "==" in line}


def faults(text: str) -> list[str]:
    """Return in words where hashed requirements do not fit the constraints."""
    versions, wrong = constrained(), []
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)
    for entry in entries[1:]:
        match = _REQUIREMENT.match(entry)
        if match is None:
            wrong.append(f"not pinned: {entry.splitlines()[0]}")
            continue
        name, version, marker = canonical(match[1]), match[2], match[3].strip()
        if not _HASH.search(entry):
            wrong.append(f"{name}: it has no hash")
        if name in versions and versions[name] != version:
            wrong.append(f"{name}: {version} here, {versions[name]} in constraints.txt")
        if name not in versions and not marker:
            wrong.append(f"{name}: it is not in constraints.txt, though it is needed everywhere")
    return wrong if len(entries) > 1 else ["it names no package"]


def compiled() -> str:
    """Return the hashed requirements that uv finds on the package index."""
    extras = [word for extra in EXTRAS for word in ("--extra", extra)]
    options = [
        "--universal",
        "--python-version",
        "3.11.5",
        "--generate-hashes",
        "--no-header",
        "--no-annotate",
        "--quiet",
    ]
    command = ["uv", "pip", "compile", "pyproject.toml", "--constraint", "constraints.txt", *extras, *options]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603


def main() -> None:
    """Write the file, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say where the file does not fit constraints.txt")
    if not parser.parse_args().check:
        FILE.write_text(HEADER + compiled(), "utf-8")
    if wrong := faults(FILE.read_text("utf-8")):
        raise SystemExit("\n".join([f"{FILE.name} does not fit; run python .ci/hashed_requirements.py", *wrong]))


if __name__ == "__main__":
    main()
