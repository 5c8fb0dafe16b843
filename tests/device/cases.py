"""The calls that are recorded: every template of a kernel, every kind of stage, odd sizes.

    PYTHONPATH=tests python -m device.cases FILE [--short]

``test_device_host.py`` demands that each kernel in the compiled code is launched by them.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from strategies import Case, ragged_cases, scattered
from strategies import cases as random_cases
from torch import Tensor

from device.case_files import Altered, Recorder
from warpmix import (
    AugMix,
    AutoAugment,
    CenterCrop,
    CutMix,
    GaussianBlur,
    MixUp,
    Pipeline,
    RaggedImages,
    RandAugment,
    RandomAdjustSharpness,
    RandomAffine,
    RandomAutocontrast,
    RandomBrightness,
    RandomChoice,
    RandomContrast,
    RandomCrop,
    RandomCropBlackout,
    RandomEqualize,
    RandomErasing,
    RandomHorizontalFlip,
    RandomPerspective,
    RandomPosterize,
    RandomResizedCrop,
    RandomRotation,
    RandomShift,
    RandomVerticalFlip,
    Resize,
    TimmRandAugment,
    TrivialAugmentWide,
    ops,
)

DTYPES = [torch.bfloat16, torch.float16, torch.float32, torch.uint8]
SCORES = [torch.float32, torch.float16, torch.bfloat16]

# Height and width. A tile is 32 rows (16 of a higher image) of 256 pixels, a group 4 pixels: these
# are below, at and above those, odd, and of one.
SIZES = [(7, 5), (33, 13), (3, 8), (9, 259), (1, 19), (19, 1), (1, 1), (16, 24), (34, 17)]

# The whole-pixel kernel: a contrast and a black border, with each of its mixes.
WHOLE_PIXELS: list[tuple[str, list[Any]]] = [
    ("none", [RandomShift(0.3, "reflect"), RandomContrast((1, 3)), RandomCropBlackout(0.2)]),
    ("cut", [RandomHorizontalFlip(), RandomShift(0.2), RandomBrightness(), CutMix()]),
    ("blend", [RandomVerticalFlip(), RandomShift(0.2, "constant", 17), MixUp()]),
]
# The general kernels, with and without means of the image as it enters.
GENERAL: list[tuple[str, list[Any]]] = [
    ("map", [RandomAffine(30, (0.1, 0.1), (0.8, 1.2)), RandomErasing(), MixUp()]),
    (
        "entering",
        [
            RandomHorizontalFlip(),
            RandomRotation(20),
            RandomContrast((0.5, 2)),
            RandomPosterize(3),
            CutMix(),
        ],
    ),
    (
        "bicubic",
        [
            RandomShift(0.2, "constant", 9),
            RandomAffine(20, (0.1, 0.1), (0.8, 1.2), border="wrap", interpolation="bicubic"),
            RandomContrast((0.5, 2)),
            CutMix(),
        ],
    ),
    (
        "resampling",
        [
            RandomHorizontalFlip(),
            RandomResizedCrop((6, 11), interpolation="random"),
            RandomShift(0.2, "constant", 9),
            RandomContrast((0.5, 2)),
            MixUp(),
        ],
    ),
]
# The whole-image kernels.
WHOLE_IMAGES: list[tuple[str, list[Any]]] = [
    ("range", [RandomAutocontrast(0.8)]),
    ("histogram", [RandomEqualize(0.8)]),
    ("neighbours", [RandomAdjustSharpness(1.9, 0.8)]),
    ("passes", [RandomChoice([GaussianBlur(1), RandomEqualize(0.8)], p=[3, 1])]),
]
# Policies, of bytes and of floats; images of 1 or 3 channels.
POLICIES: list[tuple[str, list[Any]]] = [
    ("one slot", [TrivialAugmentWide(fill=17)]),
    ("one slot, between pixels", [TrivialAugmentWide(31, "bilinear", 17)]),
    ("timm's slots", [TimmRandAugment("rand-m9-mstd0.5-inc1-n2-p0.9", fill=17)]),
    ("a pair, then a slot", [AutoAugment("svhn"), RandAugment(1, 30)]),
]
# Chains, of bytes and of floats: two kernels an operation, so that a few samples must do.
CHAINS: list[tuple[str, list[Any]]] = [
    ("chains", [AugMix(10, 2, fill=17, p=0.8)]),
    ("chains of floats", [RandomHorizontalFlip(), AugMix(3, 3, 2, 0.3, False, "bicubic")]),
]
# A perspective, of images that have no side of a pixel.
PERSPECTIVES: list[tuple[str, list[Any]]] = [
    (f"perspective, {word}", [RandomPerspective(0.9, 0.8, word, 17)])
    for word in ("bilinear", "nearest", "bicubic")
]
# Several launches: the later ones read float images.
LISTS: list[tuple[str, list[Any]]] = [
    (f"after {kind}, {name}", [first, *rest])
    for kind, first in (("erasing", RandomErasing()), ("rotation", RandomRotation(20)))
    for name, rest in [*((n, [RandomErasing(), *r]) for n, r in WHOLE_PIXELS), *GENERAL]
]
LISTS += [(f"after a flip, {n}", [RandomHorizontalFlip(), *rest]) for n, rest in WHOLE_IMAGES]


class Pictures:
    """Random images, labels and scores, the same in every run."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(0)

    def images(self, count: int, channels: int, size: tuple[int, int], planar: bool) -> Tensor:
        """[count, channels, h, w] uint8: contiguous where planar, else a view of NHWC memory."""
        shape = (count, channels, *size) if planar else (count, *size, channels)
        images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=self.generator)
        return images if planar else images.permute(0, 3, 1, 2)

    def labels(self, count: int, classes: int = 10) -> Tensor:
        return torch.randint(0, classes, (count,), generator=self.generator)

    def logits(self, models: int, samples: int, classes: int) -> Tensor:
        return torch.randn(models, samples, classes, generator=self.generator)

    def numbers(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator)


