import { config } from '../store.ts';

const clock = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');

/** Which config the server works with. */
export function ConfigTag() {
  const c = config.value.data;
  if (c?.id == null) return null;
  const read = c.readAt === null ? '' : `, read ${clock(c.readAt)} UTC`;
  return (
    <span class={c.problem === null ? 'tag' : 'tag bad'} title={`${c.file}${read}`}>
      config {c.id}
    </span>
  );
}

/** Why the file is not what the server works with. */
export function ConfigAlarm() {
  const c = config.value.data;
  if (c == null) return null;
  if (c.problem === null && c.restart.length === 0) return null;
  const { problem } = c;
  return (
    <div class="config-alarm" role="alert">
      {problem === null ? (
        <p>Changed in the config, in force from the next start of the server on: {c.restart.join(', ')}.</p>
      ) : (
        <>
          <p>
            <strong>
              {problem.code} {problem.title}
            </strong>
            {c.id === null ? ' There is no config in force.' : ` Config ${c.id} goes on.`}
          </p>
          <ul>
            {problem.why.slice(0, 5).map((w) => (
              <li key={w}>{w}</li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
