#!/usr/bin/env bash
# Trains every system to its end, measures it, and adds it to the tables of docs/results.md:
#
#   benchmarks/reproduce_all.sh [FOLDER [FLAGS OF TRAIN ...]]            # default: runs/all
#   benchmarks/reproduce_all.sh --quick [FOLDER [FLAGS OF TRAIN ...]]    # default: runs/quick
#
# FOLDER, from the project's folder on, then holds a folder for each run (systems.py lists them) and a report for
# each system. Flags of train say where data lie and what machine computes, nothing that makes other runs. All of it
# takes longer than one sitting; the shortest runs come first. Calling it again goes on where it was stopped, and
# leaves out what is finished. A run that fails doesn't end the others: it is named at the end, and the exit
# status is 1. Ctrl-C stops what runs and then the script; Ctrl-Z stops the script alone.
#
# ONLY=horse, say, makes only the runs whose names hold that word. LIST=1 prints those that are left, with about how
# many hours each takes on two cores. --quick tries everything out: each system for a few steps, one seed each,
# measured by features that say nothing; its tables are in FOLDER and never come into docs/results.md.
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

quick=
if [ "${1:-}" = --quick ]; then
  quick=1
  shift
fi
case "${1:-}" in
  -*) say "error: expected a folder before the flags of train, found $1"; exit 2 ;;
esac
folder=${1:-runs/$([ -n "$quick" ] && echo quick || echo all)}
shift || true
evaluated_by=()
for flag; do
  case "$flag" in
    --device=*) evaluated_by+=("$flag") ;;
    --data_dir=* | --lowering=* | --steps_per_run=* | --xla | --noxla | --*_threads=*) ;;
    *) [ -n "$quick" ] || fail "$flag: expected a --flag=value of the machine or of where data lie, found another" ;;
  esac
done
python=.venv/bin/python
found=$(find_python)
make_venv .venv "$found" -e .

# Runs of a few steps are never taken for whole ones, nor gone on with as such.
mark=$folder/these-runs-are-cut-short
if [ -n "$quick" ]; then
  [ -e "$mark" ] || ! compgen -G "$folder/*/*/config.json" > /dev/null \
    || fail "$folder: expected no whole runs in the folder of --quick, found some"
else
  [ ! -e "$mark" ] || fail "$folder: expected a folder of whole runs, found one of --quick"
fi

# go COMMAND ...: its exit status. A signal to this script stops it, and then the script.
child='' signal=''
stop() {
  signal=$1
  [ -z "$child" ] || kill -TERM "$child" 2> /dev/null || true
}
trap 'stop 1' HUP
trap 'stop 2' INT
trap 'stop 15' TERM
leave_if_stopped() {
  [ -n "$signal" ] || return 0
  say "stopped; the same command goes on from here"
  exit $((128 + signal))
}
go() {
  local status=0
  leave_if_stopped
  set -m  # in a group of its own: a Ctrl-C reaches it once, through this script; a second one would end a training
  "$@" < /dev/null &
  child=$!
  set +m
  [ -z "$signal" ] || kill -TERM "$child" 2> /dev/null || true  # it came before the number was known
  wait "$child" || status=$?
  while kill -0 "$child" 2> /dev/null; do  # a signal ended the wait, and the command is about to stop
    wait "$child" || status=$?
  done
  child=''
  leave_if_stopped
  return "$status"
}

# newest NAME PRESET: the run folder of that run with the highest number, or nothing.
newest() {
  local each found=
  for each in "$folder/$1"/[0-9]*-"$2"/config.json; do
    [ ! -e "$each" ] || found=${each%/config.json}
  done
  printf '%s' "$found"
}

# finished NAME FLAGS ...: whether that run was trained with these flags, evaluated and recorded.
finished() {
  local name=$1
  shift
  [ "$(cat "$folder/$name/finished" 2> /dev/null)" = "$*" ]
}

