# shellcheck shell=bash
# stack.sh - the parts that deploy/run starts: how each is started, asked whether it is there, and stopped.
# Sourced after base.sh and process.sh; `root` is the project, everything lives in $root/.local.

readonly local_dir=${root:?}/.local
readonly logs=$local_dir/logs pids=$local_dir/pids bin=$local_dir/build/bin
readonly postgres_dir=$local_dir/postgres kafka_dir=$local_dir/kafka/node
readonly start_seconds=60 stop_seconds=12
readonly database=callboard
readonly topics=(dialer.batches dialer.calls dialer.phone-logs)
# Stopped in this order: nothing loses what it needs before it has ended.
readonly parts=(dialsim ingest query broker kafka postgres)

postgres_node() { "$root/deploy/postgres/postgres-node" "$1" --dir "$postgres_dir" "${@:2}"; }
kafka_node() { "$root/deploy/kafka/kafka-node" "$1" --dir "$kafka_dir" "${@:2}"; }

part_record() {
    case $1 in
        kafka) printf '%s\n' "$kafka_dir/pid" ;;
        postgres) printf '%s\n' "$postgres_dir/pid" ;;
        *) printf '%s\n' "$pids/$1" ;;
    esac
}

part_log() {
    case $1 in
        kafka) printf '%s\n' "$kafka_dir/log" ;;
        postgres) printf '%s\n' "$postgres_dir/log" ;;
        *) printf '%s\n' "$logs/$1.log" ;;
    esac
}

part_is_alive() { process_is_alive "$(part_record "$1")"; }

# start_part NAME PROGRAM ARGUMENT...
start_part() {
    local log
    log=$(part_log "$1")
    [ ! -f "$log" ] || mv -f "$log" "$log.1"
    process_spawn "$(part_record "$1")" "$log" "$bin/$2" "${@:3}"
}

# part_must_become_ready NAME COMMAND...
part_must_become_ready() {
    process_must_become_ready "$(part_record "$1")" "$start_seconds" "$(part_log "$1")" "$1" "${@:2}"
}

# http URL [CURL_OPTION...]: the body; false for any answer but a good one. Never through a proxy.
http() { curl -sf --noproxy '*' --max-time 5 "${@:2}" "$1"; }

service_is_ready() { http "$1/readyz" -o /dev/null; }

# --- PostgreSQL -----------------------------------------------------------------------------------

# The private cluster: sets owner_url, writer_url and reader_url.
start_postgres() {
    say "starting a private PostgreSQL"
    postgres_node start || return 1
    local exists
    exists=$(postgres_node psql -- -At -c "SELECT 1 FROM pg_database WHERE datname = '$database'") || return 1
    [ -n "$exists" ] || postgres_node psql -- -c "CREATE DATABASE $database" || return 1
    owner_url=$(postgres_node url -- "$database")
    migrate && give_roles_passwords
}

# One that the user has: its roles have no passwords of ours, so all parts connect as the URL says.
use_postgres() {
    owner_url=$1 writer_url=$1 reader_url=$1
    migrate
}

migrate() {
    say "migrating the database"
    DATABASE_URL=$owner_url logged "$logs/migrate.log" "$bin/callboard-ctl" migrate --wait 30
}

give_roles_passwords() {
    local writer reader place
    [ -s "$local_dir/roles" ] || printf '%s %s\n' "$(random_hex 16)" "$(random_hex 16)" | write_file "$local_dir/roles"
    read -r writer reader < "$local_dir/roles"
    postgres_node psql -- -f - << SQL || return 1
ALTER ROLE callboard_writer PASSWORD '$writer';
ALTER ROLE callboard_reader PASSWORD '$reader';
SQL
    place=${owner_url#*@}
    writer_url=postgresql://callboard_writer:$writer@$place
    reader_url=postgresql://callboard_reader:$reader@$place
}

# --- the broker -----------------------------------------------------------------------------------

# start_broker embedded|apache|HOST:PORT: sets kafka_brokers and kafka_group.
start_broker() {
    kafka_group=callboard-ingest
    case $1 in
        embedded) start_embedded_broker ;;
        apache) start_apache_kafka ;;
        *) kafka_brokers=$1 ;;
    esac
}

