/** Several producers, one reader: an async iterable that is fed by calls. */
export interface Channel<T> {
  push(value: T): void;
  close(): void;
  values: AsyncIterable<T>;
}

export function channel<T>(): Channel<T> {
  const waiting: T[] = [];
  let closed = false;
  let wake: () => void = () => undefined;
  async function* values(): AsyncIterable<T> {
    for (;;) {
      for (let v = waiting.shift(); v !== undefined; v = waiting.shift()) yield v;
      if (closed) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  return {
    push: (value) => {
      waiting.push(value);
      wake();
    },
    close: () => {
      closed = true;
      wake();
    },
    values: values(),
  };
}
