#!/bin/sh
# Make the docker image `runoff-test:latest` from Debian's packages: what the tests that need docker start containers of.
# Needs root, a running docker engine and mmdebstrap; no image registry. Does nothing when the image is there.
set -eu
tag=runoff-test:latest
docker image inspect "$tag" >/dev/null 2>&1 && exit 0
command -v mmdebstrap >/dev/null || { echo "mmdebstrap is missing; install it: apt-get install mmdebstrap"; exit 1; }
echo "making $tag (a minute or two)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
mmdebstrap --quiet --variant=apt --include=ca-certificates,python3,python3-pytest,git,procps \
  --aptopt='APT::Install-Recommends "false"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  bookworm "$work/root.tar"
docker import -c 'ENV LANG=C.UTF-8' "$work/root.tar" "$tag" >/dev/null
