#!/usr/bin/env bash
# Makes a Debian base image out of Debian's packages, for machines without access to an image registry.
set -euo pipefail

usage() {
  cat <<'TXT'
Usage: docker/base_image.sh [TAG]

Imports what docker/minimal_debian.sh makes as TAG (default: shoal-base:bookworm), unless that image stands already. Prints
TAG; use it so:

  BASE_IMAGE=$(docker/base_image.sh) docker-compose up --build
TXT
}

case "${1:-}" in -h | --help) usage; exit 0 ;; esac
tag=${1:-shoal-base:bookworm}

if docker image inspect "$tag" >/dev/null 2>&1; then
  printf '%s\n' "$tag"
  exit 0
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

printf 'Making the base image %s from Debian packages\n' "$tag" >&2
"$(dirname "$0")/minimal_debian.sh" "$scratch/base.tar"
docker import "$scratch/base.tar" "$tag" >/dev/null
printf '%s\n' "$tag"
