import { signal } from '@preact/signals';

export const path = signal(location.pathname);
addEventListener('popstate', () => (path.value = location.pathname));

/** Opens a page, or the part of it with this id; a question that is open is left. */
export function go(to: string, part = 'main'): void {
  if (to === path.value && part === 'main') return;
  document.querySelector<HTMLDialogElement>('dialog[open]')?.close();
  if (to !== path.value) history.pushState(null, '', to);
  path.value = to;
  // The page is drawn by then.
  setTimeout(() => document.getElementById(part)?.focus());
}
