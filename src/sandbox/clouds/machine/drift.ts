import type { Input, Obj, Resource } from '../model.ts';
import { RULES } from '../rules/index.ts';
import { isObj, str } from '../values.ts';
import type { Answer, Case } from './decide.ts';
import { inForce, targetOf } from './target.ts';
import { removeAll } from './tick.ts';

/**
 * Someone changed the cloud by hand: `args.gone` removes the object, `args.attribute` (a path) gets
 * `args.value`. Every object that the selector fits is hit.
 */
export function drift(c: Case<Extract<Input, { kind: 'drift' }>>): Answer {
  const { where, args } = c.input;
  const chaos = [{ id: '', what: 'drift' as const, where, args, from: 0 }];
  for (const r of c.draft.world.resources.values()) {
    if (r.phase !== 'ready' || !RULES.has(r.type) || !inForce(chaos, 'drift', targetFor(r), c.now)) continue;
    if (args.gone === true) removeAll(c, r);
    else if (str(args.attribute))
      c.draft.put({ ...r, attrs: withValue(r.attrs, str(args.attribute).split('.'), args.value ?? null) });
  }
  return undefined;
}

function targetFor(r: Resource) {
  const who = {
    provider: 'aws',
    cloud: r.cloud,
    caller: '',
    by: 'chaos',
    account: r.account,
    region: r.region,
    tenant: '',
    principal: '',
    tags: {},
    preventGroupDelete: false,
  } as const;
  return targetOf({ who, type: r.type, attrs: r.attrs, verb: 'update', id: r.id });
}

function withValue(attrs: Obj, path: string[], value: Obj[string]): Obj {
  const [first = '', ...rest] = path;
  if (rest.length === 0) return { ...attrs, [first]: value };
  const inner = attrs[first];
  if (Array.isArray(inner) && isObj(inner[0]))
    return { ...attrs, [first]: [withValue(inner[0], rest, value), ...inner.slice(1)] };
  return { ...attrs, [first]: withValue(isObj(inner ?? null) ? (inner as Obj) : {}, rest, value) };
}
