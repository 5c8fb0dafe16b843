"""bench/gpu_check.sh without a GPU: each of its steps runs on the CPU or on a stand-in, so that no
slip of the pen costs the time of a borrowed machine."""

from __future__ import annotations

import importlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "bench"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a file of bench/ by its name."""
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module


def run(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: str) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(BENCH / name), run_name="__main__")


# ---- the steps ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("sanitize.py", ["--device", "cpu", "--every", "40"], "agree with the CPU"),
        ("gpu_capture.py", ["--device", "cpu"], "captured cold equal the CPU"),
        ("call_time.py", ["--rounds", "1"], "operator"),
    ],
)
def test_a_step_runs_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    arguments: list[str],
    words: str,
) -> None:
    run(monkeypatch, name, *arguments)
    assert words in capsys.readouterr().out


@pytest.mark.parametrize("what", ["thread", "second"])
def test_threads_and_devices(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, "gpu_threads.py", what, "cpu")
    assert ended.value.code == 0
    assert capsys.readouterr().out.count("equal to the CPU") == 2


def test_one_gpu_skips_the_second(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    assert bench("gpu_threads").main("second", "cuda") == 77


def test_what_ncu_profiles_runs(bench: Any) -> None:
    bench("gpu_counters").run("cpu", small=True)


def csv_of(kernels: list[tuple[str, list[float]]], wide: bool) -> str:
    """As ncu prints it with --page raw, or a line a metric."""
    metrics = list(importlib.import_module("gpu_counters").METRICS.values())
    lines = ["==PROF== Connected to process 1"]
    if wide:
        lines.append(",".join(f'"{name}"' for name in ["ID", "Kernel Name", *metrics]))
        lines.append(",".join(['""', '""', *(['"ns"'] * len(metrics))]))
    else:
        lines.append('"ID","Kernel Name","Metric Name","Metric Unit","Metric Value"')
    for number, (name, values) in enumerate(kernels):
        texts = [f"{value:,}" for value in values]
        if wide:
            lines.append(",".join(f'"{cell}"' for cell in [number, name, *texts]))
        else:
            lines += [
                f'"{number}","{name}","{metric}","ns","{text}"'
                for metric, text in zip(metrics, texts, strict=True)
            ]
    return "\n".join(lines)


@pytest.mark.parametrize("wide", [True, False])
def test_counters_stand_beside_the_models(bench: Any, tmp_path: Path, wide: bool) -> None:
    counters = bench("gpu_counters")
    text = csv_of(
        [
            ("void warpmix::a<float, 3>(P)", [2_000.0, 4e6, 6e6, 64_000, 50.0, 64]),
            ("void at::native::other()", [9.0] * 6),
            ("void warpmix::b(P)", [1_000.0, 1e6, 1e6, 32_000, 25.0, 40]),
            ("at::native::elementwise<FillFunctor>", [1.0] * 6),
            ("void warpmix::c(P)", [10.0] * 6),
            ("at::native::elementwise<FillFunctor>", [1.0] * 6),
        ],
        wide,
    )
    first, second = counters.by_work(counters.kernels(text))
    assert [kernel["name"][5:15] for kernel in first] == ["warpmix::a", "warpmix::b"]
    assert len(second) == 1
    row = counters.row("work", "size", 1000, first)
    assert row["seconds"] == pytest.approx(3e-6) and row["bytes"] == 12e6
    assert row["bytes a second"] == pytest.approx(4e12) and row["occupancy"] == 0.5
    assert row["instructions a unit"] == 96 and row["registers"] == 64 and row["launches"] == 2
    told = {"work": "work", "size": "size", "predicted": 2.5e-6, "instructions a unit": 90.0}
    model = tmp_path / "model.json"
    model.write_text(json.dumps({"rows": [told | {"device": "H200"}]}))
    counters.with_model([row], tmp_path / "none.json", "NVIDIA H200")
    assert "predicted seconds" not in row
    counters.with_model([row], model, "NVIDIA H200")
    assert row["predicted seconds"] == 2.5e-6
    line = counters.table([row]).splitlines()[1]
    assert line.split() == ["work,", "size", "3.0", "2.5", "4000", "50%", "64", "96", "90"]


def test_the_goal_of_a_training(bench: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    for text, status in (("test accuracy 94.01%", 0), ("test accuracy 93.99%", 1), ("", 1)):
        log.write_text(f"epoch 1\n{text}\nrun: x\n")
        assert bench("gpu_report").accuracy(log, 0.94) == status


# ---- the shell ----------------------------------------------------------------------------------

# Says that there is a GPU; its steps end as their names are in PASSING, FAILING and so on.
PYTHON = """#!/bin/sh
case "$*" in
    *get_device_name*) echo "Fake GPU, torch 2.11.0" ;;
    *get_device_capability*) echo 9.0 ;;
    *gpu_report*) exec "$REAL_PYTHON" "$@" ;;
    *gpu_threads.py\\ second*) echo "one GPU"; exit 77 ;;
    *gpu_capture*) echo "no graph"; exit 3 ;;
    *gpu_threads.py\\ thread*) sleep 60 ;;
    *train*) echo "test accuracy 94.50%" ;;
    *call_time*) for file; do :; done; echo '{"calls": 1}' >"$file" ;;
    *) echo "did $*" ;;
