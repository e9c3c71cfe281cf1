#!/bin/sh
# Gets ReplayWeb.page (AGPL-3.0, by Webrecorder) from npm into this folder, or into the one that is named.
set -eu
version=2.5.3
sha512=9c28f63d238ddc1c5e489284f00b183f250bbf45cf64a2567f2e25f4fc90adef52ab02d9f9629956cfec7cba8f390e06ac7fb46248dbc0e86bf1c4931f4f20b1

target=${1:-$(dirname "$0")}
command -v npm >/dev/null || { echo "get.sh: npm is needed: apt-get install npm"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "get.sh: getting replaywebpage $version from npm"
(cd "$work" && npm pack --silent "replaywebpage@$version" >/dev/null)
echo "$sha512  $work/replaywebpage-$version.tgz" | sha512sum --check --quiet
tar -xzf "$work/replaywebpage-$version.tgz" -C "$work" package/ui.js package/sw.js package/LICENSE
mkdir -p "$target/replay"
cp "$work/package/ui.js" "$work/package/LICENSE" "$target/"
cp "$work/package/sw.js" "$target/replay/"
