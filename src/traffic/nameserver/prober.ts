import { promises as dns } from 'node:dns';
import { request as http } from 'node:http';
import { request as https } from 'node:https';
import type { Clock } from '../../kernel/index.ts';
import type { Names, Target } from '../machine/world.ts';
import type { Cause, Probe } from '../model.ts';
import type { Brain } from './brain.ts';

/** Asks one target once; never rejects. */
export type Prober = (target: Target, timeoutMs: number) => Promise<Probe>;

const REFUSED = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE']);
const AWAY = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'EADDRNOTAVAIL']);

function causeOf(error: Error & { code?: string }): Cause {
  const code = error.code ?? '';
  if (error.name === 'AbortError' || error.name === 'TimeoutError' || code === 'ETIMEDOUT' || code === 'ABORT_ERR') {
    return 'timeout';
  }
  if (REFUSED.has(code)) return 'refused';
  if (AWAY.has(code)) return 'unreachable';
  return /CERT|SSL|TLS|ERR_TLS|SELF_SIGNED|UNABLE_TO/.test(code) ? 'tls' : 'unreachable';
}

/** One GET over a connection of its own: a pooled one would hide a listener that is gone. */
function probeAddress(target: Target, ip: string, timeoutMs: number): Promise<Probe> {
  const start = performance.now();
  const took = (): number => Math.round(performance.now() - start);
  const { scheme, port, path } = target.health;
  return new Promise((resolve) => {
    const done = (ok: boolean, cause: Cause, detail: string): void => resolve({ ok, cause, detail, ms: took() });
    const open = scheme === 'https' ? https : http;
    const req = open({
      host: ip,
      port,
      path,
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
      headers: { host: target.host, 'user-agent': 'tradewind-probe' },
      ...(scheme === 'https' ? { servername: target.host } : {}),
    });
    req.on('response', (res) => {
      const status = res.statusCode ?? 0;
      res.resume();
      res.destroy();
      done(status >= 200 && status < 400, status >= 200 && status < 400 ? 'ok' : 'status', String(status));
    });
    req.on('error', (error: Error & { code?: string }) => {
      const cause = causeOf(error);
      done(false, cause, cause === 'timeout' ? '' : (error.code ?? ''));
    });
    req.end();
  });
}

/** Good when one of the edge's addresses is: a balancer may have one per zone. At most three are asked. */
export const httpProber: Prober = async (target, timeoutMs) => {
  const ips = [...target.edge.v4, ...target.edge.v6].slice(0, 3);
  const probes = await Promise.all(ips.map((ip) => probeAddress(target, ip, timeoutMs)));
  return probes.find((p) => p.ok) ?? probes[0] ?? { ok: false, cause: 'no-address', detail: '', ms: 0 };
};

/** Probes every target once per interval until the signal fires; a slow probe does not delay the next. */
export async function probeLoop(
  brain: Brain,
  deps: { prober: Prober; clock: Clock; signal: AbortSignal },
): Promise<void> {
  while (!deps.signal.aborted) {
    const settings = brain.snapshot()?.probe ?? { intervalMs: 1000, timeoutMs: 1000 };
    for (const target of brain.targets()) {
      // Without an address there is nothing to say: `placed` keeps the site out.
      if (target.edge.v4.length + target.edge.v6.length === 0) continue;
      void deps
        .prober(target, settings.timeoutMs)
        .catch((e: unknown): Probe => ({ ok: false, cause: 'unreachable', detail: String(e), ms: 0 }))
        .then((probe) => !deps.signal.aborted && brain.probed(target.key, probe));
    }
    await deps.clock.sleep(settings.intervalMs, deps.signal).catch(() => undefined);
  }
}

/** Addresses of one name by family; a failure of one family is no addresses, of both an error. */
export type Resolve = (name: string) => Promise<{ v4: string[]; v6: string[] }>;

export function systemResolve(): Resolve {
  const resolver = new dns.Resolver({ timeout: 2000, tries: 2 });
  return async (name) => {
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    if (v4.status === 'rejected' && v6.status === 'rejected') throw v4.reason;
    return {
      v4: v4.status === 'fulfilled' ? v4.value.toSorted() : [],
      v6: v6.status === 'fulfilled' ? v6.value.toSorted() : [],
    };
  };
}

const NAMES_EVERY_MS = 5000;

/** Keeps edge names resolved; the last good addresses of a name stay until there are new ones. */
export async function namesLoop(
  brain: Brain,
  deps: { resolve: Resolve; clock: Clock; signal: AbortSignal; everyMs?: number },
): Promise<void> {
  const known: Record<string, { v4: string[]; v6: string[] }> = {};
  while (!deps.signal.aborted) {
    const wanted = brain.targets().flatMap((t) => t.edge.name ?? []);
    const found = await Promise.allSettled(
      [...new Set(wanted)].map(async (name) => ({ name, at: await deps.resolve(name) })),
    );
    for (const f of found) {
      if (f.status === 'fulfilled' && f.value.at.v4.length + f.value.at.v6.length > 0) known[f.value.name] = f.value.at;
    }
    brain.setNames({ ...known } satisfies Names);
    const missing = wanted.some((name) => known[name] === undefined) || brain.snapshot() === undefined;
    const pause = missing ? 1000 : (deps.everyMs ?? NAMES_EVERY_MS);
    await deps.clock.sleep(Math.min(pause, deps.everyMs ?? pause), deps.signal).catch(() => undefined);
  }
}
