import type { DynamoServer } from '../dynamo-server.ts';
import type { S3Server } from '../s3-server/server.ts';

/** A command line; behind `! ` one that may find something, and end with another code than 0. */
type Step = string | ((directory: string, servers: Servers) => unknown);
type Environment = Readonly<Record<string, string | undefined>>;

/** What a row can make go wrong. */
export interface Servers {
  readonly s3: S3Server;
  readonly dynamo: DynamoServer;
}

/**
 * A situation that ends with a `try:`, and what that advises, done: it has to help there. Command lines are words, with
 * blanks in single quotes; `{dir}` is a directory of the row's own, `{s3}` the address of a bucket's server.
 */
export interface Advice {
  readonly situation: string;
  /** What is done first, and succeeds. A function prepares what no command makes. */
  readonly given?: readonly Step[];
  readonly givenEnv?: Environment;
  readonly run: string;
  readonly env?: Environment;
  readonly piped?: string;
  /** What it says. */
  readonly try: string | RegExp;
  /** What it advises, done: each must succeed, in order. */
  readonly helps: readonly Step[];
  /** Default: as before. */
  readonly helpsEnv?: Environment;
  readonly helpsPiped?: string;
}

/** Splits a command line at its blanks, but not in single quotes, where '' is one. */
export function wordsOf(line: string, values: Readonly<Record<string, string>>): string[] {
  return [...line.matchAll(/'((?:[^']|'')*)'|(\S+)/g)].map(([, quoted, plain]) =>
    (quoted === undefined ? (plain ?? '') : quoted.replaceAll("''", "'")).replace(
      /\{(\w+)\}/g,
      (whole, name: string) => values[name] ?? whole,
    ),
  );
}
