import { z } from 'zod';

/** A file that holds PEM, or a variable that does. */
const pem = z.union([z.strictObject({ env: z.string() }), z.strictObject({ file: z.string() })]);

const own = z.strictObject({
  members: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('Clusters that run a member: 1, 3 or 5. Default: the first cluster of every cloud.'),
});
const external = z.strictObject({
  endpoints: z
    .array(z.url({ protocol: /^https?$/ }))
    .min(1)
    .describe('Client addresses of its members, the nearest first.'),
  ca: pem.optional().describe('PEM: {file} or {env}.'),
  cert: pem.optional(),
  key: pem.optional(),
});

/** Where machines agree; without it, one machine agrees with itself. */
export const coordinationSchema = z
  .strictObject({
    etcd: z
      .union([external, own])
      .describe(
        '{}: one member per cloud, always an odd number, deployed by `tw up`; {endpoints}: an etcd that is there already.',
      ),
  })
  .describe('Where machines agree on releases and on who is home. Default: the file of the one machine that works.');
