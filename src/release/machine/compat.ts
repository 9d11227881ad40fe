import type { ClusterName } from '../../kernel/index.ts';
import type { Reason, VersionId } from '../model.ts';

/** Formats of the state that a version understands, and the one it writes. */
export interface Formats {
  reads: readonly number[];
  writes: number;
}
/** What the config says about the state that both versions of an app share. */
export interface Sharing {
  /** exclusive: no two versions may work on one state at the same time. */
  compat: 'both' | 'exclusive';
  /** By version; `*` stands for those that are not named. Absent: nothing is known. */
  schema?: Readonly<Record<VersionId, Formats>> | undefined;
}
export interface SharingCase {
  green: VersionId;
  /** By member. */
  blue: Readonly<Record<ClusterName, VersionId>>;
  sharing: Sharing | undefined;
  /** Clusters that are left out, or may be. */
  leavesOut: boolean;
}
export interface Shared {
  refused: readonly Reason[];
  /** What is given up for good, in words; absent: nothing is. */
  contract?: string;
  gaps: readonly string[];
}

const no = (say: string): Reason => ({ code: 'TW7004', say });
const list = (n: readonly number[]): string => `[${n.join(', ')}]`;
const without = (a: readonly number[], b: readonly number[]): number[] => a.filter((n) => !b.includes(n));

/** Green must read what blue writes; blue must read what green writes, or a rollback loses it. */
function twoWay(blue: [VersionId, Formats], green: [VersionId, Formats]): Reason[] {
  const reads = ([a, formats]: [VersionId, Formats], [b, { writes }]: [VersionId, Formats]): Reason[] =>
    formats.reads.includes(writes) ? [] : [no(`${a} reads ${list(formats.reads)}, ${b} writes ${writes}`)];
  return [...reads(green, blue), ...reads(blue, green)];
}

interface Change {
  refused: readonly Reason[];
  dropped: readonly number[];
}

/** One step at a time: a release reads more formats (expand) or fewer (contract), never both. */
function change(c: SharingCase, old: VersionId, formats: (v: VersionId) => Formats | undefined): Change {
  const [was, is] = [formats(old), formats(c.green)];
  const unsaid = [...(was === undefined ? [old] : []), ...(is === undefined ? [c.green] : [])];
  if (was === undefined || is === undefined)
    return {
      refused: unsaid.map((v) => no(`release.state.schema does not say what ${v} reads and writes`)),
      dropped: [],
    };
  const [added, dropped] = [without(is.reads, was.reads), without(was.reads, is.reads)];
  const both =
    added.length > 0 && dropped.length > 0
      ? [no(`${c.green} reads ${list(added)} anew (expand) and no longer ${list(dropped)} (contract): two releases`)]
      : [];
  return { refused: [...twoWay([old, was], [c.green, is]), ...both], dropped };
}

/** Whether both versions can work on one state, and whether the way back stays open (rule 12). Pure. */
export function sharingOf(c: SharingCase): Shared {
  const { sharing } = c;
  if (sharing === undefined) return { refused: [], gaps: [] };
  const { schema } = sharing;
  const formats = (v: VersionId): Formats | undefined => schema?.[v] ?? schema?.['*'];
  const old = [...new Set(Object.values(c.blue))].filter((v) => v !== c.green);
  const all = schema === undefined ? [] : old.map((v) => change(c, v, formats));
  const dropped = [...new Set(all.flatMap((x) => x.dropped))].toSorted((a, b) => a - b);
  const exclusive = sharing.compat === 'exclusive';
  const alone = exclusive || dropped.length > 0;
  return {
    refused: [
      ...all.flatMap((x) => x.refused),
      ...(alone && c.leavesOut
        ? [no(`${exclusive ? 'compat exclusive' : 'a contract release'} leaves no cluster out: require must be all`)]
        : []),
    ],
    ...(dropped.length === 0
      ? {}
      : {
          contract: `${c.green} no longer reads ${list(dropped)}: no rollback past this point to versions that write it`,
        }),
    gaps: exclusive
      ? [
          'compat exclusive: requests under way at the flip may still reach the old version, for as long as its gateway lags',
        ]
      : [],
  };
}
