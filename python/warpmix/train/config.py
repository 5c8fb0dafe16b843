"""The settings of one training run, checked, and read from a recipe, a file or flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError, model_validator

from warpmix import recipes
from warpmix._reading import InvalidFileError, quoted, shorten
from warpmix.train.optimizer_constants import CONSTANTS, USUAL_RATES, which_have
from warpmix.train.settings import Settings

_SHOWN = 10  # problems of a file in one message
_AUTOMATIC = ("augment", "epochs", "input_size", "store_size")  # what is not given, the run chooses
_PROBED = "lr"  # chosen by the run only where it is asked to


class TrainConfig(Settings):
    """Every setting of a training run; the fields are those of :mod:`warpmix.train.settings`.

    Raises:
        pydantic.ValidationError: (a ValueError) a value of the wrong type or out of range, an
            unknown key, or settings that contradict each other. :func:`warpmix.train.load_config`
            turns it into one readable line.
    """

    @model_validator(mode="before")
    @classmethod
    def _open_recipe(cls, values: Any) -> Any:
        """Replace a recipe's name by its contents, so that ``config.json`` stands alone."""
        if not isinstance(values, dict):
            return values
        if isinstance(values.get("variants"), str | Path):
            values = {**values, "variants": recipes.read_variants(values["variants"])}
        if isinstance(values.get("augment"), str | Path):
            recipe = recipes.read_augmentation(values["augment"])
            return {**values, **recipe, **({"p": values["p"]} if "p" in values else {})}
        return values

    @model_validator(mode="before")
    @classmethod
    def _note_automatic(cls, values: Any) -> Any:
        """Note which settings the run is to choose; fill in what follows from others."""
        if not isinstance(values, dict):
            return values
        asked = {n for n in ("epochs", _PROBED) if values.get(n) == "auto"}
        kept = {name: value for name, value in values.items() if name not in asked}
        if "automatic" not in values or asked:
            chosen = {*asked, *values.get("automatic", (n for n in _AUTOMATIC if n not in kept))}
            kept["automatic"] = tuple(sorted(chosen))
        if "sched" not in kept and kept.get("warmup_epochs") not in (None, 0, "0"):
            kept["sched"] = "cosine"  # onecycle has a warm-up of its own
        if "lr" not in kept:
            rate = USUAL_RATES.get(str(kept.get("opt")), USUAL_RATES["adamw"])
            is_tuned = kept.get("weights") is not None and not kept.get("frozen")
            kept["lr"] = rate / 10 if is_tuned else rate
        return kept

    @model_validator(mode="after")
    def _check_together(self) -> TrainConfig:
        """Refuse combinations that no field can refuse alone."""
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std must be given together, or neither")
        if self.mean is not None and self.std is not None and len(self.mean) != len(self.std):
            raise ValueError(
                f"mean and std must have one value a channel, got {len(self.mean)} and "
                f"{len(self.std)}"
            )
        if self.std is not None and min(self.std) <= 0:
            raise ValueError(f"std must be above 0 for every channel, got {self.std}")
        held_out = self.validation > 0 or self.folds is not None or self.own_validation
        if self.patience is not None and not held_out:
            raise ValueError("patience needs validation images: set validation above 0")
        if self.own_validation and self.folds is not None:
            raise ValueError("folds are held out of the training images: own_validation is another")
        if self.loading == "stream" and self.cache == "off":
            raise ValueError("loading stream reads from the cache: set cache to auto or a folder")
        if self.folds is not None and self.fold >= self.folds:
            raise ValueError(f"fold must be below folds, got {self.fold} of {self.folds}")
        if self.few_shot is not None and self.train_images is not None:
            raise ValueError("train_images and few_shot both choose training images: give one")
        if self.val_images is not None and not held_out:
            raise ValueError("val_images needs validation images: set validation above 0")
        self._check_sizes()
        self._check_copies()
        if self.unfrozen and not self.frozen:
            raise ValueError("unfrozen needs frozen: without it every layer trains")
        if self.frozen_mode == "train" and not self.frozen:
            raise ValueError("frozen_mode train needs frozen: without it every layer trains")
        if self.sched == "onecycle" and self.warmup_epochs > 0:
            raise ValueError("warmup_epochs: onecycle has its own warm-up; use 0, or sched cosine")
        self._check_optimisers()
        if (self.switch_epoch or 0) >= self.epochs and "epochs" not in self.automatic:
            raise ValueError(
                f"switch_epoch must be below epochs, {self.epochs}, got {self.switch_epoch}"
            )
        return self

    def _check_sizes(self) -> None:
        """Refuse sizes that cannot be cut out of each other."""
        cut = {} if self.test_size is None else {"test_size": max(self.test_size)}
        if isinstance(self.input_size, int):
            cut["input_size"] = self.input_size
        if self.resize_size is not None and (not cut or self.input_size == "weights"):
            raise ValueError(
                "resize_size needs input_size or test_size, the pixels to cut out, as a number"
            )
        for name, side in cut.items():
            if side > (self.resize_size or side):
                raise ValueError(
                    f"{name} must be at most resize_size, {self.resize_size}, to be cut out of it, "
                    f"got {side}"
                )
        if self.input_size == "weights" and self.weights is None:
            raise ValueError("input_size weights needs weights, whose preprocessing is wanted")

    def is_same(self, other: TrainConfig) -> bool:
        """Return whether two runs were asked to be the same; what they chose may differ."""
        if self.automatic != other.automatic:
            return False
        chosen: dict[str, Any] = {name: getattr(self, name) for name in self.automatic}
        return other.model_copy(update=chosen) == self

    def taking_over(self, other: TrainConfig) -> TrainConfig:
        """Return these settings with what ``other``, an earlier part of the run, chose."""
        both = [name for name in self.automatic if name in other.automatic]
        return self.model_copy(update={name: getattr(other, name) for name in both})

    def _check_optimisers(self) -> None:
        """Refuse constants that no optimiser of the run has."""
        opts = [self.opt] if self.switch_epoch is None else [self.opt, self.switch_opt]
        if self.nesterov and ("sgd" not in opts or self.momentum == 0):
            raise ValueError("nesterov needs opt sgd with momentum above 0")
        if "ftrl" in opts and self.accumulator == 0:
            raise ValueError("accumulator must be above 0 for ftrl, which divides by it")
        names = dict.fromkeys(n for constants in CONSTANTS["torch"].values() for n in constants)
        for name in names:
            if getattr(self, name) is not None and not {*opts} & {*which_have(name)}:
                raise ValueError(
                    f"{name} does nothing with opt {' and '.join(opts)}: leave it out, or use "
                    f"{', '.join(which_have(name))}"
                )

    def _check_copies(self) -> None:
        """Refuse copies that would not be what they are asked to be."""
        if any("JPEG" in ([e] if isinstance(e, str) else e) for e in self.augment):
            raise ValueError(
                "augment: JPEG is made once, for copies: name it first in a list of variants"
            )
        if not self.expand and not self.variants:
            if self.copies == "once":
                raise ValueError("copies once needs expand above 0, or variants")
            return
        if self.expand and self.variants:
            raise ValueError("variants are copies of every image: expand must be 0 beside them")
        if self.p < 1:
            raise ValueError(
                f"p must be 1 with expand or variants, got {self.p:g}: copies that stay as they "
                "are repeat the originals; make fewer copies with a smaller expand"
            )
        if self.copies == "once" and self.mixup_off_epoch:
            raise ValueError("mixup_off_epoch must be 0 with copies once, which never change")


