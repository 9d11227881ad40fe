const EU = 'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK'.split(' ');
const EEA = [...EU, 'IS', 'LI', 'NO'];

/** Groups of countries that a residency rule may name; every other name is a country (ISO 3166-1 alpha-2). */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  EU,
  EEA,
  EUROPE: [...EEA, ...'AD AL BA BY CH FO GB GG GI IM JE MC MD ME MK RS SM UA VA XK'.split(' ')],
  'NORTH-AMERICA': 'CA MX US'.split(' '),
  'SOUTH-AMERICA': 'AR BO BR CL CO EC GY PE PY SR UY VE'.split(' '),
  OCEANIA: 'AU FJ NC NZ PF PG SB VU WS'.split(' '),
};

export const isRegion = (name: string): boolean => name in GROUPS || /^[A-Z]{2}$/.test(name);

/** Whether a country belongs to a country or group. */
export function inRegion(country: string, name: string): boolean {
  return country === name || (GROUPS[name]?.includes(country) ?? false);
}
