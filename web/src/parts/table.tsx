import type { ComponentChildren } from 'preact';

/** Names of the columns, for a narrow screen where each cell is a line. */
const named = (heads: readonly string[]): Record<string, string> =>
  Object.fromEntries(heads.map((h, i) => [`--head-${i + 1}`, JSON.stringify(h)]));

/** From so many columns on a row is a list of its cells where there is little room. */
const MANY = 5;

/** A table that scrolls inside of its card, also by keys. */
export function Table(p: { label: string; heads: readonly string[]; children: ComponentChildren }) {
  const many = p.heads.length < MANY ? '' : ' many';
  return (
    <div class={`scroll${many}`} tabIndex={0} role="region" aria-label={p.label} style={named(p.heads)}>
      <table>
        <thead>
          <tr>
            {p.heads.map((h) => (
              <th scope="col" key={h}>
                {h}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{p.children}</tbody>
      </table>
    </div>
  );
}
