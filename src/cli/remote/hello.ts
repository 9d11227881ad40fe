import { fault } from '../../kernel/index.ts';
import { ask, jsonOf, strange, type Wire } from './wire.ts';

interface Hello {
  name: string;
  role: string;
  fleet: string | null;
  version: string;
}

/** What may differ between a terminal and its server: the last number, while their first is above 0 also the second. */
const line = (version: string): string => {
  const [major = '', minor = ''] = version.split('.');
  return major === '0' ? `0.${minor}` : major;
};

const parts = (v: string): number[] => v.split('.').map((n) => Number.parseInt(n, 10) || 0);
function isOlder(a: string, b: string): boolean {
  const [x, y] = [parts(a), parts(b)];
  const at = x.findIndex((n, i) => n !== (y[i] ?? 0));
  return at >= 0 && (x[at] ?? 0) < (y[at] ?? 0);
}

/**
 * Before anything is sent: it is a server, of this fleet, and it speaks as we do. `fleet` absent: no config here says
 * which one. Throws TW8020, TW8031–TW8033, TW8038.
 */
export async function hello(w: Wire, mine: { fleet?: string; version: string }): Promise<Hello> {
  const said = await jsonOf<Hello>(w, await ask(w, '/api/v1/session'));
  if (typeof said.version !== 'string') throw strange(w, 'it does not tell its version');
  if (line(said.version) !== line(mine.version)) {
    const older = isOlder(said.version, mine.version);
    throw fault('TW8033', {
      value: `${said.version} at ${w.origin}`,
      why: [`this is ${mine.version}: the server is ${older ? 'older' : 'newer'}`],
      fix: [
        older
          ? { say: 'Bring the server up to it, or take its version here:', command: install(said.version) }
          : { say: 'Take its version here:', command: install(said.version) },
      ],
    });
  }
  if (mine.fleet !== undefined && said.fleet !== null && said.fleet !== mine.fleet)
    throw fault('TW8032', {
      value: `${said.fleet} at ${w.origin}`,
      why: [`the config here is of the fleet ${mine.fleet}`],
      fix: [{ say: 'Correct `server.url` in the config, or the variable TW_SERVER.' }],
    });
  return said;
}

const install = (version: string): string => `npm install --save-exact tradewind@${version}`;
