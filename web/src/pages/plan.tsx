import { useSignal } from '@preact/signals';
import type { Problem } from '../../../src/kernel/index.ts';
import { look } from '../api.ts';
import { Act } from '../parts/act.tsx';
import { Approvals } from '../parts/approvals.tsx';
import { Card, Mark, Trouble } from '../parts/bits.tsx';

interface PlanData {
  id: string;
  changes: { infra: number; fleet: number; traffic: number; total: number };
  roots: { root: string; kind: string; changes: { address: string; action: string; destroysCluster: boolean }[] }[];
  clusters: {
    name: string;
    skipped: string | null;
    apps: {
      name: string;
      unchanged: number;
      ops: { kind: string; object: string; namespace: string | null; why: string[]; refused: string | null }[];
    }[];
  }[];
  traffic: { changes: string[]; gaps: string[] } | null;
}

const DESTRUCTIVE = ['delete', 'replace', 'recreate'];
const rank = (action: string): number => (DESTRUCTIVE.includes(action) ? 0 : 1);

interface Line {
  where: string;
  what: string;
  action: string;
  note: string;
}

/** Every change as one line; what destroys comes first. */
function linesOf(p: PlanData): Line[] {
  const clouds = p.roots.flatMap((r) =>
    r.changes.map((c) => ({
      where: r.root,
      what: c.address,
      action: c.action,
      note: c.destroysCluster ? 'destroys the cluster' : '',
    })),
  );
  const objects = p.clusters.flatMap((c) =>
    c.apps.flatMap((a) =>
      a.ops.map((o) => ({
        where: c.name,
        what: `${a.name} ${o.object}`,
        action: o.kind,
        note: o.refused ?? o.why.join('; '),
      })),
    ),
  );
  const names = (p.traffic?.changes ?? []).map((c) => ({ where: 'DNS', what: c, action: 'update', note: '' }));
  return [...clouds, ...objects, ...names].toSorted((a, b) => rank(a.action) - rank(b.action));
}

function Lines({ of }: { of: readonly Line[] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Changes">
      <table>
        <thead>
          <tr>
            <th scope="col">action</th>
            <th scope="col">where</th>
            <th scope="col">what</th>
          </tr>
        </thead>
        <tbody>
          {of.map((l) => (
            <tr key={`${l.where} ${l.what}`}>
              <td>
                <Mark tone={rank(l.action) === 0 ? 'bad' : 'warn'} /> {l.action}
              </td>
              <td>{l.where}</td>
              <td>
                {l.what}
                {l.note !== '' && <div class="why">{l.note}</div>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Shown({ p, again }: { p: PlanData; again: () => void }) {
  const lines = linesOf(p);
  const bad = lines.filter((l) => rank(l.action) === 0).length;
  return (
    <>
      <p class="title">
        <Mark tone={p.changes.total === 0 ? 'ok' : 'warn'} />{' '}
        {p.changes.total === 0
          ? 'Nothing would change'
          : `${p.changes.infra} changes in the clouds, ${p.changes.fleet} in the clusters, ${p.changes.traffic} in DNS`}{' '}
        <code>{p.id}</code>
      </p>
      {bad > 0 && <p class="why">{bad} of them destroy something: they come first.</p>}
      {p.clusters
        .filter((c) => c.skipped !== null)
        .map((c) => (
          <p class="why" key={c.name}>
            {c.name} is left out: {c.skipped}
          </p>
        ))}
      {p.changes.total > 0 && (
        <Act
          verb="up"
          args={{ plan: p.id }}
          label="Apply exactly this plan"
          command={`tw up --plan ${p.id}`}
          kind="forward"
          strong
          note={`${p.changes.total} changes${bad > 0 ? `, ${bad} of them destroy something` : ''}.`}
          onSaid={(s) => s.is === 'done' && again()}
        />
      )}
      {lines.length > 0 && <Lines of={lines} />}
    </>
  );
}

/** What exactly will change? */
export function PlanPage() {
  const plan = useSignal<PlanData | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  const asking = useSignal(false);
  const ask = async (): Promise<void> => {
    asking.value = true;
    const said = await look('plan');
    asking.value = false;
    plan.value = said.is === 'done' ? (said.data as PlanData) : undefined;
    problem.value = said.is === 'no' || said.is === 'done' ? said.problem : undefined;
  };
  return (
    <>
      <h1>Plan</h1>
      <Approvals />
      <Card title="Clouds, clusters, DNS" wide>
        <div class="buttons">
          <button type="button" class="forward" disabled={asking.value} onClick={() => void ask()}>
            {asking.value ? 'Planning…' : 'Make a plan'}
          </button>
          <span class="muted">
            The same in a terminal: <code>tw plan</code>
          </span>
        </div>
        {problem.value !== undefined && <Trouble problem={problem.value} />}
        {plan.value !== undefined && <Shown p={plan.value} again={() => void ask()} />}
      </Card>
    </>
  );
}
