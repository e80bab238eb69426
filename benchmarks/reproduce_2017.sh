#!/usr/bin/env bash
# Trains what 2017's blog trained, measures it and writes tables and reports:
#
#   benchmarks/reproduce_2017.sh [FOLDER [FLAGS OF TRAIN ...]]
#
# FOLDER (default runs/2017) then holds the runs, reproduction.md and the reports. Calling it again goes on where
# it was stopped. Flags are for all runs: --max_steps=50 tries it out. ONLY=horses, say, makes only the runs whose
# names hold that word.
[ -n "${BASH_VERSION:-}" ] || { echo "error: expected bash, found another shell; start it with: bash $0" >&2; exit 2; }
set -euo pipefail
unset CDPATH
script=${BASH_SOURCE[0]}
while [ -L "$script" ]; do  # what it is a link to
  cd -P -- "$(dirname -- "$script")"
  script=$(readlink -- "$(basename -- "$script")")
done
cd -P -- "$(dirname -- "$script")/.."
. scripts/venv.sh
make_venv .venv "$(find_python)" -e .

folder=${1:-runs/2017}
shift || true
runs=()

# train NAME PRESET FLAGS...: one run, in FOLDER/NAME, unless it is there already; then its evaluation.
train() {
  local name=$1 preset=$2
  shift 2
  [[ $name == *"${ONLY:-}"* ]] || return 0
  local run=$folder/$name/00000-$preset parent=$folder/$name
  [[ -e $run/config.json ]] && parent=$run
  .venv/bin/python -m dcgan_tf1.train --preset="$preset" --run_dir="$parent" "$@"
  compgen -G "$run/evaluation-*/metrics.json" > /dev/null || .venv/bin/python -m dcgan_tf1.evaluate --run="$run"
  runs+=("$run")
}

for seed in 0 1 2; do
  train "mnist-fast-$seed" blog_mnist --seed="$seed" --eval_every=500 "$@"
done
for seed in 0 1; do
  train "mnist-float32-$seed" blog_mnist --seed="$seed" --precision=float32 --eval_every=500 "$@"
done
train horses-0 blog_cifar_horse --eval_every=385 "$@"
train dense-0 blog_dense --eval_every=8590 "$@"

.venv/bin/python benchmarks/reproduction_table.py "${runs[@]}" | tee "$folder/reproduction.md"
for each in mnist horses dense; do
  chosen=()
  for run in "${runs[@]}"; do
    [[ $run == "$folder/$each"* || ( $each == dense && $run == "$folder/mnist-fast-0"* ) ]] && chosen+=("$run")
  done
  [[ ${#chosen[@]} == 0 ]] || .venv/bin/python -m dcgan_tf1.report --overwrite --out="$folder/$each.html" \
    --runs="$(IFS=,; echo "${chosen[*]}")"
done
