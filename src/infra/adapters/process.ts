import { merged } from './credentials/identity.ts';

const DROPPED = /^(TF_CLI_ARGS|TF_WORKSPACE$|TF_DATA_DIR$|TF_VAR_|TF_LOG|TF_REATTACH_PROVIDERS$|TF_CLI_ARGS_)/;

/**
 * Environment of terraform: the caller's without what would bend a run silently (a stray
 * TF_CLI_ARGS_plan=-target halves a plan), then the place's, then ours.
 */
export function terraformEnv(
  caller: Readonly<Record<string, string | undefined>>,
  place: Readonly<Record<string, string>>,
): Record<string, string> {
  const kept = Object.fromEntries(Object.entries(caller).filter(([k]) => !DROPPED.test(k)));
  return { ...merged(kept, place), TF_IN_AUTOMATION: '1', TF_INPUT: '0', CHECKPOINT_DISABLE: '1' };
}
