import type { Server } from 'node:http';
import { join } from 'node:path';
import type { Clock } from '../../kernel/index.ts';
import type { CloudName, Machines } from '../machines.ts';
import type { NamedAccounts } from '../model.ts';
import { awsApp, azureApp, googleApp } from './adapters/apis.ts';
import { serveDns } from './adapters/dns.ts';
import { createEngine, type Engine } from './adapters/engine.ts';
import { listenSocket, listenTcp, socketApp } from './adapters/server.ts';
import { openWorld } from './adapters/store.ts';
import { type Accounts, accountsOf } from './credentials.ts';
import { PROVIDERS, readSchema } from './mirror.ts';

/** Where the process listens; `host:port`, an absent one is not served. */
export interface Listen {
  aws?: string;
  azure?: string;
  google?: string;
  dns?: string;
}
/** DIR/clouds.json. */
export interface CloudsSpec {
  id: string;
  seed: number;
  cloudTime: number;
  /** Unix socket of the provider, the cloud controllers and the views. */
  socket: string;
  listen: Listen;
  /** Unix socket of the supervisor's Machines server. */
  supervisorSocket: string;
  /** Region name -> C of 198.18.C.0/24. */
  regions: Record<string, number>;
  /** Accounts of the config; fixed ones where it names none. */
  accounts?: NamedAccounts;
  /** Clusters of the config, for chaos that names one. */
  clusters?: readonly { name: string; cloud: CloudName; region: string }[];
  /** terraform/schema of the repository; found beside this file by default. */
  schemaDir?: string;
}
export interface Clouds {
  engine: Engine;
  accounts: Accounts;
  /** Ports that are really listened on. */
  ports: { aws?: number; azure?: number; google?: number; dns?: number };
  close(): Promise<void>;
}

const SCHEMAS = join(import.meta.dirname, '../../../terraform/schema');

/** Starts everything that `spec` names; `dir` holds world.db (`:memory:` for tests). */
export async function startClouds(
  spec: CloudsSpec,
  o: { dir: string; machines: Machines; clock?: Clock; log?: (line: string) => void },
): Promise<Clouds> {
  const store = openWorld(o.dir === ':memory:' ? o.dir : join(o.dir, 'world.db'));
  const setting = { seed: spec.seed, cloudTime: spec.cloudTime, regions: spec.regions };
  const engine = createEngine({
    store,
    machines: o.machines,
    setting,
    ...(o.clock ? { clock: o.clock } : {}),
    ...(o.log ? { log: o.log } : {}),
  });
  const accounts = accountsOf(spec.seed, spec.accounts);
  const schemas = Object.fromEntries(PROVIDERS.map((p) => [p, readSchema(spec.schemaDir ?? SCHEMAS, p)]));
  const servers: Server[] = [];
  const ports: Clouds['ports'] = {};
  const api = { engine, accounts, seed: spec.seed, clusters: spec.clusters ?? [] };
  for (const [name, app] of [
    ['aws', awsApp],
    ['azure', azureApp],
    ['google', googleApp],
  ] as const) {
    const address = spec.listen[name];
    if (address === undefined) continue;
    const { server, port } = await listenTcp(app(api), address);
    servers.push(server);
    ports[name] = port;
  }
  const dns =
    spec.listen.dns === undefined
      ? undefined
      : await serveDns({ ...hostPort(spec.listen.dns), world: () => engine.world() });
  if (dns) ports.dns = dns.port;
  // Last: who finds the socket finds everything.
  servers.push(await listenSocket(socketApp({ engine, accounts, schemas }), spec.socket));
  return {
    engine,
    accounts,
    ports,
    close: async () => {
      await engine.close();
      await dns?.close();
      for (const s of servers) {
        s.closeAllConnections();
        await new Promise((resolve) => s.close(resolve));
      }
      store.close();
    },
  };
}

function hostPort(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
}
