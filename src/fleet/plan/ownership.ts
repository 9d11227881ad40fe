import { fault, type Problem } from '../../kernel/index.ts';
import type { InventoryItem, KubeObject } from '../model.ts';
import { PART_OF } from './desired.ts';
import { refOf, sayRef } from './objects.ts';
import { LABELS } from './shape.ts';

export interface Claim {
  cluster: string;
  fleet: string;
  app: string;
  /** ApplySet id of this app. */
  part: string;
}
/** Whose the live object is: ours, another app's of this fleet, nobody's, or a stranger's. */
export type Ownership =
  | { whose: 'ours'; why?: string }
  | { whose: 'sibling'; app: string }
  | { whose: 'nobody' }
  | { whose: 'stranger'; problem: Problem };

function stranger(o: KubeObject, c: Claim, why: string): Ownership {
  const problem = fault('TW3020', {
    value: sayRef(refOf(o)),
    where: [{ cluster: c.cluster, resource: sayRef(refOf(o)) }],
    why: [why],
    fix: [{ say: 'Let its owner release it, or leave it out of the app.' }],
  }).problem;
  return { whose: 'stranger', problem };
}

function labelled(o: KubeObject, c: Claim): Ownership | undefined {
  const labels = o.metadata.labels ?? {};
  const fleet = labels[LABELS.fleet];
  const part = labels[PART_OF];
  if (fleet !== undefined && fleet !== c.fleet) return stranger(o, c, `it belongs to the fleet ${fleet}`);
  if (part === undefined) return undefined;
  if (part === c.part) return { whose: 'ours' };
  if (fleet === c.fleet) return { whose: 'sibling', app: labels[LABELS.app] ?? 'another app' };
  return stranger(o, c, `it is part of the ApplySet ${part}`);
}

/** The labels the object carries decide; without any, the uid in our inventory does. */
export function ownership(o: KubeObject, entry: InventoryItem | undefined, c: Claim): Ownership {
  const ours: Ownership | undefined =
    entry !== undefined && entry.uid === o.metadata.uid ? { whose: 'ours' } : undefined;
  const byLabel = labelled(o, c) ?? ours;
  if (byLabel === undefined) return { whose: 'nobody' };
  if (byLabel.whose !== 'ours' || ours !== undefined || entry === undefined || entry.uid === '') return byLabel;
  return { whose: 'ours', why: 'somebody deleted it and made it anew' };
}
