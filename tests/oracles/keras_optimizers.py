"""Keras's own numbers for tests/test_keras_optimizers.py; writes keras_optimizers.json beside it.

    pip install tensorflow-cpu==2.21.0 keras==3.15.1
    python tests/oracles/keras_optimizers.py

All is computed in float64, so that rounding cannot hide the place of an epsilon.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow

keras.config.set_floatx("float64")

# Gradients from 10 down to 1e-6, whose squares are far above and far below every epsilon.
START = np.array([[1.0, -0.5, 0.25], [-1.0, 2.0, 0.1]])
TARGET = np.array([[0.3, 0.7, -0.4], [0.9, -1.1, 0.2]])
CURVATURE = np.array([[10.0, 1.0, 0.1], [1e-3, 1e-4, 1e-5]])
RATES = [0.05] * 5 + [0.02] * 5  # one change of the rate, as a schedule makes

OPTIMIZERS = {  # warpmix's name of each
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
    "adagrad": keras.optimizers.Adagrad,
    "adadelta": keras.optimizers.Adadelta,
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "adamax": keras.optimizers.Adamax,
    "nadam": keras.optimizers.Nadam,
    "ftrl": keras.optimizers.Ftrl,
}
SETTINGS = {  # warpmix's name of each of Keras's arguments
    "epsilon": "eps",
    "beta_1": "beta1",
    "beta_2": "beta2",
    "initial_accumulator_value": "accumulator",
}
# Sums of powers of two, since TensorFlow rounds a constant to float32 before it makes it a float64.
BETAS = {"beta_1": 0.875, "beta_2": 0.96875}
EPSILON, DECAY = {"epsilon": 2.0**-10}, {"weight_decay": 0.125}
EXACT: list[tuple[str, dict[str, Any]]] = [
    ("sgd", DECAY),
    ("sgd", {"momentum": 0.875}),
    ("sgd", {"momentum": 0.875, "nesterov": True, **DECAY}),
    ("rmsprop", {"rho": 0.75, **EPSILON}),
    ("rmsprop", {"momentum": 0.875, "rho": 0.75, **EPSILON, **DECAY}),
    ("adagrad", {"initial_accumulator_value": 0.5, **EPSILON, **DECAY}),
    ("adadelta", {"rho": 0.75, **EPSILON, **DECAY}),
    ("adam", {**BETAS, **EPSILON, **DECAY}),
    ("adamw", {**BETAS, **EPSILON, **DECAY}),
    ("adamax", {**BETAS, **EPSILON, **DECAY}),
    ("nadam", {**BETAS, **EPSILON, **DECAY}),
    ("ftrl", {"initial_accumulator_value": 0.5, **DECAY}),
]


def steps(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """The weights after each step, and the settings that ask warpmix for the same."""
    if name == "adamw":  # Keras's default of 0.004 is not a constant of opt_style
        options = {"weight_decay": 0.0, **options}
    optimizer = OPTIMIZERS[name](learning_rate=RATES[0], **options)
    weights = keras.Variable(START)
    found = []
    for rate in RATES:
        optimizer.learning_rate.assign(rate)
        gradient = CURVATURE * (keras.ops.convert_to_numpy(weights) - TARGET)
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weights])
        found.append(keras.ops.convert_to_numpy(weights).tolist())
    settings = {SETTINGS.get(key, key): value for key, value in options.items()}
    if name in ("sgd", "rmsprop"):
        settings = {"momentum": 0.0, **settings}  # Keras's default; warpmix's is 0.9
    return {"settings": {"opt": name, **settings}, "weights": found}


def early_stopping() -> list[dict[str, Any]]:
    """When EarlyStopping ended courses of figures, and the epoch (from 1) whose weights it left."""
    random = np.random.default_rng(0)
    courses = [
        ("min", [1.0, 0.9, 0.895, 0.893, 0.892, 0.5]),  # small gains that add up to one
        ("min", [0.505, 0.5, 0.495, 0.49]),  # exactly min_delta, in floating point
        ("max", [0.5, 0.505, 0.51, 0.4, 0.4, 0.4]),
        ("max", [0.1, 0.5, 0.4, 0.5, 0.3, 0.9]),
    ]
    for mode, sign in (("min", -1.0), ("max", 1.0)):
        for _ in range(8):
            rise = 1 - 0.9 ** np.arange(20) + random.normal(0, 0.03, 20)
            courses.append((mode, (sign * rise).round(4).tolist()))
    found = []
    for mode, figures in courses:
        ends = []
        for patience, min_delta in ((1, 0.0), (2, 0.005), (3, 0.0), (3, 0.005), (4, 0.05)):
            epochs, last = _run(mode, figures, patience, min_delta, restores=False)
            again, improved = _run(mode, figures, patience, min_delta, restores=True)
            assert epochs == again
            values = (patience, min_delta, epochs, last, improved)
            names = ("patience", "min_delta", "epochs", "last", "improved")
            ends.append(dict(zip(names, values, strict=True)))
        found.append({"mode": mode, "figures": figures, "ends": ends})
    return found


def _run(
    mode: str, figures: list[float], patience: int, min_delta: float, *, restores: bool
) -> tuple[int, int]:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    callback = keras.callbacks.EarlyStopping(
        "figure", min_delta, patience, mode=mode, restore_best_weights=restores
    )
    callback.set_model(model)
    model.stop_training = False
    callback.on_train_begin()
    epochs = 0
    while not model.stop_training and epochs < len(figures):
        model.set_weights([np.array([[epochs + 1.0]])])  # they say which epoch they are of
        callback.on_epoch_end(epochs, {"figure": figures[epochs]})
        epochs += 1
    callback.on_train_end()
    return epochs, int(model.get_weights()[0].item())


def validation_loss() -> dict[str, Any]:
    """``val_loss`` of two layers with penalties on their kernels."""
    random = np.random.default_rng(1)
    l1, l2 = 0.01, 0.02
    penalty = {"kernel_regularizer": keras.regularizers.L1L2(l1, l2)}
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, activation="relu", **penalty),
            keras.layers.Dense(3, **penalty),
        ]
    )
    model.set_weights([random.normal(size=w.shape) for w in model.get_weights()])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss=loss, jit_compile=False)
    inputs, labels = random.normal(size=(16, 4)), random.integers(0, 3, 16)
    return {
        "l1": l1,
        "l2": l2,
        "weights": [w.tolist() for w in model.get_weights()],
        "inputs": inputs.tolist(),
        "labels": labels.tolist(),
        "loss": model.evaluate(inputs, labels, verbose=0),
    }


if __name__ == "__main__":
    values = {
        "source": {"keras": keras.__version__, "tensorflow": tensorflow.__version__},
        "start": START.tolist(),
        "target": TARGET.tolist(),
        "curvature": CURVATURE.tolist(),
        "rates": RATES,
        "defaults": [steps(name, {}) for name in OPTIMIZERS],
        "exact": [steps(*case) for case in EXACT],
        "early_stopping": early_stopping(),
        "validation_loss": validation_loss(),
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(values) + "\n")
