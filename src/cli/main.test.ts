import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Context } from '../commands/index.ts';
import { fault, memoryJournal, memoryStore, systemClock } from '../kernel/index.ts';
import { cli } from './main.ts';

/** A machine whose config cannot be read; what is opened is counted. */
function machine() {
  let closed = 0;
  const context = {
    cwd: '/',
    stateDir: '/nowhere',
    clock: systemClock,
    journal: () => memoryJournal(),
    book: () => memoryStore(),
    config: async () => {
      throw fault('TW1002', { value: 'tradewind.config.ts' });
    },
    engine: async () => {
      throw fault('TW1002', { value: 'tradewind.config.ts' });
    },
    close: async () => {
      closed += 1;
    },
  } as unknown as Context;
  return { context, closed: () => closed };
}
const run = async (context: Context, ...argv: string[]): Promise<void> => {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  await cli({ argv, engine: async () => context, processes: {} });
};
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = 0;
});

describe('what a verb opened', () => {
  it('is closed when it fails: an open connection would keep the process', async () => {
    const { context, closed } = machine();
    await run(context, 'state', 'status');
    expect(process.exitCode).not.toBe(0);
    expect(closed()).toBe(1);
  });

  it('is closed when it succeeds', async () => {
    const { context, closed } = machine();
    await run(context, 'explain', 'TW2102');
    expect(closed()).toBe(1);
  });
});
