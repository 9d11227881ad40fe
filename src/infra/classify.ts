import { type Cloud, clean, type Fix, fault, type Problem, type Where } from '../kernel/index.ts';
import type { RunView } from './machine.ts';
import type { RootId } from './model.ts';
import type { Diagnostic } from './stream.ts';

/** Why a cloud said no. */
export type Refusal = 'quota' | 'sku' | 'permission' | 'exists' | 'throttle' | 'network' | 'dependency' | 'unknown';

/** First match wins: a quota message may also speak of a forbidden request. */
const REFUSALS: readonly [Refusal, RegExp][] = [
  ['throttle', /Throttl|TooManyRequests|RequestLimitExceeded|rateLimitExceeded|RATE_LIMIT/i],
  ['quota', /quota|LimitExceeded|limit exceeded|ResourceLimit|VcpuLimit|AddressLimit|exceeding approved/i],
  [
    'sku',
    /SkuNotAvailable|not supported in (?:your|the requested)|VM size .* not (?:allowed|available)|InstanceType.*(?:unsupported|not supported)|Unsupported.*InstanceType|ZONE_RESOURCE_POOL_EXHAUSTED|InsufficientInstanceCapacity|UnsupportedAvailabilityZone|AllocationFailed|OverconstrainedAllocation/i,
  ],
  [
    'exists',
    /already ?exists|ResourceInUse(?!ByAnother)|EntityAlreadyExists|alreadyExists|BucketAlready|needs to be imported/i,
  ],
  ['permission', /AccessDenied|Unauthorized|AuthorizationFailed|not authorized|forbidden|permission|403/i],
  [
    'dependency',
    /DependencyViolation|InUseSubnet|resourceInUseByAnother|is already being used by|has dependencies|HasDependen|CannotBeDeleted/i,
  ],
  ['network', /dial tcp|no such host|connection (?:refused|reset)|i\/o timeout|TLS handshake|context deadline|EOF$/i],
];
export const refusalOf = (message: string): Refusal => REFUSALS.find(([, re]) => re.test(message))?.[0] ?? 'unknown';

const CREDENTIALS =
  /No valid credential sources|no EC2 IMDS role|ExpiredToken|InvalidClientTokenId|SignatureDoesNotMatch|failed to refresh cached credentials|unable to build authorizer|AADSTS\d+|Azure ?CLI Authorizer|could not find default credentials|invalid_grant|cannot fetch token|credentials have expired|invalid authentication credentials/i;
const WRONG_ACCOUNT = /account ID not allowed|AWS Account ID is not allowed/i;
const LOCKED = /acquiring the state lock/i;
const STALE = /Saved plan is stale|plan does not match the given state|planned for a different state/i;
const INIT =
  /Inconsistent dependency lock file|Required plugins are not installed|Module not installed|Backend initialization required|Missing required provider|registry\.|provider .* not (?:available|installed)|Initialization required|Unreadable module directory/i;
const CHECKSUM =
  /checksums? (?:previously recorded|recorded) in the (?:dependency )?lock file|doesn't match any of the checksums|does not match any of the checksums/i;

const textOf = (d: Diagnostic): string => `${d.summary}\n${d.detail}`;
const anyError = (v: RunView, re: RegExp): boolean =>
  v.diagnostics.some((d) => d.severity === 'error' && re.test(textOf(d)));
export const saysStale = (v: RunView): boolean => anyError(v, STALE);
export const needsInit = (v: RunView): boolean => anyError(v, INIT) || anyError(v, CHECKSUM);
export const saysChecksum = (v: RunView): boolean => anyError(v, CHECKSUM);