def load_config(source: str | Path | None = None, **overrides: Any) -> TrainConfig:
    """Read settings from a recipe or a file, then apply overrides.

    Args:
        source: packaged recipe's name or YAML/JSON file of :class:`TrainConfig` keys;
            None for the defaults.
        overrides: settings that win over the file's.

    Raises:
        ValueError: an unknown key (the message names the nearest known one), a value of the wrong
            type or out of range; every problem in one line.
        FileNotFoundError: there is no such recipe or file.
    """
    settings = {} if source is None else recipes.read(source)
    if not isinstance(settings, dict) or not all(isinstance(key, str) for key in settings):
        raise InvalidFileError(
            f"{source} must hold settings as 'key: value' lines, got a {type(settings).__name__}"
        )
    given = {**settings, **overrides}
    if "automatic" in settings and "automatic" not in overrides:  # a run's config.json
        listed = settings["automatic"]
        if isinstance(listed, list | tuple):
            given["automatic"] = [name for name in listed if name not in overrides]
    try:
        return TrainConfig.model_validate(given)
    except ValidationError as error:
        problems = [
            _describe(problem, None if overrides.keys() & set(problem["loc"]) else source)
            for problem in error.errors()[:_SHOWN]
        ]
        if (more := error.error_count() - _SHOWN) > 0:
            problems.append(f"and {more} more")
        kind = ValueError if source is None else InvalidFileError
        raise kind(shorten("; ".join(problems))) from None


def _describe(problem: Any, source: str | Path | None) -> str:
    """Say one pydantic problem in words: the file, the key, what was expected, what was given."""
    origin = "" if source is None else f"{source}: "
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        near = recipes.nearest(key, list(TrainConfig.model_fields))
        return f"{origin}unknown key {quoted(key)}, did you mean {near!r}?"
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if not key:  # from _check_together, which names the keys itself
        return f"{origin}{message}"
    return f"{origin}{key} must be {message}, got {quoted(problem['input'])}"
