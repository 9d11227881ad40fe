import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { parse } from 'yaml';
import { type Served, served } from '../../src/compose/testing/served.ts';
import { freePortAt } from '../../src/state/testing/redis-process.ts';
import { argvOf, ROOT } from './lib/blocks.ts';
import { Folder } from './lib/folder.ts';
import { exactly, scenes } from './lib/scenes.ts';

/** What is typed beside a real `tw serve`; its fleet is not built. */
const folders: Folder[] = [];
const servers: Served[] = [];
afterAll(async () => {
  for (const s of servers) await s.stop();
  for (const f of folders) f.end();
});

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}
const envOf = (f: Folder): NodeJS.ProcessEnv => ({ ...process.env, CI: '1', TW_STATE_DIR: f.state });
function run(f: Folder, program: string, argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const all = { ...envOf(f), ...env };
  return new Promise((done) =>
    execFile(program, argv, { cwd: f.dir, env: all }, (error, stdout, stderr) =>
      done({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    ),
  );
}
const tw = (f: Folder, argv: readonly string[], env: NodeJS.ProcessEnv = {}) => run(f, join(ROOT, 'tw'), argv, env);
function folder(): Folder {
  const f = new Folder().write();
  folders.push(f);
  return f;
}
async function serving(f: Folder): Promise<Served> {
  const s = await served({ cwd: f.dir, state: f.state, config: f.config });
  servers.push(s);
  return s;
}
/** An address that signs in once, as `tw dashboard` prints it. */
const address = async (f: Folder): Promise<string> =>
  /http\S+#code=\S+/.exec((await tw(f, ['dashboard'])).stdout)?.[0] ?? '';
/** A token, as it is shown once. */
async function token(f: Folder, argv: readonly string[]): Promise<string> {
  const made = await tw(f, argv);
  return /twt_[\w-]{40,}/.exec(made.stdout)?.[0] ?? expect.fail(made.stdout + made.stderr);
}

interface Problem {
  code: string;
}
interface Scrape {
  scrape_configs: {
    scheme: string;
    authorization: { credentials_file: string };
    static_configs: { targets: string[] }[];
  }[];
}

scenes('server', {
  'dashboard.md: tw serve': async (lines) => {
    const [serve] = exactly(1, lines);
    // Beside the port and the config, which a test has to choose, this is how the server of these tests is started.
    expect(argvOf(serve)).toEqual(['serve']);
    const f = folder();
    const s = await serving(f);
    const again = await address(f);
    expect(again.startsWith(`${s.url}/#code=`)).toBe(true);
    const signIn = async (at: string): Promise<number> =>
      (await s.post('/login', { secret: at.split('#code=')[1] })).status;
    const used = /http\S+#code=\S+/.exec(s.said())?.[0] ?? '';
    expect([await signIn(used), await signIn(again), await signIn(again)]).toEqual([401, 200, 401]);
    expect((await fetch(`${s.url}/`)).status).toBe(200);
    expect(await s.stop()).toBe(0);
  },

  'dashboard.md: tw token create ci --role operate': async (lines) => {
    const [create, look, drain] = exactly(3, lines);
    const f = folder();
    const s = await serving(f);
    const env = { TOKEN: await token(f, argvOf(create)), RUN_ID: '1234567890' };
    const curl = async (line: string, more: NodeJS.ProcessEnv = {}): Promise<unknown> => {
      const sent = line.replace('http://127.0.0.1:4747', s.url);
      expect(sent).not.toBe(line);
      return JSON.parse((await run(f, 'sh', ['-c', sent], { ...env, ...more })).stdout);
    };
    const { meta: _, ...document } = (await s.get('/commands/status')) as { meta: object };
    expect(await curl(look)).toMatchObject(document);
    expect(await curl(look, { TOKEN: 'twt_none' })).toMatchObject({ status: 401, code: 'TW8020' });
    // Nothing is built that could be drained: what matters is that the order arrived, once.
    const first = (await curl(drain)) as Problem;
    expect(first.code).toMatch(/^TW4\d{3}$/);
    expect(await curl(drain)).toMatchObject({ code: first.code });
    expect(await curl(drain.replace('mtl', 'syd'))).toMatchObject({ code: 'TW8023' });
    const audit = (await tw(f, ['audit', 'export'])).stdout;
    expect(audit.match(/"what":"started".*"verb":"drain".*"because":"maintenance"/g)).toHaveLength(1);
  },

  'dashboard.md: scrape_configs:': async (_, { block }) => {
    const [job] = (parse(block.text) as Scrape).scrape_configs;
    const host = job?.static_configs[0]?.targets[0] ?? '';
    const f = folder();
    // Behind a proxy with TLS, which takes the name of the target and hands it on.
    const port = String(await freePortAt('127.0.0.1'));
    const beyond = ['serve', '--port', port, '--public-url', `${job?.scheme}://${host}`];
    const server = spawn(join(ROOT, 'tw'), beyond, { cwd: f.dir, env: envOf(f), stdio: 'ignore' });
    try {
      const scrape = async (...more: string[]): Promise<string> => {
        const url = `http://127.0.0.1:${port}/metrics`;
        const args = ['-s', '--retry', '30', '--retry-connrefused', '--retry-delay', '1', '-w', '\n%{http_code}'];
        return (await run(f, 'curl', [...args, '-H', `Host: ${host}`, ...more, url])).stdout;
      };
      expect(await scrape()).toMatch(/\n401$/);
      const file = join(f.dir, basename(job?.authorization.credentials_file ?? ''));
      writeFileSync(file, await token(f, ['token', 'create', 'prometheus', '--role', 'look']));
      const seen = await scrape('-H', `Authorization: Bearer ${readFileSync(file, 'utf8')}`);
      expect(seen).toMatch(/^# TYPE tradewind_\w+ [^]*\n200$/m);
    } finally {
      server.kill('SIGTERM');
      await once(server, 'exit');
    }
  },

  "one-server.md: tw login 'https://tw.example/#code=…' --role operate": async (lines) => {
    const [login] = exactly(1, lines);
    const home = folder();
    const s = await serving(home);
    const away = folder();
    const env = { TW_SERVER: s.url };
    const at = await address(home);
    const done = await tw(away, argvOf(login, { 'https://tw.example/#code=…': at }), env);
    expect(done.stdout).toMatch(new RegExp(`signed in to ${s.url} as .* operate .*sign-in.json`));
    expect(statSync(join(away.state, 'sign-in.json')).mode & 0o777).toBe(0o600);
    expect((await tw(away, ['status', '-o', 'json'], env)).stdout).toContain(`"dashboard": "${s.url}"`);
    expect((await tw(away, argvOf(login, { 'https://tw.example/#code=…': at }), env)).stderr).toContain('TW8020');
  },

  'github.md: tw init --ci github --action <owner>/tradewind@<commit>': async (lines) => {
    const [init] = exactly(1, lines);
    const f = folder();
    await run(f, 'git', ['init', '-q']);
    const argv = argvOf(init, { '<owner>': 'acme', '<commit>': '0123456789abcdef0123456789abcdef01234567' });
    const done = await tw(f, argv);
    expect(done.code, done.stderr).toBe(0);
    const text = readFileSync(join(f.dir, '.github', 'workflows', 'tradewind.yml'), 'utf8');
    const made = parse(text) as { on: object };
    expect(Object.keys(made.on).toSorted()).toEqual(['issue_comment', 'pull_request', 'push']);
    expect(text).toContain('acme/tradewind@0123456789abcdef0123456789abcdef01234567');
    for (const name of [
      'AWS_PLAN_ROLE',
      'AWS_UP_ROLE',
      'AZURE_PLAN_CLIENT',
      'AZURE_UP_CLIENT',
      'GCP_PROVIDER',
      'GCP_PLAN_ACCOUNT',
      'GCP_UP_ACCOUNT',
    ])
      expect(text).toContain(`TRADEWIND_${name}`);
  },
});
