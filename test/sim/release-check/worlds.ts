import type { Size } from './layout.ts';

const CALM: Omit<Size, 'waves' | 'shells' | 'epochs'> = {
  require: 'all',
  bad: 0,
  cut: false,
  giveUp: false,
  resume: false,
  old: false,
};
const FAULTS = { ...CALM, bad: 2, cut: true } as const;

/** A world by name: `<clusters>x<shells>`, waves with a plus, then what is special. */
export const WORLDS: Readonly<Record<string, Size & { ci: boolean }>> = {
  '3x1': { ...FAULTS, waves: [3], shells: 1, epochs: 1, ci: true },
  '2x2': { ...FAULTS, waves: [2], shells: 2, epochs: 3, ci: false },
  '3x2': { ...FAULTS, waves: [3], shells: 2, epochs: 2, ci: true },
  /** A person gives a cluster up; an ended release is resumed; the judge fails a green or its pods die. */
  '2x1 given up': { ...FAULTS, waves: [2], shells: 1, epochs: 1, bad: 3, giveUp: true, ci: true },
  '2x1 resumed': { ...FAULTS, waves: [2], shells: 1, epochs: 2, resume: true, ci: true },
  '2x1 given up, resumed': {
    ...FAULTS,
    waves: [2],
    shells: 1,
    epochs: 2,
    bad: 3,
    giveUp: true,
    resume: true,
    ci: false,
  },
  '2x2 skip': { ...FAULTS, waves: [2], shells: 2, epochs: 2, require: 'skip', ci: true },
  '1+1x2': { ...FAULTS, waves: [1, 1], shells: 2, epochs: 2, ci: true },
  '2+1x1': { ...FAULTS, waves: [2, 1], shells: 1, epochs: 1, giveUp: true, ci: false },
  /** A shell acts on an old view of one cluster beside new ones of the others. */
  '2x1 old view': { ...FAULTS, waves: [2], shells: 1, epochs: 1, giveUp: true, old: true, ci: true },
  '2x2 old view': { ...FAULTS, waves: [2], shells: 2, epochs: 2, bad: 0, old: true, ci: false },
  '2x2 given up': {
    ...FAULTS,
    waves: [2],
    shells: 2,
    epochs: 2,
    giveUp: true,
    require: 'skip',
    resume: true,
    ci: false,
  },
  '3x2 takeovers': { ...FAULTS, waves: [3], shells: 2, epochs: 3, ci: false },
  '2+1x2': { ...FAULTS, waves: [2, 1], shells: 2, epochs: 2, ci: false },
  '4x2': { ...CALM, waves: [4], shells: 2, epochs: 2, bad: 2, ci: false },
  '3x3': { ...CALM, waves: [3], shells: 3, epochs: 3, bad: 2, ci: false },
};
