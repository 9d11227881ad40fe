import { fault, type Row, text, toJson } from '../kernel/index.ts';
import type { Context, Io, RemoteDoor } from './context.ts';
import type { Args, Outcome } from './model.ts';
import { linkInPod } from './server-pod.ts';
import { loginUrl, servingAt } from './serving.ts';
import { ROLES } from './table-server.ts';

async function doorOf(c: Context): Promise<RemoteDoor> {
  if (c.remote === undefined) throw fault('TW6102', { why: ['only a terminal is a client of a server'] });
  return await c.remote();
}

/** The address that was given, or a code of our own: whoever owns these files may sign in. Throws TW8014. */
async function linkOf(c: Context, given: string | undefined, door: RemoteDoor): Promise<string> {
  if (given !== undefined) return given;
  const here = servingAt(c.stateDir);
  if (here !== undefined) return loginUrl(c, (door.address() ?? here.url).replace(/\/$/, ''));
  const there = await linkInPod(c);
  if (there !== undefined) return there;
  throw fault('TW8014', {
    value: c.stateDir,
    why: ['a code to sign in with is made where the server runs'],
    fix: [
      { say: 'There:', command: 'tw dashboard' },
      { say: 'Then here, with the address that it prints:', command: "tw login '<address>'" },
    ],
  });
}

/** `tw login`. Throws TW6002, TW8014, TW8020, TW803x. */
export async function login(c: Context, args: Args): Promise<Outcome> {
  const role = args['role'] as string;
  if (!ROLES.some((r) => r === role))
    throw fault('TW6002', { value: `--role ${role}`, why: [`roles are ${ROLES.join(', ')}`] });
  const door = await doorOf(c);
  const address = await linkOf(c, args['address'] as string | undefined, door);
  const done = await door.login({ address, role, days: args['days'] as number });
  const row: Row = {
    key: 'login',
    tone: 'ok',
    label: [text(`signed in to ${done.origin} as ${done.name}`)],
    cells: { role: [text(done.role)], file: [text(done.file)] },
    kids: [],
  };
  return { data: toJson(done), view: { at: c.clock.now(), rows: [row] } };
}

/** `tw attach`: a run of the server, followed to its end. Throws what its verb threw, TW8014, TW803x. */
export async function attach(c: Context, args: Args, io: Io): Promise<Outcome> {
  return await (await doorOf(c)).attach(args['run'] as string, io);
}
