import { defineConfig } from 'vitest/config';
import e2e from './vitest.e2e.config.ts';

/** Long ways through a real world, by hand: `make matrix`. */
export default defineConfig({ test: { ...e2e.test, include: ['test/matrix/**/*.matrix.ts'] } });
