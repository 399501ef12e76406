# shellcheck shell=bash
# base.sh - how the scripts of this folder speak, wait, and choose ports. Sourced, never run.
# The script that sources it sets `program`, the name its messages begin with.
# `return 0` is never shortened to `return`: in a trap that would be the status from before the trap.

say() { printf '%s\n' "$*"; }
note() { printf '%s: %s\n' "${program:?}" "$*" >&2; }
die() { note "$*"; exit 1; }
misuse() { note "$*; see --help"; exit 2; }

# print_usage FILE: the comment at the head of a script, without its marks.
print_usage() { sed -n '2,/^[^#]/{/^#/!d; s/^# \{0,1\}//; p;}' "$1"; }

# wait_until SECONDS COMMAND...: true as soon as the command is, false when the time is up.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

# show_log_end FILE: its last lines, for somebody who has to find out what went wrong.
show_log_end() {
    [ -s "$1" ] || { printf '  (%s is empty)\n' "$1" >&2; return 0; }
    printf '  the end of %s:\n' "$1" >&2
    tail -n 15 "$1" | sed 's/^/  | /' >&2
}

# logged FILE COMMAND...: runs it with its output in the file; shows the file's end when it fails.
logged() {
    local log=$1
    shift
    "$@" > "$log" 2>&1 < /dev/null && return 0
    show_log_end "$log"
    return 1
}

# port_is_busy PORT: whether somebody listens there on 127.0.0.1. (A listener whose queue is full lets one wait.)
port_is_busy() { timeout 2 bash -c ": < /dev/tcp/127.0.0.1/$1" 2> /dev/null || [ $? = 124 ]; }

# free_port: one below the range from which systems choose ports of outgoing connections.
free_port() {
    local port tries=100
    while [ $((tries--)) -gt 0 ]; do
        port=$((20000 + RANDOM % 12000))
        port_is_busy "$port" || { printf '%s\n' "$port"; return 0; }
    done
    note "no free port found"
    return 1
}

# is_port TEXT
is_port() { [[ $1 =~ ^[1-9][0-9]{0,4}$ ]] && [ "$1" -le 65535 ]; }

# random_hex BYTES
random_hex() { od -An -v -tx1 -N "$1" /dev/urandom | tr -d ' \n'; }

# remembered_port FILE: the port noted there if it is still free, else another, which is noted.
remembered_port() {
    local port=
    [ ! -s "$1" ] || port=$(< "$1")
    if ! is_port "$port" || port_is_busy "$port"; then
        port=$(free_port) || return 1
        printf '%s\n' "$port" > "$1"
    fi
    printf '%s\n' "$port"
}

# write_file FILE: standard input, at once and whole, readable by its owner alone.
write_file() { (umask 077 && cat > "$1.new") && mv -f "$1.new" "$1"; }
