# Sourced by the scripts that work with containers: progress, failures in one line, and what to ask the engine first.
steps_began=$SECONDS

step() {
    printf '[%3d s] %s\n' "$((SECONDS - steps_began))" "$*" >&2
}

finish() {
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
