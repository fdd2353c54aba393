# Sourced by the scripts that need a program of Debian's: what is missing is installed, by root or with sudo.

# need_command COMMAND PACKAGE WHAT: have COMMAND, WHAT says what it is for people. Ends the script with one line if it cannot be had.
need_command() {
    command -v "$1" >/dev/null && return
    echo "installing $2, $3 (Debian package)" >&2
    local as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    if ! { "${as_root[@]}" apt-get update -qq && DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$2"; } >/dev/null 2>&1 ||
        ! command -v "$1" >/dev/null; then
        echo "globetable: $2 could not be installed; install it by hand (on Debian and Ubuntu: apt-get install $2) and run this again" >&2
        exit 2
    fi
}
