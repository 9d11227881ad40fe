import { Agent, type Dispatcher, ProxyAgent, request } from 'undici';
import type { ClusterName } from '../../kernel/index.ts';
import type { ProbeAnswer, Prober } from '../ports.ts';
import { PREVIEW_HEADER } from './switch/plan/route.ts';

export interface ProberOptions {
  /** Where users enter this cluster: an address or name, with `:port` unless it is 80. Throws when there is none yet. */
  address(c: ClusterName): Promise<string>;
  /** What users type. */
  host: string;
  /** Value of the preview header of the present release. */
  secret(): string;
  /** HTTP proxy as `http://user:password@host:port`. */
  proxyUrl?: string;
  /** A new connection for every request: a Service selector moves new connections only. Default false. */
  fresh?: boolean;
  /** Where the driver has no preview at the edge: asks the preview another way. */
  preview?(c: ClusterName, path: string, signal: AbortSignal): Promise<ProbeAnswer>;
}

/** Probes of one cluster that run at the same time, each on a connection of its own. */
const CONNECTIONS = 8;

function proxyOf(proxyUrl: string): ProxyAgent {
  const url = new URL(proxyUrl);
  const auth = Buffer.from(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`).toString(
    'base64',
  );
  return new ProxyAgent({
    uri: `${url.protocol}//${url.host}`,
    proxyTunnel: true,
    connections: CONNECTIONS,
    ...(url.username === '' ? {} : { token: `Basic ${auth}` }),
  });
}

/** The version an answer names itself: any app may set `x-app-version`; the guestbook sets the other. */
function versionIn(headers: Record<string, string | string[] | undefined>): string | undefined {
  const said = headers['x-app-version'] ?? headers['x-tradewind-version'];
  const version = Array.isArray(said) ? said[0] : said;
  return version === undefined || version === '' ? undefined : version;
}

/**
 * Requests to one cluster's own edge under the app's host name, over connections that stay open. The address is
 * asked for once, and again after a request that failed.
 */
export function createProber(o: ProberOptions): Prober & { close(): Promise<void> } {
  const dispatcher: Dispatcher =
    o.proxyUrl === undefined ? new Agent({ connections: CONNECTIONS, allowH2: false }) : proxyOf(o.proxyUrl);
  const known = new Map<ClusterName, Promise<string>>();
  const addressOf = (c: ClusterName): Promise<string> => {
    const address = known.get(c) ?? o.address(c);
    known.set(c, address);
    return address;
  };
  const send = async (url: string, preview: boolean, signal: AbortSignal): Promise<ProbeAnswer> => {
    const began = performance.now();
    const r = await request(url, {
      method: 'GET',
      dispatcher,
      signal,
      reset: o.fresh === true,
      headers: { host: o.host, ...(preview ? { [PREVIEW_HEADER]: o.secret() } : {}) },
    });
    const ms = performance.now() - began;
    await r.body.dump();
    const version = versionIn(r.headers);
    return { status: r.statusCode, ms, ...(version === undefined ? {} : { version }) };
  };
  return {
    ask: async (c, path, x) => {
      if (x.preview && o.preview !== undefined) return await o.preview(c, path, x.signal);
      try {
        return await send(`http://${await addressOf(c)}${path}`, x.preview, x.signal);
      } catch (e) {
        known.delete(c);
        throw e;
      }
    },
    close: async () => {
      await dispatcher.destroy();
    },
  };
}
