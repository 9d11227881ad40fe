import { type ClusterName, fault, type TwError } from '../kernel/index.ts';
import type { Facts, Heard } from './view.ts';

/** Somebody wants a copy that counts in `add`, perhaps in place of the one in `leave`. */
export interface VoterWish {
  add: ClusterName;
  leave?: ClusterName;
}
/** What is known when it is asked for. */
export interface VoterInput {
  app: string;
  /** Clusters of the config, and those where the app is. */
  clusters: readonly ClusterName[];
  placed: readonly ClusterName[];
  /** The home that the config names; `auto` = none. */
  home: string;
  voters: readonly ClusterName[];
  facts: Facts;
  heard: readonly Heard[];
  /** Why the voters cannot be changed at this moment. */
  busy: string | undefined;
  /** What was begun before and is not over. */
  begun: VoterWish | undefined;
}

/** Who has a copy that counts afterwards. */
export const votersAfter = (voters: readonly ClusterName[], { add, leave }: VoterWish): ClusterName[] =>
  [...new Set([...voters.filter((c) => c !== leave), add])].toSorted();

const isSame = (a: VoterWish | undefined, b: VoterWish): boolean => a?.add === b.add && a.leave === b.leave;

const line = ({ add, leave }: VoterWish, app: string): string =>
  `tw state add-voter ${add}${leave === undefined ? '' : ` --instead-of ${leave}`} --app ${app}`;

/** What a person has to say differently; undefined: nothing. */
function wrong(x: VoterInput, wish: VoterWish): string | undefined {
  const { add, leave } = wish;
  const { app, clusters, placed, voters } = x;
  if (!clusters.includes(add)) return `the config has no cluster ${add}`;
  if (!placed.includes(add)) return `${app} does not run in ${add}: let it run there first, with placement and tw up`;
  if (voters.includes(add)) return `${add} has a copy already: ${voters.join(', ')}`;
  if (leave === undefined)
    return voters.length === 2
      ? undefined
      : `there are ${voters.length} copies, and a fourth would not survive more: say --instead-of, for whose it is`;
  if (!voters.includes(leave)) return `${leave} has no copy: ${voters.join(', ')}`;
  if (!placed.includes(leave))
    return `${app} does not run in ${leave} any more: leave it there until its copy has moved`;
  return x.home === leave ? `the config names ${leave} as home: change state.home first` : undefined;
}

/** What passes; undefined: nothing is in the way. */
function unready(x: VoterInput): { why: string[]; command: string } | undefined {
  const status = 'tw state status';
  if (x.busy !== undefined) return { why: [x.busy], command: status };
  const ill = x.facts.clusters.filter((c) => x.voters.includes(c.name) && c.role !== 'home' && c.role !== 'copy');
  if (ill.length > 0)
    return {
      why: [
        ...ill.map((c) => `the copy in ${c.name} is ${c.role}${c.why === undefined ? '' : `: ${c.why}`}`),
        'the one that leaves must say that it writes no more, the others that they have everything',
      ],
      command: status,
    };
  const old = x.heard.flatMap((h) => ('report' in h && h.report.voters === undefined ? [h.cluster] : []));
  return old.length === 0
    ? undefined
    : { why: [`the agents in ${old.join(', ')} are of a version that does not know of this`], command: 'tw up' };
}

/** Why the voters cannot be changed so, or not now; undefined: they can. TW5151, TW5114, TW5152. */
export function refusedChange(x: VoterInput, wish: VoterWish): TwError | undefined {
  // It was begun, and perhaps is decided: what is left is to tell everybody.
  if (isSame(x.begun, wish)) return undefined;
  const why = wrong(x, wish);
  if (why !== undefined) return fault('TW5151', { value: wish.add, why: [why] });
  if (x.facts.home === null)
    return fault('TW5114', { value: x.app, fix: [{ say: 'See what it waits for:', command: 'tw state status' }] });
  const not = unready(x);
  if (not === undefined) return undefined;
  const fix = [
    { say: 'Look:', command: not.command },
    { say: 'Then again:', command: line(wish, x.app) },
  ];
  return fault('TW5152', { value: wish.add, why: not.why, fix });
}
