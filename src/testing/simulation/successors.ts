import type {
  DatabaseStore,
  DeleteOptions,
  DeleteOutcome,
  PutOptions,
  PutOutcome,
  Version,
} from '../../store/database-store.ts';
import type { Anomaly } from './checker.ts';

/**
 * What became of each version, as the machines were told: at most one write that was acknowledged may have come directly
 * after it, a delete included. It needs nothing but versions, so neither restores nor deletes confuse it.
 *
 * A delete that finds nothing any more is told that the version is gone, whoever removed it. So one counts only
 * where no other was tried since that version was written.
 */
export class Successors {
  readonly #told = new Map<Version, string[]>();
  /** How many deletes had been tried when the put of a version began. */
  readonly #deletesBefore = new Map<Version, number>();
  #deletes = 0;

  /** The same store for one machine, which notes what that machine is told. */
  watching(store: DatabaseStore, machine: string): DatabaseStore {
    const note = (base: Version | undefined, what: string): void => {
      if (base !== undefined) this.#told.set(base, [...(this.#told.get(base) ?? []), `${machine} ${what}`]);
    };
    return {
      get: (...call) => store.get(...call),
      head: (...call) => store.head(...call),
      trace: (...call) => store.trace(...call),
      list: (...call) => store.list(...call),
      put: async (username: string, source: string, options: PutOptions): Promise<PutOutcome> => {
        const before = this.#deletes;
        const outcome = await store.put(username, source, options);
        const { condition } = options;
        if (outcome.kind === 'committed') {
          this.#deletesBefore.set(outcome.version, before);
          note(condition.kind === 'version' ? condition.version : undefined, `wrote ${outcome.version.slice(0, 8)}`);
        }
        return outcome;
      },
      delete: async (username: string, options?: DeleteOptions): Promise<DeleteOutcome> => {
        this.#deletes++;
        const outcome = await store.delete(username, options);
        const alone = this.#deletes === (this.#deletesBefore.get(options?.ifVersion ?? '') ?? 0) + 1;
        if (outcome.kind === 'deleted' && alone) note(options?.ifVersion, 'deleted');
        return outcome;
      },
    };
  }

  anomalies(): Anomaly[] {
    return [...this.#told].flatMap(([version, told]): Anomaly[] => {
      // Two deletes of one version may both say that it is gone, for it is.
      if (told.length < 2 || told.every((each) => each.endsWith(' deleted'))) return [];
      const sentence = `version ${version.slice(0, 8)} was followed by ${told.join(' and by ')}`;
      return [{ name: 'forked', sentence, witnesses: [] }];
    });
  }
}
