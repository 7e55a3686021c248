"""What the source tree looks like, in numbers: each measure, its bar, and who misses it.

    python benchmarks/structure.py

reads the files themselves, imports none of them, and leaves with 1 if a bar is missed. Only the
columns are counted in tests and benchmarks too. A function's lines include its docstring.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("ssavl", "tests", "benchmarks")
GENERATORS = {"ConvGenerator", "ForeignGenerator", "AnyGenerator"}
PACE = {"iterations", "learning_rate"}  # the fields of "how long and how fast"
LOOP = "ssavl/engine/run.py"
WORST = 5  # offenders that are named
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Counts = Mapping[str, int]


@dataclass(frozen=True)
class Measure:
    """A number, the most that it may be (``None``: it is only shown), and what makes it."""

    name: str
    value: float
    bar: int | None
    offenders: Counts

    @property
    def missed(self) -> bool:
        """Whether the value is above the bar."""
        return self.bar is not None and self.value > self.bar


def names(node: ast.AST) -> set[str]:
    """The names in an expression, by the last part of dotted ones."""
    found = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    return found | {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}


def asks_for_a_generator(node: ast.AST) -> bool:
    """Whether this is ``isinstance`` or a class pattern of ``match`` on a class of generators."""
    if isinstance(node, ast.MatchClass):
        return bool(names(node.cls) & GENERATORS)
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return False
    return node.func.id == "isinstance" and any(names(a) & GENERATORS for a in node.args[1:])


def fields(node: ast.ClassDef) -> set[str]:
    """What a class declares itself: annotated names, and properties, as protocols have them."""
    annotated = (inner.target for inner in node.body if isinstance(inner, ast.AnnAssign))
    properties = (f for f in node.body if isinstance(f, FUNCTIONS) and f.decorator_list)
    return {t.id for t in annotated if isinstance(t, ast.Name)} | {
        f.name for f in properties if any("property" in names(d) for d in f.decorator_list)
    }


def depth(node: ast.AST) -> int:
    """How many functions stand inside each other below a node; a lambda is none."""
    inner = (depth(child) + isinstance(child, FUNCTIONS) for child in ast.iter_child_nodes(node))
    return max(inner, default=0)


def above(counts: Counts, most: int) -> Counts:
    """Those that are greater."""
    return {name: count for name, count in counts.items() if count > most}


def below(counts: Counts, folder: str) -> Counts:
    """Those of a folder."""
    return {name: count for name, count in counts.items() if name.startswith(folder)}


def measures() -> Iterator[Measure]:
    """All of them, from the files below ``FOLDERS``."""
    files = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    every = {path.relative_to(ROOT).as_posix(): path.read_text() for path in files}
    trees = {path: ast.parse(text) for path, text in every.items() if path.startswith("ssavl/")}
    lines = {path: len(every[path].splitlines()) for path in trees}
    nodes = [(path, node) for path, tree in trees.items() for node in ast.walk(tree)]
    functions = {f"{p}:{f.lineno} {f.name}": f for p, f in nodes if isinstance(f, FUNCTIONS)}

    root = {path: count for path, count in lines.items() if path.count("/") == 1}
    yield Measure("files at the package root", len(root), 5, root)

    long = above(lines, 250)
    yield Measure("files over 250 lines", len(long), 0, long)

    sizes = {name: (f.end_lineno or 0) - f.lineno + 1 for name, f in functions.items()}
    yield Measure("functions over 60 lines", len(above(sizes, 60)), 0, above(sizes, 60))

    wide = {path: sum(len(line) > 100 for line in every[path].splitlines()) for path in every}
    yield Measure("lines over 100 columns", sum(wide.values()), 0, above(wide, 0))

    asked = Counter(path for path, node in nodes if asks_for_a_generator(node))
    outside = {path: n for path, n in asked.items() if not path.startswith("ssavl/generators/")}
    yield Measure("isinstance on generators", sum(outside.values()), 0, outside)

    classes = [(path, node) for path, node in nodes if isinstance(node, ast.ClassDef)]
    paced = {c.name for _, c in classes if fields(c) >= PACE}  # an heir only sets other defaults
    homes = {
        f"{path}:{c.lineno} {c.name}": 1
        for path, c in classes
        if c.name in paced and not any(names(base) & paced for base in c.bases)
    }
    yield Measure("homes of how long and how fast", len(homes), 1, homes)

    stages = above(below(lines, "ssavl/stages/"), 60)
    yield Measure("stages over 60 lines", len(stages), 0, stages)

    yield Measure("lines of the loop", lines[LOOP], 150, {LOOP: lines[LOOP]})

    methods = below(lines, "ssavl/methods/")
    own = {p: n for p, n in methods.items() if p.count("/") > 2 and Path(p).stem != "__init__"}
    middle = statistics.median(own.values()) if own else 0
    yield Measure("median lines of a method's file", middle, None, own)
    yield Measure("greatest lines of a method's file", max(own.values(), default=0), None, own)

    nested = below({name: depth(f) for name, f in functions.items()}, "ssavl/methods/")
    deepest = max(nested.values(), default=0)
    yield Measure("closures inside each other in methods", deepest, 1, above(nested, 1))


def main() -> None:
    found = list(measures())
    for measure in found:
        bar = "" if measure.bar is None else f"<= {measure.bar}"
        verdict = "MISSED" if measure.missed else ""
        print(f"{measure.name:<38}{measure.value:>7g}  {bar:<7}{verdict}".rstrip())
        worst = sorted(measure.offenders.items(), key=lambda item: (-item[1], item[0]))
        for name, count in worst[: WORST * measure.missed]:
            print(f"    {count:>5}  {name}")
    sys.exit(any(measure.missed for measure in found))


if __name__ == "__main__":
    main()
