import type { KubeConfig } from '@kubernetes/client-node';
import { type Clock, systemClock } from '../../kernel/index.ts';
import { type Access, type Credentials, KubeError } from '../ports.ts';
import { type Lanes, type LaneTls, openLanes } from './lanes.ts';

export interface ClusterTarget {
  cluster: string;
  credentials: Credentials;
  /** HTTP proxy, user and password in the URL. */
  proxyUrl?: string;
  clock?: Clock;
}
export interface KubeconfigTarget {
  kubeconfig: string;
  context?: string;
  proxyUrl?: string;
}
type Why = Parameters<Credentials['get']>[1];

/** A resolved way to one API server. */
export interface Session {
  server: string;
  lanes: Lanes;
  /** Headers that say who asks. */
  headers(): Promise<Record<string, string>>;
  /** The same for the official client; it is loaded (0.4 s of CPU) only where its protocols are needed. */
  config(): Promise<KubeConfig>;
}

const RENEW_AT = 0.8;

async function lanesOf(config: KubeConfig, proxyUrl: string | undefined): Promise<Lanes> {
  const o: Record<string, unknown> = {};
  await config.applyToHTTPSOptions(o as never);
  const names = ['ca', 'cert', 'key', 'servername', 'rejectUnauthorized'];
  const tls = Object.fromEntries(names.filter((k) => o[k] !== undefined).map((k) => [k, o[k]]));
  return openLanes(tls as LaneTls, proxyUrl);
}

/** Whatever a kubeconfig says about authentication is the official client's business, exec plugins too. */
async function headersOf(config: KubeConfig, server: string): Promise<Record<string, string>> {
  const { HttpMethod, RequestContext } = await import('@kubernetes/client-node');
  const context = new RequestContext(server, HttpMethod.GET);
  await config.applySecurityAuthentication(context);
  return context.getHeaders();
}

/** Gives sessions; renews tokens on demand, one call at a time. Never writes a credential anywhere. */
export interface Sessions {
  /** `refused`: the session whose token was answered with 401; renewed once for all that met it. */
  get(refused?: Session): Promise<Session>;
  close(): Promise<void>;
}

/** Sessions from a kubeconfig file (clusters Tradewind did not build). */
export function kubeconfigSessions(t: KubeconfigTarget): Sessions {
  let open: Promise<Session> | undefined;
  const start = async (): Promise<Session> => {
    const { KubeConfig } = await import('@kubernetes/client-node');
    const config = new KubeConfig();
    config.loadFromFile(t.kubeconfig);
    if (t.context !== undefined) config.setCurrentContext(t.context);
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new KubeError(0, 'Unreachable', `the kubeconfig has no context ${t.context ?? ''}`);
    return {
      server: cluster.server,
      lanes: await lanesOf(config, t.proxyUrl ?? cluster.proxyUrl),
      headers: () => headersOf(config, cluster.server),
      config: async () => config,
    };
  };
  return {
    get: () => (open ??= start()),
    close: async () => {
      const session = await open?.catch(() => undefined);
      await session?.lanes.close();
    },
  };
}

async function configOf(t: ClusterTarget, a: Access): Promise<KubeConfig> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    {
      name: t.cluster,
      server: a.url.replace(/\/$/, ''),
      caData: a.ca,
      skipTLSVerify: false,
      ...(a.tlsName === undefined ? {} : { tlsServerName: a.tlsName }),
      ...(t.proxyUrl === undefined ? {} : { proxyUrl: t.proxyUrl }),
    },
    { name: 'tradewind', token: a.token },
  );
  return config;
}

/** Sessions with tokens from infra's credentials port. */
export function credentialSessions(t: ClusterTarget): Sessions {
  const clock = t.clock ?? systemClock;
  let current: { access: Access; since: number; session: Session } | undefined;
  let flight: Promise<Session> | undefined;

  const renew = async (why: Why): Promise<Session> => {
    const access = await t.credentials.get(t.cluster, why);
    const same = current !== undefined && current.access.url === access.url && current.access.ca === access.ca;
    const tls: LaneTls = {
      ca: Buffer.from(access.ca, 'base64'),
      ...(access.tlsName === undefined ? {} : { servername: access.tlsName }),
    };
    const lanes = same && current !== undefined ? current.session.lanes : openLanes(tls, t.proxyUrl);
    if (!same) await current?.session.lanes.close();
    const session: Session = {
      server: access.url.replace(/\/$/, ''),
      lanes,
      headers: async () => ({ authorization: `Bearer ${access.token}` }),
      config: () => configOf(t, access),
    };
    current = { access, since: clock.now(), session };
    return session;
  };
  const single = (why: Why): Promise<Session> => {
    flight ??= renew(why).finally(() => {
      flight = undefined;
    });
    return flight;
  };
  return {
    get: async (refused) => {
      if (current === undefined) return single('first');
      const { access, since, session } = current;
      if (refused !== undefined) return refused === session ? single('401') : session;
      const due = since + (access.expiresAt - since) * RENEW_AT;
      return clock.now() >= due ? single('expiring') : session;
    },
    close: async () => {
      await flight?.catch(() => undefined);
      await current?.session.lanes.close();
    },
  };
}
