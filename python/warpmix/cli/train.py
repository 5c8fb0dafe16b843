"""``warpmix train``: one training run."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from warpmix._files import as_typed
from warpmix.cli._app import DIVERGED, console, headed, is_first_process, print_error
from warpmix.cli.settings import setting_flags
from warpmix.train import TrainConfig, load_config
from warpmix.train.claims import owner_of
from warpmix.train.run_folder import (
    CHECKPOINT_FILE,
    CONFIG_FILE,
    DIVERGENCE_FILE,
    LOCK_FILE,
    MODEL_FILE,
    load_settings,
)

if TYPE_CHECKING:
    from rich.text import Text

    from warpmix.train import TrainResult


@setting_flags()
def train(
    data: Annotated[
        str | None,
        typer.Argument(
            help="A data set's name, a .npz file, or a folder of images (default digits)."
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(metavar="RECIPE", help="A packaged recipe's name or a YAML file of settings."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Run folder to make (default runs/DATA-MODEL-seedN)"),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Go on with the run in this folder."),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Predictions store to add the run's predictions to, made where needed."),
    ] = None,
    **settings: Any,
) -> None:
    """Train a model, restore its best weights, test it, and store its predictions.

    Every setting below is also a key of the YAML file; a flag wins over the file. A run that was
    killed goes on when its command is given again.

    [bold]Examples[/bold]

    $ warpmix train
    $ warpmix train digits --augment warsaw-all --epochs 30
    $ warpmix train cifar10 --root data --config cifar10-vgg3
    $ warpmix train photos/
    $ warpmix train photos/ --model mobilenet_v3_small --weights DEFAULT --frozen
    $ warpmix train --resume runs/cifar10-vgg3-seed0
    $ torchrun --nproc-per-node 4 -m warpmix train cifar10 --root data

    Exit codes: 0 trained; 2 a mistake in the command line, the settings or the files; 3 the
    training diverged; 130 stopped with Ctrl-C.
    """
    if data is not None:
        settings["data"] = data
    if resume is not None:
        if config is not None or out is not None:
            raise ValueError("--resume has its settings and its folder: omit --config and --out")
        chosen = load_settings(resume, **settings)
    else:
        chosen = load_config(config, **settings)
    folder = resume or out or _choose_folder(chosen)
    if resume is None and _holds_run(folder, chosen):
        resume = folder
        console.print(f"going on with the run in {folder}, which has the same settings")

    with console.status("starting torch"):  # some seconds
        from warpmix.train import DivergenceError, fit
    try:
        result = fit(chosen, folder, resume=resume is not None, console=console)
    except KeyboardInterrupt:
        if not (folder / CONFIG_FILE).exists():
            raise
        again = f"warpmix train --resume {as_typed(folder)}"
        console.print(f"stopped; go on with: {again}", style="yellow")
        raise typer.Exit(130) from None
    except DivergenceError as error:
        if not (folder / DIVERGENCE_FILE).exists():  # the weights kept predict no finite numbers
            print_error(str(error))
            raise typer.Exit(DIVERGED) from None
        _end_diverged(f"{error}. Try again with", folder, chosen, 1)
        return
    if result.divergence is not None:
        console.print(summary(result), highlight=False)
        kept = f"weights of epoch {result.best_epoch}" if result.best_epoch else "first weights"
        added = "" if store is None else f"; nothing was added to {store}"
        words = f"{result.divergence}. The {kept} are kept{added}. Go on with"
        _end_diverged(words, folder, chosen, len(result.history))
        return
    if store is not None and is_first_process:
        from warpmix.predictions import PredictionStore
        from warpmix.train.ensembles import import_run

        import_run(PredictionStore(store, create=True), folder, overwrite=resume is not None)
    console.print(summary(result))
    if result.trouble is not None:
        console.print(result.trouble, style="yellow", highlight=False)


def _end_diverged(words: str, folder: Path, config: TrainConfig, epoch: int) -> None:
    """Print, as an error, how a run diverged, and the command that goes on at a tenth of its rate.

    The first process exits; any other that did could have torchrun end this one before it speaks.

    Args:
        words: how, up to that command.
        epoch: that diverged, from 1.
    """
    from warpmix.train.divergence import rate_of

    if is_first_process:
        setting, rate = rate_of(config, epoch)
        flag = setting.replace("_", "-")
        print_error(f"{words}: warpmix train --resume {as_typed(folder)} --{flag} {rate / 10:g}")
        raise typer.Exit(DIVERGED)


def summary(result: TrainResult) -> Text:
    """Return the outcome of a run in words."""
    tested = "no labels to test on"
    if result.test_accuracy is not None:
        tested = f"test accuracy {result.test_accuracy:.2%}"
    held_out = (
        ""
        if result.validation_accuracy is None
        else f"validation accuracy {result.validation_accuracy:.2%}, "
    )
    return headed(
        tested,
        f"\n{held_out}weights of epoch {result.best_epoch} of {len(result.history)}, ended by "
        f"{result.ended}\nrun: {result.folder}",
    )


def _choose_folder(config: TrainConfig) -> Path:
    """Return the first of runs/NAME, runs/NAME-2, ... that is new, or whose run was killed."""
    name = f"{Path(config.data).name}-{config.model}-seed{config.seed}"
    folders = (Path("runs") / (name if i == 1 else f"{name}-{i}") for i in itertools.count(1))
    return next(folder for folder in folders if not folder.exists() or _was_killed(folder, config))


def _was_killed(folder: Path, config: TrainConfig) -> bool:
    """Return whether a run of these settings began in a folder, did not end, and has no owner."""
    if not folder.is_dir() or (folder / MODEL_FILE).exists() or owner_of(folder / LOCK_FILE):
        return False
    if (folder / CONFIG_FILE).exists():
        try:
            return load_settings(folder).is_same(config)
        except ValueError:  # of another version
            return False
    return all(path.name.startswith(".") or path.suffix == ".lock" for path in folder.iterdir())


def _holds_run(folder: Path, config: TrainConfig) -> bool:
    """Return whether a folder holds a run of just these settings, which can go on."""
    return (folder / CHECKPOINT_FILE).exists() and load_settings(folder).is_same(config)
