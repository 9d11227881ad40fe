import type { StandingApp } from '../../../src/commands/index.ts';
import type { Release } from '../types.ts';
import { Act, type Change } from './act.tsx';

/** What the way back means for each lane; one that has not switched stays as it is. */
function backChanges({ release, before }: StandingApp): Change[] {
  return (release?.lanes ?? []).map((l) => {
    const to = before[l.name] ?? 'the version before';
    return { cluster: l.name, from: l.version ?? 'no answer', to: l.version === to ? `${to} (stays)` : to };
  });
}

export const isOpenRelease = (r: Release | null): r is Release =>
  r !== null && ['preparing', 'committed', 'aborting'].includes(r.decision);

/** The one button that takes every cluster back; from any page two presses. */
export function RollBack({ of, brief = false }: { of: StandingApp; brief?: boolean }) {
  const { app, release: r } = of;
  if (r === null) return null;
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
      changes={backChanges(of)}
      denied={denied}
      brief={brief}
      strong
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
      <RollBack of={of} />
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
