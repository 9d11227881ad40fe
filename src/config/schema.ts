import { z } from 'zod';
import { chatSchema } from './schema-chat.ts';
import { coordinationSchema } from './schema-coordination.ts';
import { duration } from './schema-duration.ts';
import { freezesSchema } from './schema-freezes.ts';
import { approvalsSchema, peopleSchema, rightsSchema } from './schema-people.ts';
import { serverSchema } from './schema-server.ts';
import { stateSchema } from './schema-state.ts';

const name = z
  .string()
  .regex(/^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/, 'lower case letters, digits and dashes; a letter first')
  .describe('Name: lower case, letter first.');
const cidr = z
  .string()
  .regex(/^(\d{1,3}\.){3}\d{1,3}\/\d{1,2}$/, 'an IPv4 range such as 10.10.0.0/16')
  .describe('IPv4 range.');
const labels = z.record(z.string(), z.string());
const json: z.ZodType<unknown> = z.any();

const secretRef = z
  .union([
    z.strictObject({ env: z.string() }),
    z.strictObject({ file: z.string() }),
    z.strictObject({ value: z.string() }),
  ])
  .describe('Reference to a secret: {env} or {file}; {value} only for the sandbox.');

const cluster = z.strictObject({
  cloud: z
    .enum(['aws', 'azure', 'gcp', 'existing'])
    .describe('Which cloud runs the cluster; `existing` has no terraform root.'),
  region: z.string().describe("The cloud's own name of the region."),
  zones: z.array(z.string()).min(1).optional().describe('Zones of the nodes. Default: two zones of the region.'),
  location: z
    .strictObject({ lat: z.number().min(-90).max(90), lon: z.number().min(-180).max(180) })
    .optional()
    .describe('Degrees. Default: where the region lies.'),
  labels: labels.default({}).describe('Labels for placement and overrides.'),
  version: z
    .string()
    .regex(/^1\.\d+$/, 'a Kubernetes minor such as 1.36')
    .default('1.36')
    .describe('Kubernetes minor version.'),
  size: z.string().default('s').describe("Node size: s, m, l or the cloud's exact machine type."),
  nodes: z
    .strictObject({ min: z.int().min(1).max(100), max: z.int().min(1).max(100) })
    .default({ min: 1, max: 3 })
    .describe('Number of nodes, lowest and highest.'),
  network: z
    .strictObject({
      nodes: cidr
        .optional()
        .describe(
          'Range of the nodes, /16 to /20, disjoint over the fleet. Default: 10.10.0.0/16, 10.20.0.0/16, and so on, one per cluster.',
        ),
      pods: cidr.default('10.244.0.0/16').describe('Range of the pods.'),
      services: cidr.default('10.250.0.0/20').describe('Range of the services.'),
    })
    .default({ pods: '10.244.0.0/16', services: '10.250.0.0/20' }),
  admins: z
    .array(z.string())
    .default([])
    .describe("Principals with admin rights, in the cloud's own notation. Default: who runs Tradewind."),
  protect: z.boolean().default(false).describe('Refuse to destroy this cluster.'),
  context: z.string().optional().describe('Only `existing`: context of the kubeconfig.'),
  kubeconfig: z.string().optional().describe('Only `existing`: path of the kubeconfig.'),
});

const on = z.strictObject({
  clusters: z.array(z.string()).optional(),
  clouds: z.array(z.enum(['aws', 'azure', 'gcp', 'existing'])).optional(),
  regions: z.array(z.string()).optional(),
  labels: labels.optional(),
});

const patchOp = z.strictObject({
  op: z.enum(['add', 'remove', 'replace', 'move', 'copy', 'test']),
  path: z.string(),
  from: z.string().optional(),
  value: json.optional(),
});

const override = z.strictObject({
  on: on.default({}).describe('Clusters it applies to; empty = all.'),
  target: z
    .strictObject({ kind: z.string().optional(), name: z.string().optional() })
    .optional()
    .describe('Objects it applies to.'),
  image: z.record(z.string(), z.string()).optional().describe('Container name to image.'),
  env: z
    .record(z.string(), z.string())
    .optional()
    .describe('Environment of every container; `${cluster.name}` and kin are replaced.'),
  args: z.array(z.string()).optional(),
  command: z.array(z.string()).optional(),
  labels: labels.optional(),
  annotations: labels.optional(),
  resources: json.optional().describe('Kubernetes resources of every container.'),
  storageClass: z.string().optional(),
  replicas: z.int().min(0).optional(),
  patch: z.array(patchOp).optional().describe('JSON Patch.'),
  merge: json.optional().describe('Merge patch.'),
});

