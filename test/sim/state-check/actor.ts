import { type Stepped, started, step } from '../../../src/state/machine/step.ts';
import type { AgentEvent, AgentState, Circumstances, Command, StateTxn, StoreView } from '../../../src/state/model.ts';
import type { Send } from './data.ts';
import { NAMES, type Redis, type Voter } from './layout.ts';
import { stable } from './pool.ts';
import { command, fenceRedis, lookAt, type RedisBend, redisOf, restart, setRedis } from './redis.ts';
import { ballotOf, epochOf, landed, type Store, viewOf } from './store.ts';
import type { Agent, State, World } from './world.ts';

export type See = Extract<AgentEvent, { is: 'see' }>;
type Of<K extends Command['do']> = Extract<Command, { do: K }>;
/** A wrong design, as wrappers around what the real `step` sees and does. */
export interface Bend extends RedisBend {
  see?: (e: See) => See;
  effect?: (c: Command, s: AgentState, e: See) => Command;
  /** The report is sent before the fence. */
  early?: true;
  /** What an agent reads at its start may be old. */
  oldRead?: true;
  /** Commands reach whatever process answers. */
  anyProcess?: true;
  /** WAIT counts a replica that is no voter. */
  observer?: true;
  /** The acknowledgements of a newcomer are not silenced. */
  loud?: true;
  /** A restore leaves standing what copies could prove before. */
  keepProofs?: true;
  /** A restore does not wait until enough copies are fenced. */
  hasty?: true;
}

const CALM: Circumstances = { gone: false, stuck: false, hung: false };
const STUCK: Circumstances = { gone: false, stuck: true, hung: false };
const agentOf = (s: State, v: Voter): Agent => s.agents[v] as Agent;
const setAgent = (s: State, v: Voter, next: AgentState, at = 0): void => void (s.agents[v] = { s: next, at });
const index = (name: string): Voter => NAMES.indexOf(name as never);
function fly(s: State, t: StateTxn): void {
  const text = stable(t);
  if (!s.flights.some((f) => stable(f) === text)) s.flights = [...s.flights, t];
}

/** The agents: every move is one call of the real `step` and what its command does. */
export class Actors {
  readonly #world: World;
  readonly #bend: Bend;
  readonly #views = new Map<number, StoreView>();
  readonly #known = new WeakMap<AgentState, Map<number, Stepped>>();
  readonly #merged: boolean;
  #out!: Send;

  constructor(world: World, bend: Bend) {
    this.#world = world;
    this.#bend = bend;
    // A fence or a follow in one move with its answer hides nothing while nobody may die between the two.
    this.#merged = world.size.crashes === 0 && bend.anyProcess !== true && bend.early !== true;
  }

  from(s: State, row: Uint32Array, out: Send): void {
    this.#out = out;
    for (let v = 0; v < s.agents.length; v++) {
      const { s: agent } = agentOf(s, v);
      if (agent.busy !== undefined) this.#goesOn(s, v, agent.busy);
      else this.#sees(s, row, v);
      this.#faults(s, v);
    }
    this.#chooses(s, row);
  }

