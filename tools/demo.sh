#!/bin/sh
# The whole job on one machine: three simulated clouds, one guestbook, users on three continents.
# Ends by itself and leaves the world running, with its dashboard, until the sandbox is taken down.
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

dashboard() {
  ./tw dashboard -o json 2>/dev/null | node -e '
    const { data } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
    if (data === undefined) process.exit(1);
    console.log(`  ${data.url}`);' 2>/dev/null
}
if ! dashboard >/dev/null; then
  (
    umask 077
    setsid ./tw serve --port 0 --with-sandbox </dev/null >"${TW_STATE_DIR:-.tradewind}/serve.log" 2>&1 &
  )
  for _ in $(seq 60); do
    if dashboard >/dev/null; then break; fi
    sleep 0.5
  done
fi
echo
echo 'Dashboard (signs one browser in, within ten minutes; "./tw dashboard" prints the next); its page Lab is a chat:'
dashboard || echo "  it did not start: ${TW_STATE_DIR:-.tradewind}/serve.log"
echo
echo 'Next: ./tw status · ./tw why 198.19.101.2 · ./tw sandbox chaos kill cluster:mtl · ./tw sandbox chaos heal'
echo 'End:  ./tw down --yes --confirm=guestbook-demo && ./tw sandbox down'
