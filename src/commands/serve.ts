import { mkdirSync } from 'node:fs';
import { fault, type Row, text } from '../kernel/index.ts';
import type { Context, Io } from './context.ts';
import { handedTo } from './handed.ts';
import type { Args, Outcome } from './model.ts';
import { loginUrl, servingAt } from './serving.ts';

const row = (key: string, label: string): Row => ({ key, tone: 'ok', label: [text(label)], cells: {}, kids: [] });

/** `tw serve`: until it is told to stop; what runs then stops safely, and what was written stays. Throws TW8011–TW8013, TW8017. */
export async function serve(c: Context, args: Args, io: Io): Promise<Outcome> {
  if (c.server === undefined) throw fault('TW6001', { value: 'serve', why: ['only a terminal can start a server'] });
  const handed = handedTo(c.stateDir);
  if (handed !== undefined)
    throw fault('TW8017', {
      value: handed,
      why: ['this folder handed its files to it: two servers would decide for one fleet'],
      fix: [
        { say: 'Open its dashboard:', command: 'tw dashboard' },
        { say: 'Or fetch its files:', command: 'tw server remove' },
      ],
    });
  const other = servingAt(c.stateDir);
  if (other !== undefined)
    throw fault('TW8017', {
      value: other.url,
      why: [`by process ${other.pid} on ${other.host}`],
      fix: [{ say: 'Sign in there:', command: 'tw dashboard' }],
    });
  mkdirSync(c.stateDir, { recursive: true, mode: 0o700 });
  const publicUrl = args['publicUrl'] as string | undefined;
  let address = '';
  const ready = (url: string): void => {
    address = url;
    // A pod's output is kept, and read by others than may sign in.
    const open = c.standsAt === undefined ? [row('open', `dashboard: ${loginUrl(c, url)}`)] : [];
    io.show({ at: c.clock.now(), rows: [...open, row('api', `API: ${url}/api/v1`)] });
  };
  const door = await c.server();
  const [port, host] = [args['port'] as number, args['host'] as string];
  const wish = { port, host, withSandbox: args['withSandbox'] === true };
  await door.serve({ ...wish, ...(publicUrl === undefined ? {} : { publicUrl }) }, ready, io.signal);
  const stopped: Row = { key: 'end', tone: 'ok', label: [text(`stopped serving ${address}`)], cells: {}, kids: [] };
  return { data: { url: address }, view: { at: c.clock.now(), rows: [stopped] } };
}
