import type { StandingApp } from '../../../src/commands/index.ts';
import type { Release } from '../types.ts';
import { Act, type Change } from './act.tsx';

/** Versions before the release are what every lane that has not switched still serves. */
function backChanges(r: Release): Change[] {
  return r.lanes.map((l) => ({
    cluster: l.name,
    from: l.version ?? 'no answer',
    to: l.version === r.green || l.version === null ? 'the version before' : `${l.version} (stays)`,
  }));
}

export const isOpenRelease = (r: Release | null): r is Release =>
  r !== null && ['preparing', 'committed', 'aborting'].includes(r.decision);

/** The one button that takes every cluster back; from any page two presses. */
export function RollBack({ app, release: r, strong }: { app: string; release: Release; strong?: boolean }) {
  const over =
    r.decision === 'rolledback'
      ? 'every cluster serves its old version'
      : r.decision === 'done'
        ? 'the old version is gone'
        : undefined;
  const denied = r.decision === 'aborting' ? 'it is rolling back' : over;
  return (
    <Act
      verb="rollback"
      args={{ app, yes: true }}
      label="Roll back everywhere"
      command={`tw rollback ${app}`}
      kind="safe"
      changes={backChanges(r)}
      denied={denied}
      strong={strong ?? true}
    />
  );
}

/** What a release can be told now, each with the reason when it cannot. */
export function ReleaseActs({ of }: { of: StandingApp }) {
  const { app, release: r } = of;
  if (!isOpenRelease(r)) return null;
  const kept = r.decision === 'committed' && r.step === 'keep';
  const promote = kept ? 'End it: retire the old version' : 'Promote';
  const args = { app, yes: true };
  return (
    <div class="buttons">
      <RollBack app={app} release={r} />
      {r.decision !== 'aborting' && (
        <Act
          verb="promote"
          args={args}
          label={promote}
          command={`tw promote ${app}`}
          kind="forward"
          note={
            kept
              ? 'After this a rollback is a new release with a cold start.'
              : 'Gives the word the release waits for: commit, or the next wave.'
          }
        />
      )}
      {!kept && r.decision !== 'aborting' && (
        <>
          <Act verb="pause" args={{ app }} label="Pause" command={`tw pause ${app}`} kind="safe" />
          <Act verb="pause" args={{ app, off: true }} label="Go on" command={`tw pause ${app} --off`} kind="safe" />
        </>
      )}
    </div>
  );
}
