"""The mutants that mutmut makes of the core, one change each, and a fixed sample of them.

mutmut's generator only: its own runner puts a switch before every function of the core, which makes the
tests take three times as long, and selects tests by function, not by line.
"""

import ast
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import libcst
from mutmut.mutation.file_mutation import Mutation, create_mutations

SAMPLE = 300  # tells a share of 95 % to some three percentage points
FEWEST = 3  # of a module, or all that it has: no module goes unjudged
SEED = "1"  # of the sample; another one gives another three hundred


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change to one function, not yet written out: most are counted only."""

    name: str
    path: Path
    whole: libcst.Module
    change: Mutation

    def source(self) -> str:
        """The module with the change."""
        mutated = self.whole.deep_replace(self.change.original_node, self.change.mutated_node)
        assert isinstance(mutated, libcst.Module)
        return mutated.code


def mutants_of(path: Path) -> Iterator[Mutant]:
    """All of a module's, numbered per function in the order of mutmut."""
    module, changes, _, _ = create_mutations(str(path), path.read_text("utf-8"))
    names = dict(_functions(module))
    number: Counter[str] = Counter()
    for change in changes:
        function = change.contained_by_top_level_function
        if not isinstance(function, libcst.FunctionDef):
            continue  # constants and fields: mutmut leaves alone what runs at import
        name = f"{path.stem}.{names[function]}"
        number[name] += 1
        yield Mutant(f"{name}#{number[name]}", path, module, change)


def _functions(module: libcst.Module) -> Iterator[tuple[libcst.FunctionDef, str]]:
    for statement in module.body:
        if isinstance(statement, libcst.FunctionDef):
            yield statement, statement.name.value
        elif isinstance(statement, libcst.ClassDef):
            for method in statement.body.body:
                if isinstance(method, libcst.FunctionDef):
                    yield method, f"{statement.name.value}.{method.name.value}"


def sample(names: Iterable[str]) -> list[str]:
    """In proportion to how many each module has, those whose names hash lowest."""
    by_module: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        by_module[name.partition(".")[0]].append(name)
    total = sum(map(len, by_module.values()))
    chosen = []
    for module in sorted(by_module):
        found = sorted(by_module[module], key=_rank)
        chosen += found[: max(FEWEST, round(SAMPLE * len(found) / total))]
    return chosen


def _rank(name: str) -> str:
    return hashlib.sha256(f"{SEED} {name}".encode()).hexdigest()


def first_difference(old: str, new: str) -> tuple[int, str, str]:
    """The number of the first line that differs, as it was and as it is."""
    pairs = zip(old.splitlines(), new.splitlines(), strict=False)
    return next(
        (number, before.strip(), after.strip())
        for number, (before, after) in enumerate(pairs, 1)
        if before != after
    )


def statement_lines(source: str, line: int) -> range:
    """The lines of the innermost statement around a line; of one that holds others, those before them."""
    innermost, nested = range(line, line + 1), len(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            size = (node.end_lineno or node.lineno) - node.lineno
            if size <= nested:
                innermost, nested = _own_lines(node), size
    return innermost


def _own_lines(node: ast.stmt) -> range:
    end = (node.end_lineno or node.lineno) + 1
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return range(node.lineno, end)  # defaults: whoever runs the function judges them
    inside = [each.lineno for each in ast.walk(node) if isinstance(each, ast.stmt) and each is not node]
    return range(node.lineno, max(min(inside, default=end), node.lineno + 1))
