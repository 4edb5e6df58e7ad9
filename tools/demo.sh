#!/usr/bin/env bash
# Show the catalog on sample images or your own: `tools/demo.sh [DIR]`, with `catalog` and `catalogd` on PATH (see `make demo`).
# It writes to ./demo; in a DIR of your own it only adds the marker file .catalogd-root.
set -euo pipefail

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' off=$'\e[0m'; else bold='' dim='' off=''; fi

section() { printf '\n%s== %s ==%s\n' "$bold" "$1" "$off"; }
say() { printf '%s%s%s\n' "$dim" "$1" "$off"; }

# Print a command line as a user would type it.
show() {
  local word
  printf '%s$' "$bold"
  for word in "$@"; do
    case $word in
      *\'*) printf ' %q' "$word" ;;
      *[!A-Za-z0-9/._=-]*) printf " '%s'" "$word" ;;
      *) printf ' %s' "$word" ;;
    esac
  done
  printf '%s\n' "$off"
}

typed() {
  show "$@"
  "$@"
}

# Run a command, but show only the first, or the last, lines of its output.
first() {
  show "${@:2}"
  "${@:2}" 2>&1 | awk -v most="$1" 'NR <= most { print } END { if (NR > most) print "… and " NR - most " more lines" }'
}

last() {
  show "${@:2}"
  echo "…"
  "${@:2}" 2>&1 | tail -n "$1"
}

if [ $# -gt 0 ]; then
  images=$(realpath -- "$1")
  place=demo/$(basename -- "$images")-$(printf %s "$images" | cksum | cut -d ' ' -f 1)
else
  images=demo/images
  place=demo/catalog
fi
mkdir -p "$place"

if [ $# -eq 0 ] && [ ! -d "$images" ]; then
  section "About 200 sample images, some of them damaged"
  rm -rf "$images.part"
  typed python -m tools.samples "$images.part"
  mv "$images.part" "$images"
fi

section "Name the collection"
export CATALOG_CONFIG=$PWD/$place/config.toml
say "\$ export CATALOG_CONFIG=$place/config.toml"
typed catalog init --state "$place/state" "$images"

section "One full pass: find, read, verify, embed, index"
typed catalogd --once

section "What is in the catalog?"
typed catalog status

section "Which files were rejected, and why?"
first 20 catalog rejected

section "Which files are duplicates, or nearly?"
first 9 catalog dups
last 14 catalog dups --near

section "Which images are similar to this one?"
# Prefer an image that has a near duplicate.
example=$( { catalog dups --near --json && catalog ls --state ok --json; } | python -c '
import json, os, sys
rows = [json.loads(line) for line in sys.stdin]
near = [row["keep"] for row in rows if row.get("kind") == "near"]
names = near or [row["path"] for row in rows if "path" in row]
sys.stdout.buffer.write(os.fsencode(names[-1]) if names else b"")
' 2>/dev/null)
if [ -n "$example" ]; then
  typed catalog similar -k 5 "$example"
else
  say "No image could be read."
fi

if [ $# -eq 0 ]; then
  section "Label some memes and photos: which other images would you delete?"
  typed catalog label delete "$images/Memes/*2[0-4]*"
  typed catalog label keep "$images/Photos/*/*"
  typed catalog train
  # Images labelled `delete` come first, then unlabelled ones.
  last 8 catalog candidates -n 20
fi

section "The nightly report, also as an HTML page with thumbnails"
first 24 catalog report --html "$place/report.html" || true
say "$place/report.html"

section "Next"
say "catalog --help                 all commands"
say "catalog service install        keep watching, as a systemd service"
say "make demo DIR=/my/photos       the same on your own files; only a marker file is added there"
