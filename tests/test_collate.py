"""collate: every form of sample and of image that data sets return, or words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from warpmix import RaggedImages, collate

IMAGES = torch.randint(0, 256, (4, 5, 6, 3), generator=torch.Generator().manual_seed(0)).byte()
ARRAYS = list(IMAGES.numpy())
BATCH = IMAGES.permute(0, 3, 1, 2)


def test_images_are_nchw_in_nhwc_memory() -> None:
    images = collate(ARRAYS)
    assert torch.equal(images, BATCH)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert images.permute(0, 2, 3, 1).is_contiguous()


def test_images_of_mixed_sizes_are_ragged() -> None:
    smaller = [image[: 5 - i] for i, image in enumerate(ARRAYS)]
    images, labels = collate([(image, i) for i, image in enumerate(smaller)])
    assert isinstance(images, RaggedImages) and torch.equal(labels, torch.arange(4))
    for made, array in zip(images, smaller, strict=True):
        assert torch.equal(made, torch.from_numpy(array).permute(2, 0, 1))
    by_key = collate([{"image": Image.fromarray(image), "label": 0} for image in smaller])
    assert torch.equal(by_key["image"].pixels, images.pixels)


def test_workers_send_ragged_batches() -> None:
    smaller = [image[: 5 - i] for i, image in enumerate(ARRAYS)]
    loader = DataLoader(smaller, 3, num_workers=1, collate_fn=collate)  # type: ignore[arg-type]
    sizes = [batch.sizes.tolist() for batch in loader if isinstance(batch, RaggedImages)]
    assert sizes == [[[5, 6], [4, 6], [3, 6]]]  # the last batch has one image


# ---- forms of samples -------------------------------------------------------------------------


def test_tuples_and_single_images_keep_their_form() -> None:
    (alone,) = collate([(image,) for image in ARRAYS])
    assert torch.equal(alone, BATCH)
    rows = [(image, i % 2, 10 + i, [i, 0.5]) for i, image in enumerate(ARRAYS)]
    images, labels, ids, others = collate(rows)
    assert torch.equal(images, BATCH)
    assert torch.equal(labels, torch.tensor([0, 1, 0, 1]))
    assert torch.equal(ids, torch.arange(10, 14))
    assert torch.equal(others, torch.tensor([[i, 0.5] for i in range(4)]))
    assert all(map(torch.equal, collate([list(row) for row in rows]), collate(rows)))


@pytest.mark.parametrize("image", ["image", "img", "pixel_values"])
@pytest.mark.parametrize("label", ["label", "labels"])
def test_dicts_keep_their_keys(image: str, label: str) -> None:
    rows = [
        {image: pixels, label: i, "id": 10 + i, "weight": i / 2, "file": f"{i}.png"}
        for i, pixels in enumerate(ARRAYS)
    ]
    batch = collate(rows)
    assert list(batch) == [image, label, "id", "weight", "file"]
    assert torch.equal(batch[image], BATCH)
    assert torch.equal(batch[label], torch.arange(4))
    assert torch.equal(batch["id"], torch.arange(10, 14))
    assert torch.equal(batch["weight"], torch.tensor([0, 0.5, 1, 1.5], dtype=torch.float64))
    assert batch["file"] == ["0.png", "1.png", "2.png", "3.png"]


@pytest.mark.parametrize("workers", [0, 2])
def test_it_serves_a_dataloader(workers: int) -> None:
    rows = [{"image": Image.fromarray(pixels), "label": i} for i, pixels in enumerate(ARRAYS)]
    loader: DataLoader[Any] = DataLoader(rows, 2, num_workers=workers, collate_fn=collate)  # type: ignore[arg-type]
    batches = list(loader)
    assert torch.equal(torch.cat([batch["image"] for batch in batches]), BATCH)
    assert torch.equal(torch.cat([batch["label"] for batch in batches]), torch.arange(4))
    for batch in batches:  # the strides outlive the way from a worker
        assert batch["image"].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("samples", "error", "words"),
    [
        ([], ValueError, "at least one sample"),
        ([()], TypeError, "tuples of 1 entries"),
        ([(ARRAYS[0], 1), (ARRAYS[0],)], TypeError, "must all be tuples of 2 entries"),
        ([(ARRAYS[0], 1), ARRAYS[0]], TypeError, "must all be tuples of 2 entries"),
        ([{"pixels": ARRAYS[0]}], TypeError, r"key for the image, image, img, pixel_values; got"),
        ([{"image": ARRAYS[0]}, {"img": ARRAYS[0]}], TypeError, r"dicts of \['image'\]"),
        ([{"image": ARRAYS[0]}, (ARRAYS[0],)], TypeError, r"dicts of \['image'\]"),
        ([(ARRAYS[0], "cat")], TypeError, "label must be a number or a vector.*got 'cat'"),
        ([(ARRAYS[0], None)], TypeError, "label must be a number or a vector.*got NoneType"),
        ([(ARRAYS[0], 1, "a.png")], TypeError, "id must be an integer, such as.*row number, got"),
        ([(ARRAYS[0], 1, 0.5)], TypeError, "id must be an integer.*got 0.5"),
        ([{"img": ARRAYS[0], "id": "7"}], TypeError, "id must be an integer.*got '7'"),
        ([(ARRAYS[0], [1]), (ARRAYS[0], [1, 2])], ValueError, "label: all .* one shape"),
    ],
)
def test_samples_that_are_refused(samples: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        collate(samples)


# ---- labels -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "want"),
    [
        ([3, 1], torch.tensor([3, 1])),
        ([True, False], torch.tensor([1, 0])),
        ([np.int32(3), np.uint8(200)], torch.tensor([3, 200])),
        ([torch.tensor(3, dtype=torch.int16), 1], torch.tensor([3, 1])),
        ([0.7, 3.0], torch.tensor([0.7, 3.0])),
        ([3, 0.7], torch.tensor([3.0, 0.7])),
        ([np.float64(0.7), np.float32(1)], torch.tensor([0.7, 1.0])),
        ([[0.2, 0.8], [1, 0]], torch.tensor([[0.2, 0.8], [1.0, 0.0]])),
        ([np.array([0.2, 0.8])] * 2, torch.tensor([[0.2, 0.8]] * 2)),
        ([np.array([0.8, 0.2])[::-1]] * 2, torch.tensor([[0.2, 0.8]] * 2)),
        ([np.array([0.2, 0.8], ">f8")] * 2, torch.tensor([[0.2, 0.8]] * 2)),
        ([np.array(3, ">i4"), np.array(1, ">u2")], torch.tensor([3, 1])),
        ([torch.tensor([0.5, 0.5]).half()] * 2, torch.tensor([[0.5, 0.5]] * 2)),
        ([(1, 0, 1), (0, 0, 1)], torch.tensor([[1, 0, 1], [0, 0, 1]])),
    ],
)
def test_labels_are_int64_or_float32(labels: list[Any], want: Tensor) -> None:
    _, got = collate([(ARRAYS[0], label) for label in labels])
    assert got.dtype == want.dtype and torch.equal(got, want)


# ---- images -----------------------------------------------------------------------------------


def shown(image: Image.Image) -> Tensor:
    """One image through collate: [H, W, C]."""
    return collate([image])[0].permute(1, 2, 0)


def test_pillows_modes_come_out_as_they_look() -> None:
    rgb = Image.fromarray(ARRAYS[0])
    grey = rgb.convert("L")
    assert torch.equal(shown(rgb), IMAGES[0])
    assert torch.equal(shown(grey), torch.from_numpy(np.array(grey))[:, :, None])
    assert torch.equal(shown(grey.convert("LA")), shown(grey))
    assert torch.equal(shown(rgb.convert("RGBA")), IMAGES[0])
    clear = rgb.convert("RGBA")
    clear.putalpha(0)
    assert torch.equal(shown(clear), IMAGES[0])  # alpha is dropped
    assert torch.equal(
        shown(rgb.convert("CMYK")),
        torch.from_numpy(np.array(rgb.convert("CMYK").convert("RGB"))),
    )
    bits = Image.fromarray(ARRAYS[0][:, :, 0] > 127)
    assert bits.mode == "1"
    assert torch.equal(shown(bits)[:, :, 0], (IMAGES[0, :, :, 0] > 127) * torch.tensor(255).byte())


@pytest.mark.parametrize("transparency", [None, 1, b"\xff\x00\x80"])
def test_a_palette_gives_its_colours(transparency: int | bytes | None) -> None:
    colours = [(10, 20, 30), (200, 100, 0), (255, 255, 255)]
    image = Image.new("P", (3, 1))
    image.putpalette([value for colour in colours for value in colour])
    image.putdata([0, 1, 2])
    if transparency is not None:
        image.info["transparency"] = transparency
    assert shown(image).tolist() == [[list(colour) for colour in colours]]


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
def test_sixteen_bits_are_scaled(mode: str) -> None:
    values = np.array([[0, 128, 129, 257 * 7, 65535 - 129, 65535]])
    if mode == "I":
        image = Image.fromarray(values.astype(np.int32))
    else:
        ordered = values.astype(">u2" if mode.endswith("B") else "<u2")
        image = Image.frombytes(mode, (values.shape[1], 1), ordered.tobytes())
    assert image.mode == mode
    assert shown(image)[0, :, 0].tolist() == [0, 0, 1, 7, 254, 255]


@pytest.mark.parametrize("value", [-1, 65536, 2**31 - 1])
def test_wider_pixels_are_not_clipped(value: int) -> None:
    image = Image.fromarray(np.array([[7, value]], np.int32))
    with pytest.raises(
        ValueError, match=rf"in 0\.\.65535, got {min(7, value)} to {max(7, value)}; sc"
    ):
        collate([image])


@given(
    st.sampled_from([1, 3, 4]),
    st.tuples(*[st.integers(1, 9).filter(lambda size: size not in (1, 3, 4))] * 2),
    st.booleans(),
    st.booleans(),
)
def test_the_channels_tell_the_layout(
    channels: int, size: tuple[int, int], first: bool, array: bool
) -> None:
    pixels = torch.arange(size[0] * size[1] * channels).byte().view(*size, channels)
    given = pixels.permute(2, 0, 1) if first else pixels
    (got,) = collate([given.numpy() if array else given])
    assert torch.equal(got, pixels.permute(2, 0, 1))


def test_layouts_without_a_sign() -> None:
    pixels = torch.arange(3 * 5 * 3).byte().view(3, 5, 3)
    assert torch.equal(collate([pixels.numpy()])[0], pixels.permute(2, 0, 1))
    with pytest.raises(ValueError, match=r"shape \[3, 5, 3\] may be .* pass a NumPy array"):
        collate([pixels])
    many = torch.arange(8 * 5 * 6).byte().view(8, 5, 6)  # eight channels, or six
    assert torch.equal(collate([many])[0], many)
    assert torch.equal(collate([many.numpy()])[0], many.permute(2, 0, 1))
    flat = many[0]
    assert torch.equal(collate([flat])[0, 0], flat) and collate([flat.numpy()]).shape[1] == 1


def test_arrays_that_are_read_only_or_flipped(recwarn: pytest.WarningsRecorder) -> None:
    frozen = ARRAYS[0].copy()
    frozen.flags.writeable = False
    assert torch.equal(collate([frozen])[0], BATCH[0])
    assert torch.equal(collate([ARRAYS[0][:, ::-1]])[0], BATCH[0].flip(2))
    assert not recwarn


@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        ([torch.rand(3, 8, 8)], TypeError, r"float32 of shape \[3, 8, 8\]; leave ToTensor and Nor"),
        ([np.zeros((4, 4), np.uint16)], TypeError, r"uint16 of shape \[4, 4\]"),
        ([BATCH], TypeError, r"uint8 of shape \[4, 3, 5, 6\]"),
        (["a.png"], TypeError, "got str"),
        ([ARRAYS[0], ARRAYS[0][:, :, 0]], ValueError, r'convert\("RGB"\) where only some are grey'),
        ([Image.new("F", (4, 4))], ValueError, "no agreed range"),
    ],
)
def test_images_that_are_refused(images: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        collate(images)