def record_templates(recorder: Recorder, pictures: Pictures, short: bool) -> None:
    """Record every combination of types, layouts and mixes; with ``short``, each with one of the
    four pairs of layouts."""
    sizes, counts = itertools.cycle(SIZES), itertools.cycle([3, 1, 4])
    lists = [*((f"whole pixels, {n}", t) for n, t in WHOLE_PIXELS)]
    lists += [*((f"general, {n}", t) for n, t in GENERAL)]
    lists += [*((f"whole image, {n}", t) for n, t in WHOLE_IMAGES), *LISTS]
    layouts = itertools.product(DTYPES, [3, 1, 4], [False, True], [False, True])
    combinations = list(itertools.product(lists, layouts))
    for number, ((name, transforms), (dtype, channels, planar, channels_last)) in enumerate(
        combinations
    ):
        size, count = next(sizes), next(counts)
        if short and number % 4 != (number // 4 + number // 48) % 4:
            continue
        recorder.name = name
        mean = [] if dtype == torch.uint8 else [0.4 + 0.01 * c for c in range(channels)]
        options: dict[str, Any] = {"mean": mean, "std": [0.3] * channels} if mean else {}
        pipeline = Pipeline(
            transforms, p=0.9, dtype=dtype, channels_last=channels_last, seed=number, **options
        )
        images = pictures.images(count, channels, size, planar)
        pipeline(images, pictures.labels(count), epoch=1, ids=torch.arange(count))


def record_floats(recorder: Recorder, pictures: Pictures) -> None:
    """Record float images of any range: they are moved, covered, also with normal numbers, and
    mixed, and nothing is clipped."""
    layouts = itertools.product([3, 1, 5], [False, True], [False, True])
    for number, ((channels, planar, last), mix, dtype) in enumerate(
        itertools.product(layouts, [CutMix(), MixUp()], DTYPES[:3])
    ):
        recorder.name = "floats"
        moves = [RandomShift(0.2, "constant", 17), RandomErasing(1.0, value="random"), mix]
        pipeline = Pipeline(moves, p=0.9, channels_last=last, seed=number)
        images = (pictures.images(3, channels, (9, 14), planar).float() * 40 - 3000).to(dtype)
        pipeline(images, pictures.labels(3), epoch=1, ids=torch.arange(3))


def record_policies(recorder: Recorder, pictures: Pictures, short: bool) -> None:
    """Record policies of enough samples that each operation is drawn."""
    sizes = itertools.cycle(SIZES)
    for (name, transforms), channels, planar in itertools.product(POLICIES, [3, 1], [False, True]):
        for dtype in DTYPES[:1] if short else DTYPES:
            recorder.name = f"policy, {name}"
            pipeline = Pipeline(transforms, p=0.9, dtype=dtype, channels_last=not planar, seed=9)
            pipeline(pictures.images(60, channels, next(sizes), planar), epoch=1)


def record_chains(recorder: Recorder, pictures: Pictures, short: bool) -> None:
    """Record chains of one length and of several, drawn and replayed."""
    sizes = itertools.cycle([(7, 5), (33, 13), (3, 8)])
    for (name, transforms), channels, planar in itertools.product(CHAINS, [3, 1], [False, True]):
        for dtype in DTYPES[:1] if short else DTYPES:
            recorder.name = name
            pipeline = Pipeline(transforms, dtype=dtype, channels_last=not planar, seed=channels)
            images = pictures.images(4, channels, next(sizes), planar)
            pipeline(images, ids=torch.arange(4), epoch=1)
            if not short:
                pipeline.replay(images, pipeline.draw(torch.arange(4), images=images))


def record_shared_stores(recorder: Recorder, pictures: Pictures) -> None:
    """Record images of which a warp writes several groups of pixels together."""
    recorder.name = "shared stores"
    for dtype, (_, transforms) in itertools.product(DTYPES, WHOLE_PIXELS):
        pipeline = Pipeline(transforms, p=0.9, dtype=dtype, channels_last=True, seed=3)
        pipeline(pictures.images(3, 3, (30, 64), False), pictures.labels(3), epoch=1)


def record_blurs(recorder: Recorder, pictures: Pictures) -> None:
    """Record blurs whose windows reach over a tile's edge, and the image's."""
    recorder.name = "blurs"
    kernels = [((3, 5), (7, 5)), ((25, 11), (33, 13)), ((3, 17), (9, 259)), ((33, 7), (34, 17))]
    for (kernel, size), channels, planar in itertools.product(kernels, [3, 1, 4], [False, True]):
        for transforms in ([], [RandomHorizontalFlip()]):
            pipeline = Pipeline([*transforms, GaussianBlur(kernel, (1.0, 9.0), p=0.7)], seed=2)
            pipeline(pictures.images(3, channels, size, planar), epoch=1)


def record_perspectives(recorder: Recorder, pictures: Pictures) -> None:
    """Record perspectives of bytes and of floats."""
    sizes = itertools.cycle([(7, 5), (33, 13), (9, 259), (34, 17), (2, 2)])
    before: list[list[Any]] = [[], [RandomHorizontalFlip()]]
    layouts = itertools.product(PERSPECTIVES, before, [3, 1, 4], [False, True])
    for (name, listed), first, channels, planar in layouts:
        recorder.name = name
        pipeline = Pipeline([*first, *listed], seed=2)
        pipeline(pictures.images(4, channels, next(sizes), planar), epoch=1)


def record_rows(recorder: Recorder, pictures: Pictures) -> None:
    """Record what samples are made of: indexes, ids, inactive samples, steps, draws and replays."""
    for planar, (name, transforms) in itertools.product(
        [False, True],
        [*WHOLE_PIXELS, *GENERAL, *WHOLE_IMAGES, *PERSPECTIVES, *POLICIES, *LISTS[:2]],
    ):
        images, labels = pictures.images(7, 3, (12, 21), planar), pictures.labels(7)
        sums = ops.channel_sums(images)
        pipeline = Pipeline(transforms, p=0.8, mean=0.5, std=0.25, dtype=torch.bfloat16, seed=5)
        index, ids = torch.tensor([6, 0, 3, 3, 5]), torch.tensor([2**40, 0, 1, 1, 77])
        active = torch.tensor([True, False, True, True, True])
        recorder.name = f"{name}, rows of resident images"
        pipeline(images, labels, index=index, sums=sums, epoch=2**32 - 1)
        pipeline(images, labels, index=index, ids=ids, active=active, step=torch.tensor([3]))
        recorder.name = f"{name}, draws"
        draws = pipeline.draw(ids, images=images, index=index, active=active)
        recorder.name = f"{name}, replayed"
        pipeline.replay(images, draws, labels, sums=sums)
        recorder.name = f"{name}, a batch"
        pipeline(images, labels, active=labels > 3)


def record_refusals(recorder: Recorder, pictures: Pictures) -> None:
    """Record rows that are none of the images', and boxes beyond one: the CPU's checks refuse them,
    a kernel stops."""
    images, index = pictures.images(3, 3, (8, 9), False), torch.tensor([0, 2])
    sums = ops.channel_sums(images)
    lists = [*WHOLE_PIXELS, *GENERAL, *WHOLE_IMAGES]
    for (name, transforms), row in itertools.product(lists, [3, -1, 2**31]):
        recorder.name = f"{name}, row {row} of 3"
        pipeline = Pipeline(transforms, seed=1)
        with Altered("index", torch.tensor([0, row])):
            pipeline(images, pictures.labels(3), index=index, sums=sums)
    pipeline = Pipeline([RandomResizedCrop(4)], seed=1)
    draws = pipeline.draw(torch.arange(3), images=images)
    # Words of a draw: on, partner, x0, y0, x1, y1.
    for place, number in ((2, -1), (3, 8), (4, 10), (4, -5), (5, 9), (5, 0)):
        recorder.name = f"resampling, {number} as number {place} of a draw"
        changed = draws.per_launch[0].clone()
        changed[1, 0, 0, place] = number
        with Altered("draws", changed):
            pipeline.replay(images, draws)


# What brings images of mixed sizes to one.
BRINGING: list[tuple[str, list[Any]]] = [
    ("crop", [RandomHorizontalFlip(), RandomCrop((9, 14), 2, padding_mode="reflect")]),
    ("padded crop", [RandomVerticalFlip(), RandomCrop((40, 35), (1, 0, 2, 1), True, 7, p=0.7)]),
    ("central window", [RandomHorizontalFlip(), CenterCrop((17, 12))]),
    ("resized crop", [RandomHorizontalFlip(), RandomResizedCrop((9, 14), p=0.8)]),
    ("wrapped map", [Resize((9, 14)), RandomShift(0.2), RandomRotation(9, border="wrap")]),
    ("shorter side", [Resize(13, "bicubic"), RandomVerticalFlip(), CenterCrop((11, 12))]),
]


def record_ragged(recorder: Recorder, pictures: Pictures) -> None:
    """Record images of mixed sizes in any order in memory, and those that are not all there."""
    sides = [(15, 21), (33, 14), (14, 50), (8, 12)]  # the last does not shrink
    for channels, (name, bringing) in itertools.product([3, 1, 4], BRINGING):
        images = [pictures.images(1, channels, s, False)[0].permute(1, 2, 0) for s in sides]
        source, labels = scattered(images), pictures.labels(4)
        recorder.name = f"ragged, {name}"
        ops.channel_sums(source)
        for rest in ([RandomContrast((1, 3)), CutMix()], [RandomRotation(20), MixUp()], []):
            pipeline = Pipeline([*bringing, *rest], mean=0.5, std=0.25, seed=channels)
            pipeline(source, labels, ids=labels)
            pipeline(source, labels, index=torch.tensor([2, 0, 3, 1]))
        recorder.name = f"ragged, {name}, replayed"
        draws = pipeline.draw(labels, images=source)
        pipeline.replay(source, draws, labels)
    large = RaggedImages.from_list(
        [pictures.images(1, 3, s, False)[0] for s in ((9, 9), (150, 130))]
    )
    recorder.name = "ragged, sums of many shares"
    ops.channel_sums(large)
    wrong = {
        "offsets": [[0, -1, 2], [0, 2**40, 2], [0, len(source.pixels) - 9, 2]],
        "sizes": [
            [[9, 14], [9, 0], [9, 14]],
            [[9, 14], [-9, -14], [9, 14]],
            [[9, 14]] * 2 + [[1, 3]],
        ],
    }
    crop = Pipeline(BRINGING[0][1], seed=1)
    for argument, values in wrong.items():
        for value in values:
            dtype = torch.int64 if argument == "offsets" else torch.int32
            recorder.name = f"ragged, {argument} {value}"
            with Altered(argument, torch.tensor(value, dtype=dtype)):
                crop(source)


def record_random_lists(recorder: Recorder, number: int) -> None:
    """Record random lists of the transforms that have a strategy, and those are all."""

    @settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(random_cases(), random_cases(), ragged_cases()))
    def record(case: Case) -> None:
        recorder.name = f"random: {', '.join(type(t).__name__ for t in case.transforms)}"
        with recorder:
            case.run()

    record()


