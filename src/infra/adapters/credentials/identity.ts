type Env = Readonly<Record<string, string | undefined>>;

/** Variables that say who somebody is in a cloud; they also key the token cache. */
const IDENTITY =
  /^(AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|PROFILE|SHARED_CREDENTIALS_FILE|CONFIG_FILE|ROLE_ARN|WEB_IDENTITY_TOKEN_FILE)|ARM_[A-Z_]+|GOOGLE_[A-Z_]+|CLOUDSDK_[A-Z_]+)$/;

export function identityEnv(env: Env): Record<string, string> {
  const entries = Object.entries(env).flatMap(([k, v]): [string, string][] =>
    v !== undefined && IDENTITY.test(k) ? [[k, v]] : [],
  );
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The caller's environment under the place's; a place with identities of its own takes none of the caller's. */
export function merged(caller: Env, place: Readonly<Record<string, string>>): Record<string, string> {
  const own = Object.keys(identityEnv(place)).length > 0;
  const env: Record<string, string> = {};
  for (const [k, v] of Object.entries(caller)) if (v !== undefined && !(own && IDENTITY.test(k))) env[k] = v;
  return { ...env, ...place };
}
