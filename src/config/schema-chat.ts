import { z } from 'zod';

const slackSchema = <S extends z.ZodType>(secret: S) =>
  z
    .strictObject({
      team: z
        .string()
        .regex(/^T[A-Z0-9]+$/, 'the id of the workspace, such as T024BE7LD')
        .describe('Id of the workspace; guests of other workspaces are not heard.'),
      slash: z
        .string()
        .regex(/^\/[a-z][a-z0-9-]{0,30}$/, 'a slash command such as /tw')
        .default('/tw')
        .describe('Slash command of the app; mentions of the app work too.'),
      api: z.url().default('https://slack.com/api/').describe('Base of the API; GovSlack has one of its own.'),
      botToken: secret,
      appToken: secret.optional().describe('Socket Mode: no address of ours is reached from outside.'),
      signingSecret: z
        .union([secret, z.array(secret).min(1).max(2)])
        .optional()
        .describe('HTTP instead of Socket Mode: Slack posts to /hooks/slack. Two while a secret is changed.'),
    })
    .refine((s) => (s.appToken === undefined) !== (s.signingSecret === undefined), {
      message: 'needs either appToken (Socket Mode) or signingSecret (HTTP), not both',
    });

/** Chats that `tw serve` listens to; `secret` is how the config writes a secret. */
export const chatSchema = <S extends z.ZodType>(secret: S) =>
  z
    .strictObject({
      slack: slackSchema(secret).optional().describe('Slack, by Socket Mode or over HTTP.'),
      lab: z
        .strictObject({})
        .optional()
        .describe('A chat of the dashboard for trying things out; sandbox only. Persons need accounts `lab:<name>`.'),
    })
    .describe('Chats that `tw serve` listens to; needs `people`.');
