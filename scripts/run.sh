#!/bin/sh
# Runs the hub of this checkout until Ctrl-C, with the variables of .env that are not set already.
#
#   scripts/run.sh HUB [ARGUMENTS]
set -eu
cd "$(dirname "$0")/.."

hub=$1
shift

if [ -f .env ]; then
    while IFS= read -r line || [ -n "$line" ]; do
        name=${line%%=*}
        value=${line#*=}
        case $name in '' | *[!A-Za-z0-9_]* | [0-9]*) continue ;; esac
        case $value in
            \"*\") value=${value#\"} value=${value%\"} ;;
            \'*\') value=${value#\'} value=${value%\'} ;;
        esac
        eval "present=\${$name+yes}"
        [ -n "$present" ] || export "$name=$value"
    done <.env
fi

exec "$hub" run --config config/configuration.json "$@"
