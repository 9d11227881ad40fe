import type { EpochValue, Look, RunId } from './model.ts';

const at = (look: Look): string => `${look.marker?.epoch ?? 0}:${look.offset}`;

/** Why the process must not become primary of the epoch; undefined when it may, or is it already. */
export function unfit(look: Look, v: EpochValue, run: RunId): string | undefined {
  if (look.run !== run) return `process ${look.run} answers, chosen was ${run}`;
  if (look.loading || look.syncing) return 'it loads';
  if (look.role === 'replica') return 'it follows a primary';
  if (look.marker?.epoch === v.epoch) return undefined;
  if (look.role === 'primary') return `it is primary of another epoch: ${at(look)}`;
  const chosen = `${v.from.epoch}:${v.from.offset}`;
  return at(look) === chosen ? undefined : `it has ${at(look)}, chosen was ${chosen}`;
}

/** Why this is no fence of the process `run`; undefined when it is one. */
export function notFenced(look: Look, run: RunId): string | undefined {
  if (look.run !== run) return `another process answers: ${look.run}, before ${run}`;
  if (look.role !== 'fenced') return `role is ${look.role}`;
  if (look.link) return 'its link is up';
  if (look.loading || look.syncing) return 'it loads';
  return look.replicas > 0 ? `${look.replicas} replicas are attached` : undefined;
}
