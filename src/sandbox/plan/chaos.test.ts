import { describe, expect, it } from 'vitest';
import type { Chaos } from '../model.ts';
import { chaosDiff, chaosFaults, durationMs, healed, parseChaos, readChaos, type Topology } from './chaos.ts';
import { bentLinks, effectsOf, type MachineNames } from './effects.ts';
import { linksOf } from './links.ts';

const t: Topology = {
  clusters: [
    { id: 'aws-sao', cluster: 'sao', region: 'sa-east-1', cidr: '10.10.0.0/16' },
    { id: 'azure-mtl', cluster: 'mtl', region: 'canadacentral', cidr: '10.20.0.0/16' },
    { id: 'azure-tor', cluster: 'tor', region: 'canadacentral', cidr: '10.21.0.0/16' },
    { id: 'syd', cluster: 'syd', region: 'sydney', cidr: '10.30.0.0/16', planned: true },
  ],
  nodes: ['ip-10-10-0-11'],
  processes: ['clouds', 'tw-net'],
  regions: ['sa-east-1', 'canadacentral'],
  users: ['sao', 'mtl'],
};
const machines: MachineNames[] = [
  {
    cluster: 'sao',
    region: 'sa-east-1',
    controlPlane: 'cp-sao',
    nodes: [{ node: 'ip-10-10-0-11', machine: 'node-sao-1' }],
  },
  { cluster: 'mtl', region: 'canadacentral', controlPlane: 'cp-mtl', nodes: [] },
  { cluster: 'tor', region: 'canadacentral', controlPlane: 'cp-tor', nodes: [] },
];
let n = 0;
const chaos = (kind: Chaos['kind'], where: string, args: Chaos['args'] = {}): Chaos => ({
  id: `c${n++}`,
  kind,
  where,
  args,
  from: 0,
});

