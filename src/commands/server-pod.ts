import { fault, problemOf, toJson } from '../kernel/index.ts';
import type { Facts } from './access/machine/facts.ts';
import { board, STEP_TONE } from './board.ts';
import type { Context, Io } from './context.ts';
import { addressIn, handedTo, unmarkHanded } from './handed.ts';
import type { Args, Outcome } from './model.ts';
import type { ServerPodDoor, Step } from './ports.ts';
import { servingAt } from './serving.ts';
import { confirmed } from './sure.ts';
import { dryOrAgreed, lockToAct } from './would.ts';

async function doorOf(c: Context): Promise<ServerPodDoor> {
  if (c.pod === undefined) throw fault('TW6102', { why: ['only a terminal can move a server'] });
  return await c.pod();
}

/** One authority: a server of this folder that runs here would go on deciding. */
function nobodyServes(c: Context): void {
  const other = servingAt(c.stateDir);
  if (other === undefined) return;
  throw fault('TW8017', {
    value: other.url,
    why: [`by process ${other.pid} on ${other.host}: two servers would decide for one fleet`],
    fix: [{ say: 'Stop it first (Ctrl-C where it runs).' }],
  });
}

async function shown(c: Context, io: Io, title: string, steps: AsyncIterable<Step>) {
  const b = board(io.show, c.clock.now);
  b.set(['server'], { tone: 'busy', label: title });
  for await (const s of steps)
    b.set(['server', s.step], { tone: STEP_TONE[s.state], ...(s.detail === undefined ? {} : { why: s.detail }) });
  b.set(['server'], { tone: 'ok' });
  return b;
}

const serverFacts = (c: Context, door: ServerPodDoor, does: string): Facts => ({
  [`cluster ${door.cluster}`]: does,
  'who decides now': handedTo(c.stateDir) ?? 'this folder',
});

/** `tw server install`: the fleet's server becomes a pod, with the files of this folder; or gets a new config. */
export async function serverInstall(c: Context, args: Args, io: Io): Promise<Outcome> {
  nobodyServes(c);
  const free = lockToAct(c, 'server install', args);
  try {
    const door = await doorOf(c);
    const dry = dryOrAgreed(c, args, serverFacts(c, door, 'it gets a server'));
    if (dry !== undefined) return dry;
    await c.take?.();
    const b = await shown(c, io, `server in ${door.cluster}`, door.install(io.signal));
    const address = addressIn(door.cluster);
    const { name, role } = await signIn(c, door);
    b.set(['server', 'sign-in'], { tone: 'ok', why: `${name}, ${role}` });
    return { data: { cluster: door.cluster, address, name, role }, view: b.view() };
  } finally {
    free();
  }
}

async function signIn(c: Context, door: ServerPodDoor): Promise<{ name: string; role: string }> {
  const remote = await c.remote?.();
  if (remote === undefined) throw fault('TW6102', { why: ['only a terminal is a client of a server'] });
  return await remote.login({ address: await door.link(), role: 'admin', days: 90 });
}

const LOST = "The server's files are not fetched: this folder decides with what it had";

/** `tw server remove`: its files come home, this folder decides again. `--lost`: without them. */
export async function serverRemove(c: Context, args: Args, io: Io): Promise<Outcome> {
  const free = lockToAct(c, 'server remove', args);
  try {
    const door = await doorOf(c);
    const lost = args['lost'] === true;
    const does = `its server is taken out, ${lost ? 'and what it decided is lost' : 'its files come home'}`;
    const dry = dryOrAgreed(c, args, serverFacts(c, door, does));
    if (dry !== undefined) return dry;
    if (lost) await confirmed({ verb: 'server remove', args }, io, { fleet: (await c.config()).fleet, text: LOST });
    await c.take?.();
    if (!lost) {
      const b = await shown(c, io, `server in ${door.cluster}: home`, door.remove(io.signal));
      return { data: toJson({ cluster: door.cluster, lost }), view: b.view() };
    }
    // What is left of it must not serve again; where the cluster does not answer, that cannot be had.
    const still = await door.drop(io.signal).then(
      () => undefined,
      (e: unknown) => problemOf(e),
    );
    unmarkHanded(c.stateDir);
    const b = board(io.show, c.clock.now);
    const label = 'this folder decides again, with what it had';
    b.set(['server'], { tone: still === undefined ? 'ok' : 'warn', label, why: still?.why.join('; ') ?? '' });
    return {
      data: toJson({ cluster: door.cluster, lost }),
      view: b.view(),
      ...(still === undefined ? {} : { warnings: [still] }),
    };
  } finally {
    free();
  }
}

/** A server in the cluster that is about to be destroyed would end in the middle of it. Throws TW8045. */
export function notBelowMe(c: Context, leaving: readonly string[]): void {
  const [here] = leaving.filter((k) => addressIn(k) === c.standsAt);
  if (here === undefined) return;
  throw fault('TW8045', {
    value: here,
    fix: [{ say: 'Take it home first, on the machine that installed it:', command: 'tw server remove' }],
  });
}

/** For verbs of a folder whose server is a pod: a one-time address to sign in with. Throws TW8031, TW8043. */
export async function linkInPod(c: Context): Promise<string | undefined> {
  if (handedTo(c.stateDir) === undefined || c.pod === undefined) return undefined;
  return await (await c.pod()).link();
}
