import type { Context } from '../commands/index.ts';
import { type Config, readSecret } from '../config/index.ts';
import { otlpHttp } from '../server/adapters/otlp-http.ts';
import { Exporter } from '../server/index.ts';
import { version } from './place.ts';

export interface TracesWiring {
  c: Context;
  /** The config in force. Throws while there is none. */
  config: () => Promise<Config>;
  log: (line: string) => void;
}

/** Sends what ended to the receiver that the config names, while the server runs. */
export async function keepTraces({ c, config, log }: TracesWiring, signal: AbortSignal): Promise<void> {
  const exporter = new Exporter({ journal: c.journal(), store: c.book(), clock: c.clock, log });
  const sink = async () => {
    const now = await config().catch(() => undefined);
    const { traces: url, headers = {} } = now?.telemetry ?? {};
    if (now === undefined || url === undefined) return undefined;
    // Read each time: a key that was renewed is used without a restart.
    const read = Object.entries(headers).map(([name, ref]) => [name, readSecret(ref, process.env)] as const);
    return otlpHttp({ url, headers: Object.fromEntries(read) }, { fleet: now.fleet, version: version() });
  };
  await exporter.run(sink, signal);
}
