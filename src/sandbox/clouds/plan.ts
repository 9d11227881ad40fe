import type { Data, Obj, Who } from './model.ts';
import type { TypeRule } from './rules/index.ts';
import type { Ctx } from './rules/rule.ts';
import { type AttrType, type Block, objectFields, terraformPath } from './schema.ts';
import { at, hasUnknown, isObj, isUnknown, same, UNKNOWN } from './values.ts';

export interface PlanRequest {
  rule: TypeRule;
  block: Block;
  who: Who;
  config: Obj;
  prior: Obj | null;
}
export interface PlanAnswer {
  planned: Obj;
  /** Terraform paths whose change replaces the object. */
  requiresReplace: string[];
}

/** What the object will look like: config, defaults, values kept from before, unknown where the cloud decides. */
export function planResource(r: PlanRequest): PlanAnswer {
  const planned = planBlock(r, r.block, { path: '', config: r.config, prior: r.prior });
  const requiresReplace =
    r.prior === null
      ? []
      : r.rule.forceNew
          .filter((p) => !same(at(r.prior ?? null, p), at(planned, p)))
          .map((p) => terraformPath(r.block, p));
  return { planned, requiresReplace: [...new Set(requiresReplace)] };
}

/** One level: what the user wrote and what was there. `path` ends with a dot below the first level. */
interface Level {
  path: string;
  config: Obj;
  prior: Obj | null;
}

function planBlock(r: PlanRequest, block: Block, l: Level): Obj {
  const out: Obj = {};
  for (const [name, attr] of Object.entries(block.attrs)) {
    const fixed = attr.computed === true && attr.optional !== true;
    out[name] = planValue(r, { name, type: attr.type, fixed }, l);
  }
  for (const [name, nested] of Object.entries(block.blocks)) {
    const config = l.config[name] ?? null;
    const prior = l.prior?.[name] ?? null;
    const path = `${l.path}${name}.`;
    if (isUnknown(config)) out[name] = UNKNOWN;
    else if (nested.nesting === 'single') out[name] = isObj(config) ? config : null;
    else out[name] = planItems(config, prior, (c, p) => planBlock(r, nested.block, { path, config: c, prior: p }));
  }
  return out;
}

function planItems(config: Data, prior: Data, one: (c: Obj, p: Obj | null) => Obj): Data[] {
  const before = Array.isArray(prior) ? prior.filter(isObj) : [];
  const items = Array.isArray(config) ? config.filter(isObj) : [];
  // A set has no order: an item's past is the one that agrees with all it says; a list's is at its index.
  return items.map((c, i) => one(c, before.find((p) => agrees(c, p)) ?? before[i] ?? null));
}

function agrees(config: Obj, prior: Obj): boolean {
  return Object.entries(config).every(([k, v]) => v === null || Array.isArray(v) || same(v, prior[k]));
}

interface Field {
  name: string;
  type: AttrType;
  /** Computed and nothing else: the user cannot set it. */
  fixed: boolean;
}

function planValue(r: PlanRequest, f: Field, l: Level): Data {
  const path = l.path + f.name;
  const config = l.config[f.name] ?? null;
  const fields = objectFields(f.type);
  if (fields && Array.isArray(config) && config.length > 0) {
    return planItems(config, l.prior?.[f.name] ?? null, (c, p) =>
      planFields(r, fields, { path: `${path}.`, config: c, prior: p }),
    );
  }
  return config !== null && !f.fixed ? config : planAbsent(r, f, l);
}

/** The user said nothing: a default, a value the provider works out, or the server's. */
function planAbsent(r: PlanRequest, f: Field, l: Level): Data {
  const path = l.path + f.name;
  const preset = r.rule.defaults[path];
  if (preset !== undefined) return preset;
  const derive = r.rule.derived[path];
  if (derive) return derive({ attrs: r.config, who: r.who, prior: r.prior });
  if (!f.fixed && path !== 'id' && !(path in r.rule.server)) return null;
  return kept(r, path, l.prior?.[f.name]);
}

function planFields(r: PlanRequest, fields: Record<string, AttrType>, l: Level): Obj {
  const out: Obj = {};
  for (const [name, type] of Object.entries(fields)) out[name] = planValue(r, { name, type, fixed: false }, l);
  return out;
}

/** A server value stays what it was unless something it follows changes. */
function kept(r: PlanRequest, path: string, before: Data | undefined): Data {
  if (r.prior === null || before === undefined) return UNKNOWN;
  const follows = r.rule.follows[path] ?? [];
  const moved = follows.some((p) => at(r.config, p) !== null && !same(at(r.config, p), at(r.prior, p)));
  return moved ? UNKNOWN : before;
}

/** Fills every unknown of a planned state with what the server sets; nothing stays unknown. */
export function resolve(rule: TypeRule, planned: Obj, ctx: Ctx): Obj {
  const fill = (v: Data, path: string): Data => {
    if (isUnknown(v)) return path === 'id' ? ctx.id : (rule.server[path]?.(ctx) ?? null);
    if (!hasUnknown(v)) return v;
    if (Array.isArray(v)) return v.map((x) => fill(x, path));
    return isObj(v)
      ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, fill(x, path ? `${path}.${k}` : k)]))
      : v;
  };
  const out = fill(planned, '');
  return isObj(out) ? out : {};
}
