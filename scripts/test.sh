#!/bin/sh
# The whole test run: everything on the oldest Python found, the quick checks and the conformance suite on the newest.
# Each part runs whatever became of the others, and the last lines say which failed.
set -eu
cd "$(dirname "$0")/.."

make=${MAKE:-make}
failed=

part() {
    name=$1
    shift
    echo
    echo "==> $name"
    "$@" || failed="$failed$name; "
}

# The folders of tests that exist, without tests/unit, which `make check` runs.
beyond_unit() {
    for folder in tests/*/; do
        case $folder in
            tests/unit/ | tests/servers/ | tests/clients/ | tests/__pycache__/) ;;
            *) echo "$folder" ;;
        esac
    done
}

# Three workers even on two cores, as most tests wait; a file stays with one, so that what its tests share is made once.
# In their order the files end with short ones: ordered by their number of tests, the few long ones would come last, to
# one worker while the others have nothing left.
tests() {
    python=$1
    shift
    "$python" -m pytest -n 3 --dist loadfile --no-loadscope-reorder "$@"
}

part "setup" scripts/setup.sh .venv oldest
[ -z "$failed" ] || exit 1
part "servers" scripts/servers.sh

oldest=$(.venv/bin/python -V)
part "check, $oldest" "$make" --no-print-directory --keep-going check
# shellcheck disable=SC2046  # a list of folders
part "all other tests, $oldest" tests .venv/bin/python $(beyond_unit)

if [ "$(scripts/python.sh newest)" != "$(scripts/python.sh oldest)" ]; then
    part "setup of the newest Python" scripts/setup.sh .venv-newest newest
    newest=$(.venv-newest/bin/python -V)
    part "check, $newest" "$make" --no-print-directory --keep-going check VENV=.venv-newest AGE=newest
    [ ! -d tests/conformance ] || part "conformance, $newest" tests .venv-newest/bin/python tests/conformance
fi

echo
if [ -n "$failed" ]; then
    echo "FAILED: $failed"
    exit 1
fi
echo "All parts succeeded."
