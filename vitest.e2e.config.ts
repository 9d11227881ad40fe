import { defineConfig } from 'vitest/config';

/** Real clusters on this machine: one file after the other, long limits. */
export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    pool: 'forks',
    isolate: true,
    fileParallelism: false,
    bail: 0,
    testTimeout: 600_000,
    hookTimeout: 900_000,
    sequence: { concurrent: false },
  },
});
