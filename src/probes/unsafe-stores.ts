import { accessSync, constants, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { recordPath, writeRecord } from './records.ts';
import type { UnsafeVerdict } from './refusing.ts';

/**
 * The stores that `doctor` saw losing updates: one file each in JAVUMBO_HOME, where it survives `cache clear` and restarts.
 */
export class UnsafeStores {
  readonly #directory: string;

  constructor(home: string) {
    this.#directory = join(home, 'unsafe-stores');
  }

  /** Returns the verdict on a store, or undefined if there is none. */
  find(identity: string): UnsafeVerdict | undefined {
    try {
      const text = readFileSync(this.#pathOf(identity), 'utf8');
      const { store, foundAt, findings } = JSON.parse(text) as Partial<UnsafeVerdict>;
      if (typeof store === 'string' && typeof foundAt === 'string' && Array.isArray(findings)) {
        return { store, foundAt, findings: findings.map(String) };
      }
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return undefined;
      // In a home that this user may not enter, this user recorded nothing.
      if (codeOf(error) === 'EACCES' && !this.#mayEnter()) return undefined;
    }
    // A damaged or unreadable record counts as a verdict, to be safe.
    return { store: identity, foundAt: 'an unknown day', findings: ['its record cannot be read'] };
  }

  record(identity: string, verdict: UnsafeVerdict, random: Random): void {
    writeRecord(this.#pathOf(identity), JSON.stringify(verdict), random);
  }

  /** Removes the verdict on a store that was found sound. */
  forget(identity: string): void {
    rmSync(this.#pathOf(identity), { force: true });
  }

  #mayEnter(): boolean {
    try {
      accessSync(this.#directory, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  }

  #pathOf(identity: string): string {
    return recordPath(this.#directory, identity);
  }
}
