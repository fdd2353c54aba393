# Sourced by the other scripts: prepare .venv at the root from requirements.lock, once per change of it.
# Needs Python 3.11 or newer and the package index; nothing else is installed on the machine.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
        [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "globetable: needs Python 3.11 or newer; install it, or name one with PYTHON=/path/to/python" >&2
    return 2
}

prepare_environment() {
    local stamp="$root/.venv/.prepared" wanted python
    wanted="$(cat "$root/requirements.lock" "$root/pyproject.toml" | cksum)"
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && return
    python="$(find_python)"
    echo "preparing $root/.venv (once; about a minute)" >&2
    if ! "$python" -m venv "$root/.venv" >/dev/null 2>&1; then
        echo "globetable: $python cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2
        return 2
    fi
    "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check uv
    # Bytecode, which uv leaves out unless asked: to compile what it imports is more than half of what a process does at start, at
    # its first start or, where PYTHONDONTWRITEBYTECODE is set, at all of them.
    "$root/.venv/bin/uv" pip install --quiet --python "$root/.venv/bin/python" --compile-bytecode \
        --require-hashes -r "$root/requirements.lock"
    "$root/.venv/bin/uv" pip install --quiet --python "$root/.venv/bin/python" --no-deps -e "$root"
    "$root/.venv/bin/python" -m compileall -q "$root/deploy" "$root/node" "$root/router" "$root/proto"
    echo "$wanted" >"$stamp"
}

prepare_environment