# The embedded broker forgets everything when it stops, and offsets begin at 0 again. The ones that PostgreSQL has
# stored for a former broker mean nothing to it: so every start has a consumer group of its own.
start_embedded_broker() {
    say "starting the embedded broker (it keeps nothing; --kafka apache is a real one)"
    rm -f "$local_dir/broker.address"
    start_part broker callboard-broker --listen-file "$local_dir/broker.address" || return 1
    part_must_become_ready broker test -s "$local_dir/broker.address" || return 1
    kafka_brokers=$(sed -n 's/^KAFKA_BROKERS=//p' "$local_dir/broker.address")
    kafka_group=callboard-ingest-$(date +%s)
}

start_apache_kafka() {
    say "starting Apache Kafka"
    kafka_node start || return 1
    kafka_brokers=$(kafka_node status)
    # Making topics takes seconds: once is enough.
    if [ ! -e "$kafka_dir/topics" ]; then
        kafka_node topics "${topics[@]}" || return 1
        touch "$kafka_dir/topics"
    fi
}

# --- the services ---------------------------------------------------------------------------------

start_ingest() {
    local port
    port=$(remembered_port "$local_dir/ingest-admin.port") || return 1
    ingest_admin=http://127.0.0.1:$port
    DATABASE_URL=$writer_url KAFKA_BROKERS=$kafka_brokers KAFKA_GROUP_ID=$kafka_group ADMIN_LISTEN=127.0.0.1:$port \
        start_part ingest callboard-ingest
}

# start_query PORT
start_query() {
    local port
    port=$(remembered_port "$local_dir/query-admin.port") || return 1
    query_admin=http://127.0.0.1:$port
    api_url=http://127.0.0.1:$1
    DATABASE_URL=$reader_url HTTP_LISTEN=127.0.0.1:$1 ADMIN_LISTEN=127.0.0.1:$port start_part query callboard-query
}

start_services() {
    say "starting callboard-ingest and callboard-query"
    start_ingest && start_query "$1" &&
        part_must_become_ready query service_is_ready "$query_admin" &&
        part_must_become_ready ingest service_is_ready "$ingest_admin"
}

# have_token OWNER: the token of the last run if it is still good, else a new one; sets token.
have_token() {
    token=
    [ ! -s "$local_dir/token" ] || token=$(< "$local_dir/token")
    if [ -z "$token" ] || [ "$(api_status)" = 401 ]; then
        token=$(DATABASE_URL=$owner_url "$bin/callboard-ctl" token create --owner "$1" 2> "$logs/token.log") ||
            { show_log_end "$logs/token.log"; return 1; }
        printf '%s\n' "$token" | write_file "$local_dir/token"
    fi
}

# What the API says to the token: 404 for a batch that is not there, 401 where the token is no good.
api_status() {
    curl -s --noproxy '*' --max-time 5 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $token" \
        "$api_url/api/call/batch-details/000000000000000000000000"
}

# --- all of them ----------------------------------------------------------------------------------

any_part_is_alive() {
    local part
    for part in "${parts[@]}"; do part_is_alive "$part" && return 0; done
    return 1
}

# The parts that were started and have ended since. A dialer may have ended because it is done.
ended_parts() {
    local part
    [ -s "$local_dir/parts" ] || return 0
    while read -r part; do
        [ "$part" = dialsim ] || part_is_alive "$part" || printf '%s\n' "$part"
    done < "$local_dir/parts"
}

stack_is_up() { [ -s "$local_dir/parts" ] && [ -s "$local_dir/env" ] && [ -z "$(ended_parts)" ]; }

note_parts() {
    local part
    for part in "${parts[@]}"; do
        ! part_is_alive "$part" || printf '%s\n' "$part"
    done | write_file "$local_dir/parts"
}

stop_part() {
    case $1 in
        kafka) [ ! -d "$kafka_dir" ] || kafka_node stop ;;
        postgres) [ ! -d "$postgres_dir" ] || postgres_node stop ;;
        *) process_stop "$pids/$1" TERM "$stop_seconds" ;;
    esac
}

stack_stop() {
    local part status=0
    rm -f "$local_dir/env" "$local_dir/parts"
    for part in "${parts[@]}"; do
        part_is_alive "$part" || continue
        say "stopping $part"
        stop_part "$part" || status=1
    done
    return $status
}

# What is left in .local has been built or fetched, and knows nothing.
stack_delete() {
    [ ! -e "$postgres_dir" ] && [ ! -L "$postgres_dir" ] || postgres_node remove || return 1
    [ ! -e "$kafka_dir" ] || kafka_node remove || return 1
    rm -rf "$logs" "$pids" "$local_dir"/{roles,token,broker.address,ingest-admin.port,query-admin.port,settings}
}
