#!/usr/bin/env bash
# Makes the tables of ensembling-results.md: docs/ensembling.sh PREDICTIONS OUT
# PREDICTIONS holds cifar10_test_softmax_8models.npz (<model>__probs [10000, 10], labels) and
# cifar10_hard_predictions_modestyachts.npz (original__<model> [10000], labels_original).
set -euo pipefail
predictions=$1 out=$2
warpmix() { "${PYTHON:-python}" -m warpmix "$@"; }

for half in val=0:5000 test=5000:10000; do
    split=(--split "${half%=*}" --rows "${half#*=}")
    warpmix ensemble import "$out/soft-store" "$predictions/cifar10_test_softmax_8models.npz" \
        --arrays '*__probs' "${split[@]}"
    warpmix ensemble import "$out/hard-store" \
        "$predictions/cifar10_hard_predictions_modestyachts.npz" \
        --arrays 'original__*' --labels labels_original --num-classes 10 "${split[@]}"
done
warpmix vote "$out/soft-store" --top 25,50,75,100 --out "$out/soft"
warpmix vote "$out/hard-store" --out "$out/hard"
warpmix ensemble diversity "$out/soft-store" --out "$out/soft"
cat "$out/soft/methods.md" "$out/hard/methods.md"
