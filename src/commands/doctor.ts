import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { infraPlan, preflight, refusedBy } from '../infra/index.ts';
import { EXIT, fault, problemOf, type Row, type Tone, text, toJson, untrusted } from '../kernel/index.ts';
import type { Context } from './context.ts';
import type { Args, Outcome } from './model.ts';
import type { Finding } from './ports.ts';

const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

function found(tool: string): boolean {
  const dirs = [...(process.env['PATH'] ?? '').split(delimiter), ...SBIN];
  return dirs.some((dir) => {
    try {
      accessSync(join(dir, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

interface Tool {
  names: readonly string[];
  for: string;
  get: string;
  /** Only a warning when absent. */
  optional?: boolean;
}
const TOOLS: readonly Tool[] = [
  {
    names: ['terraform', 'tofu'],
    for: 'building clusters',
    get: 'install terraform 1.11 or OpenTofu 1.10, or name it in TW_TERRAFORM',
  },
  {
    names: ['kubectl'],
    for: 'kustomize folders, and your own use of the kubeconfig',
    get: 'install kubectl',
    optional: true,
  },
];
const SANDBOX_TOOLS: readonly Tool[] = [
  { names: ['ip'], for: 'the sandbox', get: 'apt-get install iproute2' },
  { names: ['nft'], for: 'the sandbox', get: 'apt-get install nftables' },
  { names: ['nsenter'], for: 'the sandbox', get: 'apt-get install util-linux' },
  { names: ['redis-server'], for: 'the Redis image of the sandbox', get: 'apt-get install redis-server' },
];

function toolFinding(t: Tool): Finding {
  const name = t.names.find(found);
  if (name !== undefined) return { id: t.names[0] ?? '', verdict: 'ok', say: `${name} is here` };
  return {
    id: t.names[0] ?? '',
    verdict: t.optional ? 'warn' : 'fail',
    say: `${t.names.join(' or ')} is missing; needed for ${t.for}`,
    fix: t.get,
  };
}

async function configFindings(c: Context): Promise<Finding[]> {
  try {
    const config = await c.config();
    const bad = preflight(config).map(
      (p): Finding => ({
        id: p.code,
        verdict: 'fail',
        say: `${p.title}: ${p.value ?? ''} ${p.why.join('; ')}`,
        exit: p.exit,
      }),
    );
    return [
      {
        id: 'config',
        verdict: 'ok',
        say: `${config.file}: fleet ${config.fleet}, ${config.clusters.length} clusters, ${config.apps.length} apps`,
      },
      ...bad,
    ];
  } catch (error) {
    const p = problemOf(error);
    return [
      {
        id: p.code,
        verdict: p.code === 'TW1001' ? 'warn' : 'fail',
        say: `${p.title} ${p.value ?? ''} ${p.why.join('; ')}`,
        exit: p.exit,
      },
    ];
  }
}

/** A plan asks every cloud with the credentials at hand: what it refuses is found before anything is made. */
async function cloudFindings(c: Context): Promise<Finding[]> {
  try {
    const e = await c.engine();
    const verdicts = (await e.preflight?.(await e.outputs())) ?? [];
    const checks = verdicts.map(
      ({ id, cluster, verdict, say, problem }): Finding => ({
        id: `${cluster} ${id}`,
        verdict,
        say,
        ...(problem === undefined ? {} : { fix: problem.fix.map((f) => f.say).join(' '), exit: problem.exit }),
      }),
    );
    const refused = refusedBy(verdicts);
    const plan = await infraPlan({ ...e.infra, refused });
    const asked = plan.roots.filter((r) => !refused.has(r.cluster ?? ''));
    const roots = asked.map(
      (r): Finding =>
        r.kind === 'failed'
          ? {
              id: r.root,
              verdict: 'fail',
              say: `${r.root}: ${r.problem.code} ${r.problem.why[0] ?? r.problem.title}`,
              exit: r.problem.exit,
            }
          : { id: r.root, verdict: 'ok', say: `${r.root}: the cloud answers` },
    );
    return [...checks, ...roots];
  } catch (error) {
    const p = problemOf(error);
    return [{ id: 'clouds', verdict: 'unknown', say: `${p.code} ${p.title}: ${p.why[0] ?? ''}` }];
  }
}

const TONE: Readonly<Record<Finding['verdict'], Tone>> = { ok: 'ok', warn: 'warn', fail: 'bad', unknown: 'unknown' };

/** Tools, config and clouds, before anything is changed. */
export async function doctor(c: Context, args: Args): Promise<Outcome> {
  const tools = [...TOOLS, ...(args['sandbox'] === true ? SANDBOX_TOOLS : [])].map(toolFinding);
  const config = await configFindings(c);
  const clouds =
    config.some((f) => f.verdict !== 'ok') || tools.some((f) => f.verdict === 'fail') ? [] : await cloudFindings(c);
  const all = [...tools, ...config, ...clouds];
  const failed = all.filter((f) => f.verdict === 'fail');
  const rows = all.map(
    (f): Row => ({
      key: f.id,
      tone: TONE[f.verdict],
      label: [untrusted(f.say)],
      cells: {},
      ...(f.fix === undefined ? {} : { why: [text(f.fix)] }),
      kids: [],
    }),
  );
  const data = { findings: toJson(all), failed: failed.length };
  const view = { at: c.clock.now(), rows };
  if (failed.length === 0) return { data, view };
  return {
    data,
    view,
    problem: fault('TW6010', { value: `${failed.length} of ${all.length} checks`, why: failed.map((f) => f.say) })
      .problem,
    exit: failed[0]?.exit ?? EXIT.usage,
  };
}
