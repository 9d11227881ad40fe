import type { Lease } from '../../kernel/index.ts';
import type { ReleaseRecord } from '../../release/index.ts';
import type { StateDoor } from '../ports.ts';

/** Users are on their way from one version to the other. */
const isSwitching = (r: ReleaseRecord): boolean =>
  r.decision === 'aborting' || (r.decision === 'committed' && r.step !== 'keep');

/**
 * While a release switches, home and copies of its app stay where they are; a failover is nobody's wish and goes on. The
 * freeze is a courtesy: a release does not wait for it, and a store that cannot be asked stops nothing.
 */
export function stillState(state: Pick<StateDoor, 'freeze'>): {
  see(r: ReleaseRecord): void;
  end(): Promise<void>;
} {
  let held: Promise<Lease | undefined> | undefined;
  const thaw = async (): Promise<void> => {
    const was = held;
    held = undefined;
    await (await was)?.close();
  };
  return {
    see: (r) => {
      if (!isSwitching(r)) void thaw();
      else held ??= state.freeze({ app: r.app, owner: `release ${r.release}` }).catch(() => undefined);
    },
    end: thaw,
  };
}
