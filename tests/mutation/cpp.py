"""Places for faults in the kernels, and the CPU module with the chosen ones in it."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import tree_sitter
import tree_sitter_cpp
from torch.utils import cpp_extension

from mutation.places import Language, Place
from mutation.tree import BUILD, ROOT, fresh_tree, write, write_changed

CPP = tree_sitter.Language(tree_sitter_cpp.language())
SWITCH = Language(
    "(MUTANT({number}) ? ({changed}) : ({original}))", "if (!MUTANT({number})) { {original} }"
)
HEADER = Path(__file__).with_name("mutants.h")

OPERATORS = {
    **{"+": "-", "-": "+", "*": "/", "/": "*", "%": "/", "&": "|", "|": "&", "^": "&"},
    **{"<<": ">>", ">>": "<<", "&&": "||", "||": "&&", "==": "!=", "!=": "=="},
    **{"<": "<=", "<=": "<", ">": ">=", ">=": ">"},
    **{"+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "|=": "&=", "&=": "|=", "^=": "|="},
    **{"<<=": ">>=", ">>=": "<<="},
}
PARTNERS = {"min_of": "max_of", "max_of": "min_of", "at_least": "at_most", "at_most": "at_least"}
# What the compiler itself computes has no switch.
CONSTANT = {
    "template_argument_list",
    "static_assert_declaration",
    "enumerator",
    "array_declarator",
    "sizeof_expression",
    "alignas_qualifier",
    "decltype",
    "bitfield_clause",
    "attribute_declaration",
    "attribute_specifier",
    "requires_clause",
    "template_parameter_list",
    "preproc_def",
    "preproc_function_def",
    "preproc_elif",
    "asm_statement",
    "gnu_asm_expression",
}
# Intrinsics whose last argument is a number in the instruction; others set a vector's elements.
IMMEDIATE = re.compile(rb"_mm\d*_(?!set|load)\w+")
# Macros before a type or a statement, which a parser without the preprocessor takes for names.
WORDS = re.compile(rb"\b[A-Z][A-Z0-9_]{3,}\b(?=\s+[A-Za-z])")


def parsed(source: bytes) -> tree_sitter.Node:
    """Return a file's syntax tree; the macros that stand alone are blanked out."""
    lines = source.split(b"\n")
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((b"#", b"//")):
            lines[i] = WORDS.sub(lambda word: b" " * len(word[0]), line)
    return tree_sitter.Parser(CPP).parse(b"\n".join(lines)).root_node


def places(path: str, source: bytes) -> Iterator[Place]:
    """List the faults that fit a file of the kernels."""
    stack = [parsed(source)]
    while stack:
        node = stack.pop()
        if node.type == "ERROR" or _is_constant(node):
            continue
        if not node.has_error and b"//" not in source[node.start_byte : node.end_byte]:
            for fault, changed in faults(node, source):
                text = source[node.start_byte : node.end_byte].decode()
                line = node.start_point[0] + 1
                changed = " ".join(changed.split())
                yield Place(path, node.start_byte, node.end_byte, line, fault, changed, text)
        stack += node.children


def _is_constant(node: tree_sitter.Node) -> bool:
    if node.type in CONSTANT:
        return True
    if node.type == "condition_clause" and node.parent and node.parent.type == "if_statement":
        return any(child.type == "constexpr" for child in node.parent.children)
    for kind, field in (("case_statement", "value"), ("preproc_if", "condition")):
        if node.parent is not None and node.parent.type == kind:
            return node == node.parent.child_by_field_name(field)
    if node.type == "number_literal" and node.parent and node.parent.type == "argument_list":
        name = node.parent.parent.child_by_field_name("function")
        is_last = node == node.parent.named_children[-1]
        return is_last and name is not None and IMMEDIATE.fullmatch(name.text) is not None
    if node.type == "declaration" or node.type == "field_declaration":
        return any(c.type == "type_qualifier" and c.text == b"constexpr" for c in node.children)
    return False


def faults(node: tree_sitter.Node, source: bytes) -> Iterator[tuple[str, str]]:
    """List what can be changed at a node: the fault's name, and the node's text with it."""

    def text(part: tree_sitter.Node) -> str:
        return source[part.start_byte : part.end_byte].decode()

    def replaced(part: tree_sitter.Node, new: str) -> str:
        whole = source[node.start_byte : part.start_byte].decode() + new
        return whole + source[part.end_byte : node.end_byte].decode()

    if node.type in ("binary_expression", "assignment_expression"):
        sign = node.child_by_field_name("operator")
        old = sign.text.decode() if sign is not None and sign.text else ""
        if old in OPERATORS:
            yield f"{old} to {OPERATORS[old]}", replaced(sign, OPERATORS[old])
    elif node.type == "unary_expression" and node.children[0].type in ("!", "-"):
        yield f"without {node.children[0].type}", text(node.children[1])
    elif node.type == "number_literal":
        yield "number plus 1", f"{text(node)} + 1"
    elif node.type == "conditional_expression":
        one, other = (
            node.child_by_field_name("consequence"),
            node.child_by_field_name("alternative"),
        )
        test = node.child_by_field_name("condition")
        yield "branches swapped", f"{text(test)} ? {text(other)} : {text(one)}"
    elif node.type == "call_expression":
        name = node.child_by_field_name("function")
        if text(name) in PARTNERS:
            partner = PARTNERS[text(name)]
            yield f"{text(name)} to {partner}", replaced(name, partner)
    elif node.type == "expression_statement" and node.parent.type in (
        "compound_statement",
        "case_statement",
    ):
        inner = node.children[0]
        if inner.type in ("assignment_expression", "call_expression", "update_expression"):
            yield "statement left out", ""
    elif node.type == "condition_clause" and node.parent.type == "if_statement":
        value = node.child_by_field_name("value")
        if value is not None and value.type in (
            "identifier",
            "call_expression",
            "field_expression",
        ):
            yield "condition reversed", f"(!{text(value)})"


