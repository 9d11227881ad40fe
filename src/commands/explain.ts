import { configJsonSchema } from '../config/index.ts';
import { CATALOGUE, type Code, entryOf, fault, nearest, type Row, text } from '../kernel/index.ts';
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

function step(schema: Schema | undefined, key: string): Schema | undefined {
  const more = typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined;
  if (/^\d+$/.test(key)) return schema?.items;
  return schema?.properties?.[key] ?? more ?? schema?.items?.properties?.[key];
}

function explainField(topic: string): Outcome {
  let schema: Schema | undefined = configJsonSchema() as Schema;
  let valid = Object.keys(schema.properties ?? {});
  for (const key of topic.split('.')) {
    const next = step(schema, key);
    if (next === undefined) {
      const near = nearest(key, valid);
      throw fault('TW8001', {
        value: topic,
        why: [`no code and no config field "${key}"${near ? `; did you mean "${near}"?` : ''}`],
        fix: [{ say: 'Fields here:', command: valid.join(' ') }],
      });
    }
    schema = next;
    valid = Object.keys(schema.properties ?? schema.items?.properties ?? {});
  }
  const data = {
    field: topic,
    type: schema.type ?? null,
    meaning: schema.description ?? null,
    default: JSON.parse(JSON.stringify(schema.default ?? null)),
    fields: valid,
  };
  const rows = [
    row(topic, schema.description ?? schema.type ?? ''),
    ...(schema.default === undefined ? [] : [row('default', JSON.stringify(schema.default))]),
    ...(valid.length === 0 ? [] : [row('fields', valid.join(', '))]),
  ];
  return { data, view: { at: 0, rows } };
}

/** What an error code or a config field means; offline. Throws TW8001. */
export function explain(topic: string): Outcome {
  if (Object.hasOwn(CATALOGUE, topic)) return explainCode(topic as Code);
  if (/^TW\d*$/i.test(topic)) {
    const near = nearest(topic.toUpperCase(), Object.keys(CATALOGUE));
    throw fault('TW8001', { value: topic, why: near === undefined ? [] : [`the nearest one is ${near}`] });
  }
  return explainField(topic);
}
