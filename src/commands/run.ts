import { fault } from '../kernel/index.ts';
import type { Allowed } from './access/allowed.ts';
import type { Caller } from './access/model.ts';
import type { Context, Invocation, Io } from './context.ts';
import type { Measured } from './measured.ts';
import type { Outcome } from './model.ts';
import type { StandingApp } from './release/watch.ts';
import type { AccessNow } from './rule/access.ts';
import type { Waiter } from './rule/queue.ts';
import type { Pending } from './rule/vote.ts';
import { isRun } from './table.ts';

type Handler = (c: Context, call: Invocation, io: Io) => Promise<Outcome>;

/** Each verb loads its own code: help, completion and `explain` cost no engine. */
const HANDLERS: Readonly<Record<string, Handler>> = {
  init: async (c, { args }, io) =>
    args['ci'] === undefined
      ? await (await import('./init.ts')).init(c.cwd, args, io)
      : await (await import('./init-ci.ts')).initCi(c, args, io),
  doctor: async (c, { args }) => (await import('./doctor.ts')).doctor(c, args),
  plan: async (c, { args }, io) => (await import('./up.ts')).plan(c, args, io),
  up: async (c, { args }, io) => (await import('./up.ts')).up(c, args, io),
  down: async (c, { args }, io) => (await import('./down.ts')).down(c, args, io),
  resume: async (c, { args }, io) => (await import('./down.ts')).resume(c, args, io),
  status: async (c, { args }) => (await import('./status.ts')).status(c, args),
  why: async (c, { args }) =>
    /^#?r\d+$/.test(args['ip'] as string)
      ? await (await import('./release/look.ts')).whyRelease(c, args['ip'] as string)
      : await (await import('./traffic.ts')).why(c, args),
  release: async (c, { args }, io) => (await import('./release/start.ts')).release(c, args, io),
  promote: async (c, { args }, io) => (await import('./release/verbs.ts')).promote(c, args, io),
  pause: async (c, { args }) => (await import('./release/verbs.ts')).pause(c, args),
  abort: async (c, { args }, io) => (await import('./release/verbs.ts')).abort(c, args, io),
  rollback: async (c, { args }, io) => (await import('./release/verbs.ts')).rollback(c, args, io),
  retire: async (c, { args }, io) => (await import('./release/verbs.ts')).retire(c, args, io),
  adopt: async (c, { args }, io) => (await import('./release/adopt.ts')).adopt(c, args, io),
  versions: async (c, { args }) => (await import('./release/look.ts')).versions(c, args),
  history: async (c, { args }) => (await import('./release/look.ts')).history(c, args),
  approve: async (c, { args }) => (await import('./rule/vote.ts')).approve(c, args),
  deny: async (c, { args }) => (await import('./rule/vote.ts')).deny(c, args),
  who: async (c, { args }) => (await import('./rule/who.ts')).who(c, args),
  link: async (c, call, io) => (await import('./rule/link.ts')).link(c, call, io),
  unlink: async (c, { args }) => (await import('./rule/link.ts')).dropLink(c, args),
  freeze: async (c, { args }) => (await import('./rule/barriers.ts')).freeze(c, args),
  unfreeze: async (c, { args }) => (await import('./rule/barriers.ts')).unfreeze(c, args),
  lock: async (c, { args }) => (await import('./rule/barriers.ts')).lock(c, args),
  unlock: async (c, { args }) => (await import('./rule/barriers.ts')).unlock(c, args),
  queue: async (c) => (await import('./rule/queue.ts')).queue(c),
  cancel: async (c, { args }) => (await import('./rule/queue.ts')).cancelWaiting(c, args),
  locks: async (c) => (await import('./rule/barriers.ts')).locks(c),
  'incident start': async (c, { args }) => (await import('./rule/incident.ts')).incidentStart(c, args),
  'incident end': async (c, { args }) => (await import('./rule/incident.ts')).incidentEnd(c, args),
  'audit verify': async (c) => (await import('./rule/audit.ts')).auditVerify(c),
  'audit acknowledge': async (c, call) => (await import('./rule/audit.ts')).auditAcknowledge(c, call),
  'audit export': async (c, _, io) => (await import('./rule/audit.ts')).auditExport(c, io),
  map: async (c, { args }) => await (await import('./map.ts')).map(c, args),
  drain: async (c, { args }, io) => (await import('./traffic.ts')).drain(c, args, io),
  undrain: async (c, { args }, io) =>
    args['brake'] === true
      ? await (await import('./release/unbrake.ts')).unbrake(c, args)
      : await (await import('./traffic.ts')).undrain(c, args, io),
  logs: async (c, { args }, io) => (await import('./logs.ts')).logs(c, args, io),
  exec: async (c, { args }, io) => (await import('./logs.ts')).exec(c, args, io),
  explain: async (_, { args }) => await (await import('./explain.ts')).explain(args['topic'] as string),
  report: async (c, { args }, io) => (await import('./report.ts')).report(c, args, io),
  completion: async (_, { args }, io) => (await import('./completion.ts')).completion(args['shell'] as string, io),
  serve: async (c, { args }, io) => await (await import('./serve.ts')).serve(c, args, io),
  dashboard: async (c, _, io) => await (await import('./serving.ts')).dashboard(c, io),
  login: async (c, { args }) => await (await import('./remote.ts')).login(c, args),
  attach: async (c, { args }, io) => await (await import('./remote.ts')).attach(c, args, io),
  'server install': async (c, { args }, io) => await (await import('./server-pod.ts')).serverInstall(c, args, io),
  'server remove': async (c, { args }, io) => await (await import('./server-pod.ts')).serverRemove(c, args, io),
  'token create': async (c, { args }) => (await import('./tokens.ts')).tokenCreate(c, args),
  'token list': async (c) => (await import('./tokens.ts')).tokenList(c),
  'token revoke': async (c, { args }) => (await import('./tokens.ts')).tokenRevoke(c, args),
  'coordination status': async (c) => await (await import('./coordination.ts')).coordinationStatus(c),
  'coordination snapshot': async (c, { args }, io) =>
    await (await import('./coordination.ts')).coordinationSnapshot(c, args, io),
  'coordination recover': async (c, { args }, io) =>
    await (await import('./coordination-recover.ts')).coordinationRecover(c, args, io),
  'state status': async (c, { args }) => await (await import('./state.ts')).stateStatus(c, args),
  'state move': async (c, { args }, io) => await (await import('./state.ts')).stateMove(c, args, io),
  'state add-voter': async (c, { args }, io) => await (await import('./state-voter.ts')).stateAddVoter(c, args, io),
  'state promote': async (c, { args }, io) => await (await import('./state.ts')).statePromote(c, args, io),
  'state backup': async (c, { args }, io) => await (await import('./state-backup.ts')).stateBackup(c, args, io),
  'state backups': async (c, { args }) => await (await import('./state-backup.ts')).stateBackups(c, args),
  'state restore': async (c, { args }, io) => await (await import('./state-backup.ts')).stateRestore(c, args, io),
  'state why-not': async (c, { args }) => await (await import('./state.ts')).stateWhyNot(c, args),
  kubeconfig: async (c, { args }, io) => (await import('./status.ts')).kubeconfig(c, args, io),
  'sandbox up': async (c, _, io) => (await import('./sandbox.ts')).sandboxUp(c, io),
  'sandbox down': async (c, { args }) => (await import('./sandbox.ts')).sandboxDown(c, args),
  'sandbox status': async (c) => (await import('./sandbox.ts')).sandboxStatus(c),
  'sandbox chaos': async (c, { args }) => (await import('./sandbox.ts')).sandboxChaos(c, args),
  'sandbox visit': async (c, { args }) => (await import('./sandbox.ts')).sandboxVisit(c, args),
  'sandbox enter': async (c, { args }) => (await import('./sandbox.ts')).sandboxEnter(c, args),
};

