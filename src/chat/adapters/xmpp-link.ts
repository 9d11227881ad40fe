import { isIP } from 'node:net';
import { client, jid, xml } from '@xmpp/client';
import { systemClock } from '../../kernel/index.ts';
import type { Element } from './xmpp-stanza.ts';

export interface LinkOptions {
  /** Bare address of the bot. */
  jid: string;
  password: string;
  /** `xmpps://host:port` (TLS at once) or `xmpp://host:port` (TLS by STARTTLS; without TLS to this machine only). */
  service: string;
  /** A line of the log. */
  log: (line: string) => void;
}

export interface LinkEvents {
  /** In the order of the stream. */
  stanza(s: Element): void;
  /** resumed: the server kept everything that came meanwhile, and who is in which room. */
  up(resumed: boolean): void;
}

/** Milliseconds. */
const FIRST_MS = 250;
const LAST_MS = 2000;
const OPEN_MS = 10_000;
const COUNTED_MS = 1000;
const STEP_MS = 5;
const ASK_MS = 8000;

type Client = ReturnType<typeof client>;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message || error.name : String(error));

/** What trying again does not mend: the account, the certificate, no TLS. */
class Refused extends Error {}
const isRefusal = (error: unknown): boolean => {
  const { name, code = '' } = error as { name?: string; code?: string };
  const tls = /^(ERR_TLS|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO_|HOSTNAME_)/;
  return error instanceof Refused || name === 'SASLError' || tls.test(code);
};

/** The library encodes characters up to U+00FF only; as such the octets of UTF-8 pass. */
const octets = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

const isLoopback = (host: string): boolean => {
  const h = host.replace(/^\[|\]$/g, '');
  return h === 'localhost' || h === '::1' || (isIP(h) === 4 && h.startsWith('127.'));
};

/** Ends a connection at once, whatever the other side does. */
function destroy(c: Client): void {
  const socket = c.socket as unknown as { destroy?: () => void; socket?: { destroy: () => void } | null } | null;
  if (socket?.destroy === undefined) socket?.socket?.destroy();
  else socket.destroy();
}

/**
 * Until stream management is on, or is not to be had. The library forgets what came together with the word that it is
 * on, and then counts wrong, which ends the stream: nothing is asked of anybody before.
 */
async function counted(c: Client, signal: AbortSignal): Promise<void> {
  for (let i = 0; i < COUNTED_MS / STEP_MS && !c.streamManagement.enabled && !signal.aborted; i++)
    await systemClock.sleep(STEP_MS);
}

/** One connection to the server of the bot, made anew when it breaks; the same stream where the server kept it. */
export class Link {
  readonly #o: LinkOptions;
  readonly #events: LinkEvents;
  readonly #stop = new AbortController();
  #client: Client | undefined;
  #running: Promise<void> | undefined;
  #isUp = false;
  #broken = Promise.withResolvers<never>();
  /** It was up once: a server that does not answer now will again. */
  #known = false;

  constructor(o: LinkOptions, events: LinkEvents) {
    this.#o = o;
    this.#events = events;
  }

  get up(): boolean {
    return this.#isUp;
  }

