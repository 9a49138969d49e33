#!/usr/bin/env bash
# Collects the contents of the images: the programs, stripped, and the files that each of them needs around it.
set -euo pipefail

usage() {
  cat <<'TXT'
Usage: docker/image_root.sh BIN_FOLDER OUTPUT_FOLDER

Writes OUTPUT_FOLDER/shoal-{tracker,seeder,leecher} and OUTPUT_FOLDER/root, which their images have in common: the shared
libraries that the programs name, the bill of materials, a user, the order of name look-ups and the folders that are written
to. BIN_FOLDER lies in the build's folder. Writes
OUTPUT_FOLDER/downloads, the whole of an image: this system's chmod and its libraries.

  docker/image_root.sh build/release/bin docker/context     before building with --build-arg BINARIES=prebuilt
TXT
}

case "${1:-}" in -h | --help) usage; exit 0 ;; esac
[ $# -eq 2 ] || { usage >&2; exit 2; }
programs=$1
output=$2

# copy_libraries ROOT PROGRAM...: all that the programs are linked to, by the names that the linker looks for.
copy_libraries() {
  local root=$1 program
  shift
  for program in "$@"; do ldd "$program"; done |
    awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' | sort -u | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp --dereference "$library" "$root$library"
  done
}

rm -rf "$output"
mkdir -p "$output/root/etc" "$output/root/data"
for program in shoal-tracker shoal-seeder shoal-leecher; do
  strip -o "$output/$program" "$programs/$program"
done
copy_libraries "$output/root" "$programs"/shoal-{tracker,seeder,leecher}

/usr/bin/python3 "$(dirname "$0")/../packaging/generate/sbom.py" "$programs/.." "$output/root/usr/share/doc/shoal/shoal.spdx.json"

mkdir -p "$output/downloads/bin"
cp --dereference "$(command -v chmod)" "$output/downloads/bin/chmod"
copy_libraries "$output/downloads" "$output/downloads/bin/chmod"

printf 'shoal:x:1000:1000:Shoal:/data:/usr/sbin/nologin\n' >"$output/root/etc/passwd"
printf 'shoal:x:1000:\n' >"$output/root/etc/group"
printf 'hosts: files dns\n' >"$output/root/etc/nsswitch.conf"
# Any user of the container may write here, as in /tmp.
mkdir -p "$output/root/tmp"
chmod 1777 "$output/root/tmp" "$output/root/data"