describe('chaos', () => {
  it.each([
    ['kill', 'cluster:sao', {}, undefined],
    ['kill', 'cluster:sau', {}, 'no cluster "sau"; did you mean sao?'],
    ['kill', 'cluster:syd', {}, 'cluster syd is not built yet: there is nothing to kill'],
    ['partition', 'cluster:syd', {}, undefined],
    ['kill', 'sao', {}, '"sao": kill takes cluster:<name>, node:<name>, region:<name>, process:<name>'],
    ['kill', 'node:ip-10-10-0-11', {}, undefined],
    ['kill', 'process:clouds', { hard: true }, 'kill: Unrecognized key: "hard"'],
    ['pause', 'process:cluods', {}, 'no process "cluods"; did you mean clouds?'],
    ['partition', 'operator', {}, undefined],
    ['partition', 'users:sao', {}, undefined],
    ['partition', 'region:canadacentral', {}, undefined],
    ['partition', 'cluster:mtl', {}, undefined],
    ['link', 'sao..mtl', { delay: 300 }, undefined],
    ['link', 'sa-east-1..users-mtl', { cut: true, oneway: true }, undefined],
    ['link', 'sao..sa-east-1', { loss: 1 }, '"sao" and "sa-east-1" are the same site'],
    ['link', 'sao', { loss: 1 }, '"sao" is not a pair such as sa-east-1..canadacentral'],
    ['link', 'sao..mlt', { loss: 1 }, 'no site "mlt"; did you mean mtl?'],
    ['link', 'sao..mtl', { loss: 140 }, 'link.loss: Too big: expected number to be <=100'],
    ['link', 'sao..mtl', {}, 'link: one of delay, jitter, loss, rate, cut'],
    ['quota', 'cluster:anything', { type: 'vcpu' }, undefined],
    ['fail', 'cloud:aws,type:aws_eks_cluster', {}, undefined],
    ['slow', '*', {}, undefined],
    [
      'fail',
      'aws',
      {},
      '"aws" is not * or cloud:<name>, region:<name>, cluster:<name>, type:<name>, name:<name>, verb:<name>',
    ],
  ] as const)('%s %s %j', (kind, where, args, said) => {
    const faults = chaosFaults({ kind, where, args }, t);
    expect(faults).toEqual(said === undefined ? [] : [said]);
  });

  it('names the kinds when it knows none', () => {
    expect(chaosFaults({ kind: 'explode', where: '*', args: {} }, t)[0]).toMatch(/^no chaos "explode"; there is kill,/);
  });

  it('reads a file as a whole: every fault at once, or all of it', () => {
    const bad = readChaos({ chaos: [chaos('kill', 'cluster:x'), chaos('link', 'sao..mtl', { loss: 200 })] }, t);
    expect('faults' in bad && bad.faults).toHaveLength(2);
    expect(readChaos({ chaos: [{ id: 'a', kind: 'kil', where: 'x', from: 0 }], more: 1 }, t)).toMatchObject({
      faults: [expect.stringContaining('chaos.0.kind'), expect.stringContaining('more')],
    });
    const same = chaos('kill', 'cluster:sao');
    expect(readChaos({ chaos: [same, same] }, t)).toMatchObject({ faults: [expect.stringContaining('occurs twice')] });
    expect(readChaos({ chaos: [same] }, t)).toEqual({ chaos: [same] });
  });

  it('says what must hold', () => {
    const e = effectsOf(
      [
        chaos('kill', 'cluster:sao'),
        chaos('pause', 'process:tw-net'),
        chaos('partition', 'cluster:sao'),
        chaos('partition', 'users:mtl'),
        chaos('quota', '*'),
      ],
      t,
      machines,
    );
    expect([...e.dead]).toEqual(['cp-sao', 'node-sao-1']);
    expect([...e.paused]).toEqual(['tw-net']);
    expect([...e.cut]).toEqual(['users-mtl']);
    expect([...e.apart]).toEqual([['sao', { region: 'sa-east-1', cidr: '10.10.0.0/16' }]]);
    expect(e.clouds.map((c) => c.kind)).toEqual(['quota']);
    expect([...effectsOf([chaos('kill', 'region:canadacentral')], t, machines).dead]).toEqual(['cp-mtl', 'cp-tor']);
    expect([...effectsOf([chaos('kill', 'node:ip-10-10-0-11')], t, machines).dead]).toEqual(['node-sao-1']);
  });

  it('bends the ocean both ways, one way, and leaves the rest', () => {
    const base = linksOf([
      { name: 'sa-east-1', lat: -23, lon: -46 },
      { name: 'canadacentral', lat: 43, lon: -79 },
    ]);
    const both = effectsOf([chaos('link', 'sao..mtl', { delay: 300 })], t, machines).links;
    expect(both).toEqual([{ from: 'sa-east-1', to: 'canadacentral', both: true, wide: true, set: { oneWayMs: 300 } }]);
    expect(bentLinks(base, both).map((l) => l.oneWayMs)).toEqual([300, 300]);
    const one = effectsOf([chaos('link', 'mtl..sao', { loss: 5, oneway: true })], t, machines).links;
    expect(bentLinks(base, one).map((l) => [l.from, l.lossPct])).toEqual([
      ['sa-east-1', 0],
      ['canadacentral', 5],
    ]);
    expect(effectsOf([chaos('link', 'users-sao..mtl', { cut: true })], t, machines).links[0]).toMatchObject({
      wide: false,
      from: 'users-sao',
    });
  });

  it('heals one or all, and knows the difference of two lists', () => {
    const [a, b] = [chaos('kill', 'cluster:sao'), chaos('partition', 'cluster:sao')];
    expect(healed([a, b], undefined)).toEqual([a, b]);
    expect(healed([a, b], 'kill')).toEqual([a]);
    expect(healed([a, b], 'cluster:sao')).toEqual([a, b]);
    expect(healed([a, b], 'partition cluster:sao')).toEqual([b]);
    expect(healed([a, b], 'nothing')).toEqual([]);
    expect(chaosDiff([a], [b])).toEqual({ end: [a], begin: [b] });
    expect(chaosDiff([a], [{ ...a, args: { x: 1 } }])).toMatchObject({ end: [a], begin: [{ args: { x: 1 } }] });
  });

  it('understands a command line', () => {
    expect(parseChaos(['kill', 'cluster:mtl'], 30_000)).toEqual({
      do: 'begin',
      kind: 'kill',
      where: 'cluster:mtl',
      args: {},
      forMs: 30_000,
    });
    expect(parseChaos(['link', 'sao..mtl', 'delay=300ms', 'loss=5%', 'cut'])).toMatchObject({
      args: { delay: 300, loss: 5, cut: true },
    });
    expect(parseChaos(['quota', 'cloud:aws', 'code=VcpuLimitExceeded'])).toMatchObject({
      args: { code: 'VcpuLimitExceeded' },
    });
    expect(parseChaos(['heal'])).toEqual({ do: 'heal' });
    expect(parseChaos(['heal', 'kill', 'cluster:mtl'])).toEqual({ do: 'heal', what: 'kill cluster:mtl' });
    expect(parseChaos(['resume', 'process:clouds'])).toEqual({ do: 'heal', what: 'pause process:clouds' });
    expect(parseChaos(['kil', 'x'])).toEqual({ fault: 'no chaos "kil"; did you mean kill?' });
    expect(parseChaos(['kill'])).toMatchObject({ fault: expect.stringContaining('where?') });
    expect([durationMs('30s'), durationMs('2m'), durationMs('500ms'), durationMs('soon')]).toEqual([
      30_000,
      120_000,
      500,
      undefined,
    ]);
  });
});
