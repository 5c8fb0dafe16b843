"""Runs that diverge: what they say, what they keep, and how they go on."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from warpmix.cli import app
from warpmix.data import load
from warpmix.evaluation import evaluate_predictions
from warpmix.study.folder import RESULT_FILE, run_folder
from warpmix.study.worker import Task, train_tasks
from warpmix.train import (
    Callback,
    DivergenceError,
    TrainConfig,
    Trainer,
    TrainResult,
    fit,
    fit_together,
    load_model,
    predict,
)
from warpmix.train.checkpoint import load_checkpoint
from warpmix.train.history import LARGEST_LOSS, EarlyStopping, EpochRecord, read_history
from warpmix.train.model import save_model
from warpmix.train.prediction import write_submission
from warpmix.train.run_folder import DIVERGENCE_FILE, RUN_FILES

STEPS = 5  # an epoch
Fit = Callable[..., TrainResult]


def settings(**changes: Any) -> TrainConfig:
    small = {"few_shot": 16, "batch_size": 32, "threads": 1, "device": "cpu"}
    defaults = {"model": "cnn3", "epochs": 3, "lr": 0.02, "validation": 0.2, **small}
    return TrainConfig(**{**defaults, "opt": "sgd", "sched": "cosine", **changes})


def fit_batched(
    config: TrainConfig, folder: Path | None = None, *, resume: bool = False, **more: Any
) -> TrainResult:
    """``fit`` by ``fit_together``, of two runs."""
    other = config.model_copy(update={"seed": 1})
    result, _ = fit_together(
        [config, other], [folder, None] if folder else None, resume=resume, **more
    )
    if isinstance(result, ValueError):
        raise result
    return result


class Multiply(Callback):
    """Multiplies the weights of the last layers after a step (from 1), as a step too far would."""

    def __init__(self, step: int, factor: float, tensors: int = 2) -> None:
        self.step, self.factor, self.tensors = step, factor, tensors
        self.done: dict[int, int] = {}

    def on_step_end(self, trainer: Trainer) -> None:
        done = self.done[id(trainer)] = self.done.get(id(trainer), 0) + 1
        if done == self.step:
            with torch.no_grad():
                for weight in list(trainer.network.parameters())[-self.tensors :]:
                    weight.mul_(self.factor)


def is_finite(result: TrainResult) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in result.model.state_dict().values())


# ---- what counts as divergence ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("train_loss", "validation_loss", "penalty", "reason", "counts"),
    [
        (2.3, 2.3, 0.0, None, True),
        (LARGEST_LOSS / 2, 9.9e6, 0.0, None, True),
        (2.3, 1e29, 0.0, None, False),  # batch norm may be late: it goes on, and is not the best
        (1e29, 2.3, 0.0, "the loss became 1e+29", False),
        (1e29, math.nan, 0.0, "the loss became 1e+29", False),
        (math.nan, 2.3, 0.0, "the loss became nan", False),
        (math.inf, None, 0.0, "the loss became inf", False),
        (1e29, None, 0.0, "the loss became 1e+29", False),
        (2.3, math.nan, 0.0, "the validation loss became nan", False),
        (2.3, math.inf, 0.0, "the validation loss became inf", False),
        (2.3, 2.3, math.inf, "the penalty of l1 and l2 became inf", False),
    ],
)
@pytest.mark.parametrize("monitor", ["accuracy", "loss", "total_loss"])
@pytest.mark.parametrize("restore", ["best", "last", "improved"])
def test_an_epoch_that_diverged_never_counts(
    train_loss: float,
    validation_loss: float | None,
    penalty: float,
    reason: str | None,
    counts: bool,
    monitor: str,
    restore: str,
) -> None:
    accuracy = None if validation_loss is None else 0.9
    record = EpochRecord(1, 0.1, train_loss, 0.5, validation_loss, accuracy, 1.0, penalty)
    assert record.divergence() == reason
    stopping = EarlyStopping(restore=restore)
    assert stopping.update(1, record.score(monitor)) is counts
    assert (stopping.kept_epoch, stopping.best_epoch) == (int(counts), int(counts))


# ---- after an epoch whose weights count ---------------------------------------------------------

LATER = {  # what goes wrong in epoch 2
    "a loss that is huge": (Multiply(2 * STEPS - 1, 1e25), {}, r"the loss became \d\.?\d*e\+2\d"),
    "a loss of NaN": (Multiply(STEPS + 1, math.nan), {}, "the loss became nan"),
    "a validation of NaN": (Multiply(2 * STEPS, math.nan), {}, "the validation loss became nan"),
    "outputs that overflow": (Multiply(2 * STEPS, 1e20, 8), {}, "the validation loss became nan"),
    "no validation": (Multiply(2 * STEPS, math.nan), {"validation": 0}, "its last step .* nan"),
}


@pytest.mark.parametrize("train", [fit, fit_batched])
@pytest.mark.parametrize("case", LATER)
def test_the_last_good_epoch_is_kept_and_gone_on_from(
    train: Fit, case: str, tmp_path: Path
) -> None:
    callback, changes, reason = LATER[case]
    callback.done.clear()
    config, run = settings(**changes), tmp_path / "run"
    result = train(config, run, callbacks=[callback])
    assert (result.ended, result.best_epoch, len(result.history)) == ("diverged", 1, 2)
    words = str(result.divergence)
    match = rf"training diverged in epoch 2: .*{reason}, after 2\.\d+ in epoch 1; "
    assert re.match(match, words), words
    assert words.endswith("use an lr below 0.02, clip_grad, or warmup_epochs")

    # The folder is that of the first epoch, and the history whole.
    assert is_finite(result)
    network, spec = load_model(run)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, result.model.state_dict()[name])
    assert predict(run, load("digits", "test"), device="cpu").isfinite().all()
    assert [row.epoch for row in read_history(run / "history.csv")] == [1, 2]
    assert len(load_checkpoint(run / "checkpoint.safetensors", spec)["history"]) == 1

    # Again with the same settings: it says so again, and trains nothing.
    callback.done.clear()
    again = train(config, run, resume=True, callbacks=[callback])
    assert (again.divergence, again.test_accuracy) == (words, result.test_accuracy)
    assert len(callback.done) == (0 if train is fit else 1)  # the other run, without a folder

    # With a lower rate it goes on as a run does that had this rate from its second epoch on.
    lower = config.model_copy(update={"lr": 0.005, "sched": "constant"})
    with pytest.raises(ValueError, match="of other settings: sched 'cosine', not 'constant'"):
        train(lower, run, resume=True)
    lower = config.model_copy(update={"lr": 0.005})
    on = train(lower, run, resume=True)
    assert (on.ended, len(on.history), on.divergence) == ("epochs", 3, None)
    assert on.history[0] == result.history[0]
    assert on.history[1].lr == pytest.approx(0.25 * settings_rate(config, 2 * STEPS - 1))
    names = {path.name for path in run.iterdir()}
    assert names == RUN_FILES - (set() if changes == {} else {"predictions-val.safetensors"})


def settings_rate(config: TrainConfig, step: int) -> float:
    return config.lr * (1 + math.cos(math.pi * step / (config.epochs * STEPS))) / 2


@pytest.mark.parametrize("train", [fit, fit_batched])
def test_absurd_weights_are_not_gone_on_from(train: Fit, tmp_path: Path) -> None:
    """Epoch 2 ends with a huge validation loss, and epoch 3 diverges: the first one is the last
    sound one."""
    config, run, callback = settings(), tmp_path / "run", Multiply(2 * STEPS, 1e12)
    result = train(config, run, callbacks=[callback])
    assert (result.ended, result.best_epoch, len(result.history)) == ("diverged", 1, 3)
    _, spec = load_model(run)
    assert len(load_checkpoint(run / "checkpoint.safetensors", spec)["history"]) == 1
    callback.done.clear()
    callback.step = STEPS  # of the resumed run, which trains its second epoch again
    again = train(config, run, resume=True, callbacks=[callback])
    assert again.divergence == result.divergence
    on = train(config.model_copy(update={"lr": 0.01}), run, resume=True)
    assert (on.ended, len(on.history)) == ("epochs", 3)
    assert not (run / DIVERGENCE_FILE).exists()


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("validation", [0.2, 0])
def test_heads_on_features_keep_their_last_good_epoch(batched: bool, validation: float) -> None:
    config = settings(model="vgg3", width=4, frozen=True, init="he", validation=validation)
    callbacks = [Multiply(2 * STEPS, math.nan)]
    if batched:  # of one seed, which has the same features
        two = [config, config.model_copy(update={"lr": 0.01})]
        result = fit_together(two, callbacks=callbacks)[0]
    else:
        result = fit(config, callbacks=callbacks)
    assert isinstance(result, TrainResult)
    assert (result.ended, result.best_epoch, len(result.history)) == ("diverged", 1, 2)
    assert is_finite(result)


def test_averaged_weights_that_become_nan_are_found() -> None:
    result = fit(settings(ema=0.9), callbacks=[Multiply(2 * STEPS - 1, math.nan)])
    assert (result.ended, result.best_epoch) == ("diverged", 1)
    assert is_finite(result)


def test_a_switch_that_diverges_names_its_rate(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = settings(switch_epoch=1, switch_lr=1e9)
    result = fit(config, tmp_path / "run")
    assert "use switch_lr below 1e+09" in str(result.divergence)
    assert [record.message for record in caplog.records] == [result.divergence]
    lower = config.model_copy(update={"switch_lr": 0.01})
    assert fit(lower, tmp_path / "run", resume=True).ended == "epochs"


# ---- before there are weights to keep -----------------------------------------------------------


@pytest.mark.parametrize("train", [fit, fit_batched])
@pytest.mark.parametrize(
    ("callback", "changes", "reason"),
    [
        (Multiply(1, math.nan), {}, "the loss became nan"),
        (Multiply(STEPS - 1, 1e25), {}, r"the loss became .*e\+2"),
        (Multiply(STEPS, math.nan), {"monitor": "loss", "epochs": 1}, "validation loss became nan"),
        (Multiply(STEPS, math.nan), {"restore": "last", "epochs": 1}, "validation loss became nan"),
        (
            Multiply(STEPS, 1e12),
            {"monitor": "loss", "epochs": 1},
            r"the loss was 1\.7e\+07 or more",
        ),
        (Multiply(STEPS, 1e12), {"validation": 0, "epochs": 1}, "the loss was 1.7e.07 or more"),
    ],
)
def test_without_weights_to_keep_it_is_an_error_in_words(
    train: Fit, callback: Multiply, changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    config, run = settings(**changes), tmp_path / "run"
    for resume in (False, True, True):  # never another error
        callback.done.clear()
        with pytest.raises(DivergenceError, match=rf"training diverged in epoch 1: .*{reason}"):
            train(config, run, resume=resume, callbacks=[callback])
    assert [row.epoch for row in read_history(run / "history.csv")] == [1]
    with pytest.raises(FileNotFoundError, match="its training diverged before there were weights"):
        load_model(run)
    lower = config.model_copy(update={"lr": 0.01})
    assert train(lower, run, resume=True).ended == "epochs"
    assert not (run / DIVERGENCE_FILE).exists()


@pytest.mark.parametrize("train", [fit, fit_batched])
def test_the_first_weights_can_be_kept_and_the_run_repeated(train: Fit, tmp_path: Path) -> None:
    config, run = settings(on_divergence="first-weights", lr=1e9), tmp_path / "run"
    result = train(config, run)
    assert (result.ended, result.best_epoch) == ("diverged", 0)
    late = settings(on_divergence="first-weights", epochs=1)
    absurd = train(late, callbacks=[Multiply(STEPS, 1e12)])  # and finite
    assert (absurd.ended, absurd.best_epoch) == ("diverged", 0)
    with pytest.raises(ValueError, match="holds a run already"):
        train(config, run)
    assert train(config, run, resume=True).test_accuracy == result.test_accuracy


def test_a_damaged_file_of_the_divergence_says_so(tmp_path: Path) -> None:
    with pytest.raises(DivergenceError):
        fit(settings(lr=1e9), tmp_path)
    for text in ("", "{}", "[" * 100_000, '{"epoch": "x", "reason": 1, "settings": null}'):
        (tmp_path / DIVERGENCE_FILE).write_text(text)
        with pytest.raises(ValueError, match=r"divergence\.json is damaged; delete it") as caught:
            fit(settings(lr=1e9), tmp_path, resume=True)
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize(
    ("changes", "epoch"),
    [
        ({"switch_epoch": 1, "switch_lr": 1e9}, 2),
        ({"lr": 1e9, "on_divergence": "first-weights"}, 1),
    ],
)
def test_a_study_says_which_run_diverged(
    batched: bool, changes: dict[str, Any], epoch: int, tmp_path: Path
) -> None:
    task = Task("a", settings(**changes), batched)
    assert train_tasks(tmp_path, [task]) == {"a": "done"}
    result = run_folder(tmp_path, "a") / RESULT_FILE
    figures = json.loads(result.read_text())
    assert figures["divergence"].startswith(f"training diverged in epoch {epoch}: the loss became")
    assert figures["best_epoch"] == epoch - 1
    result.unlink()  # as if the worker had been killed before it wrote this
    assert train_tasks(tmp_path, [task]) == {"a": "done"}
    again = json.loads(result.read_text())
    assert {**again, "seconds": 0} == {**figures, "seconds": 0}


# ---- a model that predicts NaN ------------------------------------------------------------------


def test_what_is_not_finite_is_not_predicted(tmp_path: Path) -> None:
    result = fit(settings(epochs=1))
    weights = {
        name: torch.full(tensor.shape, math.nan)
        for name, tensor in result.model.state_dict().items()
    }
    save_model(tmp_path / "model.safetensors", weights, result.spec)
    images = load("digits", "test")
    match = "must predict finite probabilities, got NaN or infinity for 360 of 360 images"
    with pytest.raises(DivergenceError, match=match):
        predict(tmp_path, images, device="cpu")
    with pytest.raises(DivergenceError, match="has diverged; train it anew with a lower lr"):
        write_submission(tmp_path / "out.csv", tmp_path, images, device="cpu")
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    with pytest.raises(ValueError, match="must be finite, got NaN or infinity in 2 of 2 rows"):
        evaluate_predictions(torch.full((2, 3), math.nan), torch.tensor([0, 1]))


# ---- the command --------------------------------------------------------------------------------


def command(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.split())


def test_the_command_has_an_exit_code_for_it(tmp_path: Path) -> None:
    run, store = tmp_path / "run", tmp_path / "store"
    machine = ("--threads", 1, "--device", "cpu")
    small = ("--few-shot", 16, "--batch-size", 32, "--model", "cnn3", "--epochs", 3, *machine)

    # In the first epoch: nothing is kept but the figures.
    start = ("train", "digits", *small, "--monitor", "loss")
    code, output = command(*start, "--lr", 1e9, "--out", run)
    assert code == 3
    assert "training diverged in epoch 1: the loss became nan; use an lr below 1e+09" in output
    assert output.endswith(f"Try again with: warpmix train --resume {run} --lr 1e+08")
    for name in ("evaluate", "predict"):
        code, output = command(name, run)
        assert code == 2
        assert "diverged before there were weights to keep; try a lower rate" in output
    code, output = command("train", "--resume", run)
    assert code == 3
    code, output = command("train", "--resume", run, "--lr", 0.01)
    assert code == 0

    # Later: the weights of the epoch before are, and everything works on them.
    run = tmp_path / "later"
    switch = ("--switch-epoch", 1, "--switch-lr", 1e9)
    code, output = command(*start, *switch, "--out", run, "--store", store)
    assert code == 3
    assert "weights of epoch 1 of 2, ended by diverged" in output
    assert f"The weights of epoch 1 are kept; nothing was added to {store}. Go on with" in output
    assert output.endswith(f"warpmix train --resume {run} --switch-lr 1e+08")
    assert not store.exists()
    assert command("evaluate", run, "--errors", 0, "--maps", 0)[0] == 0
    assert command("predict", run)[0] == 0
    for _ in range(2):
        assert command("train", "--resume", run)[0] == 3
    assert command("train", "--resume", run, "--switch-lr", 0.01)[0] == 0
