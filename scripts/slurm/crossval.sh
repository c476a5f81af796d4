#!/usr/bin/env bash
# Submits folds and seeds as an array of jobs, and a last job that prints their table:
#
#     scripts/slurm/crossval.sh --output cv --folds 5 --seeds 0 1 2 \
#         --config deep_conv1d.yaml --data.root mitdb
#
# Run it on the login node, from the project's folder with its environment active. The arguments are
# those of `ecg-lightning crossval`. It fills the cache, refuses wrong arguments before it submits
# anything, and submits only unfinished units: repeat it after a failure. The options of sbatch are
# in crossval.sbatch and table.sbatch.
set -euo pipefail

if [ ! -f scripts/slurm/crossval.sbatch ]; then
  echo "crossval.sh: expected the project's folder as current folder, found $PWD; change to it" >&2
  exit 2
fi

read -ra container <<< "${CONTAINER:-}"
table=$("${container[@]}" ecg-lightning crossval "$@" --jobs 0)
read -ra units <<< "$(sed -n 's/^not finished: //p' <<< "$table")"
if [ "${#units[@]}" = 0 ]; then
  echo "$table"
  exit
fi
array=$(sbatch --parsable --array="0-$((${#units[@]} - 1))" \
  scripts/slurm/crossval.sbatch "${units[*]}" "$@")
last=$(sbatch --parsable --dependency="afterany:${array%;*}" scripts/slurm/table.sbatch "$@")
echo "${#units[@]} units: job ${array%;*}; table: job ${last%;*}"
