import type { Config } from '../config/index.ts';
import type { ExitCode, Json } from '../kernel/index.ts';

/** Progress of one step of a long verb. */
export interface Step {
  step: string;
  state: 'start' | 'done' | 'failed' | 'note';
  detail?: string;
}

export interface ChaosWish {
  what: string;
  where?: string;
  forMs?: number;
  args: Readonly<Record<string, string | number | boolean>>;
}
export interface VisitWish {
  from?: string;
  times: number;
  host: string;
  path: string;
  body: boolean;
}
export interface VisitResult {
  from: string;
  answeredBy: string;
  cluster?: string;
  version?: string;
  status: number;
  ms: number;
  dnsMs: number;
  error?: string;
  body?: string;
}
export interface SandboxFacts {
  state: string;
  why: readonly string[];
  processes: readonly { name: string; state: string; why?: string }[];
  clusters: readonly { cluster: string; state: string; ready: boolean; nodes: readonly { name: string; state: string }[] }[];
  chaos: readonly { id: string; kind: string; where: string }[];
  pages: Readonly<Record<string, string>>;
  differs: readonly string[];
}
export interface DownFacts {
  killed: number;
  verified: readonly string[];
  left: readonly { kind: string; what: string }[];
}

/** The sandbox as commands see it (its room is wired behind this by compose). */
export interface SandboxDoor {
  up(config: Config): AsyncIterable<Step>;
  down(o: { purge: boolean }): Promise<DownFacts>;
  status(): Promise<{ facts: SandboxFacts; raw: Json }>;
  chaos(wish: ChaosWish): Promise<{ did: readonly string[]; raw: Json }>;
  visit(wish: VisitWish): Promise<VisitResult[]>;
  /** Runs a command inside a namespace, this terminal attached; its exit code. */
  enter(place: string, argv: readonly string[]): Promise<number>;
}

/** Result of one check of `doctor`. */
export interface Finding {
  id: string;
  verdict: 'ok' | 'warn' | 'fail' | 'unknown';
  say: string;
  fix?: string;
  exit?: ExitCode;
}
