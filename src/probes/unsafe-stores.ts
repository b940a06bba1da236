import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { recordPath, writeRecord } from './records.ts';
import type { UnsafeVerdict } from './refusing.ts';

/**
 * The stores that `doctor` saw losing updates from this machine: a file for each in JAVUMBO_HOME, where neither `cache
 * clear` nor a restart takes it away.
 */
export class UnsafeStores {
  readonly #directory: string;

  constructor(home: string) {
    this.#directory = join(home, 'unsafe-stores');
  }

  /** The verdict on a store; undefined where none was recorded. */
  find(identity: string): UnsafeVerdict | undefined {
    try {
      const text = readFileSync(this.#pathOf(identity), 'utf8');
      const { store, foundAt, findings } = JSON.parse(text) as Partial<UnsafeVerdict>;
      if (typeof store === 'string' && typeof foundAt === 'string' && Array.isArray(findings)) {
        return { store, foundAt, findings: findings.map(String) };
      }
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return undefined;
    }
    // A file that somebody has damaged, or that may not be read, is a reason to be careful, not to be careless.
    return { store: identity, foundAt: 'an unknown day', findings: ['its record cannot be read'] };
  }

  record(identity: string, verdict: UnsafeVerdict, random: Random): void {
    writeRecord(this.#pathOf(identity), JSON.stringify(verdict), random);
  }

  /** Takes a verdict back: the store was found sound. */
  forget(identity: string): void {
    rmSync(this.#pathOf(identity), { force: true });
  }

  #pathOf(identity: string): string {
    return recordPath(this.#directory, identity);
  }
}