  /** Connects and stays connected. Ends by `close`; throws where the server refuses, or was never reached. */
  run(): Promise<void> {
    this.#running ??= this.#loop().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async send(s: Element): Promise<void> {
    if (!this.#isUp || this.#client === undefined) throw new Error('not connected');
    await this.#client.send(s);
  }

  /** The answer to a question; throws the error that came instead (its `condition` tells which), or that none came. */
  async ask(iq: Element): Promise<Element> {
    if (!this.#isUp || this.#client === undefined) throw new Error('not connected');
    const answer = this.#client.iqCaller.request(iq, ASK_MS);
    answer.catch(() => undefined);
    return await Promise.race([answer, this.#broken.promise]);
  }

  /** The connection is there and nothing comes through it. */
  drop(): void {
    if (this.#client !== undefined) destroy(this.#client);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#client?.stop().catch(() => undefined);
    await this.#running?.catch(() => undefined);
  }

  #make(): Client {
    const { jid: me, service, password } = this.#o;
    const { local: username, domain } = jid(me);
    const { protocol, hostname } = new URL(service);
    const made = client({
      service,
      domain,
      username,
      // The password goes over TLS, or stays on this machine.
      credentials: async (authenticate, mechanisms, _, entity) => {
        const safe = (entity as Client).isSecure();
        if (!safe && !isLoopback(hostname)) throw new Refused(`${service} offers no TLS: the password was not sent`);
        // SCRAM of the library takes a second of hashing at every return; PLAIN in verified TLS tells no third party.
        const mechanism = mechanisms.find((m) => m === 'PLAIN') ?? mechanisms[0] ?? 'PLAIN';
        const agent = xml('user-agent', { id: globalThis.crypto.randomUUID() });
        await authenticate({ username: octets(username), password: octets(password) }, mechanism, agent);
      },
    });
    made.reconnect.stop();
    made.setMaxListeners(0);
    // A certificate must be that of the domain of the account, whatever host serves it.
    const parameters = made.socketParameters.bind(made);
    if (protocol === 'xmpps:')
      made.socketParameters = (s: string) => ({ ...(parameters(s) as object), servername: domain });
    made.on('error', () => undefined);
    made.on('stanza', (s: Element) => this.#events.stanza(s));
    return made;
  }

  /** Until the stream is usable; true where the old one goes on. */
  async #open(c: Client): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const sm = c.streamManagement as unknown as NodeJS.EventEmitter;
    const fresh = (): void => resolve(false);
    const resumed = (): void => resolve(true);
    const gone = (): void => reject(new Error('the server closed the connection'));
    const timer = setTimeout(() => reject(new Error('the server does not answer')), OPEN_MS);
    c.on('online', fresh);
    c.on('error', reject);
    c.on('disconnect', gone);
    sm.on('resumed', resumed);
    try {
      const opening = c.connect(this.#o.service).then(() => c.open({ domain: jid(this.#o.jid).domain, lang: 'en' }));
      opening.catch(reject);
      return await promise;
    } finally {
      clearTimeout(timer);
      c.off('online', fresh);
      c.off('error', reject);
      c.off('disconnect', gone);
      sm.off('resumed', resumed);
    }
  }

  async #stay(c: Client): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = (): void => resolve();
    c.once('disconnect', end);
    this.#stop.signal.addEventListener('abort', end, { once: true });
    if (this.#stop.signal.aborted) resolve();
    await promise;
    this.#stop.signal.removeEventListener('abort', end);
  }

  /** One connection from its beginning to its end. */
  async #once(): Promise<void> {
    this.#client ??= this.#make();
    const c = this.#client;
    try {
      const stays = this.#stay(c);
      const resumed = await this.#open(c);
      if (!resumed) await counted(c, this.#stop.signal);
      this.#isUp = true;
      this.#broken = Promise.withResolvers<never>();
      this.#broken.promise.catch(() => undefined);
      this.#known = true;
      this.#events.up(resumed);
      await stays;
    } catch (error) {
      destroy(c);
      throw error;
    } finally {
      if (this.#isUp) {
        this.#isUp = false;
        this.#broken.reject(new Error('the connection broke'));
      }
      // Nothing to go on from: the next one begins anew.
      if (c.streamManagement.id === '') this.#client = undefined;
    }
  }

  async #loop(): Promise<void> {
    const { signal } = this.#stop;
    let wait = FIRST_MS;
    while (!signal.aborted) {
      const since = systemClock.monotonic();
      try {
        await this.#once();
        // A server that lets in and throws out again is not asked four times a second.
        wait = systemClock.monotonic() - since > OPEN_MS ? FIRST_MS : Math.min(LAST_MS, wait * 2);
        if (!signal.aborted) this.#o.log('xmpp: the connection is gone; it is made again');
      } catch (error) {
        if (signal.aborted) return;
        if (!this.#known || isRefusal(error)) throw error;
        if (wait === FIRST_MS) this.#o.log(`xmpp: ${messageOf(error)}; tried again`);
        wait = Math.min(LAST_MS, wait * 2);
      }
      await systemClock.sleep(wait, signal).catch(() => undefined);
    }
  }
}
