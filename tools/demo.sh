#!/bin/sh
# The whole job on one machine: three simulated clouds, one guestbook, users on three continents.
# Ends by itself and leaves the world running.
set -eu
cd "$(dirname "$0")/.."

./tw up --sandbox --yes --config examples/guestbook/tradewind.config.ts
echo
echo 'One visit from each region:'
for place in sao mtl syd; do ./tw sandbox visit --from "$place"; done
echo
echo 'The page as a user of each region sees it (each address opens once; "tw sandbox status" has the next):'
./tw sandbox status -o json | node -e '
  const { data } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
  for (const [from, url] of Object.entries(data.doors.pages)) console.log(`  ${from}  ${url}`);'
echo
echo 'Dashboard (stays in this terminal, Ctrl-C ends it): ./tw serve   Its page Lab is a chat with three persons in it.'
echo 'Next: ./tw status · ./tw why 198.19.101.2 · ./tw sandbox chaos kill cluster:mtl · ./tw sandbox chaos heal'
echo 'End:  ./tw down --yes --confirm=guestbook-demo && ./tw sandbox down'
