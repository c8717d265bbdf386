"""Rules of the sources that neither ruff nor import-linter can see: what keeps a game exact everywhere."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = sorted(ROOT.glob("rollback_core/**/*.py"))
GAMES = sorted(ROOT.glob("scenarios/games/**/*.py"))

# Correctly rounded or integral, hence equal in every C library.
EXACT_MATH = {"sqrt", "floor", "ceil", "fsum", "isqrt", "gcd", "copysign", "inf", "nan", "isnan", "isfinite"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def inexact(source: str) -> list[str]:
    """Lines that may give another value under another Python, C library or hash seed."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.BinOp(op=ast.Pow()) | ast.AugAssign(op=ast.Pow()):
                what = "`**` rounds as the C library likes"
            case ast.Call(func=ast.Name(id="hash")):
                what = "hash() differs between processes"
            case ast.Call(func=ast.Name(id="pow")):
                what = "pow() rounds as the C library likes"
            case ast.Attribute(value=ast.Name(id="math"), attr=attribute) if attribute not in EXACT_MATH:
                what = f"math.{attribute} differs between C libraries"
            case ast.ImportFrom(module="math", names=names) if {each.name for each in names} - EXACT_MATH:
                what = "imports an inexact function of math"
            case ast.For(iter=walked) | ast.comprehension(iter=walked) if is_set(walked):
                what = "the order of a set differs between processes"
            case _:
                continue
        found.append(f"{getattr(node, 'lineno', '?')}: {what}")
    return found


def is_set(node: ast.expr) -> bool:
    match node:
        case ast.Set() | ast.SetComp() | ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
    return False


@pytest.mark.parametrize(
    "line",
    ["x = y ** 2", "hash('a')", "pow(x, 2)", "math.sin(x)", "from math import exp", "for x in {1, 2}: pass"],
)
def test_the_search_for_inexact_code_finds_it(line: str) -> None:
    assert inexact(line)


@pytest.mark.parametrize("path", GAMES, ids=name)
def test_game_is_exact(path: Path) -> None:
    assert inexact(path.read_text()) == []


@pytest.mark.parametrize("path", CORE, ids=name)
def test_core_knows_no_hash_and_no_set_order(path: Path) -> None:
    assert [line for line in inexact(path.read_text()) if "processes" in line] == []


def imported_roots(path: Path) -> set[str]:
    roots = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                roots |= {each.name.split(".")[0] for each in names}
            case ast.ImportFrom(module=str(module), level=0):
                roots.add(module.split(".")[0])
            case ast.ImportFrom(level=level) if level:
                roots.add("(relative)")
    return roots


def test_core_imports_only_itself_and_the_standard_library() -> None:
    assert CORE
    outside = {
        name(path): imported_roots(path) - sys.stdlib_module_names - {"rollback_core"} for path in CORE
    }
    assert {path: roots for path, roots in outside.items() if roots} == {}


def test_core_and_games_import_without_any_installed_package() -> None:
    modules = [name(path)[:-3].replace("/", ".").removesuffix(".__init__") for path in CORE + GAMES]
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n" + "\n".join(
        f"import {each}" for each in modules
    )
    # -I and -S: no site-packages, no user site, nothing from the environment.
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False
    )
    assert answer.stderr == ""
    assert answer.returncode == 0
