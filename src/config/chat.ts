import type { ConfigFault } from './model.ts';
import type { ConfigParsed } from './schema.ts';

const LAB = 'lab:';

/** Lab persons exist where a lab is, and a lab is where every cluster can be simulated. */
export function* chatFaults(parsed: ConfigParsed): Generator<ConfigFault> {
  const all = Object.entries(parsed.people ?? {}).flatMap(([name, p]) => p.accounts.map((a) => [name, a] as const));
  const inLab = all.filter(([, account]) => account.startsWith(LAB));
  if (parsed.chat?.lab === undefined) {
    for (const [name, account] of inLab)
      yield { path: `people.${name}.accounts`, message: `"${account}" means nothing without \`chat.lab\`` };
    return;
  }
  if (parsed.people !== undefined && inLab.length === 0)
    yield { path: 'chat.lab', message: 'nobody of `people` has an account lab:<name>' };
  for (const [name, c] of Object.entries(parsed.clusters))
    if (c.cloud === 'existing')
      yield { path: 'chat.lab', message: `is for the sandbox, which cannot simulate ${name} (cloud existing)` };
}
