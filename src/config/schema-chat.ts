import { z } from 'zod';

/** Chats that `tw serve` listens to; `secret` is how the config writes a secret. */
export const chatSchema = <S extends z.ZodType>(secret: S) =>
  z
    .strictObject({
      slack: z
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
          appToken: secret,
          botToken: secret,
        })
        .optional()
        .describe('Slack by Socket Mode: no address of ours is reached from outside.'),
    })
    .describe('Chats that `tw serve` listens to; needs `people`.');
