"""The ``warpmix`` command. Nothing here imports torch before a command needs it."""

from __future__ import annotations

from warpmix.cli import store
from warpmix.cli._app import app, group, main
from warpmix.cli.compare import compare
from warpmix.cli.data import data
from warpmix.cli.demo import demo
from warpmix.cli.ensemble import export, select, stack
from warpmix.cli.evaluate import evaluate
from warpmix.cli.gallery import gallery
from warpmix.cli.info import info
from warpmix.cli.model import model
from warpmix.cli.predict import predict
from warpmix.cli.preview import preview
from warpmix.cli.study import study
from warpmix.cli.train import train
from warpmix.cli.vote import vote

__all__ = ["app", "data", "main", "model", "study"]

# In the order of `warpmix --help`.
for command in (demo, train, predict, evaluate, compare, vote, preview, gallery, info):
    app.command()(command)

ensemble = group(
    "ensemble",
    "Keep predictions in a store; select, stack and export ensembles of them.",
    "import STORE runs/*",
)
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
    ensemble.command(name)(subcommand)
