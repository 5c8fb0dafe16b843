"""``warpmix info``: what is installed, and what it runs on."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from warpmix.cli._app import console


def info() -> None:
    """Show versions, how the compiled modules were built, and the devices.

    [bold]Example[/bold]

    $ warpmix info
    """
    from warpmix.info import collect, rows

    table = Table.grid(padding=(0, 2))
    for label, text in rows(collect()):
        table.add_row(Text(label, style="bold"), text)
    console.print(table, highlight=False)
