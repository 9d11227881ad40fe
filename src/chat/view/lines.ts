/** What Slack makes of typed text, turned back: entities, automatic links, a mention in front. */
export function typedInSlack(text: string): string {
  return text
    .replace(/^\s*<@[A-Z0-9]+>\s*/, '')
    .replace(/<(?:https?:\/\/|mailto:|tel:)[^|>]*\|([^>]*)>/g, '$1')
    .replace(/<(https?:\/\/[^|>]*)>/g, '$1')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&')
    .trim();
}

/** A command where none is heard: in a quote, in code, in look-alike letters; undefined = persons talk to persons. */
export function hiddenIn(body: string, word: string): { line: string; why: string } | undefined {
  const [first = '', second = ''] = body.split(/\r\n|[\r\n]/, 2);
  const raw = first.startsWith('```') ? second : first;
  const line = raw.normalize('NFKC').replace(/^[>\s`]+/, '');
  if (!line.startsWith(word) || !/^(?:[\s`]|$)/.test(line.slice(word.length))) return undefined;
  return { line, why: raw.includes(word) ? 'it stands in a quote or in code' : 'it is written in look-alike letters' };
}
