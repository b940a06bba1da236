/** Where a value came from. */
export type Source = 'flag' | 'environment' | 'terraform' | 'profile' | 'default';

/** A value, and who decided it. */
export interface Setting<T> {
  readonly value: T;
  readonly source: Source;
  /** The flag, variable, output or file that decided; absent for a default. */
  readonly name?: string | undefined;
}

/** What one source says; undefined where it says nothing. */
export function given<T>(source: Source, name: string, value: T | undefined): Setting<T> | undefined {
  return value === undefined ? undefined : { value, source, name };
}

/** What holds where no source says anything. */
export function fallback<T>(value: T): Setting<T> {
  return { value, source: 'default' };
}

/** The first source that says something. The last one always does. */
export function first<T>(...candidates: [...(Setting<T> | undefined)[], Setting<T>]): Setting<T> {
  return candidates.find((candidate) => candidate !== undefined) as Setting<T>;
}
