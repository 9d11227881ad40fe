import type { Config } from '../config/index.ts';
import { digest, fault, type Json, type Problem, problemOf, TwError, toJson } from '../kernel/index.ts';
import { authorise, rightsFor } from './access/machine/rights.ts';
import type { Barrier, Caller, Person, Policy, Target } from './access/model.ts';
import { personFor, terminal } from './access/persons.ts';
import { policyOf } from './access/policy.ts';
import { targetOf, targetOfPlace } from './access/target.ts';
import { refuseAltered } from './altered.ts';
import { type Asked, type Granted, granted } from './approved.ts';
import { approvalOf } from './book/approvals.ts';
import { hasRecord, record } from './book/audit.ts';
import { placeOf } from './book/line.ts';
import type { Context, Invocation, Io } from './context.ts';
import { loud, reasonOf } from './glass.ts';
import type { CommandSpec, Outcome } from './model.ts';
import { redactorOf } from './secrets.ts';
import { passed, refusal, type Stopped } from './stops.ts';
import { sureOf } from './sure.ts';
import { specOf } from './table.ts';
import { turnFor, wishOf } from './turn.ts';

/** Runs a verb without asking anybody: what is behind the gate. */
export type Run = (c: Context, call: Invocation, io: Io) => Promise<Outcome>;

const ACKNOWLEDGE = 'audit acknowledge';

interface Passing {
  c: Context;
  call: Invocation;
  io: Io;
  run: Run;
  spec: CommandSpec;
  caller: Caller;
  /** Ties the records of one command together. */
  command: string;
  /** The config has `people`: what cannot be recorded is not done. */
  strict: boolean;
}

/** A release that only prints its steps changes nothing. */
const kindOf = (p: Passing): CommandSpec['kind'] =>
  p.spec.kind === 'forward' && p.call.args['dryRun'] === true ? 'look' : p.spec.kind;

async function write(p: Passing, what: string, person: string | null, data: Json): Promise<void> {
  const { c, caller, command } = p;
  const r = await record(c.book(), { at: c.clock.now(), what, person, caller, command, data });
  if (r === 'stale' || c.witness === undefined) return;
  // What it saw and is not there any more stays what it saw, until somebody acknowledges it.
  if (await hasRecord(c.book(), c.witness.seen())) c.witness.saw(r);
}

/** With `people`, a record that cannot be written stops the verb; what makes it safer is done all the same. */
async function begin(p: Passing, person: string): Promise<void> {
  const args = (await redactorOf(p.c)).json(toJson(p.call.args));
  try {
    await write(p, 'started', person, { verb: p.call.verb, args });
  } catch (cause) {
    if (!p.strict || kindOf(p) === 'safe') return;
    if (problemOf(cause).code === 'TW8010') throw cause;
    throw fault('TW6204', {
      value: `tw ${p.call.verb}`,
      cause,
      fix: [{ say: 'See what is wrong:', command: 'tw doctor' }],
    });
  }
}

const ending = (o: Pick<Outcome, 'exit' | 'problem'>): Json => ({
  exit: o.exit ?? o.problem?.exit ?? 0,
  code: o.problem?.code ?? null,
});

/** A verb says that it acts at each place where it may begin to. */
function once(take: () => Promise<void> = async () => undefined): () => Promise<void> {
  let taken = false;
  return async () => {
    if (!taken) await take();
    taken = true;
  };
}

/** The verb itself between its two records. */
async function performed(p: Passing, person: string, granted: Granted): Promise<Outcome> {
  const { call, facts } = granted;
  const take = once(granted.take);
  const c = { ...p.c, by: person, take, ...(facts === undefined ? {} : { agreed: facts }) };
  // The acknowledgement is a record itself: nothing else could be written into a chain that was cut.
  if (kindOf(p) === 'look' || p.spec.verb === ACKNOWLEDGE) return await p.run(c, call, p.io);
  await begin(p, person);
  const end = async (o: Pick<Outcome, 'exit' | 'problem'>): Promise<void> =>
    await write(p, 'ended', person, { verb: call.verb, ...(ending(o) as object) }).catch(() => undefined);
  try {
    const outcome = await p.run(c, call, p.io);
    // It found nothing to do: what was agreed to is over all the same.
    await take().catch(() => undefined);
    await end(outcome);
    return outcome;
  } catch (error) {
    await end({ problem: problemOf(error) });
    throw error;
  }
}

/** During a freeze: recorded before anything is done, with an incident, and told by every view of it. */
async function throughGlass(
  p: Passing,
  broken: readonly Barrier[],
  w: { person: string; granted: Granted },
): Promise<Outcome> {
  const { person } = w;
  const { call } = w.granted;
  if (broken.length === 0) return await performed(p, person, w.granted);
  const because = reasonOf(call.args['because']);
  const { io, told: tell, incident } = await loud(p.c, p.io, { by: person, because, broken });
  const freezes = broken.map((b) => b.id);
  await write(p, 'glass broken', person, { verb: call.verb, because, freezes, incident });
  return tell(await performed({ ...p, io }, person, w.granted));
}

/** A refusal is an answer, and it is kept. */
async function told<T>(p: Passing, person: string | null, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const refused = (why: Problem): Json => ({ verb: p.call.verb, code: why.code, why: [...why.why] });
    if (error instanceof TwError) await write(p, 'refused', person, refused(error.problem)).catch(() => undefined);
    throw error;
  }
}

