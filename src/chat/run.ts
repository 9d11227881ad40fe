import { type Card, chatsBehind, Desk, type DeskDeps, noteBehind, tell } from '../commands/index.ts';
import { problemOf } from '../kernel/index.ts';
import { Outbox } from './outbox.ts';
import type { Transport } from './ports.ts';

export interface ChatDeps extends Omit<DeskDeps, 'onCard'> {
  transports: readonly Transport[];
  /** A line of the log. */
  log: (line: string) => void;
  /** Hears, once, how to ask how many cards each chat does not show as they are yet. */
  onDepth?: (depth: () => Readonly<Record<string, number>>) => void;
}

const AGAIN_MS = 5000;
/** How long the last cards may take when the process ends. Milliseconds. */
const LAST_MS = 5000;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A platform that refuses or is not there is tried again; nothing else waits for it. */
async function hear(d: ChatDeps, desk: Desk, x: { transport: Transport; signal: AbortSignal }): Promise<void> {
  const { transport, signal } = x;
  while (!signal.aborted) {
    try {
      await transport.listen(desk, signal);
    } catch (error) {
      d.log(`${transport.name}: ${messageOf(error)}; tried again in ${AGAIN_MS / 1000} s`);
      await d.clock.sleep(AGAIN_MS, signal).catch(() => undefined);
    }
  }
}

function boxOf(d: Pick<ChatDeps, 'book' | 'clock' | 'log'>, transport: Transport): Outbox {
  const onDead = (room: string, why: string): void =>
    d.log(`${transport.name}: nothing can be said in ${room}: ${why}`);
  return new Outbox({ store: d.book, clock: d.clock, transport, onDead, onTold: (id) => tell(d.book, id) });
}

async function sent(d: Pick<ChatDeps, 'clock'>, boxes: readonly Outbox[]): Promise<void> {
  const until = d.clock.monotonic() + LAST_MS;
  while (boxes.some((b) => b.behind > 0) && d.clock.monotonic() < until) await d.clock.sleep(50);
}

/** How often it is looked whether a chat shows what is true. Milliseconds. */
const LOOK_MS = 1000;

/** Keeps in the book which chats are behind, so that every door can say so. What cannot be kept is not: no chat waits. */
async function watch(d: ChatDeps, boxes: ReadonlyMap<string, Outbox>, signal: AbortSignal): Promise<void> {
  const kept = new Map<string, string>();
  const note = async (door: string): Promise<void> => {
    const late = boxes.get(door)?.late;
    const text = JSON.stringify(late ?? null);
    if (kept.get(door) === text) return;
    await noteBehind(d.book, door, late);
    kept.set(door, text);
  };
  const before = (await chatsBehind(d.book).catch(() => [])).map((b) => b.door);
  const doors = [...new Set([...before, ...boxes.keys()])];
  while (!signal.aborted) {
    for (const door of doors) await note(door).catch(() => undefined);
    await d.clock.sleep(LOOK_MS, signal).catch(() => undefined);
  }
  for (const door of doors) await note(door).catch(() => undefined);
}

/**
 * Listens to every chat until the signal fires: lines become commands, commands become cards. What an earlier process
 * took and did not begin is run first. Then what runs is told to stop safely, and the last cards are sent.
 */
export async function runChat(d: ChatDeps, signal: AbortSignal): Promise<void> {
  const boxes = new Map<string, Outbox>();
  for (const transport of d.transports) {
    const box = boxOf(d, transport);
    await box.load();
    boxes.set(transport.name, box);
  }
  d.onDepth?.(() => Object.fromEntries([...boxes].map(([name, box]) => [name, box.behind])));
  const desk = new Desk({ ...d, onCard: (card: Card) => boxes.get(card.door)?.put(card) });
  const stop = new AbortController();
  const out = [...[...boxes.values()].map((b) => b.run(stop.signal)), watch(d, boxes, stop.signal)];
  await desk.recover().catch((error: unknown) => d.log(`chat: ${problemOf(error).why.join('; ')}`));
  await Promise.all(d.transports.map((transport) => hear(d, desk, { transport, signal })));
  await desk.close();
  await sent(d, [...boxes.values()]);
  stop.abort();
  await Promise.all(out);
  await Promise.all(d.transports.map((t) => t.close()));
}

/**
 * One line of one event, where no process listens: taken, run to its end, its card sent. The last card; undefined = it was
 * no command, or somebody took it before. What others took is left to them.
 */
export async function runOne(
  d: Omit<ChatDeps, 'transports'> & { transport: Transport },
  take: (desk: Desk) => Promise<boolean>,
  signal: AbortSignal,
): Promise<Card | undefined> {
  const { transport } = d;
  const box = boxOf(d, transport);
  let last: Card | undefined;
  const onCard = (card: Card): void => {
    last = card;
    box.put(card);
  };
  const desk = new Desk({ ...d, onCard });
  const close = (): void => void desk.close();
  signal.addEventListener('abort', close, { once: true });
  if (signal.aborted) close();
  const stop = new AbortController();
  const out = box.run(stop.signal);
  try {
    await take(desk);
    await desk.idle();
    await sent(d, [box]);
  } finally {
    signal.removeEventListener('abort', close);
    stop.abort();
    await out;
    await transport.close();
  }
  return last;
}
