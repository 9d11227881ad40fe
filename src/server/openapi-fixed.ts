import { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject, ZodOpenApiResponseObject } from 'zod-openapi';
import { TOPICS } from './model.ts';
import { failed, json, run } from './openapi-parts.ts';

type Operation = Omit<ZodOpenApiOperationObject, 'responses'>;

const text = (description: string) => ({ description, content: { 'text/plain': { schema: z.string() } } });
const body = (schema: z.ZodType) => ({ requestBody: { content: json(schema) } });
const inPath = (name: string, schema: z.ZodType) => ({ requestParams: { path: z.object({ [name]: schema }) } });
const id = z.string().meta({ description: 'Id of the run.' });
/** Asked by whoever has no sign-in yet, or proves itself by a signature. */
const OPEN = { security: [] };

const operation = (
  operationId: string,
  summary: string,
  o: Operation & { ok: ZodOpenApiResponseObject },
): ZodOpenApiOperationObject => {
  const { ok, ...rest } = o;
  return { operationId, summary, ...rest, responses: { '200': ok, default: failed } };
};

const person = z.object({ name: z.string(), role: z.enum(['look', 'operate', 'admin']) });
const session = person.extend({
  until: z.number().meta({ description: 'Unix milliseconds at which the sign-in ends.' }),
  fleet: z.string().nullable(),
  apps: z.array(z.string()),
  clusters: z.array(z.string()),
  version: z.string(),
  sandbox: z.boolean(),
  lab: z.boolean().meta({ description: 'There is a chat lab.' }),
  allowed: z
    .object({
      person: z.string().nullable(),
      rights: z.record(z.string(), z.object({ places: z.array(z.string()), holders: z.array(z.string()) })),
    })
    .nullable()
    .meta({ description: 'What the config lets this person do where; null: it names nobody.' }),
});
const topic = z.object({
  topic: z.enum(TOPICS),
  offset: z.int().meta({ description: 'Offset of the journal it was folded at.' }),
  at: z.number().meta({ description: 'When it was looked at, Unix milliseconds.' }),
  data: z.unknown().optional(),
  problem: z.unknown().optional(),
});
const answer = z.object({ id: z.string(), text: z.string().optional(), refused: z.string().optional() });
const lab = z.union([
  z.object({ person: z.string(), text: z.string() }).meta({ title: 'say' }),
  z.object({ person: z.string(), card: z.string(), button: z.string() }).meta({ title: 'press' }),
  z
    .partialRecord(z.enum(['outage', 'slow', 'limited', 'duplicate', 'reorder']), z.boolean())
    .meta({ title: 'switches' }),
]);

const signIn: ZodOpenApiPathsObject = {
  '/api/v1/login': {
    post: operation('login', 'sign a browser in: a code or a token becomes a cookie', {
      ...OPEN,
      ...body(z.object({ secret: z.string() })),
      ok: { description: 'Who is signed in.', content: json(person) },
    }),
    delete: operation('logout', 'forget the cookie', { ok: { description: 'Done.', content: json(z.object({})) } }),
  },
  '/api/v1/session': {
    get: operation('session', 'who is signed in, and to which fleet', {
      ok: { description: 'The sign-in.', content: json(session) },
    }),
  },
};

const runs: ZodOpenApiPathsObject = {
  '/api/v1/runs/{id}': {
    get: operation(
      'run',
      'how a run stands; with `Prefer: wait=<seconds>` its answer, as an event stream as it happens',
      {
        ...inPath('id', id),
        ok: { description: 'The run, or the document of its verb.', content: json(run) },
      },
    ),
  },
  '/api/v1/runs/{id}/facts': {
    get: operation('run-facts', 'everything the journal has of a run, in order', {
      ...inPath('id', id),
      ok: { description: 'Facts.', content: json(z.object({ facts: z.array(z.unknown()) })) },
    }),
  },
  '/api/v1/runs/{id}/stop': {
    post: operation('run-stop', 'tell a run to stop safely, as Ctrl-C does', {
      ...inPath('id', id),
      ok: { description: 'The run.', content: json(run) },
    }),
  },
  '/api/v1/runs/{id}/answer': {
    post: operation('run-answer', 'answer the question of a run: `text`, or `refused` with the reason', {
      ...inPath('id', id),
      ...body(answer),
      ok: { description: 'The run.', content: json(run) },
    }),
  },
};

const topics = z.array(z.enum([...TOPICS, 'facts']));
const looks: ZodOpenApiPathsObject = {
  '/api/v1/views/{topic}': {
    get: operation('view', 'one view, looked at now', {
      ...inPath('topic', z.enum(TOPICS)),
      ok: { description: 'The view; with `problem` the last good one.', content: json(topic) },
    }),
  },
  '/api/v1/stream': {
    get: operation(
      'stream',
      'views and facts as they come: events `view`, `fact`, `note`; `Last-Event-ID` goes on from there',
      {
        requestParams: { query: z.object({ topic: topics, from: z.int().optional() }) },
        ok: { description: 'Server-sent events.', content: { 'text/event-stream': { schema: z.string() } } },
      },
    ),
  },
  '/api/v1/openapi.json': {
    get: operation('openapi', 'this description', {
      ok: { description: 'OpenAPI 3.1.', content: json(z.looseObject({})) },
    }),
  },
};

const others: ZodOpenApiPathsObject = {
  '/api/v1/lab/{what}': {
    post: operation('lab', 'play a person of the chat lab; for fleets of the sandbox, on the machine of the project', {
      ...inPath('what', z.enum(['say', 'press', 'switches'])),
      ...body(lab),
      ok: { description: 'Done.', content: json(z.object({ kind: z.literal('Lab'), data: z.object({}) })) },
    }),
  },
  '/hooks/{name}': {
    post: operation('hook', 'what a chat platform posts; whoever takes it checks the signature of the bytes', {
      ...OPEN,
      ...inPath('name', z.string().meta({ example: 'slack' })),
      requestBody: { content: { '*/*': { schema: z.string() } } },
      ok: text('What the platform wants to hear.'),
    }),
  },
  '/healthz': { get: operation('healthz', 'the process lives', { ...OPEN, ok: text('ok') }) },
  '/readyz': { get: operation('readyz', 'it takes commands; 503 while it stops', { ...OPEN, ok: text('ok') }) },
  '/metrics': {
    get: operation('metrics', 'counts for Prometheus; beyond loopback a sign-in is needed', { ok: text('Metrics.') }),
  },
};

/** Everything that is served and is no verb of the command table. */
export const FIXED: ZodOpenApiPathsObject = { ...signIn, ...runs, ...looks, ...others };
