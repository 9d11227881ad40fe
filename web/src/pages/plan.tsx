import { Act, flag } from '../parts/act.tsx';
import { Approvals } from '../parts/approvals.tsx';
import { Card, Mark, Trouble } from '../parts/bits.tsx';
import { Table } from '../parts/table.tsx';
import { type Line, linesOf, makePlan, type PlanData, plan, planning, rank, scope } from '../plan.ts';
import { session } from '../store.ts';

function Lines({ of }: { of: readonly Line[] }) {
  return (
    <Table label="Changes" heads={['action', 'where', 'what']}>
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
    </Table>
  );
}

/** Exactly the plan that is on the screen; one that destroys wants the name of the fleet. */
export function Apply({ p }: { p: PlanData }) {
  const bad = linesOf(p).filter((l) => rank(l.action) === 0).length;
  const on = scope.value;
  if (p.changes.total === 0) return null;
  return (
    <Act
      verb="up"
      args={{ plan: p.id, ...(on === '' ? {} : { on: [on] }) }}
      label="Apply exactly this plan"
      command={`tw up${flag('on', on)} --plan ${p.id}`}
      kind="forward"
      strong
      note={`${p.changes.total} changes${bad > 0 ? `, ${bad} of them ${bad === 1 ? 'destroys' : 'destroy'} something` : ''}.`}
      {...(bad > 0 ? { typed: session.value?.fleet ?? 'yes' } : {})}
      onSaid={(s) => s.is === 'done' && void makePlan()}
    />
  );
}

function Shown({ p }: { p: PlanData }) {
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
      {bad > 0 && (
        <p class="why">
          {bad} of them {bad === 1 ? 'destroys something and comes' : 'destroy something and come'} first.
        </p>
      )}
      {p.clusters
        .filter((c) => c.skipped !== null)
        .map((c) => (
          <p class="why" key={c.name}>
            {c.name} is left out: {c.skipped}
          </p>
        ))}
      {(p.traffic?.gaps ?? []).map((g) => (
        <p class="why" key={g}>
          not kept exactly: {g}
        </p>
      ))}
      <Apply p={p} />
      {lines.length > 0 && <Lines of={lines} />}
      <Prices of={p.state} />
    </>
  );
}

/** What users buy with the state of each app: what a write costs, what may be lost, how long it waits. */
function Prices({ of }: { of: PlanData['state'] }) {
  return (
    <>
      {of.map((s) => (
        <section key={s.app}>
          <h3>
            State of {s.app}: {s.mode}
            {s.home !== undefined && `, home ${s.home}`}
          </h3>
          {s.estimated && <p class="muted">Round trips are estimated from the distance until they are measured.</p>}
          <ul>
            {s.prices.map((p) => (
              <li key={p.key}>
                {p.say}
                {p.which !== undefined && <div class="why">{p.which}</div>}
              </li>
            ))}
          </ul>
        </section>
      ))}
    </>
  );
}

function Ask() {
  const clusters = session.value?.clusters ?? [];
  return (
    <form
      class="begin"
      onSubmit={(e) => {
        e.preventDefault();
        void makePlan();
      }}
    >
      <label>
        Of{' '}
        <select
          value={scope.value}
          onChange={(e) => {
            scope.value = e.currentTarget.value;
            plan.value = { data: undefined, at: 0, problem: undefined };
          }}
        >
          {['', ...clusters].map((c) => (
            <option key={c} value={c}>
              {c === '' ? 'the whole fleet' : c}
            </option>
          ))}
        </select>
      </label>
      <button type="submit" class="forward" disabled={planning.value}>
        {planning.value ? 'Planning…' : 'Make a plan'}
      </button>
      <span class="muted">
        The same in a terminal: <code>tw plan{flag('on', scope.value)}</code>
      </span>
    </form>
  );
}

/** What exactly will change? */
export function PlanPage() {
  const seen = plan.value;
  return (
    <>
      <h1>Plan</h1>
      <Approvals />
      <Card title="Clouds, clusters, DNS" {...(seen.at === 0 ? {} : { seen: { ...seen, problem: undefined } })} wide>
        <Ask />
        {seen.problem !== undefined && <Trouble problem={seen.problem} />}
        {seen.data !== undefined && <Shown p={seen.data} />}
      </Card>
    </>
  );
}