const serve = z.union([
  z.enum(['fastest', 'nearest']).transform((by) => ({ by })),
  z
    .strictObject({ weights: z.record(z.string(), z.number().min(0)) })
    .transform((v) => ({ by: 'weights' as const, weights: v.weights })),
  z
    .strictObject({ order: z.array(z.array(z.string()).min(1)).min(1) })
    .transform((v) => ({ by: 'order' as const, order: v.order })),
]);

const traffic = z.strictObject({
  host: z
    .string()
    .regex(/^[a-z0-9.-]+$/, 'a host name')
    .describe('Name users type; inside `dns.zone`.'),
  service: z
    .string()
    .describe('Service that serves users: of type LoadBalancer, or behind the gateway when released by `httproute`.'),
  port: z.int().min(1).max(65535).default(80),
  health: z.string().startsWith('/').default('/healthz').describe('Path asked by the health probes.'),
  serve: serve.default({ by: 'fastest' }).describe('fastest, nearest, {weights}, {order}.'),
  ttl: z.int().min(5).max(3600).default(30).describe('Seconds a resolver may keep an answer.'),
  residency: z
    .array(
      z.strictObject({
        from: z.array(z.string()).min(1),
        to: z.array(z.string()).min(1),
        strict: z.boolean().default(true),
      }),
    )
    .default([])
    .describe('Users of `from` (prefixes) are served by clusters of `to` only.'),
  capacity: z
    .record(z.string(), z.number().positive())
    .default({})
    .describe('Requests per second a cluster can serve.'),
  keepBelow: z.number().positive().max(1).default(0.7).describe('Share of the capacity that a drain may fill.'),
});

const check = z.strictObject({
  path: z.string().startsWith('/'),
  status: z.int().min(100).max(599).default(200),
});

const formats = z.strictObject({
  reads: z.array(z.int().min(0)).min(1).describe('Formats of the state it understands.'),
  writes: z.int().min(0).describe('The format it writes.'),
});

const releaseState = z.strictObject({
  compat: z
    .enum(['both', 'exclusive'])
    .default('both')
    .describe('exclusive: no two versions may work on one state at the same time; no cluster is left out then.'),
  schema: z
    .record(z.string(), formats)
    .optional()
    .describe(
      'By version, `*` for those not named: a release is refused unless each of the two versions reads what the other writes, and when it reads new formats and drops old ones at once. Default: not checked.',
    ),
  maxLag: duration.prefault('5s').describe('No commit while a copy of shared state is further behind home than this.'),
  maxAge: duration
    .optional()
    .describe('No commit while the last verified snapshot of shared state is older than this. Default: not asked.'),
});

const release = z.strictObject({
  driver: z
    .enum(['httproute', 'service'])
    .default('httproute')
    .describe('What decides which version is live: weights of an HTTPRoute behind the gateway, or a Service selector.'),
  strategy: z
    .enum(['waves', 'atomic'])
    .default('waves')
    .describe('waves: cluster by cluster, least traffic first, or as listed; atomic: all clusters at once.'),
  waves: z
    .array(z.strictObject({ clusters: z.array(z.string()).min(1), soak: duration.optional() }))
    .min(1)
    .optional()
    .describe('Clusters of each wave, in order; together all clusters of the app. Default: one cluster each.'),
  soak: duration.prefault('5m').describe('How long a wave is judged before the next.'),
  lastSoak: duration.prefault('15m').describe('How long the last wave is judged.'),
  keepBlue: duration
    .prefault('1h')
    .describe('How long the old version keeps running everywhere after the last soak, for an instant rollback.'),
  prepare: z
    .strictObject({
      timeout: duration.prefault('10m').describe('Until green must be ready in every cluster.'),
      checks: z.array(check).default([]).describe('Asked through the preview before commit.'),
      require: z
        .enum(['all', 'skip'])
        .default('all')
        .describe('skip: a cluster that cannot be reached is left out, braked and shown as lagging.'),
    })
    .prefault({}),
  skew: z
    .strictObject({
      max: duration.prefault('5s').describe('How long after commit a cluster may still serve the old version.'),
      onMissed: z.enum(['brake', 'rollback', 'wait']).default('brake'),
    })
    .prefault({}),
  judge: z
    .strictObject({
      errors: z.number().min(0).max(1).default(0.01).describe('Share of errors that is always allowed.'),
      factor: z.number().min(1).default(2).describe('Errors may be this many times the baseline.'),
      latency: z.number().min(1).default(1.5).describe('p99 may be this many times the baseline.'),
      requests: z.int().min(1).default(100).describe('Fewer requests than this are no verdict.'),
      probes: z
        .number()
        .min(0)
        .max(100)
        .default(10)
        .describe('Requests per second and cluster that Tradewind itself sends while a wave is judged; 0: none.'),
      path: z.string().startsWith('/').default('/').describe('Path of these requests.'),
    })
    .prefault({}),
  approve: z
    .array(z.enum(['commit', 'wave', 'done']))
    .default([])
    .describe('Steps that wait for a person.'),
  acceptLoss: z.boolean().default(false).describe('Accept a switch that cuts connections at the flip.'),
  state: releaseState.optional().describe('What the versions expect of the state they share.'),
});

