import { z } from 'zod';

const where = z.object({
  cluster: z.string().optional(),
  resource: z.string().optional(),
  file: z.string().optional(),
  line: z.int().optional(),
  column: z.int().optional(),
  width: z.int().optional(),
  source: z.string().optional(),
  path: z.string().optional(),
});
export const problem = z
  .object({
    code: z.string().meta({ example: 'TW6002' }),
    kind: z.enum(['user', 'transient', 'bug']),
    title: z.string(),
    value: z.string().optional(),
    where: z.array(where),
    why: z.array(z.string()).meta({ description: 'Innermost cause first.' }),
    fix: z.array(z.object({ say: z.string(), command: z.string().optional() })),
    exit: z.int().meta({ description: 'Exit code the terminal would have.' }),
  })
  .meta({ id: 'Problem' });
export const meta = z.object({ verb: z.string(), at: z.string(), ms: z.number() });
const failure = z
  .object({
    status: z.int(),
    code: z.string(),
    title: z.string(),
    apiVersion: z.literal('tradewind/v1'),
    kind: z.literal('Problem'),
    problem,
    meta,
  })
  .meta({ id: 'Failure' });
export const run = z
  .object({ apiVersion: z.literal('tradewind/v1'), kind: z.literal('Run'), data: z.looseObject({ run: z.string() }) })
  .meta({ id: 'Run' });

export const json = (schema: z.ZodType) => ({ 'application/json': { schema } });
export const failed = { description: 'Why not.', content: { 'application/problem+json': { schema: failure } } };
