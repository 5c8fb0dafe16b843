"""The ``warpmix`` command. Nothing here imports torch before a command needs it."""

from __future__ import annotations

from warpmix.cli import store
from warpmix.cli._app import app, ensemble_app, main
from warpmix.cli.demo import demo
from warpmix.cli.ensemble import export, select, stack
from warpmix.cli.info import info
from warpmix.cli.predict import predict
from warpmix.cli.preview import preview
from warpmix.cli.train import train
from warpmix.cli.vote import vote

__all__ = ["app", "main"]

for command in (demo, train, predict, vote, preview, info):  # the order of `warpmix --help`
    app.command()(command)

app.add_typer(ensemble_app, name="ensemble")
for name, subcommand in (
    ("import", store.import_files),
    ("list", store.list_entries),
    ("remove", store.remove),
    ("diversity", store.diversity),
    ("select", select),
    ("stack", stack),
    ("export", export),
    ("predict", store.decide),
):
    ensemble_app.command(name)(subcommand)
