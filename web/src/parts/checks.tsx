import { useSignal } from '@preact/signals';
import type { Problem, Tone } from '../../../src/kernel/index.ts';
import { look } from '../api.ts';
import { type Seen, serverNow } from '../store.ts';
import { Card, Mark } from './bits.tsx';

interface Finding {
  id: string;
  verdict: 'ok' | 'warn' | 'fail' | 'unknown';
  say: string;
  fix?: string;
}
const TONE: Readonly<Record<Finding['verdict'], Tone>> = { ok: 'ok', warn: 'warn', fail: 'bad', unknown: 'unknown' };
const ORDER: readonly Finding['verdict'][] = ['fail', 'warn', 'unknown', 'ok'];

/** Quota, sizes, rights and tools, as the clouds answer when they are asked. */
export function Checks() {
  const seen = useSignal<Seen<Finding[]>>({ data: undefined, at: 0, problem: undefined as Problem | undefined });
  const asking = useSignal(false);
  const ask = async (): Promise<void> => {
    asking.value = true;
    const said = await look('doctor');
    asking.value = false;
    const data = said.is === 'done' ? (said.data as { findings: Finding[] }).findings : undefined;
    // A finding that fails is the answer, not a failure of the question.
    seen.value = { data, at: serverNow.value, problem: said.is === 'no' ? said.problem : undefined };
  };
  const all = (seen.value.data ?? []).toSorted((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict));
  return (
    <Card title="Quota, rights and tools" {...(seen.value.at === 0 ? {} : { seen: seen.value })} wide>
      <div class="buttons">
        <button type="button" class="forward" disabled={asking.value} onClick={() => void ask()}>
          {asking.value ? 'Asking the clouds…' : 'Check'}
        </button>
        <span class="muted">
          The same in a terminal: <code>tw doctor</code>
        </span>
      </div>
      <ul class="plain">
        {all.map((f) => (
          <li key={`${f.id} ${f.say}`}>
            <Mark tone={TONE[f.verdict]} /> {f.say}
            {f.fix !== undefined && <div class="why">{f.fix}</div>}
          </li>
        ))}
      </ul>
    </Card>
  );
}
