import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Journal, openJournal, systemClock } from '../kernel/index.ts';
import { openTerraform } from './adapters/find.ts';
import type { InfraContext } from './engine.ts';
import type { EndEvent, InfraEvent, RootEvent } from './model.ts';
import { infraPlan } from './plan-roots.ts';
import { infraResume, unfinished } from './resume.ts';
import { fakeModules, labPlace, threeClouds } from './testing/lab.ts';
import { terraformBinary } from './testing/terraform.ts';

const config = threeClouds({
  dns: undefined,
  apps: {},
  clusters: { sao: { cloud: 'aws', region: 'sa-east-1' }, syd: { cloud: 'gcp', region: 'australia-southeast1' } },
});
const dirs: string[] = [];
const journals: Journal[] = [];
afterEach(() => {
  for (const j of journals.splice(0)) j.close();
  for (const d of dirs.splice(0)) rmSync(d, { recursive: true, force: true });
});

async function open(dir: string): Promise<InfraContext> {
  const journal = openJournal(join(dir, 'journal.db'));
  journals.push(journal);
  const place = labPlace(dir);
  const tf = await openTerraform({ config, place, journal, clock: systemClock, modulesDir: join(dir, 'modules') });
  return { config, place, tf, journal, clock: systemClock, lockSeconds: 20 };
}

/** A `tw` of its own that applies the fleet; ends when it is killed. */
function twIn(dir: string, detach = false): ReturnType<typeof spawn> {
  const source = `
    import { openJournal, systemClock } from ${JSON.stringify(join(import.meta.dirname, '../kernel/index.ts'))};
    import { infraApply, infraPlan, openTerraform } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))};
    const { config, place } = ${JSON.stringify({ config, place: labPlace(dir) })};
    const journal = openJournal(${JSON.stringify(join(dir, 'journal.db'))});
    const tf = await openTerraform({ config, place, journal, clock: systemClock, modulesDir: ${JSON.stringify(join(dir, 'modules'))} });
    const ctx = { config, place, tf, journal, clock: systemClock };
    const detach = new AbortController();
    process.on('SIGTERM', () => detach.abort());
    for await (const e of infraApply(await infraPlan(ctx), ctx, { detach: detach.signal })) console.log(JSON.stringify(e));
    journal.close();`;
  const file = join(dir, 'tw.mts');
  writeFileSync(file, source);
  return spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', detach ? 'inherit' : 'ignore'] });
}

async function fresh(seconds: Record<string, number>, fail: string[] = []): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'tw-crash-'));
  dirs.push(dir);
  fakeModules(join(dir, 'modules'), { seconds, fail });
  return dir;
}
/** Waits until the creation of both clusters runs. */
async function begun(ctx: InfraContext): Promise<void> {
  const running = (): number =>
    ctx.journal
      .read({ kind: 'infra.op' })
      .filter((f) => /"start".*terraform_data\.cluster/.test(JSON.stringify(f.data))).length;
  while (running() < 2) await systemClock.sleep(50);
}
async function all(events: AsyncIterable<InfraEvent>): Promise<{ roots: RootEvent[]; end: EndEvent | undefined }> {
  const roots: RootEvent[] = [];
  let end: EndEvent | undefined;
  for await (const e of events)
    if (e.type === 'end') end = e;
    else roots.push(e);
  return { roots, end };
}
const last = (events: readonly RootEvent[], root: string): string | undefined =>
  events.findLast((e) => e.root === root)?.state;

describe.runIf(terraformBinary())('tw dies', () => {
  it('terraform goes on; the next tw attaches, waits and finds both clusters', async () => {
    const dir = await fresh({ sao: 2, syd: 3 });
    const tw = twIn(dir);
    const ctx = await open(dir);
    await begun(ctx);
    tw.kill('SIGKILL');
    await once(tw, 'exit');
    expect(
      unfinished(ctx)
        .open.map((o) => o.ref.root)
        .sort(),
    ).toEqual(['cluster:sao', 'cluster:syd']);
    const { roots, end } = await all(infraResume(ctx));
    expect(roots.filter((e) => e.root === 'cluster:sao').map((e) => e.state)).toEqual(
      expect.arrayContaining(['applying', 'verifying', 'ready']),
    );
    expect(Object.keys(end?.outputs ?? {})).toEqual(['sao', 'syd']);
    expect(end?.failures).toEqual([]);
    expect(unfinished(ctx)).toEqual({ open: [], intents: [] });
    expect((await infraPlan(ctx)).roots.map((r) => r.kind)).toEqual(['unchanged', 'unchanged']);
  });

  it('an end that nobody saw is verified by a plan, never guessed', async () => {
    const dir = await fresh({ sao: 1, syd: 1 }, ['syd']);
    const tw = twIn(dir);
    const ctx = await open(dir);
    await begun(ctx);
    tw.kill('SIGKILL');
    await once(tw, 'exit');
    while (unfinished(ctx).open.some((o) => ctx.tf.runs.alive(o.ref))) await systemClock.sleep(50);
    const { roots, end } = await all(infraResume(ctx));
    expect(last(roots, 'cluster:sao')).toBe('ready');
    expect(last(roots, 'cluster:syd')).toBe('partial');
    expect(end?.failures).toMatchObject([{ code: 'TW2117', fix: [{ command: 'tw up --on syd' }] }]);
  });

  it('a second signal leaves terraform alone, and tw ends at once', async () => {
    const dir = await fresh({ sao: 3, syd: 3 });
    const tw = twIn(dir, true);
    const ctx = await open(dir);
    await begun(ctx);
    const at = performance.now();
    tw.kill('SIGTERM');
    const [code] = (await once(tw, 'exit')) as [number];
    expect(code).toBe(0);
    expect(performance.now() - at).toBeLessThan(2000);
    const { end } = await all(infraResume(ctx));
    expect(Object.keys(end?.outputs ?? {})).toEqual(['sao', 'syd']);
  });

  it('terraform itself killed: the lock is free, the state is kept, the next verb says what is missing', async () => {
    const dir = await fresh({ sao: 30, syd: 1 });
    const tw = twIn(dir);
    const ctx = await open(dir);
    await begun(ctx);
    tw.kill('SIGKILL');
    await once(tw, 'exit');
    const sao = unfinished(ctx).open.find((o) => o.ref.root === 'cluster:sao');
    process.kill(sao?.ref.pid ?? 0, 'SIGKILL');
    const { roots, end } = await all(infraResume(ctx));
    expect(last(roots, 'cluster:sao')).toBe('partial');
    expect(end?.failures).toMatchObject([{ code: 'TW2117', value: 'cluster:sao' }]);
    expect(existsSync(join(dir, 'roots', 'cluster-sao', 'terraform.tfstate'))).toBe(true);
  });
});
