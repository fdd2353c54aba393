# Sourced by the scripts that work with containers: progress, failures in one line, and what to ask the engine first.
steps_began=$SECONDS

step() {
    printf '[%3d s] %s\n' "$((SECONDS - steps_began))" "$*" >&2
}

finish() {
    [ -t 2 ] && printf '\r\033[K' >&2
    printf '[%3d s] done: %s\n' "$((SECONDS - steps_began))" "$*" >&2
}

fail() {
    echo "globetable: $*" >&2
    exit 2
}

require_engine() {
    command -v docker >/dev/null || fail "docker is not installed; see https://docs.docker.com/engine/install/, or on Debian: apt-get install docker.io"
    local said
    if ! said="$(docker info --format '{{.ServerVersion}}' 2>&1)"; then
        fail "the Docker engine does not answer ($(tail -1 <<<"$said")); start it, or run this as a user who may use it"
    fi
}

has_image() {
    docker image inspect "$1" >/dev/null 2>&1
}

image_megabytes() {
    echo $(($(docker image inspect --format '{{.Size}}' "$1") / 1000000))
}

# Set `compose` (the command, as an array) and `compose_words` (the same for people) to the compose that this machine has.
choose_compose() {
    local file="deploy/docker/compose.yaml"
    if docker compose version >/dev/null 2>&1; then
        compose=(docker compose)
    elif command -v docker-compose >/dev/null; then
        compose=(docker-compose)
    else
        fail "the Docker engine is here, compose is not; see https://docs.docker.com/compose/install/, or on Debian: apt-get install docker-compose"
    fi
    compose_words="${compose[*]} -f $file"
    compose+=(-f "$root/$file")
}

# Take over the lines NAME=VALUE of a file whose NAME the environment does not have, as compose does.
source_defaults() {
    local name value
    while IFS='=' read -r name value; do
        [[ "$name" =~ ^[A-Z_0-9]+$ ]] && [ -z "${!name+set}" ] && export "$name=$value"
    done <"$1"
    return 0
}

# Show how far a step has come, in place, where somebody looks on.
tell() {
    [ -t 2 ] && printf '\r[%3d s] %s \033[K' "$((SECONDS - steps_began))" "$*" >&2
    return 0
}
