#!/bin/bash
# image.sh OUT: builds deploy/container/Containerfile with buildah, without a container engine and a registry. Writes
# OUT/shardmill.tar, and OUT/pause.tar with build.sh's OUT/pause. The replacement of docker.io/library/node is Debian from
# debootstrap with this machine's Node.js.
# Needs root, and: apt-get install buildah debootstrap
set -euo pipefail

mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
store=$(mktemp -d)
trap 'buildah --root "$store/root" --runroot "$store/run" rm --all > /dev/null 2>&1 || true; rm -rf "$store"' EXIT
builder() { buildah --root "$store/root" --runroot "$store/run" --storage-driver vfs "$@"; }

if [ ! -f "$out/base.tar" ]; then
  debootstrap --variant=minbase --include=ca-certificates bookworm "$store/debian"
  rm -rf "$store/debian"/var/cache/apt/archives/*.deb "$store/debian"/var/lib/apt/lists/*
  install "$(command -v node)" "$store/debian/usr/local/bin/node"
  cp -r "$(npm root --global)/npm" "$store/debian/usr/local/lib/npm"
  for program in npm npx; do ln -s "../lib/npm/bin/$program-cli.js" "$store/debian/usr/local/bin/$program"; done
  # Includes the CA of a proxy that intercepts TLS, if this machine trusts one.
  cp /etc/ssl/certs/ca-certificates.crt "$store/debian/etc/ssl/certs/ca-certificates.crt"
  tar -cf "$out/base.part" -C "$store/debian" .
  mv "$out/base.part" "$out/base.tar"
  rm -rf "$store/debian"
fi

container=$(builder from scratch)
builder add --quiet "$container" "$out/base.tar" / > /dev/null
builder config --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt "$container"
builder commit --quiet --rm "$container" docker.io/library/node:20-bookworm-slim > /dev/null

builder bud --quiet --isolation chroot --network host --pull-never --format oci \
  --file deploy/container/Containerfile --tag localhost/shardmill:test . > /dev/null
rm -f "$out/shardmill.part"
builder push --quiet localhost/shardmill:test "oci-archive:$out/shardmill.part:localhost/shardmill:test"
mv "$out/shardmill.part" "$out/shardmill.tar"

container=$(builder from scratch)
builder copy --quiet "$container" "$out/pause" /pause > /dev/null
builder config --entrypoint '["/pause"]' "$container"
builder commit --quiet --rm "$container" localhost/pause:test > /dev/null
rm -f "$out/pause.tar"
builder push --quiet localhost/pause:test "oci-archive:$out/pause.tar:localhost/pause:test"
