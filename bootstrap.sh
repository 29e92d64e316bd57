#!/bin/sh
# Gets this machine ready, and says in plain words what is missing. Called by make with what is needed:
#   run       .venv with what Crisis itself needs
#   dev       .venv with the tools for testing, too
#   browser   a Chromium for the browser tests
#   postgres  a PostgreSQL server for the tests on both databases
# Whatever is there already is left alone. As root on Debian or Ubuntu missing packages are installed; nobody else's are.
set -eu
cd "$(dirname "$0")"

stop() {
    printf '\n%s\n' "$@" >&2
    exit 1
}

can_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1
}

install_package() {
    echo "Installing $1 ..."
    log=$(mktemp)
    if { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$1"; } \
        >"$log" 2>&1 </dev/null; then
        rm -f "$log"
    else
        tail -n 5 "$log" >&2
        rm -f "$log"
        return 1
    fi
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for python in python3.13 python3.12 python3.11 python3.14 python3 python; do
        if command -v "$python" >/dev/null 2>&1 && new_enough "$python"; then
            command -v "$python"
            return
        fi
    done
    stop "Crisis needs Python 3.11 or newer, and there is none here." \
        "Debian 12, Ubuntu 24.04 and later: apt-get install python3 python3-venv. Others: https://www.python.org/downloads/"
}

make_venv() {
    python=$(find_python) || exit 1
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "Making .venv with Python $version ..."
    rm -rf .venv
    if "$python" -m venv .venv >/dev/null 2>&1 && .venv/bin/python -m pip --version >/dev/null 2>&1; then
        return
    fi
    rm -rf .venv
    if can_install && { install_package "python$version-venv" || install_package python3-venv; } \
        && "$python" -m venv .venv; then
        return
    fi
    rm -rf .venv
    stop "Python $version is here, but not its module for making environments." \
        "Debian and Ubuntu: apt-get install python$version-venv (or python3-venv), then run this again."
}

venv() {
    extra=$1
    wanted=$( (cat pyproject.toml; echo "$extra"; pwd) | cksum)
    # .venv/ready-* is written last, so a .venv that was interrupted half-way never counts.
    for stamp in .venv/ready-dev ".venv/ready-$extra"; do
        kind=${stamp##*-}
        if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$( (cat pyproject.toml; echo "$kind"; pwd) | cksum)" ] \
            && new_enough .venv/bin/python; then
            return
        fi
    done
    if ! new_enough .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        make_venv
    fi
    rm -f .venv/ready-*
    if [ "$extra" = dev ]; then what='.[dev]'; else what='.'; fi
    echo "Installing what Crisis needs into .venv (a minute or two the first time) ..."
    log=$(mktemp)
    if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input -e "$what" >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        if grep -q -i -e 'gcc' -e 'Python\.h' -e 'building wheel' -e 'cargo' -e 'rustc' "$log"; then
            rm -f "$log"
            stop "A dependency had to be compiled and could not be. On common machines (Linux on x86-64 or arm64, macOS)" \
                "all of them come ready-made; update pip or use Python 3.11 to 3.13. To compile: apt-get install gcc python3-dev"
        fi
        rm -f "$log"
        stop "Installing failed; pip's last words stand above. Is there a network, or a package index pip may use?"
    fi
    rm -f "$log"
    echo "$wanted" >".venv/ready-$extra"
}

browser() {
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        if command -v "$name" >/dev/null 2>&1; then return; fi
    done
    # What `playwright install` brought earlier.
    if .venv/bin/python - <<'PY' >/dev/null 2>&1
import os
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    raise SystemExit(not os.path.exists(playwright.chromium.executable_path))
PY
    then return; fi
    if can_install && install_package chromium; then return; fi
    echo "Fetching Chromium with Playwright ..."
    if .venv/bin/python -m playwright install chromium >/dev/null 2>&1; then return; fi
    stop "The browser tests need Chromium, and it could not be installed." \
        "Debian: apt-get install chromium. Others: install Google Chrome, or .venv/bin/playwright install --with-deps chromium"
}

postgres() {
    if command -v initdb >/dev/null 2>&1 && command -v pg_ctl >/dev/null 2>&1; then return; fi
    if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then return; fi
    if can_install && install_package postgresql; then return; fi
    stop "The tests run on SQLite and on PostgreSQL, and there is no PostgreSQL here. They start one of their own;" \
        "only the programs are needed. Debian and Ubuntu: apt-get install postgresql. macOS: brew install postgresql"
}

for need in "$@"; do
    case $need in
        run | dev) venv "$need" ;;
        browser) browser ;;
        postgres) postgres ;;
        *) stop "bootstrap.sh does not know '$need'" ;;
    esac
done
