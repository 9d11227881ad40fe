import type { Obj } from './model.ts';
import { RULES, type TypeRule } from './rules/index.ts';

/** Type of an attribute as terraform spells it in JSON: `"string"`, `["list", T]`, `["object", {…}]`. */
export type AttrType = string | ['list' | 'set' | 'map', AttrType] | ['object', Record<string, AttrType>];
export interface Attr {
  type: AttrType;
  required?: boolean;
  optional?: boolean;
  computed?: boolean;
  sensitive?: boolean;
}
export interface NestedBlock {
  nesting: 'single' | 'list' | 'set';
  min: number;
  max: number;
  block: Block;
}
export interface Block {
  attrs: Record<string, Attr>;
  blocks: Record<string, NestedBlock>;
}
/** One file of terraform/schema. */
export interface ProviderSchema {
  source: string;
  provider_version: { name: string; version: string };
  resources: Record<string, Block>;
  data: Record<string, Block>;
  provider: Block;
}

/**
 * The schema terraform gets to see: the slim one, whose first level cannot tell `optional` from
 * `optional + computed` and knows no secrets, corrected by what the type rules know. Types without
 * a rule are left out, so that terraform refuses them by name.
 */
export function effective(schema: ProviderSchema): ProviderSchema {
  const resources: Record<string, Block> = {};
  for (const [type, block] of Object.entries(schema.resources)) {
    const rule = RULES.get(type);
    if (rule) resources[type] = ruled(block, rule, '');
  }
  return { ...schema, resources };
}

function ruled(block: Block, rule: TypeRule, path: string): Block {
  const attrs = Object.entries(block.attrs).map(([name, a]) => [name, ruledAttr(a, rule, path + name)] as const);
  const blocks = Object.entries(block.blocks).map(
    ([name, n]) => [name, { ...n, block: ruled(n.block, rule, `${path}${name}.`) }] as const,
  );
  return { attrs: Object.fromEntries(attrs), blocks: Object.fromEntries(blocks) };
}

function ruledAttr(a: Attr, rule: TypeRule, path: string): Attr {
  const out: Attr = { ...a, ...(rule.secret.includes(path) ? { sensitive: true } : {}) };
  if (a.required || !a.optional) return out;
  const { computed: _, ...plain } = out;
  return isServerSide(rule, path) ? { ...plain, computed: true } : plain;
}

/** May the value come from elsewhere than the config? */
function isServerSide(rule: TypeRule, path: string): boolean {
  return path === 'id' || path in rule.server || path in rule.derived || path in rule.defaults;
}

/** Fields of a list or set of objects; undefined for every other type. */
export function objectFields(type: AttrType): Record<string, AttrType> | undefined {
  if (typeof type === 'string' || (type[0] !== 'list' && type[0] !== 'set')) return undefined;
  const inner = type[1];
  return typeof inner !== 'string' && inner[0] === 'object' ? inner[1] : undefined;
}

/** `vpc_config.subnet_ids` as terraform's path `vpc_config.0.subnet_ids`; cut at a set, whose members have no index. */
export function terraformPath(block: Block, path: string): string {
  const out: string[] = [];
  let here: Block | undefined = block;
  let fields: Record<string, AttrType> | undefined;
  for (const step of path.split('.')) {
    out.push(step);
    const nested: NestedBlock | undefined = here?.blocks[step];
    if (nested?.nesting === 'set') break;
    fields = fieldsAt(here, fields, step);
    here = nested?.block;
    if (fields || nested?.nesting === 'list') out.push('0');
  }
  return out.join('.').replace(/\.0$/, '');
}

function fieldsAt(here: Block | undefined, fields: Record<string, AttrType> | undefined, step: string) {
  const type = here?.attrs[step]?.type ?? fields?.[step];
  return type === undefined ? undefined : objectFields(type);
}

/** An object of the type with everything null: what an import starts from. */
export function emptyState(block: Block): Obj {
  const out: Obj = {};
  for (const name of Object.keys(block.attrs)) out[name] = null;
  for (const [name, n] of Object.entries(block.blocks)) out[name] = n.nesting === 'single' ? null : [];
  return out;
}
