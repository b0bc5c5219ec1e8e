#!/bin/sh
# Install Debian packages where that is allowed; where it is not, say how. usage: system-packages.sh PACKAGE…
# Never fails: what is missing is named again by the test that needs it, and by `runoff doctor`.
set -u
missing=
for package in "$@"; do
  case $package in
    bubblewrap) program=bwrap ;;
    docker.io) program=dockerd ;;
    redis-server) program=redis-server ;;
    *) program=$package ;;
  esac
  command -v "$program" >/dev/null 2>&1 || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
  echo "missing:$missing. Install with your system's package manager."
elif [ "$(id -u)" = 0 ]; then
  echo "installing:$missing"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
elif sudo -n true 2>/dev/null; then
  echo "installing (sudo):$missing"
  sudo -n apt-get update -qq && sudo -n apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
  echo "missing:$missing. Install with: sudo apt-get install$missing"
fi
exit 0
