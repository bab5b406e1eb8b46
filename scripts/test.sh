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

part "setup" scripts/setup.sh .venv oldest
[ -z "$failed" ] || exit 1
part "servers" scripts/servers.sh

oldest=$(.venv/bin/python -V)
part "check, $oldest" "$make" --no-print-directory --keep-going check
# A file stays with one worker, so that what its tests share is made once.
parallel="-n 2 --dist loadfile"
# shellcheck disable=SC2046,SC2086  # lists of words
part "all other tests, $oldest" .venv/bin/python -m pytest $parallel $(beyond_unit)

if [ "$(scripts/python.sh newest)" != "$(scripts/python.sh oldest)" ]; then
    part "setup of the newest Python" scripts/setup.sh .venv-newest newest
    newest=$(.venv-newest/bin/python -V)
    part "check, $newest" "$make" --no-print-directory --keep-going check VENV=.venv-newest AGE=newest
    # shellcheck disable=SC2086  # a list of words
    [ ! -d tests/conformance ] || part "conformance, $newest" .venv-newest/bin/python -m pytest $parallel tests/conformance
fi

echo
if [ -n "$failed" ]; then
    echo "FAILED: $failed"
    exit 1
fi
echo "All parts succeeded."
