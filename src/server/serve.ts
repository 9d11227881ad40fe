import { serve as listen, type ServerType } from '@hono/node-server';
import { announce, changesOfHome, type ServeWish, type StateFacts } from '../commands/index.ts';
import { causes, clean, fault } from '../kernel/index.ts';
import { createApp } from './app.ts';
import { LookContexts } from './contexts.ts';
import { allowedFor } from './guard.ts';
import { Hub } from './hub.ts';
import { looksOf } from './metrics/looks.ts';
import { Metrics } from './metrics.ts';
import type { ServerDeps } from './ports.ts';
import { Refusals } from './refusals.ts';
import { RunRegistry } from './runs.ts';
import { identityOf } from './session.ts';
import { Streams } from './stream.ts';
import { sourcesOf } from './topics.ts';

/** Running commands are told to stop safely and waited for so long. Milliseconds. */
const STOP_MS = 60_000;
/** Streams that do not end by themselves are cut. Milliseconds. */
const CUT_MS = 5000;

/** How often shared state is looked at, also while nobody watches. Milliseconds. */
const SAMPLE_MS = 15_000;

const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];

/** Beyond this machine only behind a proxy that speaks TLS. Throws TW8012. */
export function checkWish(wish: ServeWish): void {
  if (wish.publicUrl !== undefined) {
    const url = URL.parse(wish.publicUrl);
    if (url?.protocol === 'https:' && url.pathname === '/') return;
    throw fault('TW8012', { value: wish.publicUrl, why: ['the public address is https://<name>, without a path'] });
  }
  if (LOOPBACK.includes(wish.host)) return;
  throw fault('TW8012', {
    value: wish.host,
    why: ['other machines would reach it without TLS'],
    fix: [
      {
        say: 'Put a proxy with TLS in front and name its address:',
        command: 'tw serve --host … --public-url https://…',
      },
    ],
  });
}

type Fetch = Parameters<typeof listen>[0]['fetch'];

function started(fetch: Fetch, wish: ServeWish): Promise<{ server: ServerType; port: number }> {
  return new Promise((done, failed) => {
    const server = listen({ fetch, port: wish.port, hostname: wish.host }, (at) => done({ server, port: at.port }));
    server.on('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      failed(
        fault(taken ? 'TW8011' : 'TW8012', {
          value: `${wish.host}:${wish.port}`,
          cause,
          ...(taken ? { fix: [{ say: 'Take another one:', command: `tw serve --port ${wish.port + 1}` }] } : {}),
        }),
      );
    });
  });
}

const hostIn = (host: string): string => (host.includes(':') ? `[${host}]` : host);

async function stopped(server: ServerType): Promise<void> {
  const closed = new Promise<void>((done) => server.close(() => done()));
  const cut = setTimeout(() => 'closeAllConnections' in server && server.closeAllConnections(), CUT_MS);
  if ('closeIdleConnections' in server) server.closeIdleConnections();
  await closed;
  clearTimeout(cut);
}

/** Everything of one server, over one journal. */
async function partsOf(deps: ServerDeps, stopping: AbortSignal) {
  const contexts = new LookContexts(deps);
  const runs = new RunRegistry(deps);
  const metrics = new Metrics({
    version: deps.version,
    streams: () => streams.open,
    offset: () => hub.offset,
    chatDepth: deps.chatDepth,
  });
  const hub = new Hub(deps.journal, (f) => metrics.fact(f));
  const streams = new Streams(hub, stopping);
  const { lab, config, alive } = deps;
  hub.open(
    sourcesOf({ contexts, runs, lab, config, alive, fold: () => hub.fold, now: deps.clock.now }),
    deps.clock.now,
  );
  lab.onChange(() => hub.nudge('lab'));
  runs.onChange = () => hub.nudge('runs');
  runs.onEnd = () => {
    contexts.forget();
    hub.nudge('fleet', 'map', 'releases');
  };
  const web = await deps.web();
  return {
    deps,
    identity: identityOf(deps.stateDir, deps.clock),
    runs,
    hub,
    contexts,
    streams,
    refusals: new Refusals({ contexts, clock: deps.clock }),
    metrics,
    looks: looksOf(contexts, { clock: deps.clock, stopping }),
    web,
    stopping,
  };
}

/**
 * Looks at the shared state of the fleet again and again, where it has any, also while nobody watches: for how far copies
 * were behind, and so that a failover becomes a fact of the journal. Agents remember one for longer than a look takes.
 */
async function sample(
  { deps, contexts, hub }: Awaited<ReturnType<typeof partsOf>>,
  signal: AbortSignal,
): Promise<void> {
  const told = new Map<string, number>();
  while (!signal.aborted) {
    const apps = await contexts
      .get()
      .then((c) => c.config())
      .then((k) => k.apps)
      .catch(() => []);
    if (apps.some((a) => a.state.mode !== 'isolated')) {
      const { data } = await hub.once('state');
      const { apps: facts = [] } = (data ?? {}) as unknown as { apps?: StateFacts[] };
      for (const line of await changesOfHome(deps.journal, facts, told)) process.stderr.write(`${clean(line)}\n`);
    }
    const over = await deps.clock.sleep(SAMPLE_MS, signal).then(
      () => false,
      () => true,
    );
    if (over) return;
  }
}

/** Serves until the signal fires; then nothing new begins, what runs stops safely, streams end. Throws TW8011–TW8013. */
export async function serve(
  deps: ServerDeps,
  wish: ServeWish,
  o: { ready(url: string): void; signal: AbortSignal },
): Promise<void> {
  checkWish(wish);
  const parts = await partsOf(deps, o.signal);
  let fetch: Fetch = () => new Response('starting', { status: 503 });
  const { server, port } = await started((req, env) => fetch(req, env), wish);
  const url = `http://${hostIn(wish.host === 'localhost' ? '127.0.0.1' : wish.host)}:${port}`;
  const shown = wish.publicUrl?.replace(/\/$/, '') ?? url;
  fetch = createApp({ ...parts, allowed: allowedFor(url, wish.publicUrl), secure: wish.publicUrl !== undefined }).fetch;
  const gone = announce(deps.stateDir, shown);
  const follow = parts.hub.follow(o.signal).catch((e: unknown) => process.stderr.write(`${causes(e).join(': ')}\n`));
  void sample(parts, o.signal);
  try {
    o.ready(shown);
    await new Promise<void>((done) => {
      // It may have been told to stop while it started: then the event is over.
      if (o.signal.aborted) done();
      o.signal.addEventListener('abort', () => done(), { once: true });
    });
    const left = await parts.runs.stop(STOP_MS);
    if (left.length > 0) process.stderr.write(`left running: ${left.join(', ')}; "tw resume" goes on\n`);
  } finally {
    gone();
    await stopped(server);
    await follow;
    await parts.refusals.settled();
    await parts.contexts.close();
  }
}
