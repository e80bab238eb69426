# Sourced by run_mnist.sh, run_cifar.sh and run_tests.sh: makes the virtual environment on
# the first call, and does nothing when it is there and up to date.

say() { printf '%s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }

# find_python: prints the first interpreter that TensorFlow can be had for. $PYTHON wins.
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10 python3.7}; do
    if "$candidate" -c 'import sys; sys.exit(not (sys.version_info[:2] == (3, 7) or (3, 10) <= sys.version_info[:2] <= (3, 13)))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  fail "expected Python 3.10 to 3.13 (or 3.7), found ${PYTHON:-$(python3 --version 2>&1 || echo none)}; name one with PYTHON=/path/to/python3"
}

# make_venv FOLDER PYTHON [PIP_ARGUMENT ...]: a virtual environment with the arguments
# installed. A stamp, written last, tells a finished one: an interrupted installation is
# taken up again, and a changed setup.py or argument brings it up to date.
make_venv() {
  local venv=$1 python=$2 stamp
  shift 2
  stamp="$("$python" --version) $* $(cksum < setup.py)"
  if [ -x "$venv/bin/python" ] && [ "$(cat "$venv/.installed" 2>/dev/null)" = "$stamp" ]; then
    return
  fi
  say "setting up $venv with $("$python" --version); this takes a minute or two, once"
  [ -x "$venv/bin/python" ] || "$python" -m venv "$venv" \
    || fail "$python -m venv failed (on Debian and Ubuntu: apt install python3-venv)"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" \
    || fail "pip could not install $* into $venv; the lines above say why"
  printf '%s\n' "$stamp" > "$venv/.installed"
}
