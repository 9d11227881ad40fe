/** Many writers, one reader: what parallel work reports, in the order it is reported. */
export class Channel<T> implements AsyncIterable<T> {
  readonly #queue: T[] = [];
  #wake: (() => void) | undefined;
  #failure: { error: unknown } | undefined;
  #done = false;

  push(value: T): void {
    this.#queue.push(value);
    this.#wake?.();
  }
  /** Ends the stream after what is queued; with `failure` the reader then throws it. */
  end(failure?: { error: unknown }): void {
    this.#done = true;
    this.#failure = failure;
    this.#wake?.();
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      for (let v = this.#queue.shift(); v !== undefined; v = this.#queue.shift()) yield v;
      if (this.#done) break;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
