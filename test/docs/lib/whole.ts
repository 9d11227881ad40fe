// A part of a config as a page shows it, made a whole one: the example with the part in it.
import example from '../../../examples/guestbook/tradewind.config.ts';
import { type ConfigInput, configJsonSchema } from '../../../src/config/index.ts';

type Dict = Record<string, unknown>;
interface Shape {
  properties?: Record<string, Shape>;
  additionalProperties?: Shape;
  anyOf?: Shape[];
}
const schema = configJsonSchema() as Shape;
const keysOf = (s: Shape | undefined): string[] =>
  s === undefined ? [] : [...Object.keys(s.properties ?? {}), ...(s.anyOf ?? []).flatMap(keysOf)];
const dict = (v: unknown): Dict => (typeof v === 'object' && v !== null && !Array.isArray(v) ? (v as Dict) : {});

/** Who chats must be known. */
const PEOPLE = { ana: { accounts: ['os:ana'] } };

/** Put where its keys belong. */
function placed(part: Dict): Dict {
  const within = (s: Shape | undefined): boolean => Object.keys(part).every((k) => keysOf(s).includes(k));
  if (within(schema)) return part;
  if (within(schema.properties?.['apps']?.additionalProperties)) return { apps: { guestbook: part } };
  return within(schema.properties?.['chat']) ? { people: PEOPLE, chat: part } : { clusters: part };
}

/** Sections of an app are taken as a whole; `change` beside it is what the page says in words. */
export function whole(part: unknown, change: Partial<ConfigInput> = {}): ConfigInput {
  const put = placed(dict(part));
  const own = dict(example.apps?.['guestbook']);
  const apps = { guestbook: { ...own, ...dict(dict(put['apps'])['guestbook']) } };
  const clusters = { ...example.clusters, ...dict(put['clusters']) };
  return { ...example, ...put, clusters, apps, ...change } as ConfigInput;
}
