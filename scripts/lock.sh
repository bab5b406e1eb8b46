#!/bin/sh
# Writes the three locks: what runs, with every database's driver (requirements.txt), what builds the wheel
# (requirements-build.txt), and everything a developer needs (requirements-dev.txt). Universal: one file for every
# platform and Python. Hashed, and without the address of any index, so that each site uses its own.
#
#   scripts/lock.sh UV [ARGUMENTS]     for example: scripts/lock.sh .venv/bin/uv --upgrade-package aiohttp
set -eu
cd "$(dirname "$0")/.."

uv=$1
shift

compile() {
    output=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --output-file "$output" "$@"
}

compile requirements.txt pyproject.toml --extra mysql "$@"
compile requirements-build.txt --group build "$@"
compile requirements-dev.txt pyproject.toml --group dev --constraint requirements.txt --constraint requirements-build.txt "$@"
