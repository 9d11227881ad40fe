import { CLUSTERS, GREEN } from './laws.ts';
import { Life } from './life.ts';
import { HEAL_MS, Rig, type Scenario } from './rig.ts';

type At = (ms: number | undefined, act: () => void | Promise<unknown>) => void;

function cuts(rig: Rig, cut: Scenario['cut'], at: At): void {
  if (cut === undefined) return;
  const name = CLUSTERS[cut.cluster] ?? '';
  at(cut.from, () => {
    rig.world.cut.add(name);
    rig.say(`${name} is cut off`);
  });
  at(cut.from + cut.ms, () => {
    rig.world.cut.delete(name);
    rig.say(`${name} is back`);
  });
}
function turnsBad(rig: Rig, bad: Scenario['bad'], at: At): void {
  if (bad === undefined) return;
  const key = `${CLUSTERS[bad.cluster]} ${GREEN}`;
  if (bad.from === 0) rig.world.sick.set(key, 'crash');
  at(bad.from, () => {
    const unit = rig.world.units.get(key);
    if (unit !== undefined) unit.ready = 0;
    rig.say(`${key} has no pod ready`);
  });
}

/** What happens around the shells, at its time. */
function plan(rig: Rig, x: Scenario): void {
  const at: At = (ms, act) => {
    if (ms === undefined) return;
    rig.clock
      .sleep(ms)
      .then(act)
      .catch((e: unknown) => rig.say(String(e)));
  };
  cuts(rig, x.cut, at);
  turnsBad(rig, x.bad, at);
  at(x.rollbackAt, () => rig.ask('rollback'));
  at(x.giveUpAt, () => rig.ask('giveUp', CLUSTERS[x.cut?.cluster ?? 0]));
  at(x.takeoverAt, () => rig.takeover('shell B'));
}

/** A fresh shell goes on until it finishes. */
async function resumed(rig: Rig, name: string): Promise<void> {
  let ended = false;
  void rig.takeover(name).then(() => (ended = true));
  await rig.run(() => ended);
}
async function passes(rig: Rig, ms: number): Promise<void> {
  let over = false;
  void rig.clock.sleep(ms).then(() => (over = true));
  await rig.run(() => over);
}

/** A process that stood still wakes up this long after everything is healed: while the next shell drives. */
const AWAKE_MS = 3000;

/** One release through all of it, then healed: a fresh shell must end it. Throws with the story where a law breaks. */
export async function play(x: Scenario): Promise<Rig> {
  const rig = new Rig(x);
  try {
    const mine = await rig.begin();
    void rig.shell('shell A', mine, rig.ports(new Life(rig.clock, x.fate, HEAL_MS + AWAKE_MS)));
    plan(rig, x);
    await passes(rig, HEAL_MS);
    rig.weather.healed = true;
    rig.world.cut.clear();
    rig.say('everything is healed');
    await resumed(rig, 'shell C');
    const first = rig.unfinished();
    // What is still in flight lands. A brake has no fence: one that comes after the end is lifted by the next shell.
    await passes(rig, HEAL_MS);
    await resumed(rig, 'shell D');
    const left = first ?? rig.unfinished();
    if (left !== undefined) throw new Error(left);
    return rig;
  } catch (e) {
    throw new Error([e instanceof Error ? e.message : String(e), JSON.stringify(x), ...rig.log].join('\n'), {
      cause: e,
    });
  }
}
