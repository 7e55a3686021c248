"""Tables of README.md, docs/ and benchmarks/README.md, out of committed files.

    python docs/tables            # write them
    python docs/tables --check    # exit 1 where a text differs from its files; part of `make lint`

A table is the lines behind a marker ``<!-- table: NAME -->``, up to the next empty line. A table
with numbers that no file holds must say so: ``<!-- no file: WHY -->``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import measured
import speed
import studies
import systems

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (
    "README.md",
    "docs/methods.md",
    "docs/reproduction.md",
    "docs/performance.md",
    "benchmarks/README.md",
)
TABLES = {**studies.TABLES, **measured.TABLES, **speed.TABLES, **systems.TABLES}

MARKER = re.compile(r"<!-- (?P<kind>table|no file): (?P<what>.+) -->")
MEASURED = re.compile(r"\|[^|`]*\.\d")  # a cell with a decimal point


def rendered(lines: list[str], place: str, wrong: list[str]) -> Iterator[str]:
    """A document's lines with its tables made anew; what cannot stand is added to ``wrong``."""
    position = 0
    while position < len(lines):
        line = lines[position]
        marker = MARKER.fullmatch(line)
        if marker is None and not line.startswith("|"):
            yield line
            position += 1
            continue
        start = position + (marker is not None)
        end = start
        while end < len(lines) and lines[end].strip():
            end += 1
        old = lines[start:end]
        if marker is None:
            if any(map(MEASURED.search, old)):
                wrong.append(f"{place}:{start + 1}: no marker says which file this table is of")
            yield from old
        else:
            yield line
            new = old
            if marker["kind"] == "table":
                new = TABLES[marker["what"]](ROOT)
                if new != old:
                    wrong.append(f"{place}:{start + 1}: {marker['what']} is not what its files say")
            yield from new
        position = end


def main() -> None:
    check = "--check" in sys.argv[1:]
    wrong: list[str] = []
    used: set[str] = set()
    for name in DOCUMENTS:
        path = ROOT / name
        lines = path.read_text().split("\n")
        used |= {found["what"] for found in map(MARKER.fullmatch, lines) if found}
        text = "\n".join(rendered(lines, name, wrong))
        if not check:
            path.write_text(text)
    wrong = [one for one in wrong if check or "no marker" in one]
    wrong += [f"docs/tables: no document has {name}" for name in TABLES if name not in used]
    print("\n".join(wrong) if wrong else f"{len(TABLES)} tables are what their files say")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
