#!/bin/sh
# Installs the servers that the tests start, as far as this user may: on Debian and its kin, as root, with apt-get.
# Nothing is started here; the tests start their own, on free ports and in folders of their own.
#
#   scripts/servers.sh                   with CI set, a server that cannot be had is a failure; else its tests are skipped
set -eu

postgres_present() {
    [ -n "${HUB_TEST_POSTGRES_URL:-}" ] && return 0
    command -v initdb >/dev/null 2>&1 && command -v postgres >/dev/null 2>&1 && return 0
    command -v pg_config >/dev/null 2>&1 && [ -x "$(pg_config --bindir)/initdb" ] && return 0
    for path in /usr/lib/postgresql/*/bin/initdb; do
        [ -x "$path" ] && return 0
    done
    return 1
}

mariadb_present() {
    [ -n "${HUB_TEST_MARIADB_URL:-}" ] && return 0
    for name in mariadbd mariadb-install-db; do
        command -v "$name" >/dev/null 2>&1 || [ -x "/usr/sbin/$name" ] || return 1
    done
}

missing=
postgres_present || missing="$missing postgresql"
mariadb_present || missing="$missing mariadb-server"
[ -z "$missing" ] && exit 0

give_up() {
    echo "Not installed:$missing. $1" >&2
    [ -z "${CI:-}" ] || exit 1
    echo "The tests that need them are skipped." >&2
    exit 0
}

command -v apt-get >/dev/null 2>&1 || give_up "Install them with this system's packages (macOS: brew install postgresql@17 mariadb)."
[ "$(id -u)" = 0 ] || give_up "As root: apt-get install$missing"

# Debian starts a service when its package is installed, unless this program says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # a list of names
{ apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >&2 || give_up "apt-get failed, see above."
