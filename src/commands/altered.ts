import { fault, type TwError } from '../kernel/index.ts';
import type { Broken } from './access/machine/chain.ts';
import { verify } from './book/audit.ts';
import type { Context } from './context.ts';

export const altered = (broken: Broken): TwError =>
  fault('TW6501', {
    value: `record ${broken.n}`,
    why: [broken.why],
    fix: [
      {
        say: 'Compare it with an export of before; pause, abort, rollback and drain work all the same.',
        command: 'tw audit export',
      },
      {
        say: 'When you know what happened (right "rule"), let it go on:',
        command: 'tw audit acknowledge --because "…"',
      },
    ],
  });

/** What goes forward is written into a chain that is whole, or whose breaks a person knows of. Throws TW1020, TW6501. */
export async function refuseAltered(c: Context): Promise<void> {
  const { broken, known } = await verify(c.book(), c.witness?.seen());
  if (broken !== undefined && known === undefined) throw altered(broken);
}
