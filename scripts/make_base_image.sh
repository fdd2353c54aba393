#!/usr/bin/env bash
# Make a base image from Debian packages, for machines whose Docker engine can pull nothing: what the official slim Python image is
# (Debian and its Python, no compiler, no package lists), by debootstrap and `docker import`.
#
# usage: scripts/make_base_image.sh [TAG [PACKAGE...]]
#   TAG       the image to make (default: globetable-base:bookworm)
#   PACKAGE   Debian packages to put in as well
#
# Needs root, debootstrap (installed if it is missing) and a Debian mirror (MIRROR=http://deb.debian.org/debian); SUITE names another release (bookworm).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/containers.sh"
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

suite="${SUITE:-bookworm}"
mirror="${MIRROR:-http://deb.debian.org/debian}"
tag="${1:-globetable-base:$suite}"
[ $# -gt 0 ] && shift
packages="python3,ca-certificates,netbase,tzdata$(printf ',%s' "$@")"
packages="${packages%,}"

require_engine
[ "$(id -u)" -eq 0 ] || fail "debootstrap must be run by root; run: sudo $0"
need_command debootstrap debootstrap "which makes a Debian from its packages"

# Packages are kept between runs: a second image, or one that failed, is made without the network being asked again.
cache="${XDG_CACHE_HOME:-$HOME/.cache}/globetable/debootstrap"
mkdir -p "$cache"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

step "Debian $suite from $mirror (about a minute)"
if ! debootstrap --variant=minbase --include="$packages" --cache-dir="$cache" "$suite" "$work/root" "$mirror" >"$work/log" 2>&1; then
    cp "$work/log" "$cache/last.log"
    fail "debootstrap failed: $(grep -m1 '^E:' "$work/log" || tail -1 "$work/log") (all of it: $cache/last.log)"
fi

step "without what a container never reads"
rm -rf "$work/root"/var/lib/apt/lists/* "$work/root"/var/cache/{apt,debconf}/* "$work/root"/var/log/* \
    "$work/root"/usr/share/{doc,man,info,locale,lintian}/* "$work/root"/debootstrap
# Names as in the official image.
ln -sf python3 "$work/root/usr/bin/python"

step "import as $tag"
tar -C "$work/root" --numeric-owner --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' -c . | docker import \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' --change 'ENV LANG=C.UTF-8' \
    --change 'CMD ["python3"]' --message "Debian $suite with $packages" - "$tag" >/dev/null
finish "$tag, $(image_megabytes "$tag") MB"
