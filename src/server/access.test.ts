import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AccessNow } from '../commands/index.ts';
import { type Args, type Context, runCommand } from '../commands/index.ts';
import { tokenCreate } from '../commands/tokens.ts';
import { HOST, type Rig, rigIn } from './fixtures.ts';
import { runsOf, withFact } from './machine.ts';
import type { SessionInfo } from './model.ts';

let dir: string;
let rig: Rig;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-acc-'));
  rig = rigIn(dir);
});
afterEach(() => {
  rig.stop.abort();
  rmSync(dir, { recursive: true, force: true });
});

const context = async (): Promise<Context> => await rig.parts.deps.engine({ verb: 'status', args: {} });
interface Made {
  id: string;
  token: string;
}
const token = async (name: string, role = 'look'): Promise<Made> =>
  tokenCreate(await context(), { name, role, days: 1 } as Args).data as unknown as Made;
const ask = async <T>(path: string, secret: string): Promise<T> =>
  (await (
    await rig.app.request(`/api/v1${path}`, { headers: { ...HOST, authorization: `Bearer ${secret}` } })
  ).json()) as T;
const access = async (secret: string): Promise<AccessNow> =>
  (await ask<{ data: AccessNow }>('/views/access', secret)).data;

/** The config of the twin, with persons: anna is who is at this machine, eve has a token. */
function people(eve: Made, rights: readonly object[]): void {
  const accounts = { anna: `os:${userInfo().username}`, eve: `http:${eve.id}` };
  const named = Object.entries(accounts).map(([name, a]) => [name, { accounts: [a], groups: [] }]);
  const apps = [{ name: 'shop' }, { name: 'blog' }];
  Object.assign(rig.twin.config, { people: Object.fromEntries(named), rights, approvals: [], freezes: [], apps });
}

describe('what the page of settings shows', () => {
  it('a token by its first letters and its last use, never the rest', async () => {
    Object.assign(rig.twin.config, { freezes: [] });
    const [mine, other] = [await token('ci'), await token('grafana')];
    const { tokens } = await access(mine.token);
    expect(tokens.map((t) => [t.name, t.prefix, t.usedAt])).toEqual([
      ['ci', mine.token.slice(0, 8), 1_000_000],
      ['grafana', other.token.slice(0, 8), null],
    ]);
    expect(JSON.stringify(tokens)).not.toContain(mine.token.slice(0, 12));
    expect(JSON.stringify(tokens)).not.toMatch(/[0-9a-f]{64}/);
  });

  it('persons, freezes of the calendar and by hand, locks; who may break them', async () => {
    const eve = await token('eve');
    people(eve, [
      { who: ['anna'], may: ['look', 'safe', 'rule', 'break-glass'] },
      { who: ['eve'], may: ['look', 'break-glass'], apps: ['shop'] },
    ]);
    const always = { from: '00:00', to: '24:00', zone: 'UTC', except: [], because: 'night' };
    Object.assign(rig.twin.config, { freezes: [{ ...always, name: 'nights' }] });
    const io = { signal: rig.stop.signal } as never;
    const say = async (verb: string, args: Args): Promise<unknown> => runCommand(await context(), { verb, args }, io);
    await say('freeze', { app: 'shop', on: [], because: 'sale', for: '2h' });
    await say('lock', { app: 'blog', on: [], because: 'database', for: '4h' });
    const now = await access(eve.token);
    expect(now.barriers.map((b) => [b.id, b.kind, b.reach, b.calendar, b.breakers])).toEqual([
      ['f1', 'freeze', 'shop', false, ['anna', 'eve']],
      ['l1', 'lock', 'blog', false, []],
      ['nights', 'freeze', 'everything', true, ['anna']],
    ]);
    expect(now.calendar).toMatchObject([{ name: 'nights', says: '00:00 to 24:00, UTC', holds: true }]);
    expect(now.people?.map((p) => [p.name, p.rights[0]])).toEqual([
      ['anna', 'look safe rule break-glass: everything'],
      ['eve', 'look break-glass: shop'],
    ]);
  });
});

describe('what a sign-in is told of its rights', () => {
  it('the places of each right, and who has it on the whole fleet', async () => {
    const eve = await token('eve', 'admin');
    people(eve, [
      { who: ['anna'], may: ['look', 'forward'] },
      { who: ['eve'], may: ['look'] },
      { who: ['eve'], may: ['safe'], apps: ['shop'] },
    ]);
    const { allowed } = await ask<SessionInfo>('/session', eve.token);
    expect(allowed?.person).toBe('eve');
    expect(allowed?.rights['look'].places).toEqual(['* eu', 'shop eu', 'blog eu']);
    expect(allowed?.rights['safe'].places).toEqual(['shop eu']);
    expect(allowed?.rights['forward']).toEqual({ places: [], holders: ['anna'] });
  });

  it('nothing where the config names nobody; none at all for an account that is nobody’s', async () => {
    const eve = await token('eve');
    expect((await ask<SessionInfo>('/session', eve.token)).allowed).toBeNull();
    people({ id: 'another', token: '' }, [{ who: ['anna'], may: ['look'] }]);
    const { allowed } = await ask<SessionInfo>('/session', eve.token);
    expect([allowed?.person, allowed?.rights['look'].places]).toEqual([null, []]);
  });
});

it('a run is told with the plan that it did and the release that it wrote to', () => {
  const at = { at: 1, offset: 1 };
  const facts = [
    { ...at, kind: 'command.start', run: 'a', data: { verb: 'up' } },
    { ...at, kind: 'command.up', run: 'a', data: { plan: 'p-1', changes: {} } },
    { ...at, kind: 'command.start', run: 'b', data: { verb: 'release' } },
    { ...at, kind: 'release.record', run: 'b', data: { release: 'r1', planId: 'p-2' } },
    { ...at, kind: 'release.record', data: { release: 'r9', planId: 'p-9' } },
  ];
  const fold = facts.reduce((runs, f) => withFact(runs, f as never), new Map() as Parameters<typeof withFact>[0]);
  expect(runsOf(fold, () => true).map((r) => [r.run, r.plan, r.release])).toEqual([
    ['b', 'p-2', 'r1'],
    ['a', 'p-1', null],
  ]);
});
