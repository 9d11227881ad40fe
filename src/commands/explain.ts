import { CATALOGUE, type Code, entryOf, fault, nearest, own, type Row, text, toJson } from '../kernel/index.ts';
import type { Outcome } from './model.ts';

interface Schema {
  type?: string;
  description?: string;
  default?: unknown;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
}

const row = (key: string, value: string): Row => ({
  key,
  tone: 'ok',
  label: [text(key)],
  cells: { '': [text(value)] },
  kids: [],
});

function explainCode(code: Code): Outcome {
  const entry = entryOf(code);
  const kinds = { user: 'you can mend it', transient: 'the same call may go through later', bug: 'a bug of Tradewind' };
  const data = { code, title: entry.title, kind: entry.kind, exit: entry.exit };
  return {
    data,
    view: {
      at: 0,
      rows: [
        row(code, entry.title),
        row('kind', `${entry.kind}: ${kinds[entry.kind]}`),
        row('exit', String(entry.exit)),
      ],
    },
  };
}

const valuesOf = (s: Schema | undefined): Schema | undefined =>
  typeof s?.additionalProperties === 'object' ? s.additionalProperties : undefined;
const keysOf = (s: Schema): string[] => Object.keys(s.properties ?? s.items?.properties ?? {});

/** One word of a path: a field, an index, or any name where the field is a record. */
function step(schema: Schema, key: string): Schema | undefined {
  if (/^\d+$/.test(key)) return schema.items;
  return own(schema.properties ?? {}, key) ?? valuesOf(schema) ?? own(schema.items?.properties ?? {}, key);
}

async function fieldAt(topic: string): Promise<Schema> {
  // Codes are explained without the schema library.
  const { configJsonSchema } = await import('../config/index.ts');
  let schema: Schema = configJsonSchema() as Schema;
  for (const key of topic.split('.')) {
    const next = step(schema, key);
    if (next === undefined) {
      const near = nearest(key, keysOf(schema));
      throw fault('TW8001', {
        value: topic,
        why: [`no code and no config field "${key}"${near === undefined ? '' : `; did you mean "${near}"?`}`],
        fix: [{ say: 'Fields here:', command: keysOf(schema).join(' ') }],
      });
    }
    schema = next;
  }
  return schema;
}

async function explainField(topic: string): Promise<Outcome> {
  const schema = await fieldAt(topic);
  const fields = keysOf(schema);
  const meaning = schema.description ?? schema.type ?? '';
  const initial = toJson(schema.default ?? null);
  const rows = [
    row(topic, meaning),
    ...(initial === null ? [] : [row('default', JSON.stringify(initial))]),
    ...(fields.length === 0 ? [] : [row('fields', fields.join(', '))]),
  ];
  return {
    data: { field: topic, type: schema.type ?? null, meaning, default: initial, fields },
    view: { at: 0, rows },
  };
}

/** What an error code or a config field means; offline. Rejects with TW8001. */
export async function explain(topic: string): Promise<Outcome> {
  if (Object.hasOwn(CATALOGUE, topic)) return explainCode(topic as Code);
  if (!/^TW\d*$/i.test(topic)) return await explainField(topic);
  const near = nearest(topic.toUpperCase(), Object.keys(CATALOGUE));
  throw fault('TW8001', { value: topic, why: near === undefined ? [] : [`the nearest one is ${near}`] });
}
