import { z } from 'zod';
import { duration } from './schema-duration.ts';

const shared = 'Only for state that is shared.';
const service = z.string().regex(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a name of a Service');
const given = {
  engine: z.enum(['redis']).optional().describe(`${shared} What keeps the state. Default: redis.`),
  ack: z
    .enum(['quorum', 'local'])
    .optional()
    .describe(
      `${shared} quorum: a write is answered once another cloud has it too; local: at once, with active-active only. Default: quorum.`,
    ),
  home: z
    .string()
    .optional()
    .describe(
      'Only for single-writer. Cluster that takes the writes, or auto: where writes are fastest for the users. Default: auto.',
    ),
  read: z
    .enum(['local'], {
      error: (issue) =>
        issue.input === 'primary'
          ? 'primary is not known to this version: leave it out, and read what must be new through services.write'
          : undefined,
    })
    .optional()
    .describe(`${shared} local: reads are answered in their own cluster. Default: local.`),
  persist: z
    .boolean()
    .optional()
    .describe(
      `${shared} Keep the data on disk too, so that an orderly stop of everything loses nothing. Default: true.`,
    ),
  backup: z
    .strictObject({
      every: duration
        .refine((ms) => ms >= 60_000, 'at least 1m')
        .describe('How often `tw serve` makes a snapshot and verifies it; at least 1m.'),
      to: z
        .string()
        .regex(
          /^(file:\S|s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/|$))/,
          'a folder such as file:backups or file:/var/backups, or a bucket such as s3://backups/fleet',
        )
        .describe(
          'Where snapshots go: `file:` and a folder, relative to that of the config file, or `s3://bucket/prefix`.',
        ),
      keep: z.int().min(1).default(30).describe('How many verified snapshots are kept.'),
    })
    .optional()
    .describe(`${shared} Snapshots. Default: none.`),
  services: z
    .strictObject({
      write: service.describe('Service for writes and for reads that must be new. Default: redis-master.'),
      read: service.describe('Service for reads of the copy in this cluster. Default: redis-slave.'),
    })
    .optional()
    .describe(`${shared} Names under which the app finds its Redis. Default: redis-master and redis-slave.`),
  memory: z
    .string()
    .regex(/^[1-9]\d*(Mi|Gi)$/, 'such as 256Mi or 2Gi')
    .optional()
    .describe(`${shared} Most memory of the data in each cluster; writes beyond it are refused. Default: 256Mi.`),
  hold: duration
    .optional()
    .describe(
      `${shared} How long a write is kept while there is nobody to send it to; refused then. Default: twice the longest failover of all homes and 1 s; active-active: 10s.`,
    ),
};

const NO_LOCAL =
  'local is not known to this version with mode single-writer, whose writes wait for another cloud: say quorum, or leave it out';

/** The state of one app. */
export const stateSchema = z
  .strictObject({
    mode: z
      .enum(['isolated', 'single-writer', 'active-active'])
      .default('isolated')
      .describe(
        'isolated: every cluster keeps its own state; single-writer: one cluster takes the writes, all have the data; active-active: every cluster takes writes.',
      ),
    ...given,
  })
  .superRefine((v, ctx) => {
    const idle = v.mode === 'isolated' ? Object.keys(given) : v.mode === 'active-active' ? ['home'] : [];
    for (const key of idle.filter((k) => v[k as keyof typeof v] !== undefined))
      ctx.addIssue({ code: 'custom', path: [key], message: `means nothing with mode ${v.mode}` });
    if (v.mode === 'single-writer' && v.ack === 'local')
      ctx.addIssue({ code: 'custom', path: ['ack'], message: NO_LOCAL });
  })
  .transform((v) => {
    if (v.mode === 'isolated') return { mode: v.mode };
    const {
      mode,
      engine = 'redis',
      ack = 'quorum',
      home = 'auto',
      read = 'local',
      persist = true,
      memory = '256Mi',
      ...rest
    } = v;
    const { services = { write: 'redis-master', read: 'redis-slave' }, ...more } = rest;
    return { mode, engine, ack, home, read, persist, memory, services, ...more };
  })
  .prefault({})
  .describe('How the state of the app is kept. Default: isolated.');