const app = z.strictObject({
  namespace: name.optional().describe('Default: the name of the app.'),
  version: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, 'a tag')
    .default('v1')
    .describe("Tag of the app's own images."),
  manifests: z.array(z.string()).min(1).describe('Files, folders or kustomize folders, relative to the config file.'),
  placement: z
    .strictObject({
      clusters: z.array(z.string()).optional(),
      selector: labels.optional(),
      clouds: z.array(z.enum(['aws', 'azure', 'gcp', 'existing'])).optional(),
      regions: z.array(z.string()).optional(),
    })
    .default({ selector: {} })
    .describe('Where the app runs. Default: every cluster.'),
  overrides: z.array(override).default([]),
  replicas: z
    .union([
      z.literal('same'),
      z.strictObject({
        total: z.int().min(0),
        weights: z
          .record(
            z.string(),
            z.strictObject({
              weight: z.number().min(0),
              min: z.int().min(0).optional(),
              max: z.int().min(0).optional(),
            }),
          )
          .optional(),
      }),
    ])
    .default('same')
    .describe('Replicas per cluster as written, or a total divided over the clusters.'),
  pull: z
    .array(z.strictObject({ registry: z.string(), username: secretRef, password: secretRef }))
    .default([])
    .describe('Registry credentials.'),
  traffic: traffic.optional(),
  release: release
    .optional()
    .describe('Blue/green releases: the Deployments behind `traffic.service` run once per version.'),
  state: stateSchema,
});

/** What a person writes; unknown keys are faults. */
export const configSchema = z.strictObject({
  fleet: name.describe('Name of the fleet.'),
  clusters: z.record(name, cluster).refine((c) => Object.keys(c).length > 0, 'at least one cluster'),
  apps: z.record(name, app).default({}),
  dns: z
    .strictObject({
      zone: z
        .string()
        .regex(/^[a-z0-9.-]+$/)
        .describe('DNS zone that terraform makes.'),
      provider: z.literal('route53').default('route53'),
      driver: z
        .literal('nameserver')
        .default('nameserver')
        .describe('Who answers: the own nameservers, delegated from the zone.'),
    })
    .optional(),
  gateway: z
    .strictObject({
      install: z
        .enum(['traefik', 'none'])
        .default('traefik')
        .describe('none: every cluster has a Gateway of this name already.'),
      namespace: name.default('tradewind-gateway'),
      name: name.default('gateway').describe('Name of the Gateway and of its Service.'),
      lag: duration
        .prefault('1500ms')
        .describe('Slowest time until its proxies follow a changed route; measured for what we install.'),
    })
    .prefault({})
    .describe('The gateway in front of apps that are released by `httproute`.'),
  accounts: z
    .strictObject({
      aws: z
        .strictObject({ account: z.string().regex(/^\d{12}$/, 'twelve digits'), profile: z.string().optional() })
        .optional(),
      azure: z.strictObject({ subscription: z.string(), tenant: z.string() }).optional(),
      gcp: z.strictObject({ project: z.string() }).optional(),
    })
    .default({})
    .describe('The right accounts; anything else is refused.'),
  protect: z.boolean().default(false).describe('Refuse to destroy any cluster.'),
  people: peopleSchema.optional(),
  rights: rightsSchema.optional(),
  approvals: approvalsSchema.optional(),
  freezes: freezesSchema.default([]),
  chat: chatSchema(secretRef).optional(),
  coordination: coordinationSchema.optional(),
  server: serverSchema.optional(),
  telemetry: z
    .strictObject({
      traces: z
        .url({ protocol: /^https?$/ })
        .optional()
        .describe('Receiver of traces by OTLP over HTTP, such as http://collector:4318/v1/traces.'),
      headers: z
        .record(z.string().regex(/^[A-Za-z0-9-]+$/), secretRef)
        .optional()
        .describe('Headers that the receiver wants, such as a key: by name, where each value is read from.'),
    })
    .optional()
    .describe('What `tw serve` sends to a receiver of yours. Default: nothing.'),
  infra: z
    .strictObject({ binary: z.string().optional(), parallel: z.int().min(1).max(32).default(4) })
    .default({ parallel: 4 })
    .describe('terraform binary, and how many roots run at once.'),
  sandbox: z
    .strictObject({
      recipes: z.string().optional().describe('File of image recipes, relative to the config file.'),
      cloudTime: z.number().min(1).max(100000).optional().describe("Divides the clouds' own time. Default 60."),
      seed: z.int().default(1),
    })
    .optional(),
});
export type ConfigInput = z.input<typeof configSchema>;
export type ConfigParsed = z.output<typeof configSchema>;
