import { signal } from '@preact/signals';

export const path = signal(location.pathname);
/** The part of the page that was asked for, such as a release; empty: the whole of it. */
export const part = signal(location.hash.slice(1));
addEventListener('popstate', () => {
  path.value = location.pathname;
  part.value = location.hash.slice(1);
});

/** Opens a page, or the part of it with this id; a question that is open is left. */
export function go(to: string, wanted = ''): void {
  if (to === path.value && wanted === '') return;
  document.querySelector<HTMLDialogElement>('dialog[open]')?.close();
  if (to !== path.value) history.pushState(null, '', wanted === '' ? to : `${to}#${wanted}`);
  path.value = to;
  part.value = wanted;
  // The page is drawn by then.
  setTimeout(() => document.getElementById(wanted === '' ? 'main' : wanted)?.focus());
}
