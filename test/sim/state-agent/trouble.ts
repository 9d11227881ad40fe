import type { Place, Rig } from './rig.ts';

/** One of six faults at a place, or none; `dies`: how whoever commands dies. The first two of them are that. */
export async function trouble(rig: Rig, p: Place, dies: () => Promise<void> | void): Promise<void> {
  const n = Math.floor(rig.roll() * 7);
  await rig.clock.sleep(rig.roll() * 3000);
  rig.say(`== trouble ${n} at ${p.name}`);
  if (n === 1 || n === 2) await dies();
  if (n === 3) {
    rig.kill(p);
    await rig.clock.sleep(rig.roll() * 3000);
    rig.start(p);
  }
  if (n === 4) {
    rig.lossy = 0.3;
    await rig.clock.sleep(3000);
    rig.lossy = 0;
  }
  if (n === 5) {
    rig.isolate(p, true);
    await rig.clock.sleep(rig.roll() * 8000);
    rig.isolate(p, false);
  }
  if (n === 6) {
    p.redis.stop();
    await rig.clock.sleep(rig.roll() * 2000);
    p.redis.start('empty');
  }
}
