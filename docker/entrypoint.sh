#!/bin/sh
# `hub` in a container, at its start and by `docker exec`. What must be secret is made at the first start, in the volume
# /secrets, and never printed: the API token (`token`; the hub itself sees only its hash) and the password of Compose's
# PostgreSQL.
#
#   hub secrets        makes the secrets and ends
#   hub COMMAND ...    the hub's own command
set -eu

folder=${HUB_SECRETS:-/secrets}

# keep FILE MODE: writes standard input to a secret that does not exist yet, whole or not at all.
keep() {
    (umask 077 && cat >"$folder/$1.new")
    chmod "$2" "$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1"
}

random() { python -c 'import secrets; print(secrets.token_urlsafe(32))'; }

hash_of() { python -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.read().strip().encode()).hexdigest())' <"$1"; }

[ -s "$folder/token" ] || random | keep token 0400
[ -s "$folder/token.sha256" ] || hash_of "$folder/token" | keep token.sha256 0444
# Readable by others than the owner: the database's image reads it as a user of its own.
[ -s "$folder/postgres-password" ] || random | keep postgres-password 0444

[ "${1:-}" != secrets ] || exit 0

if [ -n "${DB_HOST:-}" ] && [ -z "${DB_PASS:-}" ]; then
    DB_PASS=$(cat "$folder/postgres-password")
    export DB_PASS
fi
exec python -m hub "$@"