# reproduce NAME PRESET FLAGS ...: one run from wherever it is to its end; says what failed, with status 1.
reproduce() {
  local name=$1 preset=$2 run
  shift 2
  run=$(newest "$name" "$preset")
  say "== $name: training"
  go "$python" -m dcgan_tf1.train --run_dir="${run:-$folder/$name}" "$@" || { failed+=("$name (training)"); return 1; }
  run=$(newest "$name" "$preset")
  say "== $name: evaluating"
  go "$python" -m dcgan_tf1.evaluate --run="$run" --overwrite ${measured_by[@]+"${measured_by[@]}"} \
    ${evaluated_by[@]+"${evaluated_by[@]}"} \
    || { failed+=("$name (evaluation)"); return 1; }
  go "$python" benchmarks/results_table.py ${quick:+--trial="$folder"} "$run" \
    || { failed+=("$name (the table)"); return 1; }
  printf '%s\n' "$*" > "$folder/$name/finished.part"
  mv "$folder/$name/finished.part" "$folder/$name/finished"
}

# report SYSTEM PRESET: one page about all of its finished runs, unless there is one that is newer than they are.
report() {
  local each run runs='' page=$folder/$1.html is_old=
  for each in "$folder/$1"-[0-9]*/finished; do
    [ -e "$each" ] || continue
    run=$(newest "$(basename "$(dirname "$each")")" "$2")
    runs=$runs${runs:+,}$run
    [ ! "$each" -nt "$page" ] || is_old=1
  done
  [ -n "$is_old" ] || return 0
  say "== $1: report"
  go "$python" -m dcgan_tf1.report --overwrite --out="$page" --runs="$runs" || failed+=("$1 (the report)")
}

failed=() measured_by=() chosen='' left=0
if [ -z "${LIST:-}" ]; then
  mkdir -p "$folder"
  if [ -n "$quick" ]; then
    : > "$mark"
    go "$python" benchmarks/trial_features.py "$folder/features.pb"
    measured_by=(--num_images=100 --features="$folder/features.pb" --features_input=images --features_output=features)
  fi
fi
plan=$("$python" benchmarks/systems.py)
while IFS=$'\t' read -r -u 3 name hours preset eval_every flags; do
  case "$name" in
    *"${ONLY:-}"*) ;;
    *) continue ;;
  esac
  [ -z "$quick" ] || [ "${name##*-}" = 0 ] || continue  # one seed
  read -ra words <<< "$flags"
  if [ -n "$quick" ]; then words+=(--max_steps=3 --log_every=1); else words+=("$eval_every"); fi
  words+=("$@")
  case " $chosen" in
    *" ${name%-*}:"*) ;;
    *) chosen="$chosen${name%-*}:$preset " ;;
  esac
  if finished "$name" "${words[@]}"; then
    continue
  elif [ -n "${LIST:-}" ]; then
    [ -z "$quick" ] || hours=0.03
    printf '%-30s %5s h\n' "$name" "$hours"
    left=$(awk "BEGIN { print $left + $hours }")
  else
    reproduce "$name" "$preset" "${words[@]}" || true
  fi
done 3<<< "$plan"
[ -n "$chosen" ] || fail "ONLY=${ONLY:-}: expected a part of a run's name, found none with it; LIST=1 lists them"

if [ -n "${LIST:-}" ]; then
  printf '%-30s %5s h\n' 'all that is left' "$left"
  exit
fi
# Says which records are of presets that have changed since: those runs are to be moved away and made anew.
[ -n "$quick" ] || go "$python" benchmarks/results_table.py || failed+=("the tables")
for each in $chosen; do
  report "${each%%:*}" "${each##*:}"
done
if [ ${#failed[@]} -gt 0 ]; then
  say "error: of the runs in $folder, these failed: $(printf '%s; ' "${failed[@]}")see above"
  exit 1
fi
say "done: $folder"
