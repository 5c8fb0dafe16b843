"""``warpmix gallery``: what each transform makes of a photograph, as one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warpmix.cli._app import console

if TYPE_CHECKING:
    import torch

    from warpmix.augment import Transform

SIDE = 128  # pixels of the photographs
FORMS = 3  # results of each transform


def gallery(
    out: Annotated[Path, typer.Option(help="Picture to write, PNG or JPEG by its name.")] = Path(
        "gallery.png"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Of the random numbers.")] = 0,
) -> None:
    """Write a picture of every transform: a photograph, three results, and what was drawn for each.

    The photographs are scikit-learn's samples. docs/gallery.jpg is this picture.

    [bold]Example[/bold]

    $ warpmix gallery --out gallery.jpg
    """
    with console.status("starting torch"):  # some seconds
        write_gallery(out, seed)
    console.print(f"gallery: {out}")


def examples() -> Mapping[str, Transform]:
    """Return one transform of each class that a recipe may list, by the class's name."""
    from warpmix import augment as a

    listed: Sequence[Transform] = (
        a.RandomShift(0.2),
        a.RandomCrop(96),
        a.CenterCrop(96),
        a.RandomHorizontalFlip(),
        a.RandomVerticalFlip(),
        a.AlternatingFlip(),
        a.RandomRotation(30),
        a.RandomZoom((0.6, 1.6)),
        a.RandomAffine(15, (0.1, 0.1), (0.8, 1.2), 10),
        a.Resize((32, 32)),
        a.RandomResizedCrop(SIDE),
        a.RandomContrast((0.3, 3.0)),
        a.RandomBrightness((0.4, 1.6)),
        a.RandomSaturation((0.0, 2.0)),
        a.RandomHue(0.4),
        a.ColorJitter(0.4, 0.4, 0.4, 0.1),
        a.RandomGamma((0.4, 2.5)),
        a.RandomPosterize(2, p=1.0),
        a.RandomSolarize(128, p=1.0),
        a.RandomInvert(p=1.0),
        a.RandomGrayscale(p=1.0),
        a.GaussianNoise(sigma=0.1),
        a.RandomAutocontrast(p=1.0),
        a.RandomEqualize(p=1.0),
        a.RandomAdjustSharpness(3.0, p=1.0),
        a.GaussianBlur(13, (0.5, 4.0)),
        a.RandomPerspective(p=1.0),
        a.RandAugment(),
        a.TrivialAugmentWide(),
        a.AutoAugment(),
        a.AugMix(chain_depth=1),
        a.TimmRandAugment(),
        a.RandomCropBlackout(0.2),
        a.RandomErasing(p=1.0, value="random"),
        a.Cutout(40),
        a.GridMask((0.3, 0.6)),
        a.CutMix(),
        a.MixUp(),
    )
    return {type(transform).__name__: transform for transform in listed}


def write_gallery(path: Path, seed: int = 0) -> None:
    """Draw the results of :func:`examples`.

    Args:
        path: PNG or JPEG to write.
        seed: of the random numbers.
    """
    import torch

    from warpmix.augment import Pipeline
    from warpmix.figures.preview import draw_preview

    photographs = _photographs()
    labels, ids, rows = torch.arange(4), torch.arange(FORMS), torch.zeros(FORMS, dtype=torch.int64)
    originals, forms, captions = [], [], []
    chosen = examples()
    for number, (name, transform) in enumerate(chosen.items()):
        pipeline = Pipeline([transform], dtype=torch.uint8, seed=seed)
        own, other = number % 2, 1 - number % 2
        images = photographs[[own, other, other, other]]  # three of four partners are the other one
        draws = pipeline.draw(ids, images=images, index=rows)
        made, _ = pipeline.replay(images, draws, labels)
        originals.append(images[0].permute(1, 2, 0).numpy())
        forms.append([image.permute(1, 2, 0).numpy() for image in made])
        drawn = [draws.describe(i) or ["unchanged"] for i in range(FORMS)]
        captions.append([[line.removeprefix(name).strip() for line in lines] for lines in drawn])
    draw_preview(
        path,
        originals,
        list(chosen),
        list(zip(*forms, strict=True)),
        list(zip(*captions, strict=True)),
    )


def _photographs() -> torch.Tensor:
    """Return [2, 3, SIDE, SIDE] uint8: a temple's roof, and a flower."""
    import torch
    from sklearn.datasets import load_sample_images

    from warpmix.augment import CenterCrop, Pipeline, RaggedImages, Resize

    photographs = RaggedImages.from_list(load_sample_images().images)
    square = Pipeline([Resize(SIDE), CenterCrop(SIDE)], dtype=torch.uint8)
    return square(photographs)
