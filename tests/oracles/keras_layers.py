"""Write keras_layers.json: what Keras's layers, initialisers and networks make of given numbers.

It needs Keras and TensorFlow (pip install tensorflow-cpu), which the tests do not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

STEPS = 3
SHAPE = (4, 2, 3, 2)  # images, height, width, channels
GAMMA, BETA = (1.5, 0.5), (0.25, -1.0)
QUANTILES = (0.05, 0.25, 0.75, 0.95)


def rounded(values: Any) -> Any:
    return np.asarray(values, dtype=np.float64).round(8).tolist()


def batch_norm() -> dict[str, Any]:
    """Three batches in training, then the first one again in inference, with Keras's defaults.

    Keras 3's layer averages the variance of a batch over its n numbers. The operation behind
    Keras 2's layer, for images, moves its statistics by the variance over n - 1.
    """
    generator = np.random.default_rng(0)
    batches = generator.normal(1.0, 2.0, (STEPS, *SHAPE)).round(4).astype(np.float32)
    layer = keras.layers.BatchNormalization()
    layer.build(SHAPE)
    layer.gamma.assign(GAMMA)
    layer.beta.assign(BETA)
    outputs = [layer(batch, training=True) for batch in batches]
    mean, variance = tf.zeros(2), tf.ones(2)
    for batch in batches:
        _, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            batch,
            tf.constant(GAMMA),
            tf.constant(BETA),
            mean,
            variance,
            epsilon=layer.epsilon,
            is_training=True,
            exponential_avg_factor=1 - layer.momentum,
        )
    fused = tf.compat.v1.nn.fused_batch_norm(
        batches[0],
        tf.constant(GAMMA),
        tf.constant(BETA),
        mean,
        variance,
        epsilon=layer.epsilon,
        is_training=False,
    )[0]
    return {
        "epsilon": layer.epsilon,
        "momentum": layer.momentum,
        "gamma": GAMMA,
        "beta": BETA,
        "inputs": rounded(batches),
        "training": rounded(outputs),
        "keras3_mean": rounded(layer.moving_mean),
        "keras3_variance": rounded(layer.moving_variance),
        "keras3_inference": rounded(layer(batches[0], training=False)),
        "keras2_mean": rounded(mean),
        "keras2_variance": rounded(variance),
        "keras2_inference": rounded(fused),
    }


def initialisers() -> dict[str, Any]:
    kinds = {
        "glorot": keras.initializers.GlorotUniform(seed=0),
        "he_truncated": keras.initializers.HeNormal(seed=0),
        "normal": keras.initializers.RandomNormal(seed=0),
    }
    shapes = {"dense": (1200, 800), "conv": (3, 3, 256, 400)}  # inputs, then outputs
    made: dict[str, Any] = {}
    for name, kind in kinds.items():
        for layer, shape in shapes.items():
            weights = np.asarray(kind(shape), dtype=np.float64)
            made[f"{name} {layer}"] = {
                "shape": shape,
                "deviation": float(weights.std()),
                "largest": float(np.abs(weights).max()),
                "quantiles": rounded(np.quantile(weights, QUANTILES)),
            }
    return made


def networks() -> dict[str, Any]:
    """Networks of keras.applications without their tops, averaged over all places."""
    builders = {
        "mobilenet_v3_small": keras.applications.MobileNetV3Small,
        "vgg16": keras.applications.VGG16,
        "efficientnet_b0": keras.applications.EfficientNetB0,
    }
    made: dict[str, Any] = {}
    for name, build in builders.items():
        network = build(weights=None, include_top=False, pooling="avg", input_shape=(128, 128, 3))
        norms = [m for m in network.layers if isinstance(m, keras.layers.BatchNormalization)]
        made[name] = {
            "features": network.output_shape[-1],
            "trainable": sum(int(np.prod(w.shape)) for w in network.trainable_weights),
            "batch_norm": sorted({(m.epsilon, m.momentum) for m in norms}),
        }
    return made


def main() -> None:
    leaky = keras.layers.LeakyReLU()
    numbers = [-3.0, -1.0, -0.25, 0.0, 0.5, 2.0]
    convolution = keras.layers.Conv2D(1, 3).get_config()
    values = {
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
        "batch_norm": batch_norm(),
        "quantiles_at": QUANTILES,
        "initialisers": initialisers(),
        "first_weights": convolution["kernel_initializer"]["class_name"],
        "leaky_relu": {
            "inputs": numbers,
            "outputs": rounded(leaky(np.array(numbers, np.float32))),
            "negative_slope": leaky.get_config()["negative_slope"],
        },
        "networks": networks(),
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in values.items()]
    path = Path(__file__).with_suffix(".json")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
