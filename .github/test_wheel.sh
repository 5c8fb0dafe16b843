#!/usr/bin/env bash
# The operators' tests on a wheel, in a fresh environment and without a compiler.
#   .github/test_wheel.sh WHEEL [REQUIREMENT...]      as: dist/warpmix-0.1.0-….whl torch==2.11.0
# PYTHON names the interpreter to test with; without requirements, the newest versions are installed.
set -euo pipefail
wheel=$(realpath "$1")
shift
tests=$(cd "$(dirname "$0")/../tests" && pwd)
stems=(augment_parity crops resample ragged policies float_batches replay program pipeline
       vote vote_inputs vote_methods select predictions statistics)

work=$(mktemp -d)
trap "$(command -v rm) -rf '$work'" EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
cp -r "$tests" "$work/tests"  # away from the sources, which must not be imported in the wheel's place

# Nothing but the environment's own programs: pip would fail if it had to compile, and so would a test.
cd "$work"
export PATH="$work/venv/bin" OMP_NUM_THREADS=1
unset PYTHONPATH CUDA_HOME CC CXX
# Source distributions of others are fine where they are pure Python.
pip install --quiet --disable-pip-version-check "$wheel" pytest pytest-xdist hypothesis "$@"
warpmix info
python -c "import warpmix; assert warpmix.__file__.startswith('$work/venv'), warpmix.__file__"
# torch.compile compiles C++ itself.
python -m pytest -q -n auto --dist loadfile -p no:cacheprovider \
  -k 'not compiled' $(printf 'tests/test_%s.py ' "${stems[@]}")
