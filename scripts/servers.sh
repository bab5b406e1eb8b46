#!/bin/sh
# Installs the servers and clients that the tests start, as far as this user may: on Debian and its kin, as root, with
# apt-get; Kafka, ActiveMQ and HiveMQ as jars with Maven; the JavaScript clients with npm. What was fetched once is kept
# in $HUB_TEST_CACHE (default: ~/.cache/hub-tests), and then no network is asked.
# Nothing is started here; the tests start their own, on free ports and in folders of their own.
#
#   scripts/servers.sh            with CI set, a server that cannot be had is a failure; else its tests are skipped
#   scripts/servers.sh --cache    prints the folder of what was fetched
set -eu
cd "$(dirname "$0")/.."

cache=${HUB_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hub-tests}
if [ "${1:-}" = --cache ]; then
    echo "$cache"
    exit 0
fi

have() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }

postgres_present() {
    have initdb && have postgres && return 0
    have pg_config && [ -x "$(pg_config --bindir)/initdb" ] && return 0
    for path in /usr/lib/postgresql/*/bin/initdb; do
        [ -x "$path" ] && return 0
    done
    return 1
}

missing=
need() { missing="$missing $1"; }
[ -n "${HUB_TEST_POSTGRES_URL:-}" ] || postgres_present || need postgresql
[ -n "${HUB_TEST_MARIADB_URL:-}" ] || { have mariadbd && have mariadb-install-db; } || need mariadb-server
[ -n "${HUB_TEST_REDIS_URL:-}" ] || have redis-server || need redis-server
[ -n "${HUB_TEST_MEMCACHED_URL:-}" ] || have memcached || need memcached
[ -n "${HUB_TEST_MQTT_URL:-}" ] || have mosquitto || need mosquitto
have javac || need default-jdk-headless
have mvn || need maven
have node || need nodejs
have npm || need npm
have openssl || need openssl
have chromium || have google-chrome || need chromium

failed=
lacking() {
    echo "$1" >&2
    failed=yes
}

if [ -n "$missing" ]; then
    if ! have apt-get; then
        lacking "Not installed:$missing. Install them with this system's packages."
    elif [ "$(id -u)" != 0 ]; then
        lacking "Not installed:$missing. As root: apt-get install$missing"
    else
        # Debian starts a service when its package is installed, unless this program says no.
        policy=/usr/sbin/policy-rc.d
        if [ ! -e "$policy" ]; then
            printf '#!/bin/sh\nexit 101\n' >"$policy"
            chmod 755 "$policy"
            trap 'rm -f "$policy"' EXIT
        fi
        export DEBIAN_FRONTEND=noninteractive
        # shellcheck disable=SC2086  # a list of names
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >&2 ||
            lacking "apt-get failed, see above. Not installed:$missing"
    fi
fi

# fetched FOLDER LIST COMMAND…: runs COMMAND unless FOLDER was filled by the same LIST before.
fetched() {
    folder=$1
    list=$2
    shift 2
    wanted=$(cksum <"$list")
    [ "$(cat "$folder/.list" 2>/dev/null)" = "$wanted" ] && return 0
    rm -rf "$folder"
    mkdir -p "$folder"
    "$@" >&2 || return 1
    echo "$wanted" >"$folder/.list"
}

# A registry that fails once is asked again, for what it still owes.
copy_jars() {
    set -- mvn -q -B -f "$1" dependency:copy-dependencies -DoutputDirectory="$2"
    "$@" || "$@" -U
}

for pom in tests/servers/jars/*/pom.xml; do
    [ -e "$pom" ] || continue
    name=$(basename "$(dirname "$pom")")
    fetched "$cache/$name" "$pom" copy_jars "$pom" "$cache/$name" ||
        lacking "The jars of $name could not be fetched (Maven, see above)."
done

if [ -e tests/clients/package-lock.json ]; then
    install_clients() {
        cp tests/clients/package.json tests/clients/package-lock.json "$cache/clients/"
        npm ci --prefix "$cache/clients" --silent --no-audit --no-fund
    }
    fetched "$cache/clients" tests/clients/package-lock.json install_clients ||
        lacking "The JavaScript clients could not be fetched (npm, see above)."
fi

[ -z "$failed" ] && exit 0
[ -z "${CI:-}" ] || exit 1
echo "The tests that need them are skipped." >&2
