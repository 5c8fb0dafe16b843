"""The predictions store: contents, refusals, and writers that are killed while they write."""

from __future__ import annotations

import multiprocessing
import os
import random
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from warpmix.predictions import PredictionStore, ReadOptions, import_files, is_store, load, save
from warpmix.predictions.entry import Entry
from warpmix.predictions.samples import Samples
from warpmix.predictions.store_checks import check_labels

LABELS = torch.tensor([0, 1, 2, 0, 1, 2, 2])
CLASSES = ("ant", "bee", "cat")


def probabilities(seed: int = 0, samples: int = 7) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, 3, generator=generator).softmax(1)


@pytest.fixture
def store(tmp_path: Path) -> PredictionStore:
    return PredictionStore(tmp_path / "store", create=True)


def add(store: PredictionStore, model: str = "m0", **changes: Any) -> Any:
    facts = {"split": "test", "labels": LABELS, "classes": CLASSES, **changes}
    return store.add(facts.pop("predictions", probabilities()), model=model, **facts)


def test_round_trip(store: PredictionStore) -> None:
    add(store, "b", recipe="warsaw-all", seed=3, run="runs/b", dataset="insects")
    add(store, "a/../x", predictions=probabilities(1), labels=None)
    add(store, "b", split="val", predictions=probabilities(2, 4), labels=LABELS[:4])
    again = PredictionStore(store.path)
    assert again.splits == ("test", "val")
    stored = again.open("test")
    assert stored.models == ("a/../x", "b") and stored.shape == (2, 7, 3)
    assert stored.read().equal(torch.stack([probabilities(1), probabilities(0)]))
    assert stored.read(2, 5).equal(stored.read()[:, 2:5])
    assert stored.labels is not None and stored.labels.equal(LABELS)
    assert stored.classes == CLASSES and not stored.logits and stored.dtype == torch.float32
    assert again.open("test", ["b", "a/../x"]).read().equal(stored.read().flip(0))
    entry = stored.entries[1]
    assert (entry.recipe, entry.seed, entry.run, entry.dataset) == (
        "warsaw-all",
        3,
        "runs/b",
        "insects",
    )
    want = float((probabilities(1).argmax(1) == LABELS).double().mean())
    assert stored.entries[0].accuracy == want  # the labels were the other's
    assert again.entries("test") == stored.entries


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_types_are_kept(store: PredictionStore, dtype: torch.dtype) -> None:
    add(store, predictions=probabilities().to(dtype))
    assert store.open("test").dtype == dtype
    assert store.open("test").read()[0].equal(probabilities().to(dtype))
    add(store, "other", predictions=probabilities().double(), dtype=torch.float16)
    mixed = store.open("test")
    assert mixed.dtype == (torch.float16 if dtype == torch.float16 else torch.float32)
    assert mixed.read()[1].equal(probabilities().half().to(mixed.dtype))


def test_members_are_files_of_predictions_by_themselves(store: PredictionStore) -> None:
    add(store, "m0")
    member = load(store.path / "test" / "m0.safetensors")
    assert member.model == "m0" and member.predictions.equal(probabilities())


@pytest.mark.parametrize("dtype", ["i8", ">i8", ">u2"])
def test_ids_of_any_strides_and_byte_order(store: PredictionStore, dtype: str) -> None:
    ids = np.arange(14, dtype=dtype)[::-2]
    assert add(store, ids=ids).samples == 7
    assert list(store.open("test").ids) == ids.tolist()


def test_text_ids_and_late_labels(store: PredictionStore) -> None:
    ids = [f"{i}.png" for i in range(7)]
    add(store, "first", ids=ids, labels=None)
    assert store.entries()[0].accuracy is None and store.samples("test").labels is None
    add(store, "second", ids=ids)
    about = store.samples("test")
    assert about.ids == tuple(ids) and about.labels is not None and about.labels.equal(LABELS)


