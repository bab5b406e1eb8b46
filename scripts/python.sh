#!/bin/sh
# Prints the path of the oldest or the newest CPython on this machine that the hub runs on (3.11 or later).
#
#   scripts/python.sh oldest|newest      the environment variable PYTHON names one and ends the search
#
# A candidate is asked who it is rather than judged by its name: a pyenv shim may stand for a version that is not
# active and fail, and `python3` may be an environment of its own. The path printed is the base interpreter's.
set -eu

which=${1:?oldest or newest}

describe='
import platform, sys
if sys.version_info >= (3, 11) and sys.version_info.releaselevel == "final" and platform.python_implementation() == "CPython":
    print(sys.version_info[0] * 1000000 + sys.version_info[1] * 1000 + sys.version_info[2], sys._base_executable)
'

candidates() {
    if [ -n "${PYTHON:-}" ]; then
        echo "$PYTHON"
        return
    fi
    for name in python3.11 python3.12 python3.13 python3.14 python3.15 python3; do
        command -v "$name" || true
    done
    if command -v pyenv >/dev/null 2>&1; then
        for path in "$(pyenv root)"/versions/3.1[1-9]*/bin/python; do
            [ -x "$path" ] && echo "$path"
        done
    fi
    return 0
}

found=$(candidates | while IFS= read -r path; do "$path" -c "$describe" 2>/dev/null || true; done | sort -n)
if [ -z "$found" ]; then
    echo "The hub needs CPython 3.11 or later; none was found as python3.X, python3, in pyenv, or in \$PYTHON." >&2
    exit 1
fi
case $which in
    oldest) echo "$found" | head -n 1 | cut -d ' ' -f 2- ;;
    newest) echo "$found" | tail -n 1 | cut -d ' ' -f 2- ;;
    *) echo "oldest or newest, not $which" >&2; exit 2 ;;
esac