def record_sums(recorder: Recorder, pictures: Pictures, short: bool) -> None:
    """Record channel sums of bytes and floats; a block takes 16,384 pixels."""
    recorder.name = "sums"
    sizes = [*SIZES, (129, 130)] if short else [*SIZES, (129, 130), (200, 180)]
    for size, channels, planar in itertools.product(sizes, [1, 3, 4, 16], [False, True]):
        images = pictures.images(2, channels, size, planar)
        ops.channel_sums(images)
        ops.channel_sums(images.float() * 0.37)


def record_votes(recorder: Recorder, pictures: Pictures, short: bool) -> None:
    """Record votes and curves: in registers up to 16 classes, in memory above."""
    # 17 models: more than any kernel takes at a time, twice.
    shapes = [(5, 130, 10), (3, 1, 2), (2, 257, 17), (4, 128, 16), (17, 40, 3), (3, 33, 40)]
    shapes += [(9, 64, 10)]
    for (models, samples, classes), dtype in itertools.product(shapes[: 5 if short else 7], SCORES):
        logits = pictures.logits(models, samples, classes)
        weights = pictures.numbers(models).double()
        inverse = pictures.numbers(models) + 0.5
        targets, ranking = pictures.labels(samples, classes), torch.arange(models).flip(0)
        for given_logits, scores in ((True, logits), (False, torch.softmax(logits, -1))):
            recorder.name = "logits" if given_logits else "probabilities"
            scores = scores.to(dtype)
            for hard in (False, True):
                ops.vote(scores, None, hard=hard, logits=given_logits)
                ops.vote(
                    scores, weights, hard=hard, logits=given_logits, inverse_temperature=inverse
                )
            ops.vote_curve(scores, targets, ranking, logits=given_logits)
            ops.vote_curve(scores, targets, ranking[:2], logits=given_logits, weights=weights[:2])
    recorder.name = "equal votes, rows that are none"
    scores = torch.full((3, 40, 5), 0.2)
    scores[1, 7] = torch.nan
    ops.vote(scores, None, hard=False, logits=False)
    ops.vote_curve(scores, pictures.labels(40, 5), torch.arange(3), logits=False)


