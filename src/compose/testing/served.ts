import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

const TW = resolve(import.meta.dirname, '..', '..', '..', 'bin', 'tw.js');
const POLL_MS = 20;

/** A real `tw serve`, and whoever started it signed in. */
export interface Served {
  url: string;
  headers: Readonly<Record<string, string>>;
  /** Everything it has written so far. */
  said(): string;
  get(path: string): Promise<unknown>;
  post(path: string, body: object, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** Asked again and again until there is an answer; throws with what the server said when it comes too late. */
  until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T>;
  /** Ends it as a person does; its exit code. */
  stop(): Promise<number | null>;
}

export async function served(o: { cwd: string; state: string; config: string }): Promise<Served> {
  const env = { ...process.env, TW_STATE_DIR: o.state, CI: '1' };
  const child = spawn(process.execPath, [TW, 'serve', '--port', '0', '--config', o.config], { cwd: o.cwd, env });
  let said = '';
  for (const s of [child.stdout, child.stderr]) s.on('data', (d: Buffer) => (said += d.toString()));
  const ended = new Promise<number | null>((go) => child.on('exit', go));
  const until: Served['until'] = async (look) => {
    for (let i = 0; i < 1000; i++) {
      const found = await look();
      if (found !== undefined) return found;
      await new Promise((go) => setTimeout(go, POLL_MS));
    }
    throw new Error(`late: ${said}`);
  };
  const stop = async (): Promise<number | null> => {
    child.kill('SIGTERM');
    return await ended;
  };
  try {
    const [, url = '', secret = ''] = await until(() => /dashboard: (\S+?)\/#code=(\S+)/.exec(said) ?? undefined);
    const headers: Record<string, string> = { 'content-type': 'application/json', origin: url, 'x-tradewind': '1' };
    const post: Served['post'] = (path, body, more = {}) =>
      fetch(`${url}/api/v1${path}`, { method: 'POST', headers: { ...headers, ...more }, body: JSON.stringify(body) });
    const login = await post('/login', { secret });
    headers['cookie'] = (login.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const get = async (path: string): Promise<unknown> =>
      await (await fetch(`${url}/api/v1${path}`, { headers })).json();
    return { url, headers, said: () => said, get, post, until, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
