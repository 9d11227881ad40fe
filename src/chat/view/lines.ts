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
