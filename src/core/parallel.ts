/**
 * Runs `work` on each item, at most `limit` at once, and yields the results as they come. Takes an item only when there
 * is room for it, so that no number of items fills the memory. After a failure it starts nothing more, yields what still
 * ends well, and throws the failure.
 */
export async function* inParallel<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  limit: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const source = iteratorOf(items);
  const running = new Set<Promise<void>>();
  const results: R[] = [];
  const failures: unknown[] = [];
  let more = true;
  const start = (item: T): void => {
    const task: Promise<void> = work(item)
      .then(
        (result) => void results.push(result),
        (error: unknown) => void failures.push(error),
      )
      .finally(() => running.delete(task));
    running.add(task);
  };
  try {
    for (;;) {
      while (more && failures.length === 0 && running.size < limit) {
        const next = await source.next();
        if (next.done === true) more = false;
        else start(next.value);
      }
      while (results.length > 0) yield results.shift() as R;
      if (running.size > 0) await Promise.race(running);
      // All may have ended while the caller was busy: then there is room for more.
      else if (results.length === 0 && (!more || failures.length > 0)) break;
    }
    if (failures.length > 0) throw failures[0];
  } finally {
    // Nothing goes on behind the back of a caller that stops early.
    await Promise.all(running);
    await source.return?.();
  }
}

function iteratorOf<T>(items: AsyncIterable<T> | Iterable<T>): AsyncIterator<T> | Iterator<T> {
  return Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
}