/** Verbs that can be run; a test compares them with the command table. */
export const HANDLED = Object.keys(HANDLERS);

/** Behind the gate: the verb itself, with its run log. */
async function perform(context: Context, call: Invocation, io: Io): Promise<Outcome> {
  const handler = HANDLERS[call.verb];
  if (handler === undefined) throw fault('TW6001', { value: call.verb });
  if (!isRun(call.verb)) return await handler(context, call, io);
  const { logged } = await import('./runlog.ts');
  return await logged(context, call, () => handler(context, call, io));
}

/** The only entry to the engine. Throws faults of the catalogue. */
export async function runCommand(context: Context, call: Invocation, io: Io): Promise<Outcome> {
  if (HANDLERS[call.verb] === undefined) throw fault('TW6001', { value: call.verb });
  const { governed } = await import('./gate.ts');
  return await governed(context, call, io, perform);
}

/** The line of commands, for a door that shows it live. Throws TW1020. */
export async function lineNow(c: Context): Promise<Waiter[]> {
  return await (await import('./rule/queue.ts')).lineNow(c);
}

/** What is measured again and again beside `tw status`, for a door that counts. Never throws. */
export async function measuredNow(c: Context): Promise<Measured> {
  return await (await import('./measured.ts')).measuredNow(c);
}

/** Approvals that are not over, for a door that shows them live. Throws TW1020. */
export async function approvalsNow(c: Context): Promise<Pending[]> {
  return await (await import('./rule/vote.ts')).approvalsNow(c);
}

/** Who may do what, and what stands in the way, for a door that shows it live. Throws TW1001–TW1003, TW1020, TW8015. */
export async function accessNow(c: Context): Promise<AccessNow> {
  return await (await import('./rule/access.ts')).accessNow(c);
}

/** What the person behind an account may do, as a hint for a door: the gate decides. Throws TW1001–TW1003, TW1020. */
export async function allowedNow(c: Context, caller: Caller): Promise<Allowed | undefined> {
  return await (await import('./access/allowed.ts')).allowedNow(c, caller);
}

/** Looks at every released app again and again, for a door that shows them live. Throws what `tw versions` throws. */
export async function releaseWatch(c: Context): Promise<() => Promise<StandingApp[]>> {
  return await (await import('./release/watch.ts')).releaseWatch(c);
}
