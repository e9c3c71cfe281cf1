#!/bin/sh
# Makes .venv with exactly what requirements-dev.lock names (a crawl and its tests), and says what it installs.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }

python=${PYTHON:-python3}
command -v "$python" >/dev/null || { say "python3 (3.11 to 3.13) is needed: apt-get install python3 python3-venv"; exit 1; }
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' ||
	{ say "$("$python" --version) is not one of Python 3.11 to 3.13; name another with PYTHON=…"; exit 1; }

if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
	rm -rf .venv
	if ! "$python" -m venv .venv 2>/dev/null; then
		rm -rf .venv
		[ "$(id -u)" = 0 ] || { say "Debian's python3-venv is missing: apt-get install python3-venv"; exit 1; }
		say "installing Debian's python3-venv (it has no wheel)"
		apt-get -qq update && apt-get -qq -y install python3-venv
		"$python" -m venv .venv
	fi
	say "made .venv with $(.venv/bin/python --version)"
fi
say "installing the packages of requirements-dev.lock into .venv: what a crawl needs, and what its tests need"
.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
touch .venv/.ready
