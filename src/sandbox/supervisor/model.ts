import type { ClusterSeed, NodeSeed, Vip } from '../machines.ts';

export interface NodeState {
  seed: NodeSeed;
  ip: string;
}
export interface ClusterState {
  seed: ClusterSeed;
  privateIp: string;
  endpointIp: string;
  nodes: Record<string, NodeState>;
}
/** DIR/state.json: what should run. */
export interface WorldState {
  clusters: Record<string, ClusterState>;
  vips: Record<string, Vip>;
}
export const emptyWorld = (): WorldState => ({ clusters: {}, vips: {} });

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const WINDOW_MS = 5 * 60_000;
const DEATHS_ALLOWED = 5;

/** What follows a death: wait and start again, or give up after five deaths in five minutes. `deaths`: Unix ms, the last one included. */
export function afterDeath(deaths: readonly number[], now: number): { waitMs: number } | 'failed' {
  const recent = deaths.filter((d) => now - d < WINDOW_MS).length;
  if (recent >= DEATHS_ALLOWED) return 'failed';
  return { waitMs: Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.max(0, recent - 1)) };
}
