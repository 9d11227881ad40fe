import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { TwError } from '../../kernel/index.ts';
import type { SandboxEvent, SandboxSpec } from '../model.ts';
import { layout } from '../plan/layout.ts';
import { type Fakes, fakes } from '../testing/fakes.ts';
import { readJson } from './files.ts';
import { localSandbox } from './local.ts';
import { killAll, MARK, scanMarked } from './marks.ts';
import { unixHttp } from './unix-http.ts';

const seed = (id: string, cluster: string, region: string) => ({
  id,
  cluster,
  cloud: 'aws',
  region,
  zones: [`${region}a`],
  nodeCidr: '10.10.0.0/16',
  podCidr: '10.244.0.0/16',
  serviceCidr: '10.250.0.0/20',
  version: '1.36',
  dnsName: `${id}.example`,
  issuer: 'https://issuer.example',
});
const node = {
  name: 'n1',
  zone: 'a',
  instanceType: 't3.medium',
  cpu: 2,
  memoryBytes: 4e9,
  labels: {},
  taints: [],
  providerId: 'aws:///a/i-1',
};

describe('local sandbox with stand-ins for the programs', () => {
  let f: Fakes | undefined;
  let stray: ChildProcess | undefined;
  afterEach(async () => {
    stray?.kill('SIGKILL');
    const id = f === undefined ? undefined : idOf(f);
    if (id !== undefined) await killAll(id, () => 0);
    f?.remove();
    f = undefined;
  });
  const idOf = (x: Fakes): string | undefined => {
    const file = layout(x.spec.dir).id;
    return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
  };
  const started = async () => {
    f = fakes();
    const sandbox = localSandbox({ dir: f.spec.dir, kit: f.kit });
    const events: SandboxEvent[] = [];
    for await (const e of sandbox.up(f.spec)) events.push(e);
    const l = layout(f.spec.dir);
    const put = (path: string, body: object) =>
      unixHttp(l.supervisorSocket, { method: 'PUT', path, body: body as never });
    return { f, sandbox, events, l, put, id: idOf(f) ?? '' };
  };
  const orders = (dir: string): { do: string; name?: string }[] =>
    readFileSync(`${dir}/net-orders.jsonl`, 'utf8')
      .trim()
      .split('\n')
      .map((x) => JSON.parse(x));
  const until = async (check: () => Promise<boolean> | boolean, what: string): Promise<void> => {
    for (let n = 0; n < 150; n++) {
      if (await check()) return;
      await new Promise((r) => setTimeout(r, 100));
    }
    throw new Error(`never: ${what}`);
  };

  it('goes up with progress, runs what the clouds ask for, and comes down with proof', async () => {
    const { f: fx, sandbox, events, l, put, id } = await started();
    expect(events.filter((e) => e.state === 'done').map((e) => e.step)).toEqual(
      expect.arrayContaining([
        'preflight',
        'directory',
        'provider mirror',
        'tw-net',
        'clouds',
        'users-sao',
        'users-mtl',
        'sandbox',
      ]),
    );
    expect(events.find((e) => e.step === 'users sao')?.detail).toMatch(/^http:\/\/127\.0\.0\.1:1\/\?key=/);

    const access = await put('/clusters/aws-sao', seed('aws-sao', 'sao', 'sa-east-1'));
    expect(access).toMatchObject({
      status: 200,
      body: { endpointIp: '198.18.1.10', ca: expect.any(String), version: 'v1.36.3' },
    });
    expect(await put('/clusters/aws-sao', seed('aws-sao', 'sao', 'sa-east-1'))).toEqual(access);
    expect(await put('/clusters/aws-sao/nodes/n1', node)).toMatchObject({ status: 200, body: { ip: '10.10.0.11' } });
    const vip = {
      ip: '198.18.1.100',
      region: 'sa-east-1',
      ports: [{ proto: 'tcp', port: 80, targets: [{ ip: '10.10.0.11', port: 30080 }] }],
    };
    expect((await put('/vips/198.18.1.100', vip)).status).toBe(200);
    expect(await put('/clusters/x', seed('x', 'x', 'mars'))).toMatchObject({
      status: 400,
      body: { code: 'NoSuchRegion' },
    });
    expect(await put('/clusters/y', seed('y', 'y', 'sa-east-1'))).toMatchObject({
      status: 409,
      body: { code: 'AddressesOverlap' },
    });

    const view = await sandbox.status();
    expect(view).toMatchObject({
      state: 'up',
      clusters: [
        { id: 'aws-sao', cluster: 'sao', ready: true, nodes: [{ name: 'n1', ip: '10.10.0.11', state: 'up' }] },
      ],
      vips: [{ ip: '198.18.1.100', ports: '80/tcp' }],
    });
    expect(readJson(`${l.cluster('aws-sao')}/control-plane.json`)).toMatchObject({
      privateIp: '10.10.255.10',
      dnsUpstream: '198.19.0.53',
    });
    expect(readJson(`${l.node('aws-sao', 'n1')}/node.json`)).toMatchObject({
      clusterDns: '10.250.0.10',
      apiServer: 'https://10.10.255.10:443',
    });
    // Each runs in a session of its own and carries the mark.
    const marked = scanMarked(id);
    expect(new Set(marked.map((m) => m.role))).toEqual(
      new Set(['supervisor', 'net', 'clouds', 'users', 'control-plane', 'node']),
    );

    const done = await sandbox.down({ purge: false });
    expect(done.left).toEqual([]);
    expect(done.killed).toBeGreaterThanOrEqual(9);
    expect(done.verified).toContain('no process carries the mark of this sandbox');
    expect(scanMarked(id)).toEqual([]);
    expect(existsSync(fx.spec.dir)).toBe(false);
    expect(await sandbox.status()).toMatchObject({ state: 'absent' });
    expect((await sandbox.down({ purge: false })).left).toEqual([]);
  });

  it('comes down with the supervisor killed, and sees the orphans before', async () => {
    const { sandbox, put, id } = await started();
    await put('/clusters/aws-sao', seed('aws-sao', 'sao', 'sa-east-1'));
    const supervisor = scanMarked(id).find((m) => m.role === 'supervisor');
    process.kill(supervisor?.pid ?? 0, 'SIGKILL');
    await until(async () => (await sandbox.status()).state === 'orphaned', 'orphans');
    expect((await sandbox.status()).why[0]).toMatch(/TW9041 \d+ processes/);
    expect((await sandbox.down({ purge: false })).left).toEqual([]);
    expect(scanMarked(id)).toEqual([]);
  });

  it('starts again from disk after everything was killed', async () => {
    const { f: fx, sandbox, put, id } = await started();
    await put('/clusters/aws-sao', seed('aws-sao', 'sao', 'sa-east-1'));
    await put('/clusters/aws-sao/nodes/n1', node);
    await killAll(id, () => 0);
    for await (const _ of sandbox.up(fx.spec));
    await until(async () => (await sandbox.status()).clusters[0]?.ready === true, 'control plane back');
    const view = await sandbox.status();
    expect(view.id).toBe(id);
    expect(view.clusters[0]).toMatchObject({ endpointIp: '198.18.1.10', nodes: [{ ip: '10.10.0.11', state: 'up' }] });
  });

  it('takes another region in while it runs: what stands keeps its addresses', async () => {
    const { f: fx, sandbox, put } = await started();
    await put('/clusters/aws-sao', seed('aws-sao', 'sao', 'sa-east-1'));
    const dub = { name: 'eu-west-1', index: 1, lat: 53, lon: -6 };
    const regions = [dub, ...fx.spec.regions.map((r) => ({ ...r, index: r.index + 1 }))];
    const before = await sandbox.status();
    const events: SandboxEvent[] = [];
    for await (const e of sandbox.up({ ...fx.spec, regions })) events.push(e);
    expect(events.filter((e) => e.state === 'done').map((e) => e.step)).toContain('new places');
    const goesOn = before.processes.filter((p) => p.name !== 'clouds').map((p) => p.pid);
    expect((await sandbox.status()).processes.map((p) => p.pid)).toEqual(expect.arrayContaining(goesOn));
    expect((await sandbox.status()).clusters[0]).toMatchObject({ cluster: 'sao', endpointIp: '198.18.1.10' });
    const answer = await put('/clusters/aws-dub', {
      ...seed('aws-dub', 'dub', 'eu-west-1'),
      nodeCidr: '10.40.0.0/16',
    });
    expect(answer.body).toMatchObject({ endpointIp: `198.18.${fx.spec.regions.length + 1}.10` });
    const again: SandboxEvent[] = [];
    for await (const e of sandbox.up({ ...fx.spec, regions })) again.push(e);
    expect(again.map((e) => e.detail)).toContain('already up');
  });

  it('another world is begun from the disks of the one that ran, and says so', async () => {
    const { f: fx, sandbox, put } = await started();
    await put('/clusters/aws-sao', seed('aws-sao', 'sao', 'sa-east-1'));
    const events: SandboxEvent[] = [];
    for await (const e of sandbox.up({ ...fx.spec, cloudTime: 7 })) events.push(e);
    expect(events.map((e) => e.detail)).toContain(
      'the config asks for another world: all of it starts again, as after a power cut',
    );
    await until(async () => (await sandbox.status()).clusters[0]?.ready === true, 'the cluster back');
  });

  it('restarts a dead process, and makes everything anew when the network died', async () => {
    const { sandbox, put, l, f: fx } = await started();
    await put('/clusters/aws-sao', seed('aws-sao', 'sao', 'sa-east-1'));
    await sandbox.chaos({ do: 'begin', kind: 'partition', where: 'region:canadacentral' });
    const before = orders(fx.spec.dir).length;
    const pid = (await sandbox.status()).processes.find((p) => p.name === 'tw-net')?.pid ?? 0;
    process.kill(pid, 'SIGKILL');
    await until(async () => {
      const v = await sandbox.status();
      return (
        v.state === 'up' &&
        v.processes.every((p) => p.state === 'up') &&
        v.processes.some((p) => p.name === 'tw-net' && p.pid !== pid)
      );
    }, 'up again');
    const done = (): unknown[] =>
      orders(fx.spec.dir)
        .slice(before)
        .map((x) => x.do);
    await until(() => ['machine', 'partition', 'door'].every((what) => done().includes(what)), 'everything anew');
    const receipt = await sandbox.chaos({ do: 'begin', kind: 'kill', where: 'process:clouds' });
    expect(receipt.did[0]).toMatch(/clouds killed/);
    await until(
      async () =>
        (await sandbox.status()).processes.some((p) => p.name === 'clouds' && p.state === 'up' && p.restarts > 0),
      'clouds back',
    );
    expect(existsSync(l.cloudsSocket)).toBe(true);
  });

  it('kills a cluster so that only heal brings it back, and refuses what makes no sense', async () => {
    const { sandbox, put, l } = await started();
    await put('/clusters/aws-sao', seed('aws-sao', 'sao', 'sa-east-1'));
    await put('/clusters/aws-sao/nodes/n1', node);
    const receipt = await sandbox.chaos({ do: 'begin', kind: 'kill', where: 'cluster:sao' });
    expect(receipt.did).toEqual(['cp-aws-sao without power', 'node-aws-sao-n1 without power']);
    // The network goes first: a dying socket must not say goodbye to its peers.
    expect(
      orders(l.dir)
        .filter((x) => x.do === 'machineGone')
        .map((x) => x.name),
    ).toEqual(['cp-aws-sao', 'node-aws-sao-n1']);
    let view = await sandbox.status();
    expect(view.clusters[0]).toMatchObject({ ready: false, state: 'held', nodes: [{ state: 'held' }] });
    expect(view.processes.map((p) => p.name)).not.toContain('cp-aws-sao');
    expect(await put('/clusters/aws-sao/nodes/n2', { ...node, name: 'n2' })).toMatchObject({
      status: 503,
      body: { code: 'MachineOff' },
    });
    expect(readJson(l.chaos)).toMatchObject({ chaos: [{ kind: 'kill', where: 'cluster:sao' }] });

    const refused = await sandbox.chaos({ do: 'begin', kind: 'kil', where: 'cluster:sau' }).catch((e: unknown) => e);
    expect(refused).toBeInstanceOf(TwError);
    expect((refused as TwError).problem).toMatchObject({ code: 'TW9010', why: ['no chaos "kil"; did you mean kill?'] });
    const cloudy = await sandbox.chaos({ do: 'begin', kind: 'quota', where: 'name:refused' }).catch((e: unknown) => e);
    expect((cloudy as TwError).problem.why).toEqual(['the clouds know no such type']);
    expect((await sandbox.status()).chaos).toHaveLength(1);

    await sandbox.chaos({ do: 'heal', what: 'kill cluster:sao' });
    await until(async () => (await sandbox.status()).clusters[0]?.ready === true, 'cluster back');
    view = await sandbox.status();
    expect(view.chaos).toEqual([]);
    expect(view.clusters[0]?.nodes[0]?.state).toBe('up');
  });

  it('ends a chaos by itself after its time', async () => {
    const { sandbox, l } = await started();
    const receipt = await sandbox.chaos({
      do: 'begin',
      kind: 'link',
      where: 'sao..mtl',
      args: { delay: 300 },
      forMs: 400,
    });
    expect(receipt.began[0]?.until).toBe((receipt.began[0]?.from ?? 0) + 400);
    expect((await sandbox.status()).links.map((x) => x.oneWayMs)).toEqual([300, 300]);
    await until(async () => (await sandbox.status()).chaos.length === 0, 'healed');
    expect((await sandbox.status()).links.map((x) => x.oneWayMs)).toEqual([60, 60]);
    expect(orders(l.dir).filter((x) => x.do === 'link')).toEqual([
      expect.objectContaining({ from: 'sa-east-1', to: 'canadacentral', both: true, wide: true, oneWayMs: 300 }),
      expect.objectContaining({ from: 'sa-east-1', to: 'canadacentral', both: true, wide: true, reset: true }),
    ]);
    const facts = readFileSync(l.facts, 'utf8')
      .trim()
      .split('\n')
      .map((x) => JSON.parse(x));
    expect(facts.map((x) => [x.data.began.length, x.data.healed.length])).toEqual([
      [1, 0],
      [0, 1],
    ]);
  });

  it('says at once what went wrong when it cannot start', async () => {
    f = fakes({ cloudsMain: 'throw new Error("no clouds today")' });
    const sandbox = localSandbox({ dir: f.spec.dir, kit: f.kit });
    const up = async (over: Partial<SandboxSpec>): Promise<void> => {
      for await (const _ of sandbox.up({ ...(f?.spec as SandboxSpec), ...over }));
    };
    await expect(up({ bins: '/no/such' })).rejects.toMatchObject({ code: 'TW9003' });
    const dead = up({ root: '/no/such' });
    await expect(dead).rejects.toMatchObject({
      code: 'TW9040',
      problem: { why: expect.arrayContaining([expect.stringContaining('Cannot find module')]) },
    });
    await expect(up({})).rejects.toMatchObject({
      code: 'TW9040',
      problem: { why: expect.arrayContaining([expect.stringContaining('no clouds today')]) },
    });
    expect((await sandbox.down({ purge: false })).left).toEqual([]);
  });

  it('spares its own caller, strangers and folders that are not its own', async () => {
    const { sandbox, id, l } = await started();
    stray = spawn('sleep', ['100'], { env: { [MARK]: 'another' }, stdio: 'ignore' });
    const place = await sandbox.place();
    expect(place).toMatchObject({
      name: 'sandbox',
      rootsDir: l.roots,
      lockDir: l.locks,
      endpoints: { sts: 'http://198.19.0.10' },
    });
    expect(place.enter?.slice(1)).toEqual(['enter', '--dir', l.dir, 'operator', '--']);
    expect(place.env).toMatchObject({
      [MARK]: id,
      HOME: l.home,
      TMPDIR: l.tmp,
      TF_CLI_CONFIG_FILE: l.terraformrc,
      AWS_ACCESS_KEY_ID: 'fake',
    });
    expect(place.proxyUrl).toMatch(/^http:\/\/tw:[\w-]{32}@127\.0\.0\.1:1$/);
    expect((await sandbox.enter('users:sao')).slice(-2)).toEqual(['users-sao', '--']);
    await expect(sandbox.enter('users:soa')).rejects.toMatchObject({
      problem: { code: 'TW9010', why: ['did you mean users:sao?'] },
    });
    await sandbox.down({ purge: false });
    expect(stray.exitCode).toBeNull();
    const foreign = localSandbox({
      dir: f?.base ?? '',
      kit: { writeMirror: () => ({ env: {} }), fakeCredentials: () => ({ env: {}, endpoints: {} }) },
    });
    await expect(foreign.down({ purge: true })).rejects.toMatchObject({ code: 'TW9005' });
    expect(existsSync(`${f?.base}/bin/tw-net`)).toBe(true);
    await expect(sandbox.place()).rejects.toMatchObject({ code: 'TW9008' });
    await expect(sandbox.visit({ host: 'x' })).rejects.toMatchObject({ code: 'TW9008' });
  });
});
