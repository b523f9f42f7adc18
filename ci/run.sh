#!/usr/bin/env bash
# The one entry, for people and for CI:  ci/run.sh [STEP ...]
#
#   lint    ruff: style and formatting          test    the test suite, and golden/ through the plugin
#   types   mypy --strict                       slow    tests/slow, tests/systems: minutes, real data
#   layers  import-linter: who imports whom     gate    the main job: amn gate on every case in golden/
#   net     verdicts, checks and numbers of some 340 commands, beside what was recorded
#   bench   speed ratios against plain PyTorch (minutes); not part of all
#   speed   bench, and its tables into docs/speed.md
#   all     lint types layers net test gate    (the default)
#   nightly all, slow, bench, 300 clean data sets (clean), the self-test on 100 others (proven), 500 whose best predictor is
#           known (known), 20,000 comparisons of each kind with a golden (rates), 20,000 damaged inputs (fuzz), 300 kills
#           (kill), and new examples for the property tests (long)
#
# Needs Python >= 3.11 and makes everything else: .venv with the versions of ci/constraints.txt.
# A step that fails stops the run; the last line says what passed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=${AMN_VENV:-.venv}
STEPS=(lint types layers net test gate)
export PYTHONHASHSEED=0 PIP_DISABLE_PIP_VERSION_CHECK=1

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
    if [[ -n $candidate ]] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "ci/run.sh: expected Python >= 3.11, found none. Fix: PYTHON=/path/to/python3.11 ci/run.sh" >&2
  exit 2
}

install() {
  local wanted
  wanted=$(cat pyproject.toml ci/constraints.txt | cksum)
  if [[ -x $VENV/bin/amn && -f $VENV/.installed && $(<"$VENV/.installed") == "$wanted" ]]; then
    return
  fi
  echo "== install (into $VENV, a few minutes)"
  "$(find_python)" -m venv --clear "$VENV"
  "$VENV/bin/python" -m pip install --quiet --constraint ci/constraints.txt --editable '.[all,dev]'
  echo "$wanted" >"$VENV/.installed"
}

# Without its cache, which has been seen to pass a file that had changed.
lint() { "$VENV/bin/ruff" check --no-cache . && "$VENV/bin/ruff" format --check .; }
types() { "$VENV/bin/mypy"; }
layers() { "$VENV/bin/lint-imports"; }
# `test` is a shell builtin, so the functions carry a prefix.
# A CI system names a change, and a gate under it ends in 3 where there is nothing to compare with.
# Here the checkout is judged as it is, the same on every machine.
alone() { env -i PATH="$PATH" HOME="${HOME:-/tmp}" LANG="${LANG:-C.UTF-8}" TERM="${TERM:-dumb}" PYTHONHASHSEED=0 "$@"; }
# Here every change is one of what the gate is run by: its tests judge that.
OURS="amn's own repository: what the gate is run by is judged by its tests"
# A file to a worker: what a module has made is made once.
run_test() { alone OMP_NUM_THREADS=1 "$VENV/bin/python" -m pytest -n 2 --dist loadfile tests golden --amn-approve-loosening "$OURS"; }
run_slow() { find_browser && alone OMP_NUM_THREADS=1 "$VENV/bin/python" -m pytest -n 2 tests/slow tests/systems; }
run_net() { alone "$VENV/bin/python" -m tests.net.run; }
run_gate() { alone "$VENV/bin/amn" gate --approve-loosening "$OURS"; }
run_long() { alone AMN_EXAMPLES=long OMP_NUM_THREADS=1 "$VENV/bin/python" -m pytest -n 2 tests/property; }
run_clean() { "$VENV/bin/python" -m tests.clean_sets; }
run_fuzz() { alone "$VENV/bin/python" ci/fuzz.py; }
run_kill() { alone OMP_NUM_THREADS=1 "$VENV/bin/python" ci/kill.py; }
run_proven() { "$VENV/bin/python" -m tests.proven_sets; }
run_known() { "$VENV/bin/python" -m tests.known_best; }
run_rates() { alone OMP_NUM_THREADS=1 "$VENV/bin/python" -m tests.error_rates; }

run_bench() { "$VENV/bin/python" -m pytest tests/benchmarks -s -p no:xdist "$@"; }
run_speed() { run_bench --page && "$VENV/bin/python" -m tests.benchmarks.scaling docs/speed.md; }

# The tests of the HTML report drive a real Chromium; they skip, visibly, where there is none.
find_browser() {
  local candidate
  for candidate in chromium chromium-browser google-chrome; do
    command -v "$candidate" >/dev/null && return
  done
  if [[ $EUID -eq 0 ]] && command -v apt-get >/dev/null; then
    echo "== install chromium"
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null && return
  fi
  echo "ci/run.sh: found no Chromium: the browser tests of the HTML report do not run. Fix: apt-get install chromium" >&2
}

step() {
  echo "== $1"
  case $1 in
    lint | types | layers) "$1" ;;
    net | test | slow | gate | bench | speed | clean | proven | known | rates | fuzz | kill | long) "run_$1" ;;
    *)
      echo "ci/run.sh: expected one of ${STEPS[*]} bench speed clean proven known rates fuzz kill long all nightly, got '$1'" >&2
      exit 2
      ;;
  esac
}

steps=("${@:-all}")
[[ ${steps[*]} == all ]] && steps=("${STEPS[@]}")
[[ ${steps[*]} == nightly ]] && steps=("${STEPS[@]}" slow bench clean proven known rates fuzz kill long)
install
for name in "${steps[@]}"; do
  step "$name"
done
echo "== passed: ${steps[*]}"