def record_selection(recorder: Recorder, pictures: Pictures) -> None:
    """Record class planes, greedy scores by both measures, and bootstrap replicates."""
    shapes = [(4, 131, 2), (3, 257, 33), (1, 1, 10), (5, 128, 10)]
    for (models, samples, classes), dtype in itertools.product(shapes, SCORES):
        logits = pictures.logits(models, samples, classes).to(dtype)
        inverse = pictures.numbers(models) + 0.5
        targets = pictures.labels(samples, classes)
        recorder.name = "selection"
        ops.class_planes(torch.softmax(logits.float(), -1).to(dtype), logits=False)
        planes, _ = ops.class_planes(logits, logits=True, inverse_temperature=inverse)
        ops.class_planes(logits, logits=True, log=True)
        own = planes[:, targets, torch.arange(samples)]
        total, own_total = planes.double().sum(0), own.double().sum(0)
        ops.greedy_scores(planes, own, total, own_total, targets, models)
        ops.greedy_scores(None, own, None, own_total, targets, models)
    for samples, rules in itertools.product([1, 127, 4099], [1, 9, 64]):
        recorder.name = "bootstrap"
        right = torch.randint(-(2**63), 2**63 - 1, (samples,), generator=pictures.generator)
        ops.bootstrap(right, 7, 3, rules)


