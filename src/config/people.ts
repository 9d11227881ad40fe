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

function* nameFaults(parsed: ConfigParsed): Generator<ConfigFault> {
  const people = parsed.people ?? {};
  const known = [...new Set([...Object.keys(people), ...Object.values(people).flatMap((p) => p.groups)])];
  for (const [i, r] of (parsed.rights ?? []).entries())
    for (const w of r.who) if (!known.includes(w)) yield unknownName(`rights.${i}.who`, w, known);
  for (const [i, a] of (parsed.approvals ?? []).entries())
    for (const w of a.from ?? []) if (!known.includes(w)) yield unknownName(`approvals.${i}.from`, w, known);
}

function reachOf(parsed: ConfigParsed): string[] {
  const all = Object.entries(parsed.clusters);
  return all.flatMap(([name, c]) => [name, `cloud:${c.cloud}`, `region:${c.region}`]);
}

function* reachFaults(parsed: ConfigParsed): Generator<ConfigFault> {
  const known = { apps: Object.keys(parsed.apps), clusters: reachOf(parsed) };
  const rules = { rights: parsed.rights ?? [], approvals: parsed.approvals ?? [] };
  for (const [block, list] of Object.entries(rules))
    for (const [i, rule] of list.entries())
      for (const kind of ['apps', 'clusters'] as const)
        for (const word of rule[kind] ?? [])
          if (!known[kind].includes(word)) {
            const near = nearest(word, known[kind]);
            const message = `the fleet has no ${kind === 'apps' ? 'app' : 'cluster'} "${word}"`;
            yield { path: `${block}.${i}.${kind}`, message, ...(near === undefined ? {} : { near }) };
          }
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
    const lone = (['rights', 'approvals'] as const).filter((k) => parsed[k] !== undefined);
    return lone.map((k) => ({ path: k, message: 'means nothing without `people`' }));
  }
  return [...accountFaults(parsed.people), ...nameFaults(parsed), ...reachFaults(parsed), ...quorumFaults(parsed)];
}
