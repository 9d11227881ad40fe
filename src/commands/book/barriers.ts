import type { Config } from '../../config/index.ts';
import { fault, nearest, type Store } from '../../kernel/index.ts';
import { isUp } from '../access/machine/barrier.ts';
import type { Barrier, Incident } from '../access/model.ts';
import { all, amend, numbered } from './amend.ts';

const PREFIX = { freeze: 'freeze/', lock: 'lock/' } as const;
const INCIDENTS = 'incident/';

/** Freezes and locks that persons raised and that stand now. */
export async function barriers(store: Store, now: number): Promise<Barrier[]> {
  const list = [...(await all<Barrier>(store, PREFIX.freeze)), ...(await all<Barrier>(store, PREFIX.lock))];
  return list.filter((b) => isUp(b, now));
}

/** Freezes of the config that hold now. */
export async function ofCalendar(freezes: Config['freezes'], now: number): Promise<Barrier[]> {
  if (freezes.length === 0) return [];
  return (await import('../access/machine/calendar.ts')).calendar(freezes, now);
}

export async function raise(store: Store, b: Omit<Barrier, 'id'>): Promise<Barrier> {
  return await numbered<Barrier>(store, PREFIX[b.kind], b.kind === 'freeze' ? 'f' : 'l', (id) => ({ ...b, id }));
}

/** The one named, or the only one of its kind. Throws TW6203. */
export async function find(
  store: Store,
  kind: Barrier['kind'],
  x: { id: string | undefined; now: number },
): Promise<Barrier> {
  const up = (await barriers(store, x.now)).filter((b) => b.kind === kind);
  const [only] = up;
  const found = x.id === undefined ? (up.length === 1 ? only : undefined) : up.find((b) => b.id === x.id);
  if (found !== undefined) return found;
  const ids = up.map((b) => b.id);
  const near = nearest(x.id ?? '', ids);
  const why =
    ids.length === 0
      ? `no ${kind} stands`
      : `standing: ${ids.join(', ')}${near === undefined ? '' : `; did you mean "${near}"?`}`;
  throw fault('TW6203', { value: x.id ?? kind, why: [why] });
}

/** It ends now; it stays in the book, so that its id is never used again. */
export async function lift(store: Store, b: Barrier, now: number): Promise<void> {
  await amend<Barrier>(store, `${PREFIX[b.kind]}${b.id}`, (held) => ({ ...(held ?? b), until: now }));
}

export const incidents = (store: Store): Promise<Incident[]> => all<Incident>(store, INCIDENTS);

export async function openIncident(store: Store, i: Omit<Incident, 'id'>): Promise<Incident> {
  return await numbered<Incident>(store, INCIDENTS, 'i', (id) => ({ ...i, id }));
}

/** Throws TW6203 when none is open. */
export async function closeIncident(
  store: Store,
  x: { id: string | undefined; by: string; now: number },
): Promise<Incident> {
  const openOnes = (await incidents(store)).filter((i) => i.endedAt === null);
  const found = x.id === undefined ? openOnes.at(-1) : openOnes.find((i) => i.id === x.id);
  if (found === undefined)
    throw fault('TW6203', {
      value: x.id ?? 'incident',
      why: [openOnes.length === 0 ? 'no incident is open' : `open: ${openOnes.map((i) => i.id).join(', ')}`],
    });
  return await amend<Incident>(store, `${INCIDENTS}${found.id}`, (held) => ({
    ...(held ?? found),
    endedAt: x.now,
    endedBy: x.by,
  }));
}
