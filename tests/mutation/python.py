"""Places for faults in the package's Python, and a package with the chosen ones in it."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from mutation.places import Language, Place
from mutation.tree import BUILD, ROOT, fresh_tree, with_modules, write_changed

SWITCH = Language(
    "(({changed}) if MUTANT({number}) else ({original}))",
    "(None if MUTANT({number}) else ({original}))",
)
PACKAGES = ("augment", "ensemble", "predictions")
OPERATORS: dict[type[ast.AST], str] = {
    **{ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*", ast.Mod: "+"},
    **{ast.Pow: "*", ast.BitAnd: "|", ast.BitOr: "&", ast.BitXor: "&"},
    **{ast.LShift: ">>", ast.RShift: "<<", ast.MatMult: "*"},
    **{ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "=="},
    **{ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in"},
}
# Messages, and what Python 3.11 has no positions in.
NO_PLACES = (ast.Raise, ast.Assert, ast.JoinedStr, ast.match_case)
PLAIN_TESTS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)


def places(path: str, source: bytes) -> Iterator[Place]:
    """List the faults that fit a file of the package."""
    starts = [0]
    for line in source.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    for node in _code(ast.parse(source)):
        for at, fault, changed in faults(node):
            start = starts[at.lineno - 1] + at.col_offset
            end = starts[(at.end_lineno or 0) - 1] + (at.end_col_offset or 0)
            yield Place(path, start, end, at.lineno, fault, changed, source[start:end].decode())


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through what is computed as the package runs or is imported."""
    yield node
    left_out: list[object] = []
    if isinstance(node, (ast.arg, ast.AnnAssign)):
        left_out.append(node.annotation)
    elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        left_out += [*node.decorator_list, getattr(node, "returns", None)]
    elif (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING") or isinstance(
        node, NO_PLACES
    ):
        return
    for child in ast.iter_child_nodes(node):
        if child not in left_out:
            yield from _code(child)


def faults(node: ast.AST) -> Iterator[tuple[ast.expr, str, str]]:
    """List what can be changed at a node: the expression, the fault's name, and the new text."""
    test = getattr(node, "test", None)
    if isinstance(test, PLAIN_TESTS):
        yield test, "condition reversed", f"not ({ast.unparse(test)})"
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield node.value, "statement left out", ""
    elif isinstance(node, ast.expr):
        yield from ((node, fault, changed) for fault, changed in _changes(node))


def _changes(node: ast.expr) -> Iterator[tuple[str, str]]:
    text = ast.unparse
    if isinstance(node, ast.BinOp) and not _is_text(node.left) and not _is_text(node.right):
        sign = OPERATORS[type(node.op)]
        old = text(ast.BinOp(ast.Name("x"), node.op, ast.Name("x")))[2:-2]
        yield f"{old} to {sign}", f"({text(node.left)}) {sign} ({text(node.right)})"
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        sign = OPERATORS[type(node.ops[0])]
        old = text(ast.Compare(ast.Name("x"), node.ops, [ast.Name("x")]))[2:-2]
        yield f"{old} to {sign}", f"({text(node.left)}) {sign} ({text(node.comparators[0])})"
    elif isinstance(node, ast.BoolOp):
        old, sign = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        yield f"{old} to {sign}", f" {sign} ".join(f"({text(value)})" for value in node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        old = "not" if isinstance(node.op, ast.Not) else "-"
        yield f"without {old}", text(node.operand)
    elif isinstance(node, ast.IfExp):
        swapped = f"({text(node.orelse)}) if {text(node.test)} else ({text(node.body)})"
        yield "branches swapped", swapped
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{node.value} to {not node.value}", str(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        yield "number plus 1", f"{text(node)} + 1"


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


class Package:
    """The package with faults: its tree, and the choice of one in a process that imports it.

    Attributes:
        tree: a copy of the project with the faults in it.
    """

    def __init__(self) -> None:
        self.tree = BUILD / "python"
        self._chosen = 0
        self._reached: set[int] = set()

    def places(self) -> list[Place]:
        """List the places of the packages that prepare the kernels' work."""
        folder = ROOT / "python" / "warpmix"
        files = [file for name in PACKAGES for file in sorted((folder / name).rglob("*.py"))]
        names = [file.relative_to(ROOT).as_posix() for file in files]
        return [place for name in names for place in places(name, (ROOT / name).read_bytes())]

    def weave(self, chosen: list[Place], count: int) -> dict[int, Place]:
        """Put ``count`` of the places into the tree and return them by number."""
        inside = dict(enumerate(chosen[:count], 1))
        fresh_tree(self.tree, "python")
        write_changed(self.tree, "python", SWITCH, inside)
        with_modules(self.tree)
        return inside

    def load(self) -> None:
        """Make the switch a word that every module knows, before the package is imported."""
        builtins.MUTANT = self._switch  # type: ignore[attr-defined]

    def _switch(self, number: int) -> bool:
        self._reached.add(number)
        return number == self._chosen

    def choose(self, number: int) -> None:
        """Let one fault happen from here on; 0 for none."""
        self._chosen = number

    def reached(self) -> set[int]:
        """Return the switches that were come to since the last call."""
        numbers, self._reached = self._reached, set()
        return numbers
