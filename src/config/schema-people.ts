import { z } from 'zod';

const personName = z
  .string()
  .regex(/^[a-z]([a-z0-9._-]{0,38}[a-z0-9])?$/, 'lower case letters, digits, dots and dashes; a letter first');
const members = z.array(z.string()).min(1);
const reach = {
  apps: z.array(z.string()).min(1).optional().describe('Apps; absent = all, and what belongs to no app.'),
  clusters: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('Clusters: name, cloud:<cloud> or region:<region>; absent = all.'),
};

/** Who may do what. Without `people` the person at this machine may do everything. */
export const peopleSchema = z
  .record(
    personName,
    z.strictObject({
      accounts: z
        .array(z.string().regex(/^[a-z]+:\S+$/, 'an account such as os:anna'))
        .default([])
        .describe('Accounts that are this person: `os:<login>` on the machine where `tw` runs.'),
      groups: z.array(personName).default([]).describe('Groups this person belongs to.'),
    }),
  )
  .describe('Persons by name. With this block everything is refused that `rights` does not grant.');

/** What a rule grants: a class of verbs. */
const RIGHTS = ['look', 'safe', 'forward', 'destroy', 'rule', 'approve', 'break-glass'] as const;

export const rightsSchema = z
  .array(
    z.strictObject({
      who: members.describe('Persons and groups.'),
      may: z
        .array(z.enum(RIGHTS))
        .min(1)
        .describe(
          'Classes of verbs; `destroy` is needed beside `forward` where something is removed, `break-glass` during a freeze.',
        ),
      ...reach,
    }),
  )
  .describe('What persons and groups may do, and where.');

export const approvalsSchema = z
  .array(
    z.strictObject({
      verbs: z.array(z.string()).min(1).optional().describe('Verbs; absent = every verb that changes something.'),
      ...reach,
      quorum: z.int().min(0).max(10).describe('How many persons must approve; 0 = nobody.'),
      from: members.optional().describe('Persons and groups whose vote counts; absent = all with the right `approve`.'),
      notRequester: z.boolean().default(true).describe('Who asks for it may not approve it.'),
      ttl: z
        .string()
        .regex(/^\d+(s|m|h)$/, 'a duration such as 30m')
        .default('30m')
        .describe('An approval that is not used for so long is a no.'),
    }),
  )
  .describe('Who must agree before something is changed; the first rule that fits decides.');
