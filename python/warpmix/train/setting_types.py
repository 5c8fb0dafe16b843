"""The types of the settings: what a value may look like in YAML and after a flag."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, FiniteFloat


def _split_commas(value: Any) -> Any:
    """``"0.5,0.4,0.3"``, as typed after a flag, is the list of its parts."""
    return value.split(",") if isinstance(value, str) else value


ChannelValues = Annotated[tuple[FiniteFloat, ...], BeforeValidator(_split_commas)]
Rates = Annotated[
    tuple[Annotated[float, Field(ge=0, lt=1)], ...],
    BeforeValidator(lambda rate: (rate,) if isinstance(rate, int | float) else _split_commas(rate)),
]
OptimizerName = Literal["sgd", "adam", "adamw", "adamax", "nadam", "rmsprop", "adagrad", "adadelta"]


def _refuse_ftrl(value: Any) -> Any:
    """Ftrl is one of the reports' nine optimisers: its refusal says what is nearest."""
    if value == "ftrl":
        raise ValueError(
            "one that torch has; it has no Ftrl: the nearest is adagrad with --l1, whose rates "
            "Ftrl shares and whose L1 penalty it applies lazily (McMahan et al. 2013)"
        )
    return value


Optimizer = Annotated[OptimizerName, BeforeValidator(_refuse_ftrl)]
"""torch's optimisers that the settings know, by name."""


def setting(default: Any, group: str, description: str, **limits: Any) -> Any:
    """A field with its group: the panel it is listed under in ``warpmix train --help``."""
    return Field(default, description=description, json_schema_extra={"group": group}, **limits)
