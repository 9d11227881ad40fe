import { nearest } from '../kernel/index.ts';
import type { ConfigFault } from './model.ts';
import type { ConfigParsed } from './schema.ts';

/** A name that nobody has. */
function unknownName(path: string, word: string, known: readonly string[]): ConfigFault {
  const near = nearest(word, known);
  return { path, message: `nobody and no group is called "${word}"`, ...(near === undefined ? {} : { near }) };
}

function* accountFaults(people: NonNullable<ConfigParsed['people']>): Generator<ConfigFault> {
  const owner = new Map<string, string>();
  for (const [name, p] of Object.entries(people)) {
    for (const account of p.accounts) {
      const other = owner.get(account);
      if (other !== undefined)
        yield { path: `people.${name}.accounts`, message: `"${account}" is an account of ${other} already` };
      owner.set(account, name);
    }
    for (const group of p.groups)
      if (group in people) yield { path: `people.${name}.groups`, message: `"${group}" is a person, not a group` };
  }
}

/** Every name that a rule mentions, with its path. */
function named(parsed: ConfigParsed): (readonly [path: string, name: string])[] {
  const rights = (parsed.rights ?? []).flatMap((r, i) => r.who.map((w) => [`rights.${i}.who`, w] as const));
  const votes = (parsed.approvals ?? []).flatMap((a, i) =>
    (a.from ?? []).map((w) => [`approvals.${i}.from`, w] as const),
  );
  return [...rights, ...votes];
}

function nameFaults(parsed: ConfigParsed): ConfigFault[] {
  const people = parsed.people ?? {};
  const known = [...new Set([...Object.keys(people), ...Object.values(people).flatMap((p) => p.groups)])];
  return named(parsed).flatMap(([path, name]) => (known.includes(name) ? [] : [unknownName(path, name, known)]));
}

type Kind = 'apps' | 'clusters';

/** Every place that a rule mentions, with its path. */
interface Reaching {
  apps?: string[] | undefined;
  clusters?: string[] | undefined;
}
function places(
  rules: Readonly<Record<string, readonly Reaching[]>>,
): (readonly [path: string, kind: Kind, word: string])[] {
  return Object.entries(rules).flatMap(([block, list]) =>
    list.flatMap((rule, i) =>
      (['apps', 'clusters'] as const).flatMap((kind) =>
        (rule[kind] ?? []).map((word) => [`${block}.${i}.${kind}`, kind, word] as const),
      ),
    ),
  );
}

function reachFaults(parsed: ConfigParsed, rules: Parameters<typeof places>[0]): ConfigFault[] {
  const clusters = Object.entries(parsed.clusters).flatMap(([n, c]) => [n, `cloud:${c.cloud}`, `region:${c.region}`]);
  const known = { apps: Object.keys(parsed.apps), clusters };
  return places(rules).flatMap(([path, kind, word]) => {
    if (known[kind].includes(word)) return [];
    const near = nearest(word, known[kind]);
    const message = `the fleet has no ${kind === 'apps' ? 'app' : 'cluster'} "${word}"`;
    return [{ path, message, ...(near === undefined ? {} : { near }) }];
  });
}

/** A quorum that the persons of the rule can never reach. */
function* quorumFaults(parsed: ConfigParsed): Generator<ConfigFault> {
  const people = Object.entries(parsed.people ?? {});
  for (const [i, a] of (parsed.approvals ?? []).entries()) {
    const from = a.from;
    if (from === undefined) continue;
    const voters = people.filter(([name, p]) => from.some((w) => w === name || p.groups.includes(w))).length;
    if (voters < a.quorum)
      yield { path: `approvals.${i}.quorum`, message: `${a.quorum} are wanted, \`from\` has ${voters}` };
  }
}

/** Faults of `people`, `rights` and `approvals`: names, places and votes that cannot be. */
export function peopleFaults(parsed: ConfigParsed): ConfigFault[] {
  if (parsed.people === undefined) {
    const lone = (['rights', 'approvals', 'chat'] as const).filter((k) => parsed[k] !== undefined);
    return lone.map((k) => ({ path: k, message: 'means nothing without `people`' }));
  }
  const rules = { rights: parsed.rights ?? [], approvals: parsed.approvals ?? [] };
  return [
    ...accountFaults(parsed.people),
    ...nameFaults(parsed),
    ...reachFaults(parsed, rules),
    ...quorumFaults(parsed),
  ];
}

/** Faults of `freezes`: places that the fleet has not, and names that two of them have. */
export function freezeFaults(parsed: ConfigParsed): ConfigFault[] {
  const names = parsed.freezes.map((f) => f.name);
  const twice = names.flatMap((name, i) =>
    names.indexOf(name) === i ? [] : [{ path: `freezes.${i}.name`, message: `"${name}" is the name of another one` }],
  );
  return [...twice, ...reachFaults(parsed, { freezes: parsed.freezes })];
}
