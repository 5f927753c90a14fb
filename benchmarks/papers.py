"""The tables of the papers, for any model that is at hand: one command each.

    python benchmarks/papers.py xprompt --model embedded --db papers.db
    python benchmarks/papers.py --help                 # the tables
    python benchmarks/papers.py xprompt --help         # the options of one

docs/papers.md has what they printed, on which models, with n.
"""

import sys
from importlib import import_module

TABLES = {
    "xprompt": ("papers_xprompt", "main", "XPrompt, Table 1: replies after masking k words, by seven measures"),
    "xprompt-ablations": ("papers_xprompt_ablations", "main", "XPrompt, Table 4 and Figure 3: k, iterations, gradient"),
    "cell": ("papers_cell", "main", "CELL, section 5: flip rate, edit rate, preservation, calls, favourability"),
    "cell-calls": ("papers_cell", "calls", "CELL, calls by the length of the text, on planted contrasts"),
    "mexgen": ("papers_mexgen", "main", "MExGen: AUPC of its attribution methods for its scalarizers"),
}


def main(argv: list[str]) -> None:
    """Run the table that is named first, with the options after it."""
    if not argv or argv[0] not in TABLES:
        print(__doc__, *(f"{name:18} {text}" for name, (_, _, text) in TABLES.items()), sep="\n")
        sys.exit(argv not in ([], ["--help"], ["-h"]))
    module, function, _ = TABLES[argv[0]]
    getattr(import_module(module), function)(argv[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
