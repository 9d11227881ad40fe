/** `tw state add-voter` over the real agents, stopped at every point and said again; the clusters are Kubernetes twins. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { stateDoor } from '../../src/compose/state.ts';
import type { StateWiring } from '../../src/compose/state-deploy.ts';
import { KubeTwin } from '../../src/fleet/adapters/kube-twin.ts';
import { dictOf, type FleetApp, type KubeObject } from '../../src/fleet/index.ts';
import { memoryStore } from '../../src/kernel/index.ts';
import type { EpochValue } from '../../src/state/model.ts';
import { Client } from './state-agent/client.ts';
import { configOf, NAMES } from './state-agent/config.ts';
import { Rig } from './state-agent/rig.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-voters-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** What a cluster has of the state when the change begins, with the agent of the rig behind its pod. */
async function cluster(rig: Rig, name: string, voters: readonly string[]): Promise<KubeTwin> {
  const proxy = () => JSON.stringify({ ...rig.place(name).agent?.report(), events: [] });
  const twin = new KubeTwin(name, { proxy });
  await twin.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'state-app' } }, 'cloud');
  const named = (is: string) => ({ name: is, namespace: 'state-app' });
  const data = { 'settings.json': JSON.stringify({ voters, home: 'ca' }) };
  await twin.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: named('state-settings'), data }, 'tw');
  await twin.create({ apiVersion: 'v1', kind: 'Pod', metadata: named('redis-0'), status: { podIP: '10.0.0.1' } }, 'tw');
  return twin;
}

const objectsOf = (app: FleetApp | undefined, c: string): readonly KubeObject[] =>
  app !== undefined && 'perCluster' in app.source ? (app.source.perCluster?.[c] ?? []) : [];
const redisIn = (app: FleetApp | undefined): string[] =>
  NAMES.filter((c) => objectsOf(app, c).some((o) => o.kind === 'StatefulSet'));
const toldIn = (app: FleetApp | undefined, c: string): { voters: string[]; peers?: string[] } =>
  JSON.parse(String(dictOf(objectsOf(app, c).find((o) => o.kind === 'ConfigMap')?.['data'])['settings.json'])) as never;

const { signal } = new AbortController();
const epochOf = (rig: Rig): EpochValue | undefined =>
  rig.world.view('state/app/epoch').entries[0]?.value as EpochValue | undefined;
const STOPS = ['begun', 'decided', 'told', 'never'] as const;

/** One machine after the other says the verb; the first of them ends at `stop`. */
async function said(
  door: () => ReturnType<typeof stateDoor>,
  wish: { add: string; leave?: string },
  stop: (typeof STOPS)[number],
): Promise<FleetApp | undefined> {
  const x = { app: 'app', wish, show: () => undefined };
  const d = door();
  await d.begin(x, {});
  if (stop === 'begun') return (await d.systemApps({}))[0];
  await d.decide(x, {}, signal);
  if (stop === 'decided') return undefined;
  const [after] = await d.systemApps({});
  if (stop === 'told') return after;
  await d.end(x);
  return after;
}

const WISHES = [
  { wish: { add: 'au' }, from: ['ca', 'sa'], to: ['au', 'ca', 'sa'] },
  { wish: { add: 'au', leave: 'sa' }, from: ['ca', 'sa'], to: ['au', 'ca'] },
  { wish: { add: 'au', leave: 'ca' }, from: ['ca', 'sa'], to: ['au', 'sa'] },
];
const cases = WISHES.flatMap((w) => STOPS.map((stop) => [w.to.join(), stop, w] as const));

it.each(cases)(
  'copies in %s, stopped when %s: said again it ends',
  { timeout: 30_000 },
  async (_, stop, { wish, from, to }) => {
    const rig = new Rig(7, NAMES, from);
    const twins = Object.fromEntries(
      await Promise.all(NAMES.map(async (c) => [c, await cluster(rig, c, from)] as const)),
    );
    const door = () => {
      const w: StateWiring = {
        config: configOf(dir),
        clock: rig.clock,
        stateDir: dir,
        kube: (c) => twins[c],
        outputs: async () => ({}),
        store: memoryStore(undefined, rig.world),
        secret: 'ab',
        image: 'registry.example/tradewind:v1',
        pinned: new Map(),
      };
      return stateDoor(w);
    };
    const client = new Client(rig, 'x');
    let ended = false;
    const story = async (): Promise<void> => {
      const writing = client.run(() => ended);
      while (!rig.settled() || client.acked.length < 5) await rig.clock.sleep(50);
      const first = await said(door, wish, stop);
      if (stop === 'begun') {
        // A Redis in both, who counts is as before, and all have a wire to all.
        expect(redisIn(first)).toEqual(['au', 'ca', 'sa']);
        expect(toldIn(first, 'ca')).toMatchObject({ voters: from, peers: ['au', 'ca', 'sa'] });
        expect(epochOf(rig)?.voters).toBeUndefined();
      }
      if (stop === 'decided') {
        // Whoever deploys now, from whatever the clusters were told, deploys the new set.
        const [up] = await door().systemApps({});
        expect(redisIn(up)).toEqual(to);
      }
      const after = stop === 'never' ? first : await said(door, wish, 'never');
      expect(redisIn(after)).toEqual(to);
      for (const c of NAMES) expect(toldIn(after, c)).toMatchObject({ voters: to });
      expect(toldIn(after, 'ca').peers).toBeUndefined();
      expect(epochOf(rig)?.voters).toEqual(to);
      await expect(door().begin({ app: 'app', wish }, {})).rejects.toMatchObject({
        problem: { code: 'TW5151' },
      });
      ended = true;
      await writing;
      while (!rig.settled()) await rig.clock.sleep(50);
    };
    await rig.lives(story, 120_000);
    for (const p of rig.places) p.stop.abort();
    expect(rig.broken, rig.log.slice(-60).join('\n')).toBeUndefined();
    for (const w of client.acked) expect(rig.places.map((p) => p.redis.words.includes(w))).toEqual([true, true, true]);
  },
);
