"""The constants of the optimisers, by the framework whose style they are in."""

from __future__ import annotations

_BETAS = {"beta1": 0.9, "beta2": 0.999}
CONSTANTS: dict[str, dict[str, dict[str, float]]] = {
    "torch": {
        "rmsprop": {"rho": 0.99, "eps": 1e-8},
        "adagrad": {"accumulator": 0.0, "eps": 1e-10},
        "adadelta": {"rho": 0.9, "eps": 1e-6},
        "adam": {**_BETAS, "eps": 1e-8},
        "adamw": {**_BETAS, "eps": 1e-8},
        "adamax": {**_BETAS, "eps": 1e-8},
        "nadam": {**_BETAS, "eps": 1e-8, "momentum_decay": 0.004},
        "ftrl": {"accumulator": 0.1},
    },
    "keras": {
        "rmsprop": {"rho": 0.9, "eps": 1e-7},
        "adagrad": {"accumulator": 0.1, "eps": 1e-7},
        "adadelta": {"rho": 0.95, "eps": 1e-7},
        "adam": {**_BETAS, "eps": 1e-7},
        "adamw": {**_BETAS, "eps": 1e-7},
        "adamax": {**_BETAS, "eps": 1e-7},
        "nadam": {**_BETAS, "eps": 1e-7, "momentum_decay": 1.0},
        "ftrl": {"accumulator": 0.1},
    },
}
"""The constants that a framework gives its optimisers, by the names of the settings."""

USUAL_RATES = {"adamw": 0.002, "sgd": 0.05, "adagrad": 0.01, "ftrl": 0.05, "adadelta": 1.0}
"""Peak learning rates of the optimisers that are not told one; the others have adamw's."""


def which_have(constant: str) -> list[str]:
    """Return the optimisers that have a constant."""
    return [name for name, constants in CONSTANTS["torch"].items() if constant in constants]
