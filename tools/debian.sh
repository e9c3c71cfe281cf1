#!/bin/sh
# Installs the Debian packages that the tests need and that have no wheel, if they are missing; says which.
set -eu

say() { printf 'setup: %s\n' "$*"; }

missing=
for package in chromium fonts-noto-core nginx-light redis-server tini wget; do
	dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done
command -v npm >/dev/null || missing="$missing npm"
[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || { say "the tests need Debian's packages: apt-get install$missing"; exit 1; }
say "installing Debian's$missing, for the tests (they have no wheel)"
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $missing >/dev/null