def record(path: Path, *, short: bool = False) -> Recorder:
    """Record all calls into a file; with ``short``, about a quarter of the augmentation's."""
    pictures, recorder = Pictures(), Recorder()
    torch.set_num_threads(1)
    with recorder:
        # The quickest first, so that a fault of their kernels is soon found.
        record_votes(recorder, pictures, short)
        record_selection(recorder, pictures)
        record_sums(recorder, pictures, short)
        record_templates(recorder, pictures, short)
        record_floats(recorder, pictures)
        record_policies(recorder, pictures, short)
        record_chains(recorder, pictures, short)
        record_shared_stores(recorder, pictures)
        record_blurs(recorder, pictures)
        record_perspectives(recorder, pictures)
        record_rows(recorder, pictures)
        record_refusals(recorder, pictures)
        record_ragged(recorder, pictures)
    record_random_lists(recorder, 60 if short else 600)
    recorder.write(path)
    return recorder


def counts(recorder: Recorder) -> Iterator[str]:
    """Say how many calls of each operator there are."""
    operators = [case.operator for case in recorder.cases]
    for operator in sorted(set(operators)):
        yield f"{operator} {operators.count(operator)}"


def main() -> None:
    """Record into the file that is named."""
    parser = argparse.ArgumentParser(prog="device.cases", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--short", action="store_true")
    typed = parser.parse_args()
    recorder = record(typed.file, short=typed.short)
    size = typed.file.stat().st_size / 2**20
    print(f"{len(recorder.cases)} calls, {size:.1f} MiB: {', '.join(counts(recorder))}")


if __name__ == "__main__":
    main()
