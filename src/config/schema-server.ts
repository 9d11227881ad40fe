import { z } from 'zod';
import { wrongAddress } from '../kernel/index.ts';

const words = z.record(z.string(), z.string());

/** The one server of a fleet. */
export const serverSchema = z
  .strictObject({
    url: z
      .string()
      .superRefine((url, x) => {
        const message = wrongAddress(url);
        if (message !== undefined) x.addIssue({ code: 'custom', message });
      })
      .optional()
      .describe(
        'Address of the server: https://…, or http:// on this machine. `TW_SERVER` wins over it. With `in`: the address of the proxy with TLS in front of its Service.',
      ),
    in: z
      .string()
      .optional()
      .describe('Cluster of this fleet that runs the server as a pod, from `tw server install` on.'),
    secret: z
      .string()
      .optional()
      .describe(
        'Only with `in`: Secret of the namespace tradewind-server whose keys are variables of the server: credentials of the clouds, tokens that the config names by `env`.',
      ),
    identity: z
      .strictObject({
        annotations: words.default({}).describe('Of its ServiceAccount, such as eks.amazonaws.com/role-arn.'),
        labels: words.default({}).describe('Of its pod, such as azure.workload.identity/use.'),
      })
      .optional()
      .describe("Only with `in`: the clouds' own identity of the pod, instead of keys."),
    storage: z
      .string()
      .regex(/^[1-9]\d*(Mi|Gi)$/, 'such as 4Gi')
      .optional()
      .describe('Only with `in`: size of the volume with its files. Default: 4Gi.'),
  })
  .superRefine((v, x) => {
    if (v.url === undefined && v.in === undefined)
      x.addIssue({ code: 'custom', path: [], message: 'an address (url), or a cluster (in)' });
    const idle = v.in === undefined ? (['secret', 'identity', 'storage'] as const) : [];
    for (const key of idle.filter((k) => v[k] !== undefined))
      x.addIssue({ code: 'custom', path: [key], message: 'means nothing without `in`' });
  })
  .describe('The server that decides for this fleet: verbs are sent to it. Default: they run where they are typed.');
