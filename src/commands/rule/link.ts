import { randomInt } from 'node:crypto';
import { fault, text, toJson } from '../../kernel/index.ts';
import type { Caller } from '../access/model.ts';
import { accountOf } from '../access/model.ts';
import { personFor, terminal } from '../access/persons.ts';
import { policyOf } from '../access/policy.ts';
import { record } from '../book/audit.ts';
import { type Link, linkOf, offer, settle, typed, unlink } from '../book/links.ts';
import type { Context, Invocation, Io } from '../context.ts';
import type { Args, Outcome } from '../model.ts';
import { line } from './rows.ts';

// No 0, O, 1, I, L, U: what is read aloud is typed right.
const LETTERS = '23456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Twelve of thirty letters: 59 bits. */
function newCode(): string {
  const four = (): string => Array.from({ length: 4 }, () => LETTERS[randomInt(LETTERS.length)]).join('');
  return [four(), four(), four()].join('-');
}

const POLL_MS = 300;

async function answered(c: Context, code: string, io: Io): Promise<Link> {
  for (;;) {
    const l = await linkOf(c.book(), code);
    if (l === undefined || c.clock.now() >= l.until)
      throw fault('TW6302', { why: ['nobody typed it within 10 minutes'] });
    if (l.state === 'typed') return l;
    if (io.signal.aborted) throw fault('TW6302', { why: ['interrupted before anybody typed it'] });
    await c.clock.sleep(POLL_MS, io.signal).catch(() => undefined);
  }
}

async function kept(c: Context, caller: Caller, person: string, what: string): Promise<void> {
  await record(c.book(), { at: c.clock.now(), what, person, caller, command: caller.command ?? what, data: {} });
}

/** The known person: shows a code, waits until it was typed, looks at the account and says yes. */
async function show(c: Context, caller: Caller, io: Io): Promise<Outcome> {
  const policy = policyOf(await c.config());
  if (policy === undefined)
    throw fault('TW6301', {
      value: accountOf(caller.identity),
      why: ['the config has no `people`: there is nobody to link to'],
    });
  const { name } = await personFor(c.book(), policy, caller);
  const code = newCode();
  await offer(c.book(), { code, person: name, now: c.clock.now() });
  io.show({
    at: c.clock.now(),
    rows: [
      {
        ...line('code', 'busy', 'type this where the account is:'),
        label: [text(`type this where the account is: link ${code}`)],
      },
    ],
  });
  const { account } = await answered(c, code, io);
  const answer = await io.ask({ kind: 'yes', text: `${account} typed it. Is that you, ${name}?`, flag: 'tw link' });
  const l = await settle(c.book(), { code, yes: answer === 'yes', now: c.clock.now() });
  await kept(c, caller, name, `link.${l.state}`);
  return said(c, l, l.state === 'linked' ? `${account} is ${name} now` : `${account} was refused`);
}

function said(c: Context, l: Link, what: string): Outcome {
  return {
    data: toJson(l),
    view: { at: c.clock.now(), rows: [line('link', l.state === 'refused' ? 'warn' : 'ok', what)] },
  };
}

/** `tw link`: a code is shown on one side and typed on the other; the side that showed it says yes. Throws TW6301, TW6302. */
export async function link(c: Context, call: Invocation, io: Io): Promise<Outcome> {
  const caller = call.from ?? terminal();
  const code = call.args['code'] as string | undefined;
  // A code that is shown in a room can be typed by whoever is faster.
  if (code === undefined && caller.door !== 'cli')
    throw fault('TW6102', { value: 'link', why: ['a code is shown in a terminal only'] });
  if (code === undefined) return await show(c, caller, io);
  const l = await typed(c.book(), { code, identity: caller.identity, now: c.clock.now() });
  await kept(c, caller, l.person, 'link.typed');
  return said(c, l, 'typed; the other side must say yes now');
}

/** `tw unlink`. Throws TW6302. */
export async function dropLink(c: Context, args: Args): Promise<Outcome> {
  const account = args['account'] as string;
  await unlink(c.book(), account);
  return { data: { account }, view: { at: c.clock.now(), rows: [line('link', 'ok', `${account} is nobody now`)] } };
}
