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

const beside = z
  .array(z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'the name of a fleet'))
  .default([])
  .describe('Other fleets that hear the same lines: each line then says `in <fleet>`.');

const githubSchema = <S extends z.ZodType>(secret: S) =>
  z.strictObject({
    app: z.int().positive().describe('Id of the GitHub App; one app per control plane.'),
    installation: z.int().positive().describe('Id of its installation; others are not heard.'),
    repositories: z
      .array(z.string().regex(/^[\w.-]+\/[\w.-]+$/, 'a repository such as acme/shop'))
      .min(1)
      .describe('Repositories whose comments are heard.'),
    slash: z
      .string()
      .regex(/^\/[a-z][a-z0-9-]{0,30}$/, 'a word such as /tw')
      .default('/tw')
      .describe(
        'First word of a comment that is a command; fleets that share a repository need one each, or `beside`.',
      ),
    beside,
    api: z.url().default('https://api.github.com').describe('Base of the API; GitHub Enterprise has one of its own.'),
    deployments: z
      .boolean()
      .default(true)
      .describe('Show a release as deployments, one environment `fleet/cluster` per cluster.'),
    checks: z
      .boolean()
      .default(true)
      .describe('Show a release as a check of the commit that carries its version as a tag.'),
    privateKey: secret,
    webhookSecret: z
      .union([secret, z.array(secret).min(1).max(2)])
      .describe('GitHub posts to /hooks/github. Two while a secret is changed.'),
  });

const HOST = '[a-z0-9]([a-z0-9.-]*[a-z0-9])?';
const bareJid = (example: string) =>
  z.string().regex(new RegExp(`^[^\\s"&'/:<>@A-Z]+@${HOST}$`, 'u'), `an address such as ${example}, in small letters`);

const xmppSchema = <S extends z.ZodType>(secret: S) =>
  z.strictObject({
    jid: bareJid('tradewind@example.org').describe('Account of the bot; one per control plane.'),
    password: secret,
    service: z
      .string()
      .regex(/^xmpps?:\/\/[^\s/]+:\d{1,5}$/, 'xmpp://host:port or xmpps://host:port')
      .optional()
      .describe(
        'Where its server listens: xmpps:// is TLS at once, xmpp:// is STARTTLS; plain text to this machine only. ' +
          'Default: port 5222 of the domain of the account.',
      ),
    rooms: z
      .array(bareJid('ops@conference.example.org'))
      .min(1)
      .describe('Rooms that are entered; they must show real addresses and number their messages (XEP-0359).'),
    domains: z
      .array(z.string().regex(new RegExp(`^${HOST}$`), 'a domain such as example.org'))
      .min(1)
      .optional()
      .describe('Domains whose accounts are heard. Default: the domain of the account of the bot.'),
    nick: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,32}$/, 'plain letters, digits, dots and dashes')
      .default('tradewind')
      .describe('Name of the bot in the rooms.'),
    beside,
  });

/** Chats that `tw serve` listens to; `secret` is how the config writes a secret. */
export const chatSchema = <S extends z.ZodType>(secret: S) =>
  z
    .strictObject({
      slack: slackSchema(secret).optional().describe('Slack, by Socket Mode or over HTTP.'),
      github: githubSchema(secret).optional().describe('Comments on issues and pull requests of GitHub.'),
      xmpp: xmppSchema(secret).optional().describe('Rooms of an XMPP server, such as Prosody or ejabberd.'),
      lab: z
        .strictObject({})
        .optional()
        .describe('A chat of the dashboard for trying things out; sandbox only. Persons need accounts `lab:<name>`.'),
    })
    .describe('Chats that `tw serve` listens to; needs `people`.');
