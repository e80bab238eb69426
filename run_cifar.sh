#!/usr/bin/env bash
# Trains the 2017 blog's DCGAN on the horses of CIFAR-10; sets everything up on the first call.
# Flags are passed on: ./run_cifar.sh --epochs=1 (--help lists them). Paths in flags are
# relative to this folder, in which data/ and runs/ lie.
[ -n "${BASH_VERSION:-}" ] || { echo "error: expected bash, found another shell; start it with: bash $0" >&2; exit 2; }
set -euo pipefail
unset CDPATH
script=${BASH_SOURCE[0]}
while [ -L "$script" ]; do  # what it is a link to
  cd -P -- "$(dirname -- "$script")"
  script=$(readlink -- "$(basename -- "$script")")
done
cd -P -- "$(dirname -- "$script")"
. scripts/venv.sh

python=$(find_python)
make_venv .venv "$python" -e .
preset=(--preset=blog_cifar_horse)
for flag in "$@"; do
  case $flag in --preset=* | --preset_file=*) preset=() ;; esac
done
exec .venv/bin/python -m dcgan_tf1.train ${preset[@]+"${preset[@]}"} "$@"
