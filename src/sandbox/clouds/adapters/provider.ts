import type { Accounts } from '../credentials.ts';
import { DATA } from '../data.ts';
import { drawOf } from '../draw.ts';
import { noRule } from '../machine/decide.ts';
import { nameOf } from '../machine/target.ts';
import type { CloudError, Obj, Op, Verb, Who } from '../model.ts';
import { planResource } from '../plan.ts';
import { RULES, type TypeRule } from '../rules/index.ts';
import { type Block, emptyState, type ProviderSchema } from '../schema.ts';
import { isObj, str } from '../values.ts';
import { callError, configureError, type Meta, whoOf } from '../who.ts';
import { canceled, type Diagnostic, errorOf, failedLater, refused } from '../words.ts';
import type { Engine } from './engine.ts';

/** What the provider binary asks (sandbox/cmd/tw-provider/clouds.go). */
export interface ProviderRequest {
  meta: Meta;
  type?: string;
  id?: string;
  config?: Obj | null;
  prior?: Obj | null;
  planned?: Obj | null;
  current?: Obj | null;
}
interface ProviderAnswer {
  state?: Obj | null;
  planned?: Obj | null;
  requiresReplace?: string[];
  imported?: { type: string; state: Obj }[];
  diagnostics?: Diagnostic[];
}

export interface ProviderDeps {
  engine: Engine;
  accounts: Accounts;
  /** Effective schemas by provider name. */
  schemas: Record<string, ProviderSchema>;
}
type Handler = (d: ProviderDeps, r: ProviderRequest, signal: AbortSignal) => ProviderAnswer | Promise<ProviderAnswer>;

const failed = (...diagnostics: Diagnostic[]): ProviderAnswer => ({ diagnostics });

/** Verbs of /provider/<verb>. */
export const PROVIDER: Record<string, Handler> = {
  configure: (d, r) => {
    const e = configureError(r.meta, d.accounts, d.engine.chaos());
    return e ? failed(errorOf(e.message)) : {};
  },
  validate: (_, r) => {
    if (RULES.has(r.type ?? '')) return {};
    const e = noRule(r.type ?? '');
    return failed(errorOf(`${e.code} ${e.message}`));
  },
  plan: (d, r) => {
    const known = ruleOf(d, r);
    if (!known) return failed(errorOf(noRule(r.type ?? '').message));
    if (!isObj(r.config ?? null) || r.config == null) return { planned: null };
    return planResource({ ...known, who: whoOf(r.meta, d.accounts), config: r.config, prior: r.prior ?? null });
  },
  apply,
  read: (d, r) => {
    const e = callError(r.meta, d.accounts, d.engine.chaos());
    if (e) return failed(errorOf(e.message));
    const current = r.current ?? {};
    const found = d.engine.world().resources.get(`${r.type}/${str(current.id)}`);
    if (!found) return { state: null };
    // The wait times are the user's, the cloud does not know them.
    return { state: 'timeouts' in current ? { ...found.attrs, timeouts: current.timeouts ?? null } : found.attrs };
  },
  import: (d, r) => {
    const known = ruleOf(d, r);
    if (!known) return failed(errorOf(noRule(r.type ?? '').message));
    const found = d.engine.world().resources.get(`${r.type}/${r.id}`);
    if (!found)
      return failed(
        errorOf(
          'Cannot import non-existent remote object',
          `While attempting to import an existing object to "${r.type}", the provider detected that no object exists with the given id "${r.id}".`,
        ),
      );
    return { imported: [{ type: r.type ?? '', state: { ...emptyState(known.block), id: found.id } }] };
  },
  data: (d, r) => {
    const e = callError(r.meta, d.accounts, d.engine.chaos());
    if (e) return failed(errorOf(e.message));
    const source = DATA[r.type ?? ''];
    if (!source)
      return failed(
        errorOf(`TW9011 The sandbox has no data source ${r.type}. It has: ${Object.keys(DATA).join(', ')}.`),
      );
    const config = r.config ?? {};
    return {
      state: {
        ...config,
        ...source({ config, who: whoOf(r.meta, d.accounts), accounts: d.accounts, world: d.engine.world() }),
      },
    };
  },
  stop: (d, r) => {
    d.engine.submit({ kind: 'stop', caller: r.meta.caller });
    return {};
  },
};

