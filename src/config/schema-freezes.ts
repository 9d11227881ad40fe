import { z } from 'zod';

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const TIME = String.raw`(?:[01]\d|2[0-3]):[0-5]\d|24:00`;
const DATE = String.raw`\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:T(?:[01]\d|2[0-3]):[0-5]\d)?`;
const FORMS = {
  daily: new RegExp(`^(?:${TIME})$`),
  weekly: new RegExp(`^(?:${DAYS.join('|')}) (?:${TIME})$`),
  once: new RegExp(`^${DATE}$`),
};

/** How a freeze comes back, read from its words. */
type FreezeForm = keyof typeof FORMS;

/** undefined: no form has such words. */
const freezeForm = (words: string): FreezeForm | undefined =>
  (Object.keys(FORMS) as FreezeForm[]).find((form) => FORMS[form].test(words));

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** A day of the calendar that is there: no 30 February. */
const isDate = (words: string): boolean =>
  freezeForm(words) !== 'once' || new Date(`${words.slice(0, 10)}T00:00Z`).toISOString().startsWith(words.slice(0, 10));

const moment = z
  .string()
  .refine((w) => freezeForm(w) !== undefined, 'a time (18:00), a day and time (fri 18:00) or a date (2026-12-24)')
  .refine(isDate, 'there is no such day');

export const freezesSchema = z
  .array(
    z
      .strictObject({
        name: z.string().regex(/^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/, 'lower case letters, digits and dashes'),
        because: z.string().min(1).describe('Shown to whoever is refused.'),
        zone: z
          .string()
          .refine(isZone, 'no such time zone; names are as Europe/Berlin')
          .describe('IANA time zone that the times below are in.'),
        from: moment.describe(
          'First moment: `18:00` each day, `fri 18:00` each week, `2026-12-20` or `2026-12-20T18:00` once.',
        ),
        to: moment.describe('First moment after it, in the same form; a date alone is its whole day.'),
        days: z.array(z.enum(DAYS)).min(1).optional().describe('Days on which a daily one begins; absent = all.'),
        except: z
          .array(
            z.string().regex(new RegExp(`^${DATE}(?:/${DATE})?$`), '2026-12-24 or 2026-12-24T09:00/2026-12-24T12:00'),
          )
          .default([])
          .describe('Days, or spans written from/to, on which it does not hold.'),
        apps: z.array(z.string()).min(1).optional().describe('Apps; absent = everything.'),
        clusters: z
          .array(z.string())
          .min(1)
          .optional()
          .describe('Clusters: name, cloud:<cloud> or region:<region>; absent = all.'),
      })
      .superRefine((f, x) => {
        const form = freezeForm(f.from);
        if (form !== freezeForm(f.to))
          x.addIssue({ code: 'custom', path: ['to'], message: '`from` and `to` are written in one form' });
        if (f.days !== undefined && form !== 'daily')
          x.addIssue({ code: 'custom', path: ['days'], message: 'goes with times alone, such as 18:00' });
        if (form === 'once' && f.to < f.from)
          x.addIssue({ code: 'custom', path: ['to'], message: 'lies before `from`' });
      }),
  )
  .describe('When nothing goes forward, by the calendar; `pause`, `abort`, `rollback` and `drain` always work.');
