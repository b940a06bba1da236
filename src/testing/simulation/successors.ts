import type { Anomaly } from '../../consistency/rules.ts';
import type { Content } from '../../core/file.ts';
import type {
  DatabaseStore,
  DeleteOptions,
  DeleteOutcome,
  PutOptions,
  PutOutcome,
  Version,
} from '../../store/database-store.ts';

/**
 * Records the successors of each version as machines learned them: at most one acknowledged write, deletes included,
 * may directly follow a version. Uses only versions, so restores and deletes do not confuse it. A delete that finds
 * nothing reports the version as gone, whoever removed it, so one counts only if no other was tried since that version
 * was written.
 */
export class Successors {
  readonly #told = new Map<Version, string[]>();
  /** How many deletes had been tried when a version's put began. */
  readonly #deletesBefore = new Map<Version, number>();
  #deletes = 0;

  /** Wraps the store for one machine, and records what that machine learns. */
  watching(store: DatabaseStore, machine: string): DatabaseStore {
    const note = (base: Version | undefined, what: string): void => {
      if (base !== undefined) this.#told.set(base, [...(this.#told.get(base) ?? []), `${machine} ${what}`]);
    };
    return {
      get: (...call) => store.get(...call),
      head: (...call) => store.head(...call),
      trace: (...call) => store.trace(...call),
      list: (...call) => store.list(...call),
      put: async (username: string, source: Content, options: PutOptions): Promise<PutOutcome> => {
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
      // Two deletes of one version may both say that it is gone, because it is.
      if (told.length < 2 || told.every((each) => each.endsWith(' deleted'))) return [];
      const sentence = `version ${version.slice(0, 8)} was followed by ${told.join(' and by ')}`;
      return [{ name: 'forked', sentence, witnesses: [] }];
    });
  }
}
