import type { Outputs } from '../../infra/index.ts';
import { type Clock, type ClusterName, type Row, text, within } from '../../kernel/index.ts';
import { isOpen, type ReleaseRecord, registerOf } from '../../release/index.ts';
import type { Engine } from '../ports.ts';

/** What a released app holds now: a release that is open, brakes of its releases. */
export interface Holding {
  app: string;
  /** Absent: it was never released, or the register cannot be read. */
  record?: ReleaseRecord;
  braked: readonly ClusterName[];
}

/** Clusters that the releases of an app hold braked; nobody who knows = none. */
export async function brakedBy(
  x: { brakes: { now(): Promise<readonly ClusterName[]> }; clock: Clock },
  patienceMs: number,
): Promise<readonly ClusterName[]> {
  return await within<readonly ClusterName[]>(x.clock, patienceMs, x.brakes.now(), () => []).catch(() => []);
}

/** Releases that are open and brakes that are held, app by app; asks no longer than `patienceMs`. */
export async function holdings(e: Engine, outputs: Outputs, patienceMs: number): Promise<Holding[]> {
  const all = await Promise.all(
    e.config.apps
      .filter((a) => a.release !== undefined)
      .map(async ({ name }): Promise<Holding> => {
        const ports = e.release.ports(name, outputs);
        const [held, braked] = await Promise.all([
          registerOf(name, ports.store, ports.journal)
            .read()
            .catch(() => undefined),
          Object.keys(outputs).length === 0 ? [] : brakedBy(ports, patienceMs),
        ]);
        return { app: name, braked, ...(held?.record === undefined ? {} : { record: held.record }) };
      }),
  );
  return all.filter((h) => h.braked.length > 0 || (h.record !== undefined && isOpen(h.record)));
}

const stepOf = (r: ReleaseRecord): string => {
  if (r.decision !== 'committed') return r.decision;
  return r.step === 'keep' ? 'released, the old version is kept' : `committed, wave ${r.wave + 1}, ${r.step}`;
};

const brakeRow = (c: ClusterName): Row => ({
  key: c,
  tone: 'bad',
  label: [text(`${c} is braked: users are sent elsewhere`)],
  cells: {},
  why: [text(`when it serves the right version again: tw undrain ${c} --brake`)],
  kids: [],
});

/** One row per holding: the release and its step, the brakes below. */
export const holdingRows = (all: readonly Holding[]): Row[] =>
  all.map((h) => ({
    key: `release ${h.app}`,
    tone: h.braked.length > 0 ? 'bad' : 'busy',
    label: [
      text(
        h.record === undefined
          ? `${h.app}: brakes of a release that is not known`
          : `${h.app} ${h.record.release}: ${stepOf(h.record)}`,
      ),
    ],
    cells: { version: [text(h.record?.green ?? '')] },
    kids: h.braked.map(brakeRow),
  }));

const recordData = (r: ReleaseRecord | undefined) =>
  r === undefined
    ? { release: null, green: null, decision: null, step: null, by: null, open: false }
    : { release: r.release, green: r.green, decision: r.decision, step: r.step, by: r.by, open: isOpen(r) };

export const holdingData = (all: readonly Holding[]) =>
  all.map(({ app, record, braked }) => ({ app, ...recordData(record), braked: [...braked] }));