function ruleOf(d: ProviderDeps, r: ProviderRequest): { rule: TypeRule; block: Block } | undefined {
  const rule = RULES.get(r.type ?? '');
  const block = d.schemas[r.meta.provider]?.resources[r.type ?? ''];
  return rule && block ? { rule, block } : undefined;
}

async function apply(d: ProviderDeps, r: ProviderRequest, signal: AbortSignal): Promise<ProviderAnswer> {
  const known = ruleOf(d, r);
  if (!known) return failed(errorOf(noRule(r.type ?? '').message));
  const { planned = null, prior = null } = r;
  const words = wordsOf(d, r, known.rule);
  const { verb, who } = words;
  const id = str(prior?.id);
  const unauthorised = callError(r.meta, d.accounts, d.engine.chaos());
  if (unauthorised) return { state: prior, diagnostics: [refused(words, unauthorised)] };
  if (verb !== 'create') await d.engine.idle(`${known.rule.type}/${id}`);
  const { op, error } = d.engine.submit(inputOf(verb, { who, type: known.rule.type, id, planned, prior }));
  if (error) return { state: prior, diagnostics: [refused(words, error)] };
  if (op === undefined) return { state: null };
  await waitFor(d.engine, op, signal);
  return answerOf(d.engine, op, words, prior);
}

function wordsOf(d: ProviderDeps, r: ProviderRequest, rule: TypeRule): Parameters<typeof refused>[0] {
  const { planned = null, prior = null } = r;
  const attrs = planned ?? prior ?? {};
  return {
    rule,
    verb: prior === null ? 'create' : planned === null ? 'delete' : 'update',
    who: whoOf(r.meta, d.accounts),
    id: str(prior?.id) || nameOf(attrs),
    attrs,
    requestId: drawOf(d.engine.now(), r.meta.caller).uuid('request'),
  };
}

function inputOf(verb: Verb, o: { who: Who; type: string; id: string; planned: Obj | null; prior: Obj | null }) {
  const { who, type, id } = o;
  if (verb === 'create') return { kind: 'create', who, type, planned: o.planned ?? {} } as const;
  if (verb === 'delete') return { kind: 'delete', who, type, id, prior: o.prior ?? {} } as const;
  return { kind: 'update', who, type, id, planned: o.planned ?? {}, prior: o.prior ?? {} } as const;
}

/** A killed provider closes its connection: nobody waits any more, the cloud goes on. */
async function waitFor(engine: Engine, op: string, signal: AbortSignal): Promise<void> {
  const onAbort = () => void engine.submit({ kind: 'gone', op });
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    await engine.settled(op);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function answerOf(
  engine: Engine,
  opId: string,
  words: Parameters<typeof refused>[0],
  prior: Obj | null,
): ProviderAnswer {
  const op = engine.world().ops.get(opId);
  const attrs = (op && engine.world().resources.get(op.target)?.attrs) ?? null;
  if (op?.phase === 'done') return { state: op.verb === 'delete' ? null : attrs };
  return failedAnswer({ op, attrs, prior, words });
}

interface FailedCase {
  op: Op | undefined;
  attrs: Obj | null;
  prior: Obj | null;
  words: Parameters<typeof refused>[0];
}

function failedAnswer({ op, attrs, prior, words }: FailedCase): ProviderAnswer {
  const error: CloudError = op?.error ?? canceled;
  const diagnostics = [failedLater({ ...words, id: str(attrs?.id) || words.id }, error)];
  if (op?.verb !== 'create') return { state: prior, diagnostics };
  return op.phase === 'failed'
    ? { state: attrs, diagnostics }
    : afterStop(words.rule, error, { state: attrs, diagnostics });
}

/** A create that still runs: what terraform keeps depends on when the real provider sets the id. */
function afterStop(rule: TypeRule, error: CloudError, full: ProviderAnswer): ProviderAnswer {
  if (rule.onStop === 'lost') return { ...full, state: null };
  return rule.onStop === 'save' && error.code === 'Canceled' ? { state: full.state ?? null } : full;
}
