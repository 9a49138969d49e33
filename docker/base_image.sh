#!/usr/bin/env bash
# Makes a Debian base image out of Debian's packages, for machines without access to an image registry.
set -euo pipefail

usage() {
  cat <<'TXT'
Usage: docker/base_image.sh [TAG]

Makes a minimal Debian 12 image with mmdebstrap and imports it as TAG (default: shoal-base:bookworm), unless that image
stands already. Its apt uses the Debian mirror and the apt settings of this machine. Prints TAG; use it so:

  BASE_IMAGE=$(docker/base_image.sh) docker-compose up --build
TXT
}

case "${1:-}" in -h | --help) usage; exit 0 ;; esac
tag=${1:-shoal-base:bookworm}

if docker image inspect "$tag" >/dev/null 2>&1; then
  printf '%s\n' "$tag"
  exit 0
fi
if ! command -v mmdebstrap >/dev/null; then
  "$(dirname "$0")/../scripts/install_packages" container >&2
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The machine's own sources for Debian itself, if it runs Debian 12; mmdebstrap knows the public ones otherwise.
sources=()
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
  if [ -f "$file" ] && grep -qE '^[^#]*\bbookworm\b' "$file" && grep -qE '^[^#]*\bmain\b' "$file"; then
    sources+=("$file")
  fi
done

# A proxy or an unusual trust setting that apt needs here, it needs in the image as well.
apt-config dump --format '%F "%v";%n' | grep -E '^Acquire::(http|https|Check|Allow|Retries)' >"$scratch/host.conf" || true
options=(--aptopt="$scratch/host.conf")

printf 'Making the base image %s from Debian packages\n' "$tag" >&2
if ! mmdebstrap --quiet --variant=minbase "${options[@]}" bookworm "$scratch/base.tar" "${sources[@]}" 2>"$scratch/log"; then
  cat "$scratch/log" >&2
  printf 'base_image: mmdebstrap failed\n' >&2
  exit 1
fi
docker import "$scratch/base.tar" "$tag" >/dev/null
printf '%s\n' "$tag"
