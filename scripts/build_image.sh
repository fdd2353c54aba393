#!/usr/bin/env bash
# Build the container image globetable:VERSION (and :latest) for nodes, routers and the command line.
#
# usage: scripts/build_image.sh
#   BASE=IMAGE   the base to build on (default: the official slim Python image if it is here or can be pulled, else one made from
#                Debian packages by scripts/make_base_image.sh)
#
# Needs a Docker engine, Python 3.11 and the package index; the build itself runs without a network.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/containers.sh"

official="python:3.11-slim-bookworm"
from_debian="globetable-base:bookworm"
pull_seconds=180
not_collected="the wheels could not be collected; is the package index reachable?"

require_engine
step "environment"
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
cd "$root"
python="$root/.venv/bin/python"
context="$root/build/image"

choose_base() {
    if [ -n "${BASE:-}" ]; then
        has_image "$BASE" || docker pull --quiet "$BASE" >/dev/null 2>&1 || fail "the base image $BASE is not here and cannot be pulled"
        base="$BASE"
    elif has_image "$official" || timeout "$pull_seconds" docker pull --quiet "$official" >/dev/null 2>&1; then
        base="$official"
    else
        has_image "$from_debian" || {
            step "$official cannot be pulled: a base from Debian packages instead"
            "$root/scripts/make_base_image.sh" "$from_debian"
        }
        base="$from_debian"
    fi
    # The wheels must fit the base's Python and processor, not those of the machine that collects them.
    fits="$(docker run --rm --network none "$base" python3 -c \
        'import platform, sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}", platform.machine())')" ||
        fail "the base image $base has no python3"
}

collect_wheels() {
    local version="${fits% *}" machine="${fits#* }" platforms=() glibc
    for glibc in $(seq 17 36); do
        platforms+=(--platform "manylinux_2_${glibc}_$machine")
    done
    rm -rf "$context"
    mkdir -p "$context/wheels" "$context/tools"
    # Of what is locked, only what runs.
    .venv/bin/uv pip compile pyproject.toml --constraint requirements.lock --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --quiet --output-file "$context/requirements.txt" || fail "$not_collected"
    "$python" -m pip --disable-pip-version-check download --quiet --dest "$context/wheels" --require-hashes --no-deps \
        --only-binary :all: --implementation cp --python-version "$version" "${platforms[@]}" \
        --platform "manylinux2014_$machine" --platform "manylinux1_$machine" --requirement "$context/requirements.txt" || fail "$not_collected"
    .venv/bin/uv build --quiet --wheel --out-dir "$context/wheels" . || fail "$not_collected"
    rm -f "$context/wheels/.gitignore"
    # The base need have no pip: it is lent to the first stage.
    cp -r "$("$python" -c 'import pip; print(pip.__path__[0])')" "$context/tools/pip"
}

step "base image"
choose_base
step "wheels for $base (Python $fits)"
collect_wheels
version="$("$python" -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])')"
revision="$(git -C "$root" rev-parse HEAD 2>/dev/null || echo unknown)"
step "build globetable:$version ($(ls "$context/wheels" | wc -l) wheels)"
DOCKER_BUILDKIT="${DOCKER_BUILDKIT:-0}" docker build --network none --quiet --build-arg "BASE=$base" --build-arg "VERSION=$version" \
    --build-arg "REVISION=$revision" --tag "globetable:$version" --tag globetable:latest \
    --file deploy/docker/Dockerfile "$context" >"$context/build.log" 2>&1 ||
    fail "the build failed: $(tail -1 "$context/build.log") (all of it: $context/build.log)"
# What an earlier build made and this one replaced; not what is minutes old, which another build may still be about to use.
docker image prune --force --filter label=globetable.superseded=prune --filter until=10m >/dev/null
finish "globetable:$version, $(image_megabytes "globetable:$version") MB: $(($(image_megabytes "globetable:$version") - $(image_megabytes "$base"))) MB over $base"
