import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { merged } from './credentials/identity.ts';

/** When the process with this pid started, in the kernel's own notation; undefined: no such process. */
export function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // the command may hold spaces and brackets; fields are counted after its last bracket
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return process.platform === 'linux' ? undefined : startByPs(pid);
  }
}

function startByPs(pid: number): string | undefined {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

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
