import { type Store, toJson } from '../../kernel/index.ts';

/** A chat that does not show what is true, for longer than it takes when all is well. */
export interface ChatBehind {
  door: string;
  /** Since when the oldest of its cards is not right, Unix milliseconds. */
  since: number;
  /** Cards that are not right. */
  cards: number;
  /** What the platform said last, in its words; null: it has not answered yet. */
  why: string | null;
}

const PREFIX = 'chat-behind/';

/** Throws TW1020. */
export async function chatsBehind(store: Store): Promise<ChatBehind[]> {
  return (await store.range(PREFIX)).entries.map((e) => e.value as unknown as ChatBehind);
}

/** Undefined: its cards are right again. Throws TW1020. */
export async function noteBehind(store: Store, door: string, is: Omit<ChatBehind, 'door'> | undefined): Promise<void> {
  const key = PREFIX + door;
  const put = is === undefined ? [] : [{ key, value: toJson({ door, ...is }) }];
  await store.txn({ if: [], put, remove: is === undefined ? [key] : [] });
}
