import type { z } from 'zod';
import { nearest } from '../kernel/index.ts';
import type { ConfigFault } from './model.ts';
import { placeIn } from './place.ts';

type Issue = z.core.$ZodIssue;

interface Shape {
  properties?: Record<string, Shape>;
  additionalProperties?: Shape | boolean;
  items?: Shape;
  anyOf?: readonly Shape[];
  oneOf?: readonly Shape[];
  allOf?: readonly Shape[];
}

/** Every form that is allowed there. */
const forms = (s: Shape): Shape[] => [s, ...[s.anyOf, s.oneOf, s.allOf].flatMap((l) => l ?? []).flatMap(forms)];

function step(s: Shape, key: PropertyKey): Shape[] {
  const { additionalProperties: more } = s;
  const next =
    typeof key === 'number' ? s.items : (s.properties?.[String(key)] ?? (typeof more === 'object' ? more : undefined));
  return next === undefined ? [] : [next];
}

function keysAt(shape: unknown, path: readonly PropertyKey[]): string[] {
  let all = forms(shape as Shape);
  for (const key of path) all = all.flatMap((s) => step(s, key)).flatMap(forms);
  return all.flatMap((s) => Object.keys(s.properties ?? {}));
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let at = input;
  for (const key of path)
    at = at === null || typeof at !== 'object' ? undefined : (at as Record<PropertyKey, unknown>)[key];
  return at;
}

const TOLD = new Set(['invalid_type', 'invalid_value']);
/** Of several forms the one that was meant: most of it fits. Undefined: none of them, from the start. */
function meant(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const deep = branches.filter((b) => b.length > 0 && !b.every((i) => i.path.length === 0 && TOLD.has(i.code)));
  return deep.toSorted((a, b) => a.length - b.length)[0];
}

const unions = (issue: Issue): readonly Issue[] => {
  if (issue.code !== 'invalid_union') return [issue];
  const branch = meant(issue.errors);
  if (branch !== undefined) return branch.flatMap((i) => unions({ ...i, path: [...issue.path, ...i.path] }));
  const all = issue.errors.flat();
  const word = all.find((i) => i.code === 'invalid_value');
  const says = [...new Set(all.map((i) => i.message.replace(/^Invalid \w+: /, '')))];
  return [{ ...(word ?? issue), path: issue.path, message: `Invalid input: ${says.join(', or ')}` } as Issue];
};

const withNear = (near: string | undefined): { near?: string } => (near === undefined ? {} : { near });

/** zod's issues → faults with the nearest valid key or word; `shape` is the JSON Schema of the config. */
export function faultsOf(issues: readonly Issue[], shape: unknown, input?: unknown): ConfigFault[] {
  return issues.flatMap(unions).flatMap((issue): ConfigFault[] => {
    if (issue.code === 'unrecognized_keys') {
      const valid = keysAt(shape, issue.path);
      return issue.keys.map((key) => {
        const keys = [...issue.path, key].map(String);
        const near = withNear(nearest(key, valid));
        return { path: keys.join('.'), keys, at: 'key', message: `unknown key "${key}"`, ...near };
      });
    }
    const word = valueAt(input, issue.path);
    const words = issue.code === 'invalid_value' && typeof word === 'string' ? issue.values.map(String) : [];
    const keys = issue.path.map(String);
    return [{ path: keys.join('.'), keys, message: issue.message, ...withNear(nearest(String(word), words)) }];
  });
}

/** Adds the place of each fault, as far as the source shows it, and puts them in the order of the file. */
export function locate(faults: readonly ConfigFault[], source: string, kind: 'yaml' | 'program'): ConfigFault[] {
  const found = faults.map((fault) => {
    const path = fault.keys ?? fault.path.split('.');
    const place = placeIn(source, path, { kind, at: fault.at ?? 'value' });
    return place === undefined ? fault : { ...fault, place };
  });
  const rank = ({ place }: ConfigFault): number => (place === undefined ? 0 : place.line * 10_000 + place.column);
  return found.toSorted((a, b) => rank(a) - rank(b));
}
