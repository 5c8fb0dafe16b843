"""``warpmix data``: what a data set is made of, and getting it ready."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from warpmix._files import make_folder
from warpmix.cli._app import console, group, headed
from warpmix.cli.settings import setting_flags
from warpmix.train import load_config

if TYPE_CHECKING:
    from warpmix.data import ImageCache, ImageFiles
    from warpmix.train import TrainConfig

data = group(
    "data",
    "Data sets: what is in them, getting them, decoding them, checking them.",
    "describe cifar10 --root data",
)

_SOURCE = typer.Argument(
    help="digits, cifar10, cifar100, cinic10, kaggle-cifar10, cifar10.1-v6, a .npz, or a folder"
)
_SIZES_SHOWN = 20  # of a folder of mixed sizes, the commonest first
_IMAGES = ("root", "download", "image_size", "store_size", "fit", "skip_bad_images", "cache")


@data.command("describe")
@setting_flags("root", "download")
def describe(
    source: Annotated[str, _SOURCE],
    **settings: Any,
) -> None:
    """Show each split's images by class, and the sizes and formats of image files.

    Nothing is decoded: the sizes are read from the files' headers, and broken files are named.

    [bold]Examples[/bold]

    $ warpmix data describe cifar10 --root data
    $ warpmix data describe photos/
    """
    config = load_config(None, data=source, **settings)
    with console.status("starting torch"):
        from warpmix.data.sources import list_files, load, splits_of

    for split in splits_of(source, config.root):
        files = list_files(source, split, config.root, config.download)
        if files is not None:
            _show_files(split, files)
            continue
        dataset = load(source, split, config.root, config.download)
        console.print(headed(split, f": {dataset!r}"))
        _show_classes(dataset.classes, dataset.labels.tolist())


@data.command("prepare")
@setting_flags(*_IMAGES)
def prepare(source: Annotated[str, _SOURCE], **settings: Any) -> None:
    """Decode a data set's image files into the cache, so that training starts at once.

    An interrupted call goes on where it stopped. Files that cannot be read are named.

    [bold]Examples[/bold]

    $ warpmix data prepare cinic10 --root data --download
    $ warpmix data prepare photos/ --image-size 224 --fit crop --skip-bad-images
    """
    config = load_config(None, data=source, **settings)
    if config.cache_folder is None:
        raise ValueError("cache must be auto or a folder to prepare, got off")
    from warpmix.data.decode import in_words

    for split, cache in _caches(config):
        words = f": {len(cache.rows)} images of {in_words(cache.size)} in {cache.folder}"
        console.print(headed(split, words))


@data.command("verify")
@setting_flags(*_IMAGES)
def verify(source: Annotated[str, _SOURCE], **settings: Any) -> None:
    """Compare a data set with its checksums: official files, or the cache of decoded ones.

    [bold]Examples[/bold]

    $ warpmix data verify cifar10 --root data
    $ warpmix data verify photos/ --image-size 224 --fit crop
    """
    config = load_config(None, data=source, **settings)
    with console.status("starting torch"):
        from warpmix.data.sources import list_files, load, splits_of

    splits = splits_of(source, config.root)
    if list_files(source, splits[0], config.root, config.download) is None:
        for split in splits:
            console.print(f"{split}: {load(source, split, config.root)!r}, as published")
        return
    damaged = 0
    for split, cache in _caches(config):
        for rows, differs in cache.damaged():
            if differs:
                damaged += 1
                console.print(
                    f"{split}: images {rows.start} to {rows.stop - 1} are damaged", style="red"
                )
        console.print(f"{split}: {len(cache.checksums)} blocks read from {cache.folder}")
    if damaged:
        raise ValueError(
            f"{damaged} blocks of the cache differ from what was written; delete its folder, and "
            "it is made again"
        )


@data.command("download")
@setting_flags("root")
def download(source: Annotated[str, _SOURCE], **settings: Any) -> None:
    """Fetch CIFAR-10, CIFAR-100 or CINIC-10, check it, and unpack it.

    [bold]Example[/bold]

    $ warpmix data download cifar100 --root data
    """
    config = load_config(None, data=source, **settings)
    with console.status("starting torch"):
        from warpmix.data.sources import DOWNLOADABLE, list_files, load

    if source not in DOWNLOADABLE:
        raise ValueError(
            f"{source} cannot be downloaded, only {', '.join(DOWNLOADABLE)}; put its files into "
            "a folder and name it with --root"
        )
    if config.root is not None:
        make_folder(Path(config.root))
    files = list_files(source, "train", config.root, download=True)
    if files is not None:
        console.print(f"{source}: {len(files.paths)} training images", highlight=False)
    else:
        console.print(repr(load(source, "train", config.root, download=True)))


def _caches(config: TrainConfig) -> Iterator[tuple[str, ImageCache]]:
    """Yield the caches of all splits there are, made if need be."""
    from warpmix.data import ImageCache
    from warpmix.data.sources import splits_of
    from warpmix.train.data import open_cached

    for split in splits_of(config.data, config.root):
        opened = open_cached(config, split)
        if not isinstance(opened, ImageCache):
            raise ValueError(f"{config.data} needs no preparation: it does not come as image files")
        yield split, opened


def _show_files(split: str, files: ImageFiles) -> None:
    """Print classes, sizes, formats and broken headers of a split's files."""
    from warpmix.data.survey import survey

    with console.status(f"reading {len(files.paths)} headers"):
        found = survey(files.paths)
    console.print(headed(split, f": {len(files.paths)} files"))
    if files.labels is not None:
        _show_classes(files.classes, files.labels)
    table = Table("height × width", "files", box=None, header_style="bold")
    for (height, width), count in found.sizes.most_common(_SIZES_SHOWN):
        table.add_row(f"{height} × {width}", str(count))
    if (more := len(found.sizes) - _SIZES_SHOWN) > 0:
        table.add_row(f"{more} other sizes", "")
    console.print(table, highlight=False)
    kinds = ", ".join(f"{count} {kind}" for kind, count in found.kinds.most_common())
    console.print(f"formats: {kinds or 'none'}", highlight=False)
    for path, reason in found.bad:
        console.print(f"broken: {path} ({reason})", style="yellow")


def _show_classes(classes: tuple[str, ...], labels: Sequence[int]) -> None:
    """Print a table of the images of each class."""
    counts = Counter(labels)
    table = Table("class", "images", "share", box=None, header_style="bold")
    for label, name in enumerate(classes):
        table.add_row(name, str(counts[label]), f"{counts[label] / len(labels):.1%}")
    console.print(table, highlight=False)
