#!/usr/bin/env bash
# Start the three regions of deploy/docker/compose.yaml, wait until every container is healthy, and say where they are. What would go
# wrong is looked for first and told in one line. Run it again to start what does not run.
#
# usage: scripts/compose_up.sh [OPTION...]     options go to compose's `up` (--profile observe goes to compose itself)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/containers.sh"

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
ready_seconds=120
memory_gigabytes_min=3

require_engine
choose_compose
source_defaults "$root/deploy/docker/.env"
has_image "globetable:$GLOBETABLE_VERSION" || fail "the image globetable:$GLOBETABLE_VERSION is not here; build it: scripts/build_image.sh"

require_memory() {
    local bytes
    bytes="$(docker info --format '{{.MemTotal}}')"
    [ "$((bytes / 1000000000))" -ge "$memory_gigabytes_min" ] ||
        fail "the Docker engine has $((bytes / 1000000)) MB of memory, three regions need $memory_gigabytes_min GB: give its machine more"
}

require_ports() {
    local variable port
    for variable in US_EAST_1 EU_WEST_1 AP_NORTHEAST_1; do
        port_variable="GLOBETABLE_PORT_$variable"
        port="${!port_variable}"
        ours_publishes "$port" && continue
        if (exec 3<>"/dev/tcp/$GLOBETABLE_BIND/$port") 2>/dev/null; then
            fail "port $port is in use: end what uses it, or set $port_variable in deploy/docker/.env"
        fi
    done
}

ours_publishes() {
    [ -n "$(docker ps --quiet --filter "publish=$1" --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME")" ]
}

# Data without the file that says whose they are: an earlier cluster's, of which somebody removed a part.
refuse_stale_volumes() {
    local volumes
    volumes="$(docker volume ls --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME")"
    if [ -n "$volumes" ] && ! grep -qx "${COMPOSE_PROJECT_NAME}_config" <<<"$volumes"; then
        fail "volume $(head -1 <<<"$volumes") is of an earlier cluster; remove its data: $compose_words down --volumes"
    fi
}

containers() {
    docker ps --all --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" --format "$1"
}

# The first container that did not start, and its last words.
diagnosis() {
    local name
    for name in $(containers '{{.Names}} {{.Status}}' | grep -E 'Exited \([1-9]|Restarting|unhealthy' | sort | cut -d' ' -f1); do
        echo "$name: $(docker logs --tail 1 "$name" 2>&1)"
        return
    done
    tail -1 "$log"
}

require_memory
require_ports
refuse_stale_volumes

log="$(mktemp)"
trap 'rm -f "$log"' EXIT
step "starting"
"${compose[@]}" up -d "$@" >"$log" 2>&1 &
starting=$!
while kill -0 "$starting" 2>/dev/null; do
    tell "$(containers '{{.Status}}' | grep -c '(healthy)' || true) containers healthy"
    sleep 0.5
done
wait "$starting" || fail "not started: $(diagnosis)"
while containers '{{.Status}}' | grep -qE 'starting\)|unhealthy|Restarting'; do
    [ "$SECONDS" -lt "$((steps_began + ready_seconds))" ] || fail "not healthy after $ready_seconds s: $(diagnosis)"
    sleep 0.5
done
finish "$(containers '{{.Status}}' | grep -c '(healthy)') containers healthy"
cat <<EOF

  us-east-1        http://$GLOBETABLE_BIND:$GLOBETABLE_PORT_US_EAST_1
  eu-west-1        http://$GLOBETABLE_BIND:$GLOBETABLE_PORT_EU_WEST_1
  ap-northeast-1   http://$GLOBETABLE_BIND:$GLOBETABLE_PORT_AP_NORTHEAST_1

  access key id      $GLOBETABLE_ACCESS_KEY_ID
  secret access key  $GLOBETABLE_SECRET_ACCESS_KEY

deploy/docker/README.md says what to try next; \`$compose_words down\` stops everything and keeps the data.
EOF
