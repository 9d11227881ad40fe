import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject } from 'zod-openapi';
import type { ArgSpec } from '../commands/index.ts';
import { FIXED } from './openapi-fixed.ts';
import { failed, json, meta, problem, run } from './openapi-parts.ts';
import type { Route } from './plan.ts';

function typeOf(arg: ArgSpec): z.ZodType {
  switch (arg.type.is) {
    case 'flag':
      return z.boolean();
    case 'int': {
      const n = z.int().min(arg.type.min);
      return arg.type.max === undefined ? n : n.max(arg.type.max);
    }
    case 'list':
      return z.array(z.string());
    case 'text':
      return z.string();
  }
}

const isNeeded = (arg: ArgSpec): boolean => 'needed' in arg.type && arg.type.needed === true;

function argsSchema(args: readonly ArgSpec[]): z.ZodObject {
  const shape = args.map((a) => {
    const described = typeOf(a).meta({ description: a.help });
    return [a.name, isNeeded(a) ? described : described.optional()] as const;
  });
  return z.strictObject(Object.fromEntries(shape));
}

const resultOf = (kind: string): z.ZodType =>
  z.object({
    apiVersion: z.literal('tradewind/v1'),
    kind: z.literal(kind),
    data: z.unknown(),
    missing: z.array(z.object({ cluster: z.string(), why: z.string() })),
    warnings: z.array(problem),
    meta,
    problem: problem.optional(),
  });

function operationOf(r: Route): ZodOpenApiOperationObject {
  const args = argsSchema(r.spec.args);
  const done = { description: 'The document of `-o json`.', content: json(resultOf(r.spec.result)) };
  const base = {
    operationId: r.spec.verb.replaceAll(' ', '-'),
    summary: r.spec.summary,
    description: `Needs the role ${r.role}. In the terminal: ${r.spec.examples.map((e) => `\`${e}\``).join(', ')}`,
  };
  if (r.method === 'GET')
    return { ...base, requestParams: { query: args }, responses: { '200': done, default: failed } };
  const header = z.object({
    'Idempotency-Key': z.string().min(8).max(200).meta({ description: 'The same key again finds the first run.' }),
    Prefer: z.string().optional().meta({ description: '`wait=<seconds>`, 60 at most; then 202.' }),
    traceparent: z.string().optional().meta({ description: 'W3C trace context that the command belongs to.' }),
  });
  return {
    ...base,
    requestParams: { header },
    requestBody: { content: json(args) },
    responses: { '200': done, '202': { description: 'It still runs.', content: json(run) }, default: failed },
  };
}

/** OpenAPI 3.1 of everything that is served: the verbs of the command table, and what stands beside them. */
export function openApi(routes: readonly Route[], version: string): object {
  const paths = Object.fromEntries(
    routes.map((r) => [`/api/v1${r.path}`, { [r.method.toLowerCase()]: operationOf(r) }]),
  );
  return createDocument({
    openapi: '3.1.0',
    info: { title: 'Tradewind', version, description: 'The verbs of `tw` over HTTP, made from the same table.' },
    paths: { ...paths, ...FIXED },
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    security: [{ bearer: [] }],
  });
}