# Those of the CPU module that hold kernels, in the order in which they show most errors.
CHECKED = ["kernels/*/cpu/*.cpp", "csrc/emulated/*.cpp", "csrc/*.cpp", "csrc/cpu/*.cpp"]


class Kernels:
    """The CPU module with faults: its tree, and the choice of one in a process that has loaded it.

    Attributes:
        tree: a copy of the project with the faults in it.
    """

    def __init__(self) -> None:
        self.tree = BUILD / "kernels"
        self._checked = BUILD / "checked"  # another, so that what is compiled keeps its times

    def places(self) -> list[Place]:
        """List the places of all files that the CPU module may be made of."""
        files = [f for f in sorted((ROOT / "kernels").rglob("*")) if f.suffix in (".h", ".cpp")]
        names = [file.relative_to(ROOT).as_posix() for file in files]
        return [place for name in names for place in places(name, (ROOT / name).read_bytes())]

    def weave(self, chosen: list[Place], count: int) -> dict[int, Place]:
        """Put ``count`` of the places into the tree, compile it, and return them by number.

        A place that the preprocessor leaves out, or whose fault is no valid C++, is passed over for
        the next.
        """
        drawn = dict(enumerate(chosen[: 2 * count], 1))
        known = BUILD / "kernels.json"
        key = hashlib.sha256(repr((count, chosen)).encode()).hexdigest()
        kept = json.loads(known.read_text()) if known.exists() else {}
        if key not in kept:
            fresh_tree(self._checked, "kernels")
            kept = {key: self._valid(drawn, count)}
            write(known, json.dumps(kept).encode())
        inside = {number: drawn[number] for number in kept[key]}
        fresh_tree(self.tree, "kernels")
        write_changed(self.tree, "kernels", SWITCH, inside)
        print(f"compiles {len(inside)} mutants", flush=True)
        settings = {"WARPMIX_CUDA": "0", "CFLAGS": f"-include {HEADER}"}
        command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
        environment = {**os.environ, **settings}
        subprocess.run(command, cwd=self.tree, env=environment, check=True, capture_output=True)
        return inside

    def _valid(self, inside: dict[int, Place], count: int) -> list[int]:
        """Return the first numbers whose places are compiled and whose faults are valid C++."""
        self._write(inside)
        seen = {int(n) for n in re.findall(r"MUTANT\((\d+)\)", self._compiler("-E"))}
        kept = [number for number in inside if number in seen][: count + count // 8]
        inside = {number: inside[number] for number in kept}
        self._write(inside)
        while wrong := self._wrong(inside):
            print(f"{len(wrong)} faults do not compile", flush=True)
            inside = {number: inside[number] for number in inside if number not in wrong}
            self._write(inside)
        return list(inside)[:count]

    def _write(self, inside: dict[int, Place]) -> None:
        write_changed(self._checked, "kernels", SWITCH, inside)

    def _compiler(self, *flags: str) -> str:
        """Return what g++ prints of the sources that hold kernels."""
        folders = [
            self._checked / "kernels",
            self._checked / "csrc",
            *cpp_extension.include_paths("cpu"),
        ]
        command = ["g++", "-std=c++20", "-w", "-include", str(HEADER), *flags]
        command += ["-DTORCH_TARGET_VERSION=0x020b000000000000"]
        command += [f"-I{folder}" for folder in folders]
        sources = [path for glob in CHECKED for path in sorted(self._checked.glob(glob))]
        printed = ""
        for source in sources:
            if "PYBIND11_MODULE" not in source.read_text():
                done = subprocess.run([*command, str(source)], capture_output=True, text=True)
                printed += done.stdout + done.stderr
        return printed

    def _wrong(self, inside: dict[int, Place]) -> set[int]:
        """Return the faults on lines that the compiler has errors in, else in what it names."""
        printed = self._compiler("-fsyntax-only")
        if "error:" not in printed:
            return set()
        for kind in ("error:", ""):
            found = re.findall(
                rf"^{re.escape(str(self._checked))}/(\S+?):(\d+):.*{kind}", printed, re.M
            )
            lines = {(os.path.normpath(path), int(line)) for path, line in found}
            wrong = {n for n, place in inside.items() if _lines(place) & lines}
            if wrong:
                return wrong
        raise RuntimeError(f"a tree with mutants does not compile:\n{printed[:3000]}")

    def load(self) -> None:
        """Find the switches of the module that this process has imported."""
        import warpmix._C as module

        library = ctypes.CDLL(module.__file__)
        self._chosen = ctypes.c_int.in_dll(library, "warpmix_mutant")
        self._reached = (ctypes.c_ubyte * 8192).in_dll(library, "warpmix_reached")

    def choose(self, number: int) -> None:
        """Let one fault happen from here on; 0 for none."""
        self._chosen.value = number

    def reached(self) -> set[int]:
        """Return the switches that were come to since the last call."""
        numbers = {i for i, reached in enumerate(bytes(self._reached)) if reached}
        ctypes.memset(self._reached, 0, len(self._reached))
        return numbers


def _lines(place: Place) -> set[tuple[str, int]]:
    return {(place.path, place.line + i) for i in range(place.original.count("\n") + 1)}
