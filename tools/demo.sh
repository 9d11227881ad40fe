#!/bin/sh
# The whole job on one machine: three simulated clouds, one guestbook, users on three continents.
set -eu
cd "$(dirname "$0")/.."
config=examples/guestbook/tradewind.config.ts
./tw up --sandbox --yes --config "$config"
for place in sao mtl syd; do ./tw sandbox visit --from "$place"; done
./tw sandbox status --config "$config" | grep -E 'page' || true
