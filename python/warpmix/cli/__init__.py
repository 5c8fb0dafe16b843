"""The ``warpmix`` command. Nothing here imports torch before a command needs it."""

from __future__ import annotations

from warpmix.cli._app import app, main
from warpmix.cli.data import data
from warpmix.cli.demo import demo
from warpmix.cli.info import info
from warpmix.cli.model import model
from warpmix.cli.predict import predict
from warpmix.cli.preview import preview
from warpmix.cli.train import train
from warpmix.cli.vote import vote

__all__ = ["app", "data", "main", "model"]

for command in (demo, train, predict, vote, preview, info):  # the order of `warpmix --help`
    app.command()(command)
