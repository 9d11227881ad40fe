import { line, serverNow } from '../store.ts';
import { duration } from './bits.tsx';

/** Who reads a chat that is behind learns here what is true. */
export function ChatAlarm() {
  const chats = line.value.data?.chats ?? [];
  if (chats.length === 0) return null;
  return (
    <section class="config-alarm" aria-label="Chats that are behind">
      {chats.map((c) => (
        <p key={c.door}>
          <strong>
            chat {c.door} behind {duration(serverNow.value - c.since)}
          </strong>
          : {c.cards === 1 ? 'a card there is' : `${c.cards} cards there are`} not right; what runs does not wait for
          it.
          {c.why === null ? '' : ` It says: ${c.why}`}
        </p>
      ))}
    </section>
  );
}
