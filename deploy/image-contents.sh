#!/bin/sh
# Makes the contents of the final image in a folder, with Docker or without: binary, configuration, models, native parts,
# licences, SBOM. So what ships can be looked at and tried without a container runtime:
#   deploy/image-contents.sh FOLDER [cpu|cuda]
#   STREIFE_HOME=FOLDER/opt/streife STREIFE_PARTS=FOLDER/opt/streife/parts FOLDER/opt/streife/bin/streife doctor
# STREIFE_BINARY takes a binary that is built already. The embedded engine stays out: a site has a ClickHouse.
set -eu
out=${1:?folder for the contents}
flavour=${2:-cpu}
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
binary=${STREIFE_BINARY:-}
if [ -z "$binary" ]; then
    features=''
    [ "$flavour" = cuda ] && features='--features cuda'
    # shellcheck disable=SC2086 # two words or none
    cargo build --release --locked -p streife-app --bin streife $features
    binary=${CARGO_TARGET_DIR:-target}/release/streife
fi
home=$out/opt/streife
mkdir -p "$home/bin" "$home/parts" "$home/models" "$home/config" "$home/deploy"
cp "$binary" "$home/bin/streife"
strip "$home/bin/streife" 2>/dev/null || true
cp -R config/rules config/sources config/sample "$home/config/"
cp LICENSE "$home/LICENSE"
# Weights, manifests and cards; training stays out.
for model in models/*/; do
    [ -f "$model/manifest.toml" ] || continue
    cp -R "$model" "$home/models/"
done
STREIFE_HOME=$here STREIFE_PARTS=${STREIFE_PARTS_FROM:-$home/parts} "$binary" setup >&2
if [ -n "${STREIFE_PARTS_FROM:-}" ]; then
    for part in "$STREIFE_PARTS_FROM"/*; do
        case "$part" in */chdb-*) ;; *) cp -R "$part" "$home/parts/" ;; esac
    done
else
    rm -rf "$home"/parts/chdb-*
fi
python3 deploy/sbom.py >"$home/sbom.cdx.json"
chmod -R a+rX "$out/opt"
du -sk "$home" | awk '{ printf "contents: %d MB in %s\n", $1 / 1024, $2 }' >&2