esac
"""


def test_the_whole_check_with_a_stand_in_for_python(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, text in (("python", PYTHON), ("compute-sanitizer", "#!/bin/sh\nexit 0\n")):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    out, data = tmp_path / "out", tmp_path / "data"
    data.mkdir()
    # Short limits, on a copy beside the original, whose folder the script works in.
    script = tmp_path / "root/bench/gpu_check.sh"
    shutil.copytree(BENCH, script.parent, ignore=shutil.ignore_patterns("results", "__pycache__"))
    script.write_text(re.sub(r"run thread \d+", "run thread 5", script.read_text("utf-8")), "utf-8")
    environment = os.environ | {
        "PATH": f"{tools}:/usr/bin:/bin",
        "PYTHON": str(tools / "python"),
        "REAL_PYTHON": sys.executable,
        "OUT": str(out),
    }
    done = subprocess.run(
        ["bash", script, data], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    told = json.loads((out / "gpu_check.json").read_text("utf-8"))
    outcomes = {step["step"]: step["outcome"] for step in told["steps"]}
    notes = {step["step"]: step["note"] for step in told["steps"]}
    assert told["device"] == "Fake GPU, torch 2.11.0"
    assert outcomes == {
        "build": "pass",
        "info": "pass",
        "bytes": "pass",
        "capture": "fail",
        "thread": "fail",
        "second_gpu": "skipped",
        "memcheck": "pass",
        "racecheck": "pass",
        "counters": "skipped",
        "calls": "pass",
        "benchmarks": "pass",
        "training": "pass",
        "gpu_tests": "pass",
        "peers": "pass",
        "all_tests": "pass",
    }
    assert notes["capture"] == "no graph" and notes["thread"] == "not done after 5 s"
    assert notes["counters"] == "no ncu found" and notes["training"].startswith("94.50%")
    assert told["calls"] == {"calls": 1}
    assert "second_gpu   skipped" in done.stdout


def test_a_machine_without_a_gpu_is_told_at_once(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHON": sys.executable, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        ["bash", BENCH / "gpu_check.sh"],
        env=environment | {"OUT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "no CUDA device" in done.stderr


def test_the_limits_fit_into_nine_minutes() -> None:
    """Up to the training; what is behind it are checks that have run elsewhere."""
    text = (BENCH / "gpu_check.sh").read_text("utf-8")
    assert "deadline=$((SECONDS + 530))" in text
    limits = {step: int(limit) for step, limit in re.findall(r"^\s*run (\w+) (\d+)", text, re.M)}
    needed = list(limits)[: list(limits).index("calls") + 1]
    assert sum(limits[step] for step in needed) <= 540
    for step in limits:
        assert re.search(rf"^export -f .*\b{step}\b", text, re.M), f"{step} is not exported"
