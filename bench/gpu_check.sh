#!/usr/bin/env bash
# Builds, tests, sanitizes, measures and trains on a machine with a GPU; needs no network.
#
#     bench/gpu_check.sh [CIFAR10_FOLDER]
#
# CIFAR10_FOLDER (or WARPMIX_CIFAR10) holds cifar-10-batches-py or cifar-10-batches-bin; without it
# nothing is trained. PYTHON (default python3) must have torch and warpmix's other requirements.
# Writes gpu_check.json, which has the JSON of the steps in it, and gpu_check.log to OUT (default
# ./gpu-results). A step has a time limit of its own, and one that fails does not stop the others;
# the exit status is 1 if any failed. Ends within 9 minutes: the last steps get what time is left.
set -u

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python3}
out=${OUT:-gpu-results}
data=${1:-${WARPMIX_CIFAR10:-}}
deadline=$((SECONDS + 530))
steps=()      # the functions below, in order, once they ran
outcomes=()   # pass, fail or skipped
durations=()  # seconds
notes=()      # why skipped, or the last line of a step's output

# ---- the steps: each is a command that can be run by itself after `build` ------------------------

build() {
    TORCH_CUDA_ARCH_LIST=$("$python" -c '
import torch; print("%d.%d" % torch.cuda.get_device_capability())') || return
    export TORCH_CUDA_ARCH_LIST
    MAX_JOBS=$(nproc) WARPMIX_CUDA=1 "$python" -m pip install --no-build-isolation --no-deps \
        --no-index --disable-pip-version-check --quiet --target "$site" .
}

info() { "$python" -m warpmix info; }

# Every kernel against the CPU's bytes; the same cases, or some of them, under the sanitizers.
bytes() { "$python" bench/sanitize.py; }
memcheck() { sanitize memcheck 6; }
racecheck() { sanitize racecheck 24; }
sanitize() {
    PYTORCH_NO_CUDA_MEMORY_CACHING=1 \
        "$sanitizer" --tool "$1" --error-exitcode 1 "$python" bench/sanitize.py --every "$2"
}

capture() { "$python" bench/gpu_capture.py; }
thread() { "$python" bench/gpu_threads.py thread; }
second_gpu() { "$python" bench/gpu_threads.py second; }

counters() { "$python" bench/gpu_counters.py --json "$work/counters.json"; }
calls() { "$python" bench/call_time.py --device cuda --json "$work/calls.json"; }

benchmarks() {
    WARPMIX_BENCH_JSON=$work/benchmarks.json \
        "$python" -m pytest bench/bench_*.py -q -p no:cacheprovider -k cuda \
        --deselect bench/bench_peers.py
}

# Beside torchvision, and those of its other peers that are installed; on the GPU alone. The works left
# out are those of `make compare DEVICE=cuda`, which takes its time.
peers() {
    WARPMIX_BENCH_JSON=$work/peers.json \
        "$python" -m pytest bench/bench_copy.py bench/bench_peers.py -q -p no:cacheprovider \
        -k "cuda and not affine and not flip and not crops"
}

# To 94 %, with airbench's network; its own training takes 10 epochs.
training() {
    set -o pipefail
    "$python" -m warpmix train cifar10 --root "$data" --config cifar10-airbench --out "$work/run" |
        tee "$work/training.log" &&
        "$python" bench/gpu_report.py accuracy "$work/training.log" 0.94
}

gpu_tests() { "$python" -m pytest tests -q -p no:cacheprovider -k "gpu or cuda"; }

# On all cores where pytest-xdist is installed.
all_tests() {
    local parallel=()
    "$python" -c 'import xdist' 2>/dev/null && parallel=(-n auto)
    "$python" -m pytest tests -q -p no:cacheprovider "${parallel[@]}"
}

# ---- running and reporting them -----------------------------------------------------------------

record() { # step outcome seconds note
    steps+=("$1") outcomes+=("$2") durations+=("$3") notes+=("$4")
}

skip() { record "$1" skipped 0 "$2"; }

# run STEP SECONDS: the function STEP, ended after SECONDS or when the whole check must end.
run() {
    local step=$1 limit=$2 left=$((deadline - SECONDS)) begin=$SECONDS status note
    ((limit < left)) || limit=$left
    if ((limit < 5)); then
        record "$step" fail 0 "no time left"
        return
    fi
    printf '\n==== %s (at most %d s)\n' "$step" "$limit" | tee -a "$log"
    timeout --kill-after=5 "$limit" bash -c "set -u; $step" 2>&1 | tee "$work/step.log" | tee -a "$log"
    status=${PIPESTATUS[0]}
    note=$(grep -v '^[[:space:]]*$' "$work/step.log" | tail -n 1 | cut -c 1-100)
    case $status in
        0) record "$step" pass $((SECONDS - begin)) "$note" ;;
        77) record "$step" skipped $((SECONDS - begin)) "$note" ;;
        124 | 137) record "$step" fail $((SECONDS - begin)) "not done after $limit s" ;;
        *) record "$step" fail $((SECONDS - begin)) "$note" ;;
    esac
}

