import ipaddr from 'ipaddr.js';
import type { ClusterConfig, Config } from '../config/index.ts';
import { fault, nearest, type Problem, type TwError } from '../kernel/index.ts';
import { machineType, sizeWords } from './sizes.ts';

/** fleet-cluster with our longest suffix must fit the shortest limit: 30 of a Google service account. */
const NAME_MAX = 25;

type Range = [ipaddr.IPv4, number];
const range = (cidr: string): Range | undefined => {
  try {
    return ipaddr.IPv4.parseCIDR(cidr);
  } catch {
    return undefined;
  }
};
/** Two ranges overlap when the wider one holds the other's first address. */
function overlap(a: string, b: string): boolean {
  const [ra, rb] = [range(a), range(b)];
  if (ra === undefined || rb === undefined) return false;
  return ra[1] <= rb[1] ? rb[0].match(ra[0], ra[1]) : ra[0].match(rb[0], rb[1]);
}

function* nameProblems(config: Config, c: ClusterConfig): Generator<Problem> {
  const name = `${config.fleet}-${c.name}`;
  if (name.length <= NAME_MAX) return;
  yield fault('TW2010', {
    value: name,
    where: [{ cluster: c.name, path: `clusters.${c.name}` }],
    why: [`${name.length} characters; fleet and cluster together may have ${NAME_MAX - 1}`],
    fix: [{ say: 'Shorten the name of the fleet or of the cluster.' }],
  }).problem;
}

function* rangeProblems(c: ClusterConfig): Generator<Problem> {
  const where = [{ cluster: c.name, path: `clusters.${c.name}.network` }];
  const say = (why: string, value: string): Problem => fault('TW2011', { value, where, why: [why] }).problem;
  const { nodes, pods, services } = c.network;
  for (const [what, cidr] of Object.entries({ nodes, pods, services })) {
    if (range(cidr) === undefined) yield say(`${what}: not an IPv4 range`, cidr);
  }
  const bits = range(nodes)?.[1];
  if (bits !== undefined && (bits < 16 || bits > 20)) yield say('nodes: must be between /16 and /20', nodes);
  for (const [a, b] of [
    [nodes, pods],
    [nodes, services],
    [pods, services],
  ] as const) {
    if (overlap(a, b)) yield say(`overlaps with ${b}`, a);
  }
}

function* pairProblems(clusters: readonly ClusterConfig[]): Generator<Problem> {
  for (const [i, a] of clusters.entries()) {
    for (const b of clusters.slice(i + 1)) {
      if (!overlap(a.network.nodes, b.network.nodes)) continue;
      yield fault('TW2011', {
        value: a.network.nodes,
        where: [a, b].map((c) => ({ cluster: c.name, path: `clusters.${c.name}.network.nodes` })),
        why: [`nodes of ${a.name} (${a.network.nodes}) and ${b.name} (${b.network.nodes}) overlap`],
      }).problem;
    }
  }
}

function* sizeProblems(c: ClusterConfig): Generator<Problem> {
  if (c.cloud === 'existing' || machineType(c.cloud, c.size) !== undefined) return;
  const near = nearest(c.size, sizeWords(c.cloud));
  yield fault('TW2012', {
    value: c.size,
    where: [{ cluster: c.name, path: `clusters.${c.name}.size` }],
    why: [
      `neither s, m, l nor the name of a machine type of ${c.cloud}${near === undefined ? '' : `; did you mean "${near}"?`}`,
    ],
  }).problem;
}

function* zoneProblems(c: ClusterConfig): Generator<Problem> {
  const distinct = new Set(c.zones).size;
  const where = [{ cluster: c.name, path: `clusters.${c.name}.zones` }];
  if (c.cloud === 'aws' && distinct < 2)
    yield fault('TW2013', { value: c.zones.join(', '), where, why: ['EKS wants two zones at least'] }).problem;
  if (c.cloud === 'aws' && distinct > 6)
    yield fault('TW2013', {
      value: c.zones.join(', '),
      where,
      why: ['the module divides the network for six zones at most'],
    }).problem;
}

/** All that can be said about a config without asking a cloud. Empty: nothing to say. */
export function preflight(config: Config): Problem[] {
  const built = config.clusters.filter((c) => c.cloud !== 'existing');
  return [
    ...built.flatMap((c) => [...nameProblems(config, c), ...rangeProblems(c), ...sizeProblems(c), ...zoneProblems(c)]),
    ...pairProblems(built),
  ];
}

/** One error that says all problems, the first one's code first. */
export function preflightError(problems: readonly Problem[]): TwError | undefined {
  const first = problems[0];
  if (first === undefined) return undefined;
  const where = problems.flatMap((p) => p.where);
  const why = problems.flatMap((p) =>
    p.why.map((w) => (problems.length > 1 ? `${p.value ?? ''}: ${w} (${p.code})` : w)),
  );
  return fault(first.code as 'TW2010', {
    ...(first.value === undefined ? {} : { value: first.value }),
    where,
    why,
    fix: problems.flatMap((p) => p.fix),
  });
}
