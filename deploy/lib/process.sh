# shellcheck shell=bash
# process.sh - processes that outlive the script which started them. Sourced after base.sh.
#
# Each is known by a file that holds "PID START BOOT": a pid alone may belong to somebody else by now, a pid
# together with the time its process started and the boot of the machine cannot. So a file left by a killed run
# or by an earlier boot is just a process that is not there, and nothing is ever stopped that was not started here.

boot_id() { cat /proc/sys/kernel/random/boot_id 2> /dev/null || echo unknown; }

# process_start_time PID: in clock ticks since boot; nothing for a process that is no more, or a zombie.
process_start_time() {
    local stat fields
    read -r stat 2> /dev/null < "/proc/$1/stat" || return 0
    read -ra fields <<< "${stat##*) }" # behind the name in parentheses, which may hold anything
    [ "${fields[0]}" = Z ] || printf '%s\n' "${fields[19]}"
}

# process_pid FILE: the pid of the process if it still runs.
process_pid() {
    local pid start boot
    read -r pid start boot 2> /dev/null < "$1" || return 1
    [ "$boot" = "$(boot_id)" ] && [ "$(process_start_time "$pid")" = "$start" ] && printf '%s\n' "$pid"
}

process_is_alive() { process_pid "$1" > /dev/null; }
process_is_gone() { ! process_pid "$1" > /dev/null; }

# process_spawn FILE LOG COMMAND...: starts it in the background, in a session of its own (Ctrl-C is for the script,
# which stops what it started in order). The process writes its record itself before it becomes the command: there
# is no moment at which it runs and nobody knows it. Lock and other descriptors of the script are not passed on.
process_spawn() {
    local file=$1 log=$2
    shift 2
    rm -f "$file"
    (
        self=$BASHPID # not inside $(...): that is another process
        cd / || exit 1
        printf '%s %s %s\n' "$self" "$(process_start_time "$self")" "$(boot_id)" > "$file.new"
        mv -f "$file.new" "$file"
        exec setsid "$@"
    ) >> "$log" 2>&1 < /dev/null 9>&- &
    disown # its end is looked for, not told by the shell
    wait_until 10 test -s "$file"
}

# process_stop FILE SIGNAL SECONDS: asks it to end, waits, and ends it by force when the time is up.
process_stop() {
    local pid
    if pid=$(process_pid "$1"); then
        kill -s "$2" "$pid" || process_is_gone "$1" || return 1
        if ! wait_until "$3" process_is_gone "$1"; then
            note "process $pid did not end within $3 s of SIG$2: killed"
            kill -s KILL "$pid" 2> /dev/null || true
            wait_until 10 process_is_gone "$1" || return 1
        fi
    fi
    rm -f "$1"
}

# process_must_become_ready FILE SECONDS LOG NAME COMMAND...: waits until the command is true; fails, with the end of
# the log, when the process ends before that or the time is up.
process_must_become_ready() {
    local file=$1 seconds=$2 log=$3 name=$4
    shift 4
    wait_until "$seconds" process_is_ready_or_gone "$file" "$@" || true
    if process_is_gone "$file"; then
        note "$name ended instead of starting"
    elif "$@"; then
        return 0
    else
        note "$name was not ready within $seconds s"
    fi
    show_log_end "$log"
    return 1
}

process_is_ready_or_gone() {
    local file=$1
    shift
    "$@" || process_is_gone "$file"
}