def test_overwriting_and_removing(store: PredictionStore) -> None:
    add(store)
    with pytest.raises(ValueError, match=r"already holds predictions of 'm0' for test.*overwrite"):
        add(store)
    add(store, predictions=probabilities(5), overwrite=True)
    assert store.open("test").read()[0].equal(probabilities(5))
    store.remove("m0")
    assert store.entries() == () and not list(store.path.glob("test/*"))
    with pytest.raises(FileNotFoundError, match="no predictions of 'm0'"):
        store.remove("m0")


def test_a_removal_can_be_repeated_by_another_process(store: PredictionStore) -> None:
    """The first one may have been killed."""
    for model in ("m0", "m1", "m2"):
        add(store, model)
    with pytest.raises(FileNotFoundError, match="no predictions of 'm9'"):
        store.remove(["m0", "m9"])
    assert len(store.entries()) == 3
    assert store.remove(["m0", "m1"]) == ()
    code = f"""if True:
        from warpmix.predictions import PredictionStore
        store = PredictionStore({str(store.path)!r})
        assert store.remove(["m0", "m1"]) == ("m0", "m1")
        for models, split in (("m9", None), ("m0", None), ("m2", "val")):
            try:
                store.remove(models, split)
            except FileNotFoundError:
                continue
            raise AssertionError((models, split))
    """
    subprocess.run([sys.executable, "-c", code], check=True)
    assert [entry.model for entry in store.entries()] == ["m2"]


def test_stored_classes_are_given_names_and_another_order(store: PredictionStore) -> None:
    add(store, classes=None)
    stored = store.open("test")
    named = stored.with_classes(CLASSES)
    assert stored.classes is None and named.classes == CLASSES
    assert named.read().equal(stored.read())
    turned = named.with_classes(("cat", "ant", "bee"))
    assert turned.classes == ("cat", "ant", "bee")
    assert turned.read().equal(stored.read()[..., [2, 0, 1]])
    assert turned.labels is not None and turned.labels.equal(torch.tensor([1, 2, 0])[LABELS])
    again = turned.with_classes(CLASSES)
    assert again.read().equal(stored.read()) and again.labels is not None
    assert again.labels.equal(LABELS)
    unlabelled = PredictionStore(store.path.with_name("unlabelled"), create=True)
    add(unlabelled, labels=None)
    assert unlabelled.open("test").with_classes(("bee", "ant", "cat")).labels is None


def test_facts_of_an_entry_have_their_types(store: PredictionStore) -> None:
    facts = asdict(add(store, seed=3))
    assert Entry.of_json(facts).seed == 3
    for name, value in (("seed", "3"), ("numbered", "true"), ("samples", 7.0), ("model", 3)):
        with pytest.raises(ValueError, match=name):
            Entry.of_json({**facts, name: value})


def test_no_samples_have_no_wrong_labels() -> None:
    check_labels(Samples(LABELS[:0], LABELS[:0]), 3)
    with pytest.raises(ValueError, match=r"labels must be in 0\.\.1, got values from 0 to 2"):
        check_labels(Samples(torch.arange(7), LABELS), 2)


