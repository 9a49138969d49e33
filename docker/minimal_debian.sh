#!/usr/bin/env bash
# Makes a minimal Debian 12 out of Debian's packages, with the Debian mirror and the apt settings of this machine.
set -euo pipefail

usage() {
  cat <<'TXT'
Usage: docker/minimal_debian.sh OUTPUT

OUTPUT is a tar file, if it ends in .tar, or else a folder. Installs mmdebstrap where it is missing.
TXT
}

case "${1:-}" in -h | --help) usage; exit 0 ;; esac
[ $# -eq 1 ] || { usage >&2; exit 2; }
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

# A proxy or an unusual trust setting that apt needs here, it needs there as well.
apt-config dump --format '%F "%v";%n' | grep -E '^Acquire::(http|https|Check|Allow|Retries)' >"$scratch/host.conf" || true

if ! mmdebstrap --quiet --variant=minbase --aptopt="$scratch/host.conf" bookworm "$1" "${sources[@]}" 2>"$scratch/log"; then
  cat "$scratch/log" >&2
  printf 'minimal_debian: mmdebstrap failed\n' >&2
  exit 1
fi
