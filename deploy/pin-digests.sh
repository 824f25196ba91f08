#!/bin/sh
# Pins every image of docker-compose.yml by digest. The digests are the registry's to tell, so this runs where one is in
# reach, on the machine that prepares a release; the tags stay beside the digests for people.
#   deploy/pin-digests.sh            writes docker-compose.yml in place
# Streife's own images are built here and have no digest in a registry.
set -eu
cd "$(dirname "$0")/.."
command -v docker >/dev/null || { echo "docker is missing" >&2; exit 3; }
images=$(sed -n 's/^ *image: *\([^@ ]*\)$/\1/p' docker-compose.yml | grep -v '^streife' | sort -u)
for image in $images; do
    digest=$(docker buildx imagetools inspect "$image" --format '{{.Manifest.Digest}}') ||
        { echo "$image: no digest; is the tag right, is the registry in reach?" >&2; exit 4; }
    sed -i "s|image: $image\$|image: $image@$digest|" docker-compose.yml
    echo "$image $digest"
done