def test_additions_can_be_repeated_where_they_are_the_same(store: PredictionStore) -> None:
    first = add(store, labels=None)
    assert first.accuracy is None
    add(store, "other")  # whose labels give the first one its accuracy
    again = add(store, labels=None, repeat=True)
    assert again.accuracy is not None and {"m0", "other"} == {e.model for e in store.entries()}
    before = {path: path.read_bytes() for path in store.path.rglob("*.safetensors")}
    for changes in ({"predictions": probabilities(5)}, {"labels": LABELS.roll(1)}, {"seed": 4}):
        with pytest.raises(ValueError, match=r"already holds|its labels differ"):
            add(store, repeat=True, **changes)
    assert {path: path.read_bytes() for path in store.path.rglob("*.safetensors")} == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"ids": LABELS.new_tensor([1, 0, 2, 3, 4, 5, 6])},
            r"the other has no ids but row numbers, and it has ids, from 1 on.*--assume-same-order",
        ),
        ({"ids": [f"{i}.png" for i in range(7)], "assume_same_order": True}, "with ids first"),
        ({"first_row": 7}, "other samples: sample 0 is 7, not 0"),
        ({"predictions": probabilities(0, 6), "labels": LABELS[:6]}, "6 samples, not 7"),
        ({"labels": LABELS.roll(1)}, "its labels differ for 6 of 7 samples, first for sample 0"),
        (
            {"predictions": torch.full((7, 4), 0.25), "classes": None},
            "m1 cannot join .*: it has 4 classes, not 3",
        ),
        ({"classes": ("ant", "bee", "cow")}, "its classes are ant, bee, cow, not ant, bee, cat"),
        ({"classes": None}, r"no names of classes and the other has: ant, bee, cat; .*--classes"),
        ({"logits": True}, "holds logits, the others probabilities; turn .*softmax"),
        ({"predictions": probabilities() * 2}, "must be probabilities.*for sample 0.*logits=True"),
        ({"predictions": -probabilities()}, "must be probabilities"),
        ({"predictions": probabilities() / 0}, "finite, got NaN or infinity for 7 of 7"),
        ({"predictions": probabilities() * torch.nan}, "finite, got NaN or infinity for 7 of 7"),
        ({"ids": [3] * 7}, "ids must be distinct, got 3 twice"),
        ({"ids": [1, 2]}, r"ids must be one a sample, \[7\], got \[2\]"),
        ({"split": ""}, "split must be a name"),
        ({"dtype": torch.float64}, "dtype must be float32, float16 or bfloat16"),
    ],
)
def test_refuses_and_stays_as_it_was(
    store: PredictionStore, changes: dict[str, Any], message: str
) -> None:
    add(store)
    before = sorted(store.path.rglob("*"))
    with pytest.raises(ValueError, match=message):
        add(store, "m1", **changes)
    assert sorted(store.path.rglob("*")) == before
    assert [entry.model for entry in store.entries()] == ["m0"]


def test_refuses_other_types(store: PredictionStore) -> None:
    with pytest.raises(TypeError, match=r"floating-point tensor, got torch\.int64"):
        add(store, predictions=LABELS)
    with pytest.raises(TypeError, match="ids must be integers or strings"):
        add(store, ids=torch.rand(7))


def test_damage_is_named(store: PredictionStore, tmp_path: Path) -> None:
    add(store, "m0")
    add(store, "m1")
    path = store.path / "test" / "m1.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with pytest.raises(ValueError, match=r"m1\.safetensors: .*"):
        store.open("test")
    path.unlink()
    with pytest.raises(ValueError, match=r"m1 \(test\) is in index.json, but its file .* is gone"):
        store.entries()
    path.write_bytes(whole)
    other = PredictionStore(tmp_path / "other", create=True)
    add(other, "m2", ids=torch.arange(7) + 1)
    (other.path / "test" / "m2.safetensors").rename(store.path / "test" / "m2.safetensors")
    with pytest.raises(ValueError, match=r"m2.*for other samples, or the same in another"):
        store.open("test")
    (store.path / "index.json").write_text("{")
    with pytest.raises(ValueError, match=r"index.json: .*made anew"):
        PredictionStore(store.path)


def test_the_index_heals(store: PredictionStore) -> None:
    add(store, "m0", recipe="r", seed=1)
    before = store.entries()
    (store.path / "index.json").write_text(
        '{"format": "warpmix.predictions-store", "version": 1, "entries": []}'
    )
    assert store.entries() == before
    add(store, "m1")
    assert '"model": "m0"' in (store.path / "index.json").read_text()


