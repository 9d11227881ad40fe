import type { LabSwitches } from '../chat/index.ts';
import { fault } from '../kernel/index.ts';
import { type AppParts, type Http1, need } from './parts.ts';
import type { Lab } from './ports.ts';
import { LOCAL } from './session.ts';
import { bodyOf } from './verbs.ts';

type Body = Readonly<Record<string, unknown>>;

const MOST_CHARS = 2000;

/** Throws TW8025. */
function textOf(body: Body, name: string): string {
  const value = body[name];
  if (typeof value === 'string' && value.trim() !== '' && value.length <= MOST_CHARS) return value;
  throw fault('TW8025', { value: name, why: [`a text of 1 to ${MOST_CHARS} characters is expected`] });
}

const SWITCHES: readonly (keyof LabSwitches)[] = ['outage', 'slow', 'limited', 'duplicate', 'reorder'];

/** Throws TW8025. */
function switchesOf(body: Body): Partial<LabSwitches> {
  const wrong = Object.entries(body).find(
    ([k, v]) => !SWITCHES.includes(k as keyof LabSwitches) || typeof v !== 'boolean',
  );
  if (wrong === undefined) return body;
  throw fault('TW8025', { value: wrong[0], why: [`switches are ${SWITCHES.join(', ')}: true or false`] });
}

const DO: Readonly<Record<string, (lab: Lab, body: Body) => Promise<void>>> = {
  say: (lab, b) => lab.say(textOf(b, 'person'), textOf(b, 'text')),
  press: (lab, b) => lab.press(textOf(b, 'person'), textOf(b, 'card'), textOf(b, 'button')),
  switches: (lab, b) => lab.set(switchesOf(b)),
};

/**
 * `POST /lab/<say|press|switches>`: whoever sits before the lab plays its persons, so only who could write the config
 * of this project as well. Throws TW8021, TW8025, TW8026.
 */
export function labHandler(p: AppParts): (c: Http1) => Promise<Response> {
  return async (c) => {
    const person = need(c, 'admin');
    if (person.id !== LOCAL)
      throw fault('TW8021', {
        value: person.name,
        why: ['a token does not play the persons of the lab'],
        fix: [{ say: 'Sign in on the machine of the project:', command: 'tw dashboard' }],
      });
    const what = c.req.param('what') ?? '';
    const act = Object.hasOwn(DO, what) ? DO[what] : undefined;
    if (act === undefined) throw fault('TW8026', { value: what, why: [`the lab knows ${Object.keys(DO).join(', ')}`] });
    await act(p.deps.lab, await bodyOf(c));
    return c.json({ kind: 'Lab', data: {} });
  };
}
