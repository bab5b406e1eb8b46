#!/bin/sh
# Makes or mends a virtual environment with exactly what requirements-dev.txt locks, and this checkout installed editable.
#
#   scripts/setup.sh VENV oldest|newest
#
# A stamp in the environment remembers the lock and the project file it was made from: as long as neither changes,
# nothing is asked of the network, and this takes a few milliseconds.
set -eu
cd "$(dirname "$0")/.."

venv=${1:?the folder of the environment}
age=${2:?oldest or newest}
stamp=$venv/.hub-setup
# Interpreters are found by scripts/python.sh; uv shall not bring one of its own.
export UV_PYTHON_DOWNLOADS=never

wanted=$(cat requirements-dev.txt pyproject.toml | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && "$venv/bin/python" -c '' 2>/dev/null; then
    exit 0
fi

have() { command -v "$1" >/dev/null 2>&1; }

python=$(scripts/python.sh "$age")
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
rm -f "$stamp"

if [ "$("$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" != "$version" ]; then
    echo "Setting up $venv with Python $version"
    if have uv; then
        uv venv --quiet --clear --python "$python" "$venv"
    elif ! "$python" -m venv --clear "$venv"; then
        echo "Python cannot make an environment: install its venv module (Debian: apt-get install python3-venv), or uv." >&2
        exit 1
    fi
else
    echo "Bringing $venv up to date"
fi

# The lock holds uv too: an environment that pip made is mended by its own.
if have uv; then
    uv=uv
elif [ -x "$venv/bin/uv" ]; then
    uv=$venv/bin/uv
else
    uv=
fi

# --no-build-isolation: the build backend is in the lock, so nothing is fetched that has no hash.
if [ -n "$uv" ]; then
    "$uv" pip sync --quiet --python "$venv/bin/python" --require-hashes requirements-dev.txt
    "$uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
else
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
fi

echo "$wanted" >"$stamp.new"
mv "$stamp.new" "$stamp"
