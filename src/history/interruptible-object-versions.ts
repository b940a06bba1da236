import { JavumboError } from '../core/failure.ts';
import { type InterruptibleOptions, interruptibleRead, interruptibleWrite } from '../core/interruptible.ts';
import type { DeleteFailure, ObjectVersion, ObjectVersions } from './object-versions.ts';

/** Starts no request after an interruption; interruptible.ts says what happens to requests under way. */
export class InterruptibleObjectVersions implements ObjectVersions {
  readonly #inner: ObjectVersions;
  readonly #options: InterruptibleOptions;

  constructor(inner: ObjectVersions, options: InterruptibleOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  async *list(prefix: string, options: { readonly versions: boolean }): AsyncIterable<readonly ObjectVersion[]> {
    const pages = this.#inner.list(prefix, options)[Symbol.asyncIterator]();
    for (;;) {
      const page = await interruptibleRead(this.#options, () => pages.next());
      if (page.done) return;
      yield page.value;
    }
  }

  async delete(batch: readonly ObjectVersion[]): Promise<readonly DeleteFailure[]> {
    const answer = await interruptibleWrite(this.#options, '', () => this.#inner.delete(batch));
    if (!('kind' in answer)) return answer;
    throw new JavumboError(
      'unknown',
      `interrupted while deleting objects, ${batch.length} in all: it is not known which of them are gone`,
      { try: 'the same command again, which deletes what is left', cause: answer.cause },
    );
  }
}
