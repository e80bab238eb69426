#!/usr/bin/env bash
# Sets up and runs the tests: lint and tests on the default Python, the same tests under
# TensorFlow 1.15.5 where there is a Python 3.7, and checkpoints and exports under TensorFlow
# 1.0.1 and 1.4.1 where there is a Python 3.6 (x86-64 only, for want of old wheels elsewhere).
#
#   ./run_tests.sh              the quick tests: minutes
#   ./run_tests.sh --all        the slow ones, too: what .ci/run runs
#   ./run_tests.sh --nightly    also those that only repeat for longer what --all does for a while, and
#                               the quick ones under releases of TensorFlow between 1.15.5 and the newest
#   ./run_tests.sh -k resume    other arguments go to pytest
#
# Set DCGAN_TF1_DATA to a folder with mnist/ (and cifar10/) for the tests on real data.

[ -n "${BASH_VERSION:-}" ] || { echo "error: expected bash, found another shell; start it with: bash $0" >&2; exit 2; }
set -euo pipefail
unset CDPATH
case "${1:-}" in
  -h | --help) exec sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" ;;
esac
script=${BASH_SOURCE[0]}
while [ -L "$script" ]; do  # what it is a link to
  cd -P -- "$(dirname -- "$script")"
  script=$(readlink -- "$(basename -- "$script")")
done
cd -P -- "$(dirname -- "$script")"
. scripts/venv.sh

select='not slow and not nightly' select_old='not slow_tf1' durations=()
quick_old="$select and not once and $select_old"
case "${1:-}" in
  --all | --nightly)
    select='not nightly' select_old=
    [ "$1" = --all ] || { select= nightly=yes; }
    durations=(--durations=15)
    shift ;;
esac
# What does not depend on the release of TensorFlow is tested under one.
select_old="${select:+$select and }not once${select_old:+ and $select_old}"

python=$(find_python)
make_venv .venv "$python" -e '.[test]'

if [ "$(uname -m)" != x86_64 ]; then
  say "skipping TensorFlow 1.x: it has no packages for $(uname -m)"
else
  if python37=$(find_exact 3.7); then
    make_venv .venv-tf1.15 "$python37" -e '.[test]' 'tensorflow==1.15.5'
    export DCGAN_TF1_PYTHON_TF115=$PWD/.venv-tf1.15/bin/python
  else
    say "skipping TensorFlow 1.15.5: no Python 3.7 found"
  fi
  if python36=$(find_exact 3.6); then
    make_venv .venv-tf1.0 "$python36" 'tensorflow==1.0.1' 'protobuf<3.20' 'numpy<1.17' 'wheel<0.38'
    export DCGAN_TF1_PYTHON_TF10=$PWD/.venv-tf1.0/bin/python
    # Without its TensorBoard, of which no dependency is for Python 3.6 any more.
    make_venv .venv-tf1.4 "$python36" --no-deps 'tensorflow==1.4.1' 'protobuf<3.20' 'numpy<1.17' six
    export DCGAN_TF1_PYTHON_TF14=$PWD/.venv-tf1.4/bin/python
  else
    say "skipping TensorFlow 1.0.1 and 1.4.1: no Python 3.6 found"
  fi
fi

status=0
if .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 8))'; then
  .venv/bin/python -m ruff check setup.py benchmarks dcgan_tf1 examples scripts tests || status=$?
else
  say "skipping the lint: ruff needs Python 3.8"
fi
if .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
  .venv/bin/python -m mypy || status=$?
fi

# As many processes as there are cores, up to four; tests that are picked run in one, for --pdb and the like.
parallel=()
if [ $# -eq 0 ] && .venv/bin/python -c 'import xdist' 2> /dev/null; then
  cores=$(getconf _NPROCESSORS_ONLN 2> /dev/null || echo 1)
  parallel=(-n $((cores < 4 ? cores : 4)) --dist loadfile)
fi

# Releases between, so that each Python and each change of what TensorFlow needs is among them.
between=()
if [ "${nightly:-}" ] && [ "$(uname -m)" = x86_64 ]; then
  for each in 3.7=2.0.4 3.8=2.4.4 3.9=2.6.5 3.9=2.10.1 3.7=2.11.0 3.8=2.13.1 3.10=2.15.1 3.12=2.18.1 3.9=2.20.0; do
    release=${each#*=}
    if ! found=$(find_exact "${each%=*}"); then
      say "skipping TensorFlow $release: no Python ${each%=*} found"
      continue
    fi
    case $release in
      2.1[6-9].* | 2.2?.*) needs=("tf_keras<${release%.*}.99") ;;
      *) needs=('numpy<2' 'protobuf<3.21') ;;  # it agrees to later ones, and can't be imported with them
    esac
    make_venv ".venv-tf$release" "$found" -e . "tensorflow==$release" 'pytest>=7.3' hypothesis scipy "${needs[@]}"
    between+=("$release")
  done
fi

# count_failure STATUS ARGUMENTS: 5 says that the arguments, if there are any, select none of these tests.
count_failure() {
  if [ "$1" -ne 0 ] && { [ "$1" -ne 5 ] || [ "$2" -eq 0 ]; }; then status=$1; fi
}

begun=$SECONDS
if [ -n "${DCGAN_TF1_PYTHON_TF115:-}" ]; then
  # Beside the other tests: what takes most of the time, building graphs, keeps one core busy.
  old_log=$(mktemp)
  # The tests between releases run on the default Python.
  "$DCGAN_TF1_PYTHON_TF115" -m pytest -m "$select_old" ${durations[@]+"${durations[@]}"} \
    --ignore=tests/integration/test_legacy.py "$@" > "$old_log" 2>&1 &
  old_tests=$!
  trap 'kill $old_tests 2> /dev/null || true; rm -f "$old_log"' EXIT
  trap 'exit 130' INT
fi
say "== tests: $(.venv/bin/python --version)"
.venv/bin/python -m pytest -m "$select" ${durations[@]+"${durations[@]}"} ${parallel[@]+"${parallel[@]}"} "$@" || status=$?
if [ -n "${DCGAN_TF1_PYTHON_TF115:-}" ]; then
  say "== after $((SECONDS - begun)) s, waiting for the tests under TensorFlow 1.15.5, which run beside"
  old=0
  wait $old_tests || old=$?
  say "== tests: $("$DCGAN_TF1_PYTHON_TF115" --version), TensorFlow 1.15.5"
  cat "$old_log"
  count_failure $old $#
fi
for release in ${between[@]+"${between[@]}"}; do
  say "== tests: TensorFlow $release"
  old=0
  ".venv-tf$release/bin/python" -m pytest -m "$quick_old" --ignore=tests/integration/test_legacy.py "$@" || old=$?
  count_failure $old $#
done
say "== all tests took $(((SECONDS - begun) / 60)) min $(((SECONDS - begun) % 60)) s"
exit $status
