export type Source = 'flag' | 'environment' | 'context' | 'terraform' | 'profile' | 'default';

/** A value and its source. */
export interface Setting<T> {
  readonly value: T;
  readonly source: Source;
  /** The flag, variable, output or file; absent for a default. */
  readonly name?: string | undefined;
}

/** Wraps a value from one source; undefined if it has none. */
export function given<T>(source: Source, name: string, value: T | undefined): Setting<T> | undefined {
  return value === undefined ? undefined : { value, source, name };
}

export function fallback<T>(value: T): Setting<T> {
  return { value, source: 'default' };
}

/** Returns the first source with a value. The last one always has one. */
export function first<T>(...candidates: [...(Setting<T> | undefined)[], Setting<T>]): Setting<T> {
  return candidates.find((candidate) => candidate !== undefined) as Setting<T>;
}