find_sanitizer() {
    local candidate
    for candidate in compute-sanitizer "${CUDA_HOME:-/usr/local/cuda}/bin/compute-sanitizer"; do
        command -v "$candidate" && return
    done
}

report() { # the table, and gpu_check.json
    local i rows=()
    printf '\n%-12s %-8s %8s  %s\n' step outcome seconds note
    for i in "${!steps[@]}"; do
        printf '%-12s %-8s %8d  %s\n' \
            "${steps[i]}" "${outcomes[i]}" "${durations[i]}" "${notes[i]}"
        rows+=("${steps[i]}" "${outcomes[i]}" "${durations[i]}" "${notes[i]}")
    done
    "$python" bench/gpu_report.py steps "$out/gpu_check.json" "$work" "$device" "${rows[@]}"
}

fail_early() {
    echo "gpu_check: $1" >&2
    exit 1
}

device=$("$python" -c '
import torch
if not torch.cuda.is_available():
    raise SystemExit(f"no CUDA device: torch {torch.__version__} sees none")
print(torch.cuda.get_device_name(), "torch", torch.__version__, sep=", ")' 2>&1) ||
    fail_early "$(tail -n 1 <<<"$device")"

mkdir -p "$out" || fail_early "cannot write to $out"
out=$(cd "$out" && pwd)
if [[ -n $data ]]; then
    [[ -d $data ]] || fail_early "CIFAR10_FOLDER is no folder: $data"
    data=$(cd "$data" && pwd)
fi
cd "$root" || exit
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
site=$work/site
log=$out/gpu_check.log
sanitizer=$(find_sanitizer)
: >"$log"
echo "$device" | tee -a "$log"

# What the steps use, in the shells that `timeout` starts.
export PYTHONPATH=$site${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
export python out data work site sanitizer
export -f build info bytes memcheck racecheck sanitize capture thread second_gpu counters calls
export -f benchmarks peers training gpu_tests all_tests

run build 150
run info 30
run bytes 60
run capture 30
run thread 30
run second_gpu 30
if [[ -n $sanitizer ]]; then
    run memcheck 60
    run racecheck 60
else
    skip memcheck "no compute-sanitizer found"
    skip racecheck "no compute-sanitizer found"
fi
if command -v ncu >/dev/null; then
    run counters 60
else
    skip counters "no ncu found"
fi
run calls 30
run benchmarks 90
if [[ -n $data ]]; then
    run training 60
else
    skip training "no CIFAR-10 given"
fi
run gpu_tests 60
run peers 60
run all_tests 120 # last: it takes what time is left

report | tee -a "$log"
[[ " ${outcomes[*]} " != *" fail "* ]]
