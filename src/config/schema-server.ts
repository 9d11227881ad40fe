import { z } from 'zod';
import { wrongAddress } from '../kernel/index.ts';

/** The one server of a fleet. */
export const serverSchema = z
  .strictObject({
    url: z
      .string()
      .superRefine((url, x) => {
        const message = wrongAddress(url);
        if (message !== undefined) x.addIssue({ code: 'custom', message });
      })
      .describe('Address of `tw serve`: https://…, or http:// on this machine. `TW_SERVER` wins over it.'),
  })
  .describe('The server that decides for this fleet: verbs are sent to it. Default: they run where they are typed.');