  #view(store: Store, id: number, x: { version: number; fresh: boolean }): StoreView {
    const key = (id * 32 + x.version) * 2 + (x.fresh ? 1 : 0);
    const known = this.#views.get(key);
    if (known !== undefined) return known;
    const view = viewOf(store, x.version, x.fresh);
    this.#views.set(key, view);
    return view;
  }
  #bent(e: See): See {
    return this.#bend.see?.(e) ?? e;
  }

  #sees(s: State, row: Uint32Array, v: Voter): void {
    const agent = agentOf(s, v).s;
    const id = row[s.agents.length * 2 + 1] as number;
    const last = s.store.versions.length - 1;
    const eyes = row[s.agents.length + v] as number;
    const eye = (version: number, fresh: boolean): See =>
      this.#bent({
        is: 'see',
        view: this.#view(s.store, id, { version, fresh }),
        look: lookAt(s, v),
        seen: CALM,
      });
    if (agent.least === undefined || agent.reread) {
      const reading = step(step(agent, eye(last, false)).next, { is: 'done', of: 'read' }).next;
      for (let x = this.#bend.oldRead === true ? 0 : last; x <= last; x++)
        this.#take(v, step(reading, eye(x, true)), eye(x, true));
      return;
    }
    for (let x = 0; x <= last; x++) {
      if ((s.store.versions[x]?.ballot ?? 0) < agent.fenced) continue;
      const e = eye(x, false);
      this.#take(v, this.#step(agent, e, (id * 32 + x) * 2 ** 21 + eyes), e);
    }
  }

  /** The real step; the same agent with the same sight is asked once. */
  #step(agent: AgentState, e: See, sight: number): Stepped {
    let known = this.#known.get(agent);
    if (known === undefined) {
      known = new Map();
      this.#known.set(agent, known);
    }
    const again = known.get(sight);
    if (again !== undefined) return again;
    const stepped = step(agent, e);
    known.set(sight, stepped);
    return stepped;
  }

  /** Carries out what a step asked for, in a draft of its own. */
  #take(v: Voter, stepped: Stepped, e: See): void {
    const [c] = stepped.effects;
    const s = this.#out.begin();
    if (c === undefined && stepped.next === agentOf(s, v).s) return;
    setAgent(s, v, stepped.next);
    if (c === undefined) return this.#out.send(s, () => `agent ${v} reads ${told(e.view)}`);
    const bent = this.#bend.effect?.(c, stepped.next, e) ?? c;
    if (this.#perform(s, v, { c: bent, e }))
      this.#out.send(s, () => `agent ${v} sees ${told(e.view)}: ${nameOf(bent)}${this.#merged ? '' : ' begins'}`);
  }

  /** False: nothing comes of it in this world. */
  #perform(s: State, v: Voter, x: { c: Command; e: See }): boolean {
    const { c, e } = x;
    switch (c.do) {
      case 'fence':
        return this.#fence(s, v, e);
      case 'save':
        return this.#saved(s, v);
      case 'follow':
      case 'promote':
        return this.#applies(s, v, c);
      case 'measure':
        return this.#measured(s, v, c);
      case 'txn':
        return this.#txn(s, v, { c, e });
      case 'shutdown':
        return this.#restarts(s, v, redisOf(s, v).disk);
      case 'read':
        return true;
    }
  }

  /** In one move, as far as it may be. */
  #applies(s: State, v: Voter, c: Of<'follow'> | Of<'promote'>): true {
    if (!this.#merged) return true;
    return c.do === 'follow' ? this.#followed(s, v, c) : this.#promoting(s, v, c);
  }
  #saved(s: State, v: Voter): true {
    this.#fenced(s, v, 'save');
    setRedis(s, v, { disk: redisOf(s, v).log });
    return true;
  }
  #fence(s: State, v: Voter, e: See): true {
    if (this.#bend.early === true) {
      const free = { ...agentOf(s, v).s, fenced: ballotOf(s.store), stood: lookAt(s, v) };
      delete free.busy;
      const [c] = step(free, e).effects;
      if (c?.do === 'txn' && c.why === 'report') fly(s, c.txn);
      return true;
    }
    this.#fenced(s, v, 'fence');
    if (this.#merged) this.#chain(s, v, e);
    return true;
  }
  #fenced(s: State, v: Voter, of: 'fence' | 'save'): void {
    fenceRedis(s, v, this.#bend);
    const { look } = this.#bent({ is: 'see', view: NOTHING, look: lookAt(s, v), seen: CALM });
    if (look === undefined) return;
    setAgent(s, v, step(agentOf(s, v).s, { is: 'done', of, result: { is: 'fenced', look } }).next);
  }
  /** What follows at once from the same view: the report after a fence, an epoch after a claim. */
  #chain(s: State, v: Voter, e: See): void {
    const again = this.#bent({ ...e, view: viewWithRuns(e.view, s.store), look: lookAt(s, v) });
    const { next, effects } = step(agentOf(s, v).s, again);
    const [c] = effects;
    if (c === undefined || c.do === 'measure') return;
    if (c.do === 'txn' && c.why !== 'report' && c.why !== 'claim') return;
    setAgent(s, v, next);
    this.#perform(s, v, { c: this.#bend.effect?.(c, next, again) ?? c, e: again });
  }

  #followed(s: State, v: Voter, c: Of<'follow'>): true {
    command(s, v, followOf(c, v));
    setAgent(s, v, step(agentOf(s, v).s, { is: 'done', of: 'follow', result: { is: 'done' } }).next);
    return true;
  }
  #promoting(s: State, v: Voter, c: Of<'promote'>): true {
    const { at, s: agent } = agentOf(s, v);
    command(s, v, `${'AMO'[at]}${c.v.epoch}`);
    if (at < 2) setAgent(s, v, agent, at + 1);
    else setAgent(s, v, step(agent, { is: 'done', of: 'promote', result: { is: 'done' } }).next);
    return true;
  }
  #measured(s: State, v: Voter, c: Of<'measure'>): boolean {
    const to = redisOf(s, index(c.primary));
    if (to.role < 2 || to.epoch !== c.epoch) return false;
    setAgent(s, v, step(agentOf(s, v).s, { is: 'done', of: 'measure', offset: to.log.length }).next);
    return true;
  }

  #txn(s: State, v: Voter, x: { c: Of<'txn'>; e: See }): boolean {
    const { why, txn } = x.c;
    if (['ballot', 'opinion', 'decide'].includes(why)) return false;
    if (why === 'claim') return this.#claims(s, v, x);
    if (why === 'run' && this.#merged) s.store = landed(s.store, txn);
    else fly(s, txn);
    if (why !== 'seal') this.#told(s, v);
    return true;
  }
  #told(s: State, v: Voter): void {
    setAgent(s, v, step(agentOf(s, v).s, { is: 'done', of: 'txn', result: 'ok' }).next);
  }
  #claims(s: State, v: Voter, x: { c: Of<'txn'>; e: See }): true {
    if (s.budgets.crashes > 0) this.#diesAfter(v, x.c.txn);
    s.store = landed(s.store, x.c.txn);
    this.#told(s, v);
    if (this.#merged) this.#chain(s, v, x.e);
    return true;
  }

  /** A command that takes more than one move goes on. */
  #goesOn(from: State, v: Voter, c: Command): void {
    const s = this.#out.begin();
    if (c.do === 'fence') this.#fenced(s, v, 'fence');
    else if (c.do === 'follow') this.#followed(s, v, c);
    else if (c.do === 'promote') this.#promoting(s, v, c);
    else if (c.do !== 'txn' || !this.#sealEnds(s, v, c.txn)) return;
    const at = agentOf(from, v).at;
    this.#out.send(s, () => `agent ${v}: ${nameOf(c)}${c.do === 'promote' ? `, ${PROMOTION[at]}` : ''} ends`);
  }
  #sealEnds(s: State, v: Voter, txn: StateTxn): boolean {
    if (
      s.flights.some(
        (f) => f.put[0]?.key === txn.put[0]?.key && f.if.every((g, i) => g.revision === txn.if[i]?.revision),
      )
    )
      return false;
    const ok = s.store.runs[NAMES[v] as string]?.value.seal !== undefined;
    setAgent(s, v, step(agentOf(s, v).s, { is: 'done', of: 'txn', result: ok ? 'ok' : 'stale' }).next);
    return true;
  }

  /** Anybody who may decides, with every wish there can be. */
  #chooses(s: State, row: Uint32Array): void {
    const last = s.store.versions.length - 1;
    if (ballotOf(s.store) === (epochOf(s.store)?.epoch ?? 0)) return;
    const view = this.#view(s.store, row[s.agents.length * 2 + 1] as number, { version: last, fresh: false });
    for (let v = 0; v < s.agents.length; v++) {
      const agent = agentOf(s, v).s;
      if (agent.busy !== undefined || agent.fenced !== ballotOf(s.store)) continue;
      const some = NAMES.slice(0, s.agents.length).map((prefer) => this.#wishes(s, v, { view, prefer }));
      if (some.includes(true)) return;
    }
  }
  #wishes(s: State, v: Voter, x: { view: StoreView; prefer: string }): boolean {
    const ballot = { n: ballotOf(s.store), by: 'nobody', why: '', ...x.view.ballot, prefer: x.prefer };
    const e = this.#bent({ is: 'see', view: { ...x.view, ballot }, look: lookAt(s, v), seen: STUCK });
    const { next, effects } = step(agentOf(s, v).s, e);
    const [c] = effects;
    const bent = c === undefined ? c : (this.#bend.effect?.(c, next, e) ?? c);
    if (bent?.do !== 'txn' || bent.why !== 'decide') return false;
    const draft = this.#out.begin();
    fly(draft, bent.txn);
    this.#out.send(draft, () => `somebody chooses: ${JSON.stringify(bent.txn.put[0]?.value)}`);
    return true;
  }

  #faults(from: State, v: Voter): void {
    if ((this.#world.size.faultsAt ?? v) !== v) return;
    const { budgets } = from;
    if (budgets.crashes > 0 && agentOf(from, v).s.least !== undefined) this.#dies(from, v);
    if (budgets.seals > 0 && agentOf(from, v).s.applied === epochOf(from.store)?.epoch) this.#leaves(v);
    if (budgets.restarts === 0) return;
    for (const log of this.#disks(redisOf(from, v))) {
      const s = this.#out.begin();
      s.budgets = { ...budgets, restarts: budgets.restarts - 1 };
      this.#restarts(s, v, log);
      this.#out.send(s, () => `Redis ${v} starts anew with "${log}"`);
    }
  }
  /** What a new process may find: nothing, what an orderly stop saved, or any beginning of its log. */
  #disks(r: Redis): Set<string> {
    const logs = new Set(r.disk === '' ? [''] : ['', r.disk]);
    for (let i = 1; this.#world.size.disk && i <= r.log.length; i++) logs.add(r.log.slice(0, i));
    return logs;
  }
  #restarts(s: State, v: Voter, log: string): true {
    restart(s, v, log);
    // Wrong design: the agent goes on with what it was doing, on the new process.
    if (this.#bend.anyProcess !== true || agentOf(s, v).s.busy === undefined) this.#starts(s, v);
    return true;
  }
  #starts(s: State, v: Voter): void {
    setAgent(s, v, started(agentOf(s, v).s.setup));
  }

  #leaves(v: Voter): void {
    const s = this.#out.begin();
    s.budgets = { ...s.budgets, seals: s.budgets.seals - 1 };
    setAgent(s, v, step(agentOf(s, v).s, { is: 'leave' }).next, agentOf(s, v).at);
    this.#out.send(s, () => `agent ${v} is told to stop`);
  }

  /** An agent dies; what it has sent to Redis may still arrive, or not. */
  #dies(from: State, v: Voter): void {
    for (const late of new Set(['', lateOf(agentOf(from, v))])) {
      const s = this.#out.begin();
      s.budgets = { ...s.budgets, crashes: s.budgets.crashes - 1 };
      this.#starts(s, v);
      if (late !== '') setRedis(s, v, { late });
      this.#out.send(s, () => `agent ${v} dies${late === '' ? '' : `, on its way: ${late}`}`);
    }
  }
  /** A claim on its way while its agent dies. */
  #diesAfter(v: Voter, txn: StateTxn): void {
    const s = this.#out.begin();
    s.budgets = { ...s.budgets, crashes: s.budgets.crashes - 1 };
    fly(s, txn);
    this.#starts(s, v);
    this.#out.send(s, () => `agent ${v} dies, its claim is on its way`);
  }
}

const PROMOTION = ['no primary any more', 'marker', 'writes on'];
const NOTHING: StoreView = { revision: 0, fresh: false, fences: {}, opinions: {}, runs: {} };

const viewWithRuns = (view: StoreView, store: Store): StoreView => ({ ...view, fresh: false, runs: store.runs });

/** Whom nobody lets in follows itself: nothing comes of it. */
const followOf = (c: Of<'follow'>, me: Voter): string =>
  `${c.counts ? 'F' : 'Q'}${c.v.epoch}${c.from[0] === undefined ? me : index(c.from[0])}`;

function lateOf(a: Agent): string {
  const c = a.s.busy;
  if (c?.do === 'follow') return followOf(c, index(a.s.setup.me));
  if (c?.do !== 'promote') return '';
  return ['A', 'M', 'O']
    .slice(a.at)
    .map((k) => `${k}${c.v.epoch}`)
    .join();
}

const told = (v: StoreView): string => `ballot ${v.ballot?.n ?? 0}, epoch ${v.epoch?.value.epoch ?? 0}`;
function nameOf(c: Command): string {
  if (c.do === 'txn') return `${c.why} ${JSON.stringify(c.txn.put[0]?.value)}`;
  return c.do;
}
