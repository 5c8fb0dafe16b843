"""Augmentations by name: what people know, and the sets of the five reports.

``presets.cifar(mean=…, std=…)`` makes a :class:`warpmix.Pipeline`; so does
``presets.pipeline("warsaw-all", …)`` for any of :func:`names`. The command line takes the same
names as ``--augment NAME``. Each is a YAML file in ``warpmix/recipes`` to read and to copy.
"""

from __future__ import annotations

from typing import Any

from warpmix import recipes
from warpmix.augment import Pipeline, Transform, from_config

_RUN_KEYS = {"data", "model"}  # a recipe with one of these is a whole training run


def names() -> list[str]:
    """Return the names of the presets, sorted."""
    keys = {name: set(recipes.read(name)) for name in recipes.names()}
    return [name for name, held in keys.items() if "augment" in held and not _RUN_KEYS & held]


def _recipe(name: str) -> dict[str, Any]:
    known = names()
    if name not in known:
        close = recipes.nearest(str(name), known)
        raise ValueError(
            f"unknown preset {name!r}; did you mean {close!r}? Known: {', '.join(known)}"
        )
    recipe: dict[str, Any] = recipes.read(name)
    return recipe


def transforms(name: str) -> list[Any]:
    """Return the list of transforms of a preset, to change or to extend.

    Raises:
        ValueError: an unknown name; the message has the nearest and all known ones.
    """
    listed: list[Transform | Any] = from_config(_recipe(name)["augment"])
    return listed


def pipeline(name: str, **options: Any) -> Pipeline:
    """Return a pipeline of a preset's transforms.

    Args:
        name: one of :func:`names`.
        options: of :class:`warpmix.Pipeline`: mean, std, dtype, seed, …

    Raises:
        ValueError: an unknown name, or an option's own check.
    """
    return Pipeline(transforms(name), **options)


def cifar(**options: Any) -> Pipeline:
    """Return a pipeline of random crops with 4 pixels of padding, and flips (He et al., 2016,
    section 4.2)."""
    return pipeline("cifar", **options)


def airbench(**options: Any) -> Pipeline:
    """Return a pipeline of flips that alternate by epoch, translations by up to 4 pixels with
    reflection, and a cutout of 12 pixels inside the image, in the mean colour: ``mean`` and ``std``
    must be given (Jordan, 2024, airbench96)."""
    return pipeline("airbench", **options)


def imagenet(**options: Any) -> Pipeline:
    """Return a pipeline of random resized crops to the images' own size, flips, colour jitter and
    random erasing: that of torchvision's classification references, for images cached at the
    training size."""
    return pipeline("imagenet", **options)


def torchvision_v2_recipe(**options: Any) -> Pipeline:
    """Return a pipeline of the augmentation of torchvision's second ResNet weights
    (IMAGENET1K_V2; Vryniotis, 2021), to 176 pixels: ``mean`` and ``std`` must be given. Where it
    differs from its source is in ``torchvision_v2_recipe.yaml``."""
    return pipeline("torchvision_v2_recipe", **options)


def timm_a1(**options: Any) -> Pipeline:
    """Return a pipeline of the augmentation of procedure A1 of "ResNet strikes back" (Wightman et
    al., 2021), to 224 pixels. Where it differs from its source is in ``timm_a1.yaml``."""
    return pipeline("timm_a1", **options)


def timm_a2(**options: Any) -> Pipeline:
    """Return a pipeline of the augmentation of procedure A2 of "ResNet strikes back" (Wightman et
    al., 2021), to 224 pixels. Where it differs from its source is in ``timm_a2.yaml``."""
    return pipeline("timm_a2", **options)


def timm_a3(**options: Any) -> Pipeline:
    """Return a pipeline of the augmentation of procedure A3 of "ResNet strikes back" (Wightman et
    al., 2021), to 160 pixels. Where it differs from its source is in ``timm_a3.yaml``."""
    return pipeline("timm_a3", **options)


def deit(**options: Any) -> Pipeline:
    """Return a pipeline of DeiT's augmentation (Touvron et al., 2021), to 224 pixels. Where it
    differs from its source is in ``deit.yaml``."""
    return pipeline("deit", **options)
