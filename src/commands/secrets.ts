import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SecretRef } from '../config/index.ts';
import { type Json, toJson } from '../kernel/index.ts';
import type { Context } from './context.ts';
import { type Redactor, redactor } from './redact.ts';

/** An object of one key: env, file or value, as the config writes a reference. */
function isRef(v: object): v is SecretRef {
  const [entry, ...more] = Object.entries(v);
  return (
    entry !== undefined && more.length === 0 && /^(env|file|value)$/.test(entry[0]) && typeof entry[1] === 'string'
  );
}

/** Every secret reference anywhere in a config. */
function refsOf(v: unknown): SecretRef[] {
  if (typeof v !== 'object' || v === null) return [];
  return isRef(v) ? [v] : Object.values(v).flatMap(refsOf);
}

async function resolved(refs: readonly SecretRef[], env: NodeJS.ProcessEnv): Promise<string[]> {
  // Late: schemas are slow to load, and most ways through this room need none.
  const { readSecret } = await import('../config/index.ts');
  return refs.flatMap((ref) => {
    try {
      return [readSecret(ref, env)];
    } catch {
      return [];
    }
  });
}

function fileOf(path: string): Json {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Json;
  } catch {
    return null;
  }
}

function leaves(v: Json): string[] {
  if (typeof v === 'string') return [v];
  return typeof v === 'object' && v !== null ? Object.values(v).flatMap(leaves) : [];
}

/** Variables that say where, not who: a report without them would tell nothing. */
const PLACE = /REGION|ZONE|ENDPOINT|PROFILE|PROJECT|ACCOUNT|FILE|PATH|DIR$|CONFIG$|CREDENTIALS$|^ARM_USE_|ENVIRONMENT/;

/** Who this place is in the clouds: what the credential plugin reads. */
function identities(stateDir: string): string[] {
  const file = fileOf(join(stateDir, 'kubeconfig.credentials.json')) as {
    env?: Record<string, string>;
    proxyUrl?: string;
    [more: string]: Json | undefined;
  } | null;
  if (file === null || typeof file !== 'object') return [];
  const { env = {}, endpoints: _, proxyUrl, ...more } = file;
  const named = Object.entries(env).flatMap(([k, v]) => (PLACE.test(k) ? [] : [v]));
  const password = URL.parse(proxyUrl ?? '')?.password ?? '';
  return [...named, ...leaves(toJson(more)), password, decodeURIComponent(password)];
}

function cachedTokens(dir: string): string[] {
  try {
    return readdirSync(dir).flatMap((f) => leaves(fileOf(join(dir, f))).filter((s) => s.length >= 20));
  } catch {
    return [];
  }
}

const OWN = /TOKEN|SECRET|PASSW|PRIVATE_KEY|ACCESS_KEY|API_KEY/;

/** A value that stands in the config itself opens the sandbox only, and may be a word such as "sandbox". */
const isHidden = (ref: SecretRef): boolean => !('value' in ref);

/**
 * Takes out every secret this machine knows of the project: config, keys, tokens, environment. `typed`: what a person
 * types is looked at, where values that stand in the config are ordinary words.
 */
export async function redactorOf(
  c: Context,
  env: NodeJS.ProcessEnv = process.env,
  { typed = false }: { typed?: boolean } = {},
): Promise<Redactor> {
  const config = await c.config().catch(() => undefined);
  const refs = refsOf(config).filter((ref) => !typed || isHidden(ref));
  const mine = Object.entries(env).flatMap(([k, v]) => (OWN.test(k) && v !== undefined && v.length >= 8 ? [v] : []));
  return redactor([
    ...(await resolved(refs, env)),
    ...identities(c.stateDir),
    ...leaves(fileOf(join(c.stateDir, 'keys.json'))),
    ...cachedTokens(join(c.stateDir, 'tokens')),
    ...cachedTokens(join(c.stateDir, 'sandbox', 'tokens')),
    ...mine,
  ]);
}
