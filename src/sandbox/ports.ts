import type { Place } from '../infra/index.ts';
import type {
  ChaosChange,
  ChaosReceipt,
  Leftovers,
  SandboxEvent,
  SandboxSpec,
  SandboxView,
  Visit,
  VisitRequest,
} from './model.ts';

/** Three clouds on one Linux machine. One instance stands for one sandbox directory. */
export interface SandboxPort {
  /**
   * Sweeps what a crash left, starts the world and ends when it is ready. Already up with the same spec: says so.
   * Throws TW9001–TW9007, TW9010, TW9040.
   */
  up(spec: SandboxSpec): AsyncIterable<SandboxEvent>;
  /** Ends every process, deletes the directory, verifies. Works with everything dead. Throws TW9005, TW9050. */
  down(o: { purge: boolean }): Promise<Leftovers>;
  status(): Promise<SandboxView>;
  /** Begins or heals faults. Throws TW9008, TW9010, TW9012. */
  chaos(change: ChaosChange): Promise<ChaosReceipt>;
  /** Sends users. An unreachable app is a visit with status 0, never an exception. Throws TW9008, TW9010. */
  visit(request: VisitRequest): Promise<Visit[]>;
  /** How infra and the Kubernetes clients reach this world. Throws TW9008. */
  place(): Promise<Place>;
  /**
   * Argv prefix that runs a command inside a place: `operator`, `clouds`, `users:sao`, `region:sa-east-1`, `cluster:sao`
   * (its control plane), `node:<name>`. Throws TW9008, TW9010.
   */
  enter(place: string): Promise<string[]>;
}
