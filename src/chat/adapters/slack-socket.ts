import { setTimeout as delay } from 'node:timers/promises';
import { SocketModeClient } from '@slack/socket-mode';
import { LogLevel } from '@slack/web-api';
import { type Body, type Happening, happening } from './slack-event.ts';

export interface SocketOptions {
  appToken: string;
  api?: string | undefined;
  log: (line: string) => void;
  /** The second connection begins so much later, so that Slack renews them at different times. Milliseconds. */
  staggerMs: number;
}

interface Envelope {
  ack: (body?: Record<string, unknown>) => Promise<void>;
  type: string;
  envelope_id: string;
  body: Body;
}
/** True: it is kept, or it is nothing for us. False: Slack may send it again. */
type Take = (x: Happening) => Promise<boolean>;

const OWN = 2;
const AGAIN_MS = 5000;
const say = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((go) => {
    if (signal.aborted) go();
    signal.addEventListener('abort', () => go(), { once: true });
  });
}

/** Each envelope goes to one of all connections of the app: another control plane would take some of ours. */
function warnOfOthers(data: unknown, log: SocketOptions['log']): void {
  const text = typeof data === 'string' ? data : new TextDecoder().decode(data as Uint8Array);
  const count = /"type":\s*"hello"/.test(text) ? Number(/"num_connections":\s*(\d+)/.exec(text)?.[1] ?? 0) : 0;
  if (count > OWN)
    log(`slack: ${count} connections of this app, ${OWN} are ours: another control plane takes some of its commands`);
}

/** One connection until it ends. Throws what Slack says to the opening. */
async function connected(o: SocketOptions, take: Take, signal: AbortSignal): Promise<void> {
  // The client's own reconnect rejects where nobody listens, which would end this process.
  const socket = new SocketModeClient({
    appToken: o.appToken,
    autoReconnectEnabled: false,
    logLevel: LogLevel.ERROR,
    clientOptions: { retryConfig: { retries: 0 }, ...(o.api === undefined ? {} : { slackApiUrl: o.api }) },
  });
  const hear = async (x: Envelope): Promise<void> => {
    const h = happening({ body: x.body, sentAt: Date.now(), key: `envelope ${x.envelope_id}` }, x.type);
    if (h === undefined || (await take(h))) await x.ack();
  };
  socket.on('slack_event', (x: Envelope) => void hear(x).catch(() => undefined));
  socket.on('ws_message', (data: unknown) => warnOfOthers(data, o.log));
  socket.on('error', (error: Error) => o.log(`slack: ${error.message}`));
  const gone = new Promise<'gone'>((go) => socket.once('disconnected', () => go('gone')));
  await socket.start();
  if ((await Promise.race([gone, aborted(signal)])) !== 'gone') await socket.disconnect();
}

/** Opens again and again; a refusal of the very first opening is thrown. */
async function kept(o: SocketOptions, take: Take, x: { signal: AbortSignal; first: boolean }): Promise<void> {
  for (let opened = !x.first; !x.signal.aborted; opened = true) {
    try {
      await connected(o, take, x.signal);
    } catch (error) {
      if (!opened) throw error;
      o.log(`slack: ${say(error)}; opened again in ${AGAIN_MS / 1000} s`);
      await delay(AGAIN_MS, undefined, { signal: x.signal }).catch(() => undefined);
    }
  }
}

/**
 * Slack by Socket Mode until the signal fires, over two connections: one is heard while Slack renews the other. Throws
 * when Slack refuses the token.
 */
export async function bySocket(o: SocketOptions, take: Take, signal: AbortSignal): Promise<void> {
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const second = delay(o.staggerMs, undefined, { signal: stop }).then(
    () => kept(o, take, { signal: stop, first: false }),
    () => undefined,
  );
  try {
    await kept(o, take, { signal: stop, first: true });
  } finally {
    failed.abort();
    await second;
  }
}
