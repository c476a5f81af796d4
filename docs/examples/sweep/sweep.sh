#!/usr/bin/env bash
# A sweep: a cross-validation for each combination of two settings, and one table of all.
#
#     docs/examples/sweep/sweep.sh sweep --seeds 0 1 --config demo.yaml
#
# On SLURM each cross-validation is an array of jobs; print the table when they have ended:
#
#     CROSSVAL=scripts/slurm/crossval.sh docs/examples/sweep/sweep.sh sweep --seeds 0 1 --config demo.yaml
#     ecg-lightning report sweep/* --format markdown
#
# The first argument is the folder of the sweep, the others are those of `ecg-lightning crossval`.
# Repeat the command to resume: it runs only what is not finished.
set -euo pipefail

read -ra rates <<< "${RATES:-0.001 0.0003}"
read -ra batches <<< "${BATCHES:-32 64}"
read -ra program <<< "${PROGRAM:-ecg-lightning}"
read -ra crossval <<< "${CROSSVAL:-${program[*]} crossval}"

output=$1
shift
for rate in "${rates[@]}"; do
  for batch in "${batches[@]}"; do
    "${crossval[@]}" --output "$output/rate-$rate-batch-$batch" "$@" \
      --model.learning_rate "$rate" --data.batch_size "$batch" >&2
  done
done
if [ -z "${CROSSVAL:-}" ]; then
  "${program[@]}" report "$output"/* --format markdown
fi
