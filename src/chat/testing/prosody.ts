// A real Prosody of a test: two hosts, rooms with real addresses, on loopback, in a folder that goes with it.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const PROGRAM = ['/usr/bin/prosody', '/usr/local/bin/prosody'].find(existsSync);

/** A test that needs Prosody and has none is skipped; with TW_E2E=require that is an error. */
export function noProsody(): boolean {
  if (PROGRAM !== undefined) return false;
  if (process.env['TW_E2E'] === 'require') throw new Error('prosody is missing: tools/setup.sh installs it');
  return true;
}

/** Throws an occupant out of its memory as a restarted room service does, without a word: `forget <nick>`. */
const FORGETS = `
module:hook("message/bare", function (event)
  local nick = (event.stanza:get_child_text("body") or ""):match("^forget (.+)$");
  if not nick then return; end
  local room = prosody.hosts[module.host].modules.muc.get_room_from_jid(event.stanza.attr.to);
  local occupant = room and room:get_occupant_by_nick(room.jid.."/"..nick);
  if not occupant then return; end
  for real in pairs(occupant.sessions) do room._jid_nick[real] = nil; end
  room._occupants[occupant.nick] = nil;
  return true;
end, 1000);
`;

/** Answers "not now" to everything said in a room while a file is there, as mod_muc_limits does. */
const LIMITS = (flag: string): string => `
local st = require "util.stanza";
module:hook("message/bare", function (event)
  local f = io.open("${flag}");
  if not f or event.stanza.attr.type ~= "groupchat" then if f then f:close(); end return; end
  f:close();
  event.origin.send(st.error_reply(event.stanza, "wait", "policy-violation", "The room is overactive"));
  return true;
end, 1000);
`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const at = server.address();
  server.close();
  await once(server, 'close');
  return typeof at === 'object' && at !== null ? at.port : 0;
}

const ROOMS = `Component "conference.localhost" "muc"
  modules_enabled = { "muc_mam"; "test_limits" }
  muc_room_default_public_jids = true
  muc_room_default_persistent = true`;

export interface ProsodyOptions {
  /** Clients must use TLS, with a certificate that `ca` signed. */
  tls?: boolean;
  /** Text of the component of its rooms; by default one that this class writes. */
  rooms?: string;
}

export class Prosody {
  readonly dir = mkdtempSync(join(tmpdir(), 'tw-prosody-'));
  readonly #o: ProsodyOptions;
  #ports = { c2s: 0, http: 0, direct: 0 };
  #child: ChildProcess | undefined;

  constructor(o: ProsodyOptions = {}) {
    this.#o = o;
  }

  /** Where clients connect. */
  get service(): string {
    return `xmpp://127.0.0.1:${this.#ports.c2s}`;
  }

  /** TLS from the first byte. */
  get direct(): string {
    return `xmpps://127.0.0.1:${this.#ports.direct}`;
  }

  get websocket(): string {
    return `ws://127.0.0.1:${this.#ports.http}/xmpp-websocket`;
  }

  /** Certificate of the authority that signed the server's. */
  get ca(): string {
    return readFileSync(join(this.dir, 'ca.pem'), 'utf8');
  }

  account(name: string, host = 'localhost'): void {
    const dir = join(this.dir, 'data', host.replaceAll('.', '%2e'), 'accounts');
    mkdirSync(dir, { recursive: true });
    const escaped = encodeURIComponent(name).replace(/%../g, (x) => x.toLowerCase());
    writeFileSync(join(dir, `${escaped}.dat`), `return { ["password"] = "secret-of-${name}" };\n`);
  }

  /** While on, every word in every room is refused with "not now". */
  limit(on: boolean): void {
    if (on) writeFileSync(join(this.dir, 'limit'), '');
    else rmSync(join(this.dir, 'limit'), { force: true });
  }

  #certificates(): void {
    const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: this.dir, stdio: 'ignore' });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=a test');
    openssl('req', ...key.slice(0, -2), '-keyout', 'host.key', '-out', 'host.csr', '-subj', '/CN=localhost');
    writeFileSync(join(this.dir, 'host.ext'), 'subjectAltName=DNS:localhost\n');
    const sign = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'host.ext'];
    openssl('x509', '-req', '-in', 'host.csr', '-out', 'host.pem', ...sign);
  }

  #config(): string {
    const { c2s, http, direct } = this.#ports;
    const tls = this.#o.tls === true;
    const modules = ['disco', 'roster', 'saslauth', 'ping', 'smacks', 'websocket', 'posix', ...(tls ? ['tls'] : [])];
    const cert = `ssl = { key = "${this.dir}/host.key"; certificate = "${this.dir}/host.pem"; }`;
    return `run_as_root = true
pidfile = "${this.dir}/prosody.pid"
data_path = "${this.dir}/data"
plugin_paths = { "${this.dir}/modules" }
interfaces = { "127.0.0.1" }
c2s_ports = { ${c2s} }
s2s_ports = {}
http_ports = { ${http} }
http_interfaces = { "127.0.0.1" }
https_ports = {}
authentication = "internal_plain"
c2s_require_encryption = ${tls}
allow_unencrypted_plain_auth = ${!tls}
consider_websocket_secure = true
modules_enabled = { ${modules.map((m) => `"${m}"`).join('; ')} }
modules_disabled = { "s2s"; "offline" }
log = { warn = "${this.dir}/prosody.log" }
${tls ? `${cert}\nc2s_direct_tls_ports = { ${direct} }` : ''}
VirtualHost "localhost"
VirtualHost "foreign.test"
${this.#o.rooms ?? ROOMS}
  muc_room_locking = false
`;
  }

  /** Starts it, also again after a kill, at the same ports and with the same data. */
  async start(): Promise<void> {
    if (this.#ports.c2s === 0) await this.#prepare();
    this.#child = spawn(PROGRAM ?? 'prosody', ['-F', '--config', join(this.dir, 'prosody.cfg.lua')], {
      stdio: 'ignore',
    });
    for (let i = 0; i < 500 && this.#child.exitCode === null; i++) {
      const socket = connect(this.#ports.c2s, '127.0.0.1');
      const up = await once(socket, 'connect').then(
        () => true,
        () => false,
      );
      socket.destroy();
      if (up) return;
      await delay(20);
    }
    throw new Error(`prosody did not start: ${readFileSync(join(this.dir, 'prosody.log'), 'utf8')}`);
  }

  async #prepare(): Promise<void> {
    this.#ports = { c2s: await freePort(), http: await freePort(), direct: await freePort() };
    if (this.#o.tls === true) this.#certificates();
    mkdirSync(join(this.dir, 'modules'));
    writeFileSync(join(this.dir, 'modules', 'mod_test_limits.lua'), LIMITS(join(this.dir, 'limit')) + FORGETS);
    writeFileSync(join(this.dir, 'prosody.cfg.lua'), this.#config());
  }

  /** Ends it as a crash does, or stops it in its tracks (SIGSTOP, SIGCONT). */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await once(child, 'exit');
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