/** How the clouds wrap their own message; the last group is what the cloud itself said. */
const WRAPPERS: readonly RegExp[] = [
  /googleapi: (Error \d+: [^]+)$/,
  /with error: ([A-Za-z_]+: [^]+)$/,
  /Code="([^"]+)" Message="([^"]+)"/,
  /api error ([A-Za-z.]+: [^]+)$/,
  /((?:[A-Za-z]+(?:Exception|Fault|Violation|Exceeded|Failure|Denied|NotAvailable|Exhausted)): [^]+)$/,
];

/** The cloud's own words out of a provider's message. */
export function innermost(d: Diagnostic): string {
  const text = (d.detail.trim() === '' ? d.summary : d.detail).trim();
  for (const re of WRAPPERS) {
    const m = re.exec(text) ?? re.exec(d.summary);
    if (m !== null) return oneLine(m.slice(1).join(': '));
  }
  return oneLine(d.detail.trim() === '' ? d.summary : `${d.summary}: ${text}`);
}
const oneLine = (s: string): string => clean(s.replaceAll(/\s+/g, ' ').trim());

const QUOTA_LINK: Readonly<Record<string, string>> = {
  aws: 'https://console.aws.amazon.com/servicequotas/home',
  azure: 'https://portal.azure.com/#view/Microsoft_Azure_Capacity/QuotaMenuBlade/~/myQuotas',
  gcp: 'https://console.cloud.google.com/iam-admin/quotas',
};
const LOGIN: Readonly<Record<string, Fix>> = {
  aws: { say: 'Log in to AWS, or set the keys in the environment:', command: 'aws sso login' },
  azure: { say: 'Log in to Azure, or set ARM_CLIENT_ID, ARM_CLIENT_SECRET and ARM_TENANT_ID:', command: 'az login' },
  gcp: {
    say: 'Log in to Google Cloud, or set GOOGLE_APPLICATION_CREDENTIALS:',
    command: 'gcloud auth application-default login',
  },
};
export const loginFix = (cloud: Cloud | undefined): Fix[] => {
  const fix = cloud === undefined ? undefined : LOGIN[cloud];
  return fix === undefined ? [] : [fix];
};

export interface RootFacts {
  root: RootId;
  cluster?: string;
  cloud?: Cloud;
}

const SAY: Readonly<Record<Exclude<Refusal, 'unknown'>, string>> = {
  quota: 'Ask for more, or choose a smaller size or fewer nodes.',
  sku: 'Choose another size or other zones in the config; this one is not offered to this account there.',
  permission: 'Give the identity that runs terraform this right, or use another identity.',
  exists: 'It was made before and is not in the state: import it, or delete it in the cloud if nothing uses it.',
  throttle: 'Nothing is lost; the cloud asks for patience.',
  network: 'Nothing is lost; the cloud could not be reached.',
  dependency: 'Something outside the state still uses it; remove that first.',
};

function fixFor(refusal: Refusal, f: RootFacts): Fix[] {
  const on = f.cluster === undefined ? '' : ` --on ${f.cluster}`;
  const link = refusal === 'quota' && f.cloud !== undefined ? QUOTA_LINK[f.cloud] : undefined;
  return [
    ...(refusal === 'unknown' ? [] : [{ say: SAY[refusal] }]),
    ...(link === undefined ? [] : [{ say: `Quotas: ${link}` }]),
    { say: 'Then go on where it stopped:', command: `tw up${on}` },
  ];
}

const whereOf = (f: RootFacts, d: Diagnostic, address: string | undefined): Where => ({
  ...(f.cluster === undefined ? {} : { cluster: f.cluster }),
  ...(address === undefined ? {} : { resource: address }),
  ...(d.file === undefined ? {} : { file: d.file }),
  ...(d.line === undefined ? {} : { line: d.line }),
});

/** `ID`, `Who`, `Created` of terraform's lock report; the true id stands in "already locked: ID=". */
function lockProblem(d: Diagnostic, f: RootFacts): Problem {
  const text = textOf(d);
  const field = (name: string): string => new RegExp(`${name}:\\s+(\\S.*)`).exec(text)?.[1]?.trim() ?? 'unknown';
  const id = /already locked: ID=([\w-]+)/.exec(text)?.[1] ?? field('ID');
  return fault('TW2103', {
    value: f.root,
    where: [whereOf(f, d, undefined)],
    why: [
      `held by ${clean(field('Who'))} since ${clean(field('Created'))} for ${clean(field('Operation'))} (lock ${clean(id)})`,
    ],
    fix: [{ say: 'Wait for that run, or look after it:', command: 'tw resume' }],
  }).problem;
}

function credentialProblem(d: Diagnostic, f: RootFacts): Problem {
  const code = WRONG_ACCOUNT.test(textOf(d)) ? 'TW2020' : 'TW2201';
  return fault(code, {
    ...(f.cloud === undefined ? {} : { value: f.cloud }),
    where: [whereOf(f, d, undefined)],
    why: [innermost(d)],
    fix: loginFix(f.cloud),
  }).problem;
}

function refused(errors: readonly Diagnostic[], v: RunView, f: RootFacts): Problem {
  // a failed delete says no address: it is the errored operation that no diagnostic names
  const named = new Set(errors.map((d) => d.address));
  const unnamed = v.errored.filter((e) => !named.has(e.address)).map((e) => e.address);
  const addresses = errors.map((d) => d.address ?? unnamed.shift());
  const first = errors[0];
  const words = errors.map(innermost);
  const refusal = refusalOf(words[0] ?? '');
  return fault(refusal === 'exists' ? 'TW2401' : 'TW2102', {
    value: `${first === undefined ? f.root : (addresses[0] ?? f.root)}, ${refusal}`,
    where: errors.map((d, i) => whereOf(f, d, addresses[i])),
    why: words,
    fix: fixFor(refusal, f),
  }).problem;
}

const atFault = (f: RootFacts): Where[] => (f.cluster === undefined ? [] : [{ cluster: f.cluster }]);

function silent(f: RootFacts, stderr: string, verb: string): Problem {
  const said = oneLine(stderr);
  return fault('TW2106', {
    value: f.root,
    where: atFault(f),
    why: [said === '' ? `terraform ${verb} failed and said nothing` : said],
    fix: [{ say: 'Look what is there:', command: 'tw resume' }],
  }).problem;
}

/** A fault of the module's text: terraform points at a file and at no resource of a cloud. */
const inModule = (v: RunView, errors: readonly Diagnostic[]): boolean =>
  v.errored.length === 0 && errors.some((d) => d.address === undefined && (d.file?.endsWith('.tf') ?? false));

function coded(errors: readonly Diagnostic[], v: RunView, f: RootFacts, verb: string): Problem {
  const code = verb === 'init' ? 'TW2108' : verb === 'plan' && inModule(v, errors) ? 'TW2101' : undefined;
  if (code === undefined) return refused(errors, v, f);
  return fault(code, {
    value: f.root,
    why: errors.map(innermost),
    where: errors.map((d) => whereOf(f, d, d.address)),
  }).problem;
}

/** What went wrong in a run that exited with 1, from its diagnostics; stderr is the last resort. */
export function problemOfRun(v: RunView, f: RootFacts, stderr: string, verb: string): Problem {
  if (v.foreign !== undefined) return fault('TW2109', { value: `ui ${v.foreign}` }).problem;
  const errors = v.diagnostics.filter((d) => d.severity === 'error');
  if (errors.length === 0) return silent(f, stderr, verb);
  const lock = errors.find((d) => LOCKED.test(textOf(d)));
  if (lock !== undefined) return lockProblem(lock, f);
  const credential = errors.find((d) => CREDENTIALS.test(textOf(d)) || WRONG_ACCOUNT.test(textOf(d)));
  return credential === undefined ? coded(errors, v, f, verb) : credentialProblem(credential, f);
}
