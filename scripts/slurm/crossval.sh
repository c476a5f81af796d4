#!/usr/bin/env bash
# Folds and seeds as an array of jobs, and a last job that prints their table:
#
#     scripts/slurm/crossval.sh --output cv --folds 5 --seeds 0 1 2 --config deep_conv1d.yaml --data.root mitdb
#
# Run it on the login node, from the project's folder with its environment active; the arguments are those of `ecg-lightning crossval`. It fills
# the cache, refuses a wrong argument before anything waits in the queue, and queues only what is not finished: repeat it after a failure.
# What sbatch needs stands in crossval.sbatch and table.sbatch.
set -euo pipefail

read -ra container <<< "${CONTAINER:-}"
table=$("${container[@]}" ecg-lightning crossval "$@" --jobs 0)
read -ra units <<< "$(sed -n 's/^not finished: //p' <<< "$table")"
if [ "${#units[@]}" = 0 ]; then
  echo "$table"
  exit
fi
array=$(sbatch --parsable --array="0-$((${#units[@]} - 1))" scripts/slurm/crossval.sbatch "${units[*]}" "$@")
last=$(sbatch --parsable --dependency="afterany:${array%;*}" scripts/slurm/table.sbatch "$@")
echo "${#units[@]} units: job ${array%;*}; table: job ${last%;*}"
