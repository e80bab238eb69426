# Sourced by run_mnist.sh, run_cifar.sh and run_tests.sh: makes virtual environments on the
# first call, and does nothing where they are there and up to date.

# What the environment has for other programs does not reach the interpreters here.
unset PYTHONHOME PYTHONPATH
# Of what it says to pip, where packages are had from is kept, and where to and which are installed is not.
unused=
for name in ${!PIP_@}; do
  case $name in
    PIP_INDEX_URL | PIP_EXTRA_INDEX_URL | PIP_NO_INDEX | PIP_FIND_LINKS | PIP_PREFER_BINARY | PIP_ONLY_BINARY | \
      PIP_CONSTRAINT | PIP_TRUSTED_HOST | PIP_CERT | PIP_CLIENT_CERT | PIP_PROXY | PIP_KEYRING_PROVIDER | \
      PIP_CONFIG_FILE | PIP_CACHE_DIR | PIP_NO_CACHE_DIR | PIP_TIMEOUT | PIP_DEFAULT_TIMEOUT | PIP_RETRIES | \
      PIP_RESUME_RETRIES | PIP_NO_INPUT | PIP_LOG | PIP_QUIET | PIP_VERBOSE | PIP_NO_COLOR | PIP_PROGRESS_BAR | \
      PIP_ROOT_USER_ACTION | PIP_DISABLE_PIP_VERSION_CHECK) ;;
    *) unused="$unused $name"; unset "$name" ;;
  esac
done
export PIP_USER=no  # over `user = yes` in a pip.conf, which fails in a virtual environment

say() { printf '%s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }

# supported PYTHON: whether there is a TensorFlow for that interpreter.
supported() {
  "$1" -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 7) <= v <= (3, 13))' 2>/dev/null
}

# find_python: prints the first interpreter that TensorFlow can be had for; $PYTHON wins, then
# that of the environment which is there.
find_python() {
  local candidate candidates=(python3 python3.13 python3.12 python3.11 python3.10 python3.9 python3.8 python3.7)
  [ ! -f .venv/.python ] || candidates=(.venv/bin/python "${candidates[@]}")
  [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
  for candidate in "${candidates[@]}"; do
    if supported "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  fail "expected Python 3.7 to 3.13, found $("${PYTHON:-python3}" --version 2>&1 | head -n 1 || true); name one with PYTHON=/path/to/python3"
}

# find_exact 3.7: prints an interpreter of that version, from the PATH or pyenv; status 1
# where there is none.
find_exact() {
  local candidate
  for candidate in "python$1" "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/"$1".*/bin/python; do
    if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

# make_venv FOLDER PYTHON PIP_ARGUMENT ...: a virtual environment with the arguments
# installed. Stamps, written last, tell what is finished: an interrupted set-up is taken up
# again, a changed setup.py brings it up to date, and an environment of ours with another
# Python is made anew: with another 3.x, for 3.12.2 goes on with what 3.12.1 has.
make_venv() {
  local venv=$1 python=$2 version stamp file made_with now
  shift 2
  version="$("$python" --version 2>&1)"
  stamp="${version%.*} $PWD $* $(cksum < setup.py)"  # a copy is to run its own code
  file="$venv/.installed-$(printf '%s' "$*" | cksum | cut -d ' ' -f 1)"
  if [ -x "$venv/bin/python" ] && [ "$(cat "$file" 2>/dev/null)" = "$stamp" ]; then
    return
  fi
  say "setting up $venv with $version; this takes a few minutes, once${unused:+ (not used here:$unused)}"
  made_with="$(cat "$venv/.python" 2>/dev/null)" || true
  now="$("$venv/bin/python" --version 2>&1)" || now=  # what it was made with may be gone
  if [ -n "$now" ] && [ ! -f "$venv/.python" ] && [ ! -f "$venv/.begun" ]; then  # a user's own
    [ "${now%.*}" = "${version%.*}" ] || fail "$venv: expected an environment of ${version%.*}, found one of \
${now%.*} that this script has not made; move it away, or start with PYTHON=$venv/bin/python"
  elif [ "${made_with%.*}" != "${version%.*}" ] || [ "${now%.*}" != "${version%.*}" ]; then
    mkdir -p "$venv" && : > "$venv/.begun"
    # One that we finished with another Python goes; any other of ours is only completed.
    "$python" -m venv $([ ! -f "$venv/.python" ] || printf -- --clear) "$venv" \
      || fail "$python -m venv failed (on Debian and Ubuntu: apt install python3-venv)"
    printf '%s\n' "$version" > "$venv/.python"
  fi
  "$venv/bin/python" -I -m pip install --quiet --disable-pip-version-check "$@" \
    || fail "pip could not install $* into $venv; the lines above say why"
  printf '%s\n' "$stamp" > "$file"
}