def test_what_is_not_there(tmp_path: Path, store: PredictionStore) -> None:
    with pytest.raises(FileNotFoundError, match="no store of predictions at"):
        PredictionStore(tmp_path / "absent")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").touch()
    with pytest.raises(ValueError, match=r"must be empty or a store.*a\.png"):
        PredictionStore(tmp_path / "photos", create=True)
    assert not is_store(tmp_path / "photos") and is_store(store.path)
    with pytest.raises(FileNotFoundError, match="no predictions for 'test'; splits: none"):
        store.open("test")
    add(store)
    with pytest.raises(FileNotFoundError, match="no predictions of 'm9' for test"):
        store.open("test", ["m9"])
    with pytest.raises(ValueError, match="empty ensemble"):
        store.open("test", [])


# ---- import -------------------------------------------------------------------------------------


def test_imports_what_others_wrote(store: PredictionStore, tmp_path: Path) -> None:
    p = probabilities(0).numpy()
    np.save(tmp_path / "one.npy", p)
    np.save(tmp_path / "two.npy", np.stack([p, p[:, ::-1]]))
    np.savez(tmp_path / "many.npz", alex__probs=p, vgg__probs=p, x__logits=p, labels=LABELS.numpy())
    np.save(tmp_path / "votes.npy", np.array([0, 1, 2, 0, 1, 2, 0]))
    rows = [f"{i},{c},{','.join(map(str, row))}" for i, (c, row) in enumerate(zip(LABELS, p))]  # noqa: B905
    header = f"id,label,{','.join(CLASSES)}"
    text = "\n".join([header, *(r.replace("tensor(", "").replace(")", "") for r in rows)])
    (tmp_path / "table.csv").write_text(text + "\n")
    (tmp_path / "bare.csv").write_text("\n".join(",".join(map(str, row)) for row in p))
    (tmp_path / "kaggle.csv").write_text("id,label\n" + "\n".join(f"{i},ant" for i in range(7)))
    save(tmp_path / "run.safetensors", probabilities(3), LABELS, model="run", split="test")
    names = ("one.npy", "two.npy", "table.csv", "bare.csv", "run.safetensors")
    options = ReadOptions(classes=CLASSES)
    for name in (*names, "votes.npy", "kaggle.csv"):
        import_files(store, [tmp_path / name], split="test", options=options)
    options = replace(options, arrays="*__probs")
    import_files(store, [tmp_path / "many.npz"], split="test", options=options)
    stored = store.open("test")
    assert stored.models == (
        "alex", "bare", "kaggle", "one", "run", "table", "two-0", "two-1", "vgg", "votes",
    )  # fmt: skip
    values = dict(zip(stored.models, stored.read(), strict=True))
    for name in ("alex", "bare", "one", "table", "two-0", "vgg"):
        assert values[name].equal(probabilities(0))
    assert values["two-1"].equal(probabilities(0).flip(1))
    assert values["votes"].argmax(1).tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert values["kaggle"].argmax(1).tolist() == [0] * 7
    assert stored.labels is not None and stored.labels.equal(LABELS)
    assert stored.classes == CLASSES


