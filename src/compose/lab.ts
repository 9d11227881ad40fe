import type { Lab } from '../chat/adapters/lab.ts';
import type { LabSwitches, LabView } from '../chat/index.ts';
import type { Context } from '../commands/index.ts';
import type { Config } from '../config/index.ts';
import { fault } from '../kernel/index.ts';

/** Persons of a lab whose fleet names nobody: two who agree with each other, and one who may only look. */
const CREW: Pick<Config, 'rights' | 'approvals'> & { people: NonNullable<Config['people']> } = {
  people: {
    ana: { accounts: ['lab:ana'], groups: ['crew'] },
    bo: { accounts: ['lab:bo'], groups: ['crew'] },
    eve: { accounts: ['lab:eve'], groups: [] },
  },
  rights: [
    { who: ['crew'], may: ['look', 'safe', 'forward', 'destroy', 'rule', 'approve'] },
    { who: ['eve'], may: ['look'] },
  ],
  approvals: [
    { verbs: ['up', 'down', 'release', 'promote'], quorum: 1, notRequester: true, ttl: '30m' },
    { quorum: 0, notRequester: true, ttl: '30m' },
  ],
};
const ACCOUNT = /^lab:(.+)$/;

/** The rules of a command that comes from the lab; lab persons of our own only where the fleet has none. */
function ruledBy(config: Config): Config {
  if (config.people === undefined) return { ...config, ...CREW };
  if (config.chat?.lab !== undefined) return config;
  throw fault('TW6303', {
    value: config.fleet,
    why: ['its config names people and no lab'],
    fix: [{ say: 'Add it, and accounts such as lab:ana to the people:', command: 'chat: { lab: {} }' }],
  });
}

const personsOf = (config: Config): string[] =>
  Object.values(config.people ?? {}).flatMap((p) => p.accounts.flatMap((a) => ACCOUNT.exec(a)?.[1] ?? []));

export interface LabWiring {
  lab: Lab;
  place: () => 'sandbox' | 'real' | undefined;
  config: () => Promise<Config>;
}

/** The lab as the dashboard sees it. Every use looks again whether the fleet stands in the sandbox. */
export class LabDoor {
  readonly #w: LabWiring;
  constructor(w: LabWiring) {
    this.#w = w;
  }

  /** Throws TW6303. */
  #refuseElsewhere(): void {
    const place = this.#w.place();
    if (place === 'sandbox') return;
    throw fault('TW6303', {
      value: place ?? 'nothing is up yet',
      why: ['lab persons act in the sandbox only'],
      fix: [{ say: 'Start one:', command: 'tw up --sandbox' }],
    });
  }

  async #rules(): Promise<Config> {
    this.#refuseElsewhere();
    return ruledBy(await this.#w.config());
  }

  /** The context of a command that a lab person gave: the rules of the lab, the sandbox and nothing else. Throws TW6303. */
  async guarded(c: Context): Promise<Context> {
    const rules = await this.#rules();
    return { ...c, config: async () => rules, engine: () => c.engine('sandbox') };
  }

  async isOpen(): Promise<boolean> {
    return await this.#rules().then(
      () => true,
      () => false,
    );
  }

  async view(): Promise<LabView> {
    return this.#w.lab.view(personsOf(await this.#rules()));
  }

  async #person(name: string): Promise<string> {
    const persons = personsOf(await this.#rules());
    if (persons.includes(name)) return name;
    throw fault('TW6301', { value: `lab:${name}`, why: [`persons of the lab are ${persons.join(', ')}`] });
  }

  async say(person: string, text: string): Promise<void> {
    this.#w.lab.say(await this.#person(person), text);
  }

  async press(person: string, card: string, button: string): Promise<void> {
    this.#w.lab.press(await this.#person(person), card, button);
  }

  async set(switches: Partial<LabSwitches>): Promise<void> {
    await this.#rules();
    this.#w.lab.set(switches);
  }

  onChange(tell: () => void): void {
    this.#w.lab.onChange(tell);
  }
}
