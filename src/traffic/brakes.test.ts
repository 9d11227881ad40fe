/** The brake of a release, on the in-memory twins of a fleet of three. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type TrafficBrakes, trafficBrakes } from './brakes.ts';
import { currentSnapshot, publish, type TrafficDeps } from './engine.ts';
import { codeOf, createFleet, type TwinFleet } from './fleet-twin.ts';
import { hold } from './holds.ts';
import { down, intent, SITES, snapshot } from './machine/fixtures.ts';

const CLUSTERS = SITES.map((s) => s.cluster);
const why = { code: 'TW7020', say: 'sao did not switch in 5 s' };
describe('brakes of a release', () => {
  let fleet: TwinFleet;
  let brakes: TrafficBrakes;
  const holds = async () => (await currentSnapshot(fleet.deps)).current?.snapshot.holds ?? [];
  const says = async (cluster: string): Promise<string[]> => (await brakes.may(cluster)).map((r) => r.code);
  beforeEach(async () => {
    fleet = createFleet();
    await publish(fleet.deps, snapshot());
    brakes = trafficBrakes(fleet.deps, { by: 'release guestbook', budgetMs: 400 });
  });

  it('brakes and lifts its own, and says what is braked', async () => {
    expect(await says('sao')).toEqual([]);
    expect(await brakes.brake('sao', why)).toBe('ok');
    expect(await brakes.now()).toEqual(['sao']);
    expect(await holds()).toMatchObject([{ kind: 'brake', cluster: 'sao', by: 'release guestbook' }]);
    expect((await holds())[0]?.why).toBe('TW7020 sao did not switch in 5 s');
    expect([await says('sao'), await says('mtl'), await says('rio')]).toEqual([[], ['TW4032'], ['TW4034']]);
    await brakes.lift('sao');
    expect([await brakes.now(), await holds()]).toEqual([[], []]);
    await brakes.lift('sao');
  });

  it('leaves the drain of a person and the brake of another release alone', async () => {
    await hold({ kind: 'drain', cluster: 'sao', by: 'ana', why: 'kernel update', waitMs: 0 }, fleet.deps);
    const other = trafficBrakes(fleet.deps, { by: 'release shop', budgetMs: 400 });
    await Promise.all([brakes.brake('sao', why), other.brake('sao', why)]);
    expect((await holds()).map((h) => `${h.kind} ${h.by}`).toSorted()).toEqual([
      'brake release guestbook',
      'brake release shop',
      'drain ana',
    ]);
    await brakes.lift('sao');
    expect((await holds()).map((h) => `${h.kind} ${h.by}`).toSorted()).toEqual(['brake release shop', 'drain ana']);
    expect([await brakes.now(), await other.now()]).toEqual([[], ['sao']]);
  });

  it('never brakes the last that serves, also when both are asked for at once; a second one it does', async () => {
    fleet.health['syd/guestbook'] = down();
    const both = await Promise.all([codeOf(brakes.brake('sao', why)), codeOf(brakes.brake('mtl', why))]);
    expect(both).toEqual(['none', 'TW4031']);
    expect(await says('mtl')).toEqual(['TW4031', 'TW4032']);
    delete fleet.health['syd/guestbook'];
    expect(await brakes.brake('mtl', why)).toBe('ok');
    expect(await codeOf(brakes.brake('syd', why))).toBe('TW4031');
  });

  it('lets one of two processes win that brake the last two at the same time', async () => {
    fleet.health['syd/guestbook'] = down();
    const other = trafficBrakes(fleet.deps, { by: 'release shop', budgetMs: 400 });
    const both = await Promise.all([codeOf(brakes.brake('sao', why)), codeOf(other.brake('mtl', why))]);
    expect(both.toSorted()).toEqual(['TW4031', 'none']);
    expect((await holds()).length).toBe(1);
  });

  it('never takes the only cluster of a strict residency', async () => {
    const intents = [intent({ residency: [{ from: ['AU'], to: ['syd'], strict: true }] })];
    await publish(fleet.deps, snapshot({ seq: 2, intents }));
    expect(await says('syd')).toEqual(['TW4031']);
    expect(await codeOf(brakes.brake('syd', why))).toBe('TW4031');
    expect(await holds()).toEqual([]);
  });

  it('brakes a cluster whose API and nameserver are silent, by the truth of the others', async () => {
    fleet.silent.add('sao');
    expect(await says('sao')).toEqual([]);
    expect(await brakes.brake('sao', why)).toBe('ok');
    expect([fleet.runs.get('mtl')?.holds.length, fleet.runs.get('sao')?.holds.length]).toEqual([1, 0]);
    fleet.silent.delete('sao');
    // Asked again it tells those that missed it; the number stays.
    expect(await brakes.brake('sao', why)).toBe('ok');
    expect(fleet.taken.slice(-3)).toEqual(['mtl 2', 'syd 2', 'sao 2']);
    await brakes.lift('sao');
    expect(await holds()).toEqual([]);
  });

  it('is pending while a server that answers still sends users there', async () => {
    const { http } = fleet.deps;
    // mtl takes what it is told and goes on with what it had.
    const deaf: TrafficDeps['http'] = {
      send: (r, signal) => {
        if (r.method === 'POST' && r.url.includes('198.18.2.')) return Promise.resolve({ status: 200, body: '{}' });
        return http.send(r, signal);
      },
    };
    const over = trafficBrakes({ ...fleet.deps, http: deaf }, { by: 'release guestbook', budgetMs: 50 });
    expect(await over.brake('sao', why)).toBe('pending');
    expect(await over.now()).toEqual(['sao']);
  });

  it('fails honestly when nobody can be asked, and works again after', async () => {
    for (const c of CLUSTERS) fleet.silent.add(c);
    expect(await codeOf(brakes.now())).toBe('TW4051');
    expect(await codeOf(brakes.may('sao'))).toBe('TW4051');
    expect(await codeOf(brakes.brake('sao', why))).toBe('TW4051');
    expect(await codeOf(brakes.lift('sao'))).toBe('TW4051');
    fleet.silent.clear();
    expect(await brakes.brake('sao', why)).toBe('ok');
  });
});
