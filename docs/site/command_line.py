"""Writes docs/command-line.md from the commands: ``python docs/site/command_line.py``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer

from warpmix.cli import app

PAGE = Path(__file__).parents[1] / "command-line.md"
HEAD = """# Command line

`warpmix COMMAND --help` says the same in a terminal. `--debug`, before the command, shows a
traceback. Exit codes: 0 done; 2 a mistake in the command line, the settings or the files; 3 the
training diverged; 130 stopped with Ctrl-C.

Every command writes under a temporary name and renames. The same command again finishes what was
killed.

```sh
warpmix train digits --augment warsaw-all
warpmix train cifar10 --root data --download --config cifar10-vgg3
warpmix predict runs/digits-vgg3-seed0 --split test --out predictions.safetensors
warpmix predict runs/cifar10-vgg3-seed0 --data kaggle-cifar10 --root kaggle --submission out.csv
warpmix evaluate runs/cifar10-vgg3-seed0
warpmix compare runs/
warpmix vote runs/* --rank-on val --score-on test --top 10,20,30,40,50,100
warpmix ensemble import STORE runs/*
warpmix ensemble export STORE --method greedy --out bundle
warpmix predict bundle
warpmix preview cifar10 --root data --augment warsaw-all --out preview.png
warpmix data describe photos/
warpmix model describe resnet50 --frozen --unfrozen 1
torchrun --nproc-per-node 4 -m warpmix train cifar10 --root data --config cifar10-vgg3
warpmix info
```
"""


def commands(group: Any, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the names and the command of everything below a group, in the order of its help."""
    for name, command in group.commands.items():
        yield (*names, name), command
        if hasattr(command, "commands"):
            yield from commands(command, (*names, name))


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "\\<").replace("*", "\\*")


def value_of(parameter: Any, annotation: Any) -> str:
    """Return what stands after a flag: its choices, or a word for its type."""
    if parameter.metavar:
        return cell(parameter.metavar)
    parts = [annotation]
    while any(get_origin(part) in (Annotated, Union, UnionType) for part in parts):
        kept = [
            get_args(part)[:1] if get_origin(part) is Annotated else get_args(part)
            for part in parts
        ]
        parts = [part for group in kept for part in group if part is not NoneType]
    if get_origin(parts[0]) is Literal:
        return cell("|".join(map(str, get_args(parts[0]))))
    return {Path: "PATH", int: "N", float: "X"}.get(parts[0], "TEXT")


def row(parameter: Any, annotation: Any) -> str:
    if not parameter.opts[0].startswith("-"):
        dots = "…" if parameter.nargs == -1 else ""
        name = (parameter.metavar or parameter.name).strip("{}").upper()
        return f"| `{name}{dots}` | {cell(parameter.help or '')} |"
    flags = ", ".join(f"`{flag}`" for flag in (*parameter.opts, *parameter.secondary_opts))
    value = "" if parameter.is_flag else f" {value_of(parameter, annotation)}"
    default = None if parameter.is_flag or not parameter.show_default else parameter.default
    shown = f" Default: {cell(str(getattr(default, 'value', default)))}." if default else ""
    return f"| {flags}{value} | {cell(parameter.help or '')}{shown} |"


def section(names: tuple[str, ...], command: Any) -> str:
    """Return a command's part of the page: what it does, its examples, its flags by subject."""
    level = "#" * (len(names) + 1)
    summary, *rest = (command.help or "").replace("\b", "").strip().split("\n\n")
    lines = [f"{level} warpmix {' '.join(names)}", "", " ".join(summary.split()), ""]
    for paragraph in (*rest, *(command.epilog or "").replace("\b", "").strip().split("\n\n")):
        if "$ warpmix" in paragraph or "$ torchrun" in paragraph:
            shell = [line.strip() for line in paragraph.splitlines() if "$ " in line]
            lines += ["```text", *(line.removeprefix("$ ") for line in shell), "```", ""]
        elif paragraph.strip() and "[bold]" not in paragraph:
            lines += [cell(paragraph), ""]
    panels: dict[str, list[str]] = {}
    signature = (
        inspect.signature(command.callback, eval_str=True).parameters if command.callback else {}
    )
    for parameter in command.params:
        if parameter.name != "help" and not getattr(parameter, "hidden", False):
            panel = getattr(parameter, "rich_help_panel", None) or (
                "Arguments" if not parameter.opts[0].startswith("-") else "Options"
            )
            panels.setdefault(panel, []).append(
                row(parameter, signature[parameter.name].annotation)
            )
    for panel, rows in panels.items():
        lines += [f"| {panel} | |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def page() -> str:
    """Return the whole page."""
    parts = [
        section(names, command) for names, command in commands(typer.main.get_command(app), ())
    ]
    return "\n".join([HEAD, *parts])


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
