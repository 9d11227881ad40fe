import { Quiet, record, redactorOf } from '../commands/index.ts';
import type { Clock, Json, Problem } from '../kernel/index.ts';
import type { LookContexts } from './contexts.ts';
import type { Http1 } from './parts.ts';

/** Who asks in a loop is written down once in so long. Milliseconds. */
const QUIET_MS = 60_000;
/** So many sources are told apart in that time; of more nothing is kept. */
const MOST_SOURCES = 100;
const MOST_PATH = 120;

/** Address that the connection comes from: behind a proxy it is the proxy's. */
function sourceOf(c: Http1): string {
  const { incoming } = (c.env ?? {}) as { incoming?: { socket: { remoteAddress?: string } } };
  return incoming?.socket.remoteAddress ?? 'unknown';
}

/** What was shown for a sign-in, never its value; null: nobody tried to be somebody. */
function shownBy(c: Http1): string | null {
  if (c.req.header('authorization') !== undefined) return 'token';
  if (c.req.path === '/api/v1/login') return 'code or token';
  return c.req.header('cookie') === undefined ? null : 'cookie';
}

/** Who asks, as far as it is known. */
function whoOf(c: Http1): { id: string; name?: string; role?: string } {
  const person = c.get('person');
  return person === undefined ? { id: '' } : { id: person.id, name: person.name, role: person.role };
}

/** Sign-ins that failed and rights that were missing, in the audit. */
export class Refusals {
  readonly #x: { contexts: LookContexts; clock: Clock };
  readonly #quiet: Quiet;
  #writing: Promise<void> = Promise.resolve();
  constructor(x: { contexts: LookContexts; clock: Clock }) {
    this.#x = x;
    this.#quiet = new Quiet({ clock: x.clock, everyMs: QUIET_MS, most: MOST_SOURCES });
  }

  /** Writes down a TW8020 or TW8021, behind the back of the one who asks: the answer does not wait for it. */
  note(c: Http1, { code, why }: Problem): void {
    const shown = shownBy(c);
    const counts = code === 'TW8021' || (code === 'TW8020' && shown !== null);
    if (!counts) return;
    const { id, ...who } = whoOf(c);
    const from = sourceOf(c);
    const more = this.#quiet.take(`${code} ${from} ${id}`);
    if (more === undefined) return;
    const data = { code, why: [...why], from, shown, method: c.req.method, ...who, more };
    const said = { actor: id, path: c.req.path, data };
    this.#writing = this.#writing.then(() => this.#write(said).catch(() => undefined));
  }

  /** Resolves when all that was noted is written. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #write({ actor, path, data }: { actor: string; path: string; data: Readonly<Record<string, Json>> }) {
    const context = await this.#x.contexts.get();
    const { text } = await redactorOf(context);
    const caller = { door: 'http', identity: { platform: 'http', tenant: '', actor } };
    const at = this.#x.clock.now();
    await record(context.book(), {
      at,
      what: 'refused',
      person: null,
      caller,
      command: 'sign-in',
      data: { ...data, path: text(path).slice(0, MOST_PATH) },
    });
  }
}