def test_halves_of_one_file(store: PredictionStore, tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", m=probabilities().numpy(), labels=LABELS.numpy())
    for split, rows in (("val", (0, 3)), ("test", (3, 7))):
        import_files(store, [tmp_path / "m.npz"], split=split, rows=rows, dtype=torch.float16)
    assert store.open("test").read()[0].equal(probabilities()[3:].half())
    ids = store.samples("test").ids
    assert isinstance(ids, Tensor) and ids.tolist() == [3, 4, 5, 6]
    with pytest.raises(ValueError, match=r"m.npz: rows must be within 0:7 and not empty, got 5:9"):
        import_files(store, [tmp_path / "m.npz"], split="x", rows=(5, 9))


def test_import_refuses_naming_the_file(store: PredictionStore, tmp_path: Path) -> None:
    def refused(name: str, message: str, **options: Any) -> None:
        with pytest.raises(ValueError, match=rf"{name}: .*{message}"):
            import_files(store, [tmp_path / name], split="test", options=ReadOptions(**options))

    (tmp_path / "short.csv").write_text("0.5,0.5\n0.5\n")
    refused("short.csv", "row 2 must have 2 columns, got 1")
    (tmp_path / "word.csv").write_text("a,b\n0.5,0.5\n0.5,half\n")
    refused("word.csv", "row 3, column 'b': expected a number, got 'half'")
    (tmp_path / "class.csv").write_text("label,a,b\nc,0.5,0.5\n")
    refused(
        "class.csv",
        "row 2, column 'label': labels must be whole numbers or names of classes; got 'c'",
    )
    (tmp_path / "empty.csv").write_text("")
    refused("empty.csv", "got an empty file")
    np.save(tmp_path / "double.npy", probabilities().numpy() * 2)
    refused("double.npy", "whose rows sum to 1, or logits.*for sample 0.*--kind")
    np.savez(tmp_path / "m.npz", m=probabilities().numpy())
    refused("m.npz", r"no array matches 'x\*'; it holds m", arrays="x*")
    np.save(tmp_path / "votes.npy", np.array([0, 5]))
    refused("votes.npy", r"must be in 0\.\.2, got values from 0 to 5", num_classes=3)
    save_file({"w": torch.zeros(1)}, tmp_path / "w.safetensors")
    refused("w.safetensors", "not a file of predictions")
    with pytest.raises(FileNotFoundError, match=r"no prediction file .*none.npy"):
        import_files(store, [tmp_path / "none.npy"], split="test")
    assert store.entries() == ()


# ---- many writers -------------------------------------------------------------------------------

MEMBERS, KILLS = 100, 20


def write_members(path: Path, writer: int, log: Path) -> None:
    """Add what is missing of a writer's members, and report each once it is in the store."""
    torch.set_num_threads(1)
    store = PredictionStore(path)
    there = {entry.model for entry in store.entries()}
    with log.open("ab", buffering=0) as reports:
        for i in range(MEMBERS):
            name = f"{writer}-{i}"
            if name not in there:
                add(store, name, predictions=probabilities(1000 * writer + i))
            reports.write(f"{name}\n".encode())


def test_two_writers_one_of_them_killed_at_random(tmp_path: Path) -> None:
    store = PredictionStore(tmp_path / "store", create=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["warpmix.predictions"])
    chance = random.Random(0)

    def start(writer: int) -> Any:
        arguments = (store.path, writer, tmp_path / f"log{writer}")
        process = context.Process(target=write_members, args=arguments)
        process.start()
        return process

    def reported(writer: int) -> set[str]:
        log = tmp_path / f"log{writer}"
        return set(log.read_text().split()) if log.exists() else set()

    def check() -> int:
        names = reported(0) | reported(1)  # before the store is read
        stored = store.open("test") if names else None
        if stored is None:
            return 0
        assert names <= set(stored.models)
        for name, member in zip(stored.models, stored.read(), strict=True):
            writer, i = map(int, name.split("-"))
            assert member.equal(probabilities(1000 * writer + i))
        return len(stored.models)

    steady = start(0)
    kills = 0
    while kills < KILLS:
        doomed = start(1)
        before = len(reported(1))
        # Let it come to its work, then strike within about one write's time.
        while doomed.is_alive() and len(reported(1)) < min(before + 1 + kills % 3, MEMBERS):
            time.sleep(0.001)
        time.sleep(chance.uniform(0.0, 0.02))
        if not doomed.is_alive():
            break
        os.kill(doomed.pid, 9)
        doomed.join()
        kills += 1
        check()
    assert kills == KILLS
    last = start(1)
    for process in (steady, last):
        process.join(60)
        assert process.exitcode == 0
    assert check() == 2 * MEMBERS
    assert len(store.entries()) == 2 * MEMBERS
    assert not [path for path in store.path.rglob(".*") if path.name != ".lock"]
