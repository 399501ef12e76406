# shellcheck shell=bash
# packages.sh - Debian packages, installed where they are missing. Sourced after base.sh.

# shellcheck disable=SC2034 # for those who source this
readonly build_packages=(gcc libc6-dev cmake ninja-build pkg-config libevent-dev librdkafka-dev libpq-dev
    libjson-c-dev libssl-dev zlib1g-dev libzstd-dev)
readonly oldest_postgres=15

# as_root COMMAND...
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        sudo "$@"
    else
        note "this needs root: $*"
        return 1
    fi
}

package_is_installed() { dpkg-query -W -f='${db:Status-Status}' "$1" 2> /dev/null | grep -qx installed; }

# postgres_bin_dir: the folder of initdb and postgres, of the newest version that Debian's packages brought.
postgres_bin_dir() {
    local dir version newest=0
    for dir in /usr/lib/postgresql/*/bin; do
        version=${dir#/usr/lib/postgresql/} version=${version%/bin}
        if [[ $version =~ ^[0-9]+$ && -x $dir/initdb && -x $dir/postgres && $version -gt $newest ]]; then
            newest=$version
        fi
    done
    [ "$newest" -ge "$oldest_postgres" ] && printf '/usr/lib/postgresql/%s/bin\n' "$newest"
}

# postgres_package: what has to be installed for a private PostgreSQL; nothing where one is there.
postgres_package() { postgres_bin_dir > /dev/null || echo postgresql; }

# java_package: nothing where a Java that runs Apache Kafka is there.
java_package() {
    local version
    version=$(java -version 2>&1 | sed -n '1s/.*version "\([0-9]*\).*/\1/p') || true
    [ "${version:-0}" -ge 17 ] || echo default-jre-headless
}

# A server package makes and starts a cluster "main" of its own when it is first installed. Callboard never wants it:
# it is told not to for as long as we install, and what the machine's owner installs later behaves as ever.
readonly no_main_cluster=/etc/postgresql-common/createcluster.d/callboard.conf

forbid_main_cluster() {
    as_root mkdir -p "${no_main_cluster%/*}"
    printf '# Only while deploy/run installs PostgreSQL; may be deleted.\ncreate_main_cluster = false\n' |
        as_root tee "$no_main_cluster" > /dev/null
}

allow_main_cluster() { as_root rm -f "$no_main_cluster"; }

# apt_get LOG ARGUMENTS...: never asks, waits for another apt, restarts no service of the machine's owner.
apt_get() {
    local log=$1
    shift
    logged "$log" as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -y "$@"
}

# packages_install LOG NAME...: those of them that are missing, and says which.
packages_install() {
    local log=$1 missing=() name status=0
    shift
    command -v dpkg-query > /dev/null || { note "this is no Debian or Ubuntu; install the like of: $*"; return 1; }
    for name in "$@"; do
        package_is_installed "$name" || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}"
    forbid_main_cluster || return 1
    # One of the machine's own sources may be broken: what counts is whether the packages can be had.
    apt_get "$log.update" update || note "apt-get update failed; trying what is known already"
    apt_get "$log" install --no-install-recommends "${missing[@]}" || status=1
    allow_main_cluster
    return $status
}