/** The audit of what goes forward. A book that cannot be read stops it where persons rule. Throws TW1020, TW6501. */
async function audited(p: Passing): Promise<void> {
  if (kindOf(p) !== 'forward') return;
  await refuseAltered(p.c).catch((error: unknown) => {
    if (p.strict || problemOf(error).code === 'TW6501') throw error;
  });
}

/** Freezes that the glass is broken for; looking into a pod is needed most when all else stands. */
async function stopBarriers(
  p: Passing,
  x: Pick<Stopped, 'config' | 'policy' | 'person' | 'target'>,
): Promise<Barrier[]> {
  if (kindOf(p) !== 'forward' || p.spec.verb === 'exec') return [];
  return await passed({ ...x, c: p.c, args: p.call.args });
}

/** Without `people` the person at this machine may do everything; a freeze or a lock holds for them too. */
async function unruled(p: Passing, config: Config | undefined): Promise<Outcome> {
  const { platform, actor } = p.caller.identity;
  if (platform !== 'os')
    throw fault('TW6301', {
      value: `${platform}:${actor}`,
      why: ['the config has no `people`: only this machine may give commands'],
    });
  if (config === undefined) return await p.run(p.c, p.call, p.io);
  const person = { name: actor, groups: [] };
  if (kindOf(p) !== 'forward') return await performed(p, actor, { call: p.call });
  const target = targetOf(p.spec, p.call.args, config);
  const free = (): Promise<Barrier[]> =>
    told(p, actor, async () => {
      sureOf(p.call, config.fleet);
      await audited(p);
      return await stopBarriers(p, { config, policy: undefined, target, person });
    });
  const broken = await free();
  return await lined(p, { person: actor, target, first: async () => undefined }, async (waited) =>
    throughGlass(p, waited ? await free() : broken, { person: actor, granted: { call: p.call } }),
  );
}

interface Who {
  person: string;
  target: Target;
  first(): Promise<void>;
}

/** What goes forward does it in its turn; being refused there is kept too. */
async function lined(p: Passing, w: Who, work: (waited: boolean) => Promise<Outcome>): Promise<Outcome> {
  const { c, call, io, strict, caller, command } = p;
  if (call.turn === 'check') {
    await w.first();
    return { data: {}, view: { at: c.clock.now(), rows: [] } };
  }
  const clusters = w.target.clusters.map((k) => k.name);
  const wish = wishOf(call, { command, by: w.person, door: caller.door }, { app: w.target.app, clusters });
  const turn = await told(p, w.person, () => turnFor({ c, call, io, strict, first: w.first }, wish));
  try {
    return await work(turn.waited);
  } finally {
    await turn.leave();
  }
}

async function targetFor(p: Passing, config: Config): Promise<Target> {
  if (p.spec.verb === 'cancel') return targetOfPlace(await placeOf(p.c.book(), p.call.args['id'] as string), config);
  if (p.spec.kind !== 'decide') return targetOf(p.spec, p.call.args, config);
  return targetOfPlace(await approvalOf(p.c.book(), p.call.args['approval'] as string), config);
}

const configDigest = (config: Config): string => {
  const { file: _, dir: __, ...rest } = config;
  return digest(toJson(rest));
};

interface Checked {
  target: Target;
  /** Freezes that the glass is broken for. */
  broken: readonly Barrier[];
}

/** Right and freeze: before it waits for its turn, and once more when it has waited. */
async function checked(p: Passing, x: { config: Config; policy: Policy; person: Person }): Promise<Checked> {
  const { policy, person } = x;
  const target = await targetFor(p, x.config);
  const v = authorise(policy, person, rightsFor(kindOf(p), p.spec.destroys === true), target);
  if (!v.ok) throw refusal(v);
  sureOf(p.call, x.config.fleet);
  await audited(p);
  return { target, broken: await stopBarriers(p, { ...x, target }) };
}

/** Person, right, freeze, turn, approval: in this order, all before the verb begins; it takes the approval itself. */
async function ruled(p: Passing, config: Config, policy: Policy): Promise<Outcome> {
  const person = await told(p, null, () => personFor(p.c.book(), policy, p.caller));
  const check = (): Promise<Checked> => told(p, person.name, () => checked(p, { config, policy, person }));
  const before = await check();
  if (kindOf(p) !== 'forward') return await performed(p, person.name, { call: p.call });
  const { c, call, io, run } = p;
  const { target } = before;
  const agreed = ({ broken }: Checked): Promise<Granted> => {
    const glass = broken.length > 0;
    const asked: Asked = { c, call, io, run, policy, person, target, glass, config: configDigest(config) };
    return granted(asked, (what, data) => write(p, what, person.name, data));
  };
  const first = async (): Promise<void> => void (await agreed(before));
  return await lined(p, { person: person.name, target, first }, async (waited) => {
    const now = waited ? await check() : before;
    const exactly = await told(p, person.name, () => agreed(now));
    return await throughGlass(p, now.broken, { person: person.name, granted: exactly });
  });
}

/** What every command passes: who is it, may they, is it frozen, who must agree; and it is written down. */
export async function governed(c: Context, call: Invocation, io: Io, run: Run): Promise<Outcome> {
  const spec = specOf(call.verb);
  if (spec.free === true) return await run(c, call, io);
  const config = await c.config().catch(() => undefined);
  const policy = config === undefined ? undefined : policyOf(config);
  const caller = call.from ?? terminal();
  const command = caller.command ?? `k${c.clock.now().toString(36)}`;
  const p: Passing = { c, call, io, run, spec, caller, command, strict: policy !== undefined };
  return config === undefined || policy === undefined ? await unruled(p, config) : await ruled(p, config, policy);
}
