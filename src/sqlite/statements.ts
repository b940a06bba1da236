import { JavumboError } from '../core/failure.ts';
import { Finder, type Text } from '../core/scan.ts';

/** One statement of a script, with its first line (counted from 1). */
export interface Statement {
  readonly sql: string;
  readonly line: number;
  /** Its first word in upper case, skipping comments and `EXPLAIN`. */
  readonly verb: string;
  /** False for what ends without its semicolon, as the last statement may. */
  readonly complete: boolean;
}

/** A part of SQL that matters for where a statement ends: a string or name in quotes, a word, a parameter, a semicolon. */
interface Token {
  readonly start: number;
  readonly end: number;
}

const isLetter = (code: number): boolean =>
  (code >= 0x41 && code <= 0x5a) ||
  code === 0x5f ||
  (code >= 0x61 && code <= 0x7a) ||
  (code >= 0x80 && code !== 0xfeff && code <= 0xffff);
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const isOfWord = (code: number): boolean => isLetter(code) || isDigit(code) || code === 0x24;

/** Yields the tokens, without comments. What is not closed runs to the end, where SQLite reports it. */
export function* tokensOf(sql: Text): Generator<Token> {
  const { length } = sql;
  const endOf = (needle: string, from: number): number => {
    const found = sql.indexOf(needle, from);
    return found === -1 ? length : found + needle.length;
  };
  const whileTrue = (is: (code: number) => boolean, from: number): number => {
    let end = from;
    while (end < length && is(sql.charCodeAt(end))) end++;
    return end;
  };
  for (let start = 0; start < length; ) {
    const character = String.fromCharCode(sql.charCodeAt(start));
    let end = start + 1;
    let isToken = true;
    if (character === "'" || character === '"' || character === '`') {
      // A doubled quote is one inside.
      do end = endOf(character, end);
      while (end < length && sql.charCodeAt(end) === character.charCodeAt(0) && ++end);
    } else if (character === '[') end = endOf(']', end);
    else if (character === '-' && sql.charCodeAt(end) === 0x2d) {
      end = endOf('\n', end);
      isToken = false;
    } else if (character === '/' && sql.charCodeAt(end) === 0x2a) {
      end = endOf('*/', end + 1);
      isToken = false;
    } else if (isLetter(sql.charCodeAt(start)) || /[:@$]/.test(character)) end = whileTrue(isOfWord, end);
    else if (character === '?') end = whileTrue(isDigit, end);
    else isToken = character === ';';
    if (isToken) yield { start, end };
    start = end;
  }
}

/** Returns the first tokens of a statement in upper case, and where each ends. */
export function leadingWords(sql: Text, count: number): { readonly word: string; readonly end: number }[] {
  const words: { word: string; end: number }[] = [];
  for (const { start, end } of tokensOf(sql)) {
    words.push({ word: sql.slice(start, Math.min(end, start + WORD_LENGTH_MAX)).toUpperCase(), end });
    if (words.length === count) break;
  }
  return words;
}

/**
 * Splits a script into statements by the rules of sqlite3_complete(): a statement ends at a semicolon outside strings
 * and comments, a CREATE TRIGGER at a semicolon after `; END`. (https://sqlite.org/c3ref/complete.html)
 */
export function splitStatements(script: Text): Statement[] {
  const statements: Statement[] = [];
  const newLines = new Finder(script, '\n');
  let start = 0;
  let line = 1;
  let counted = 0;
  let words: string[] = [];
  let last = '';
  let beforeLast = '';

  const finish = (end: number, complete: boolean): void => {
    const sql = script.slice(start, end);
    const verb = words.find((word) => !['EXPLAIN', 'QUERY', 'PLAN'].includes(word));
    if (words.length > 0 || /[^\s;]/.test(withoutComments(sql))) {
      const leading = /^\s*/.exec(sql)?.[0] ?? '';
      for (; newLines.from(counted) < start + leading.length; line++) counted = newLines.from(counted) + 1;
      statements.push({ sql: sql.trim(), line, verb: verb ?? '', complete });
    }
    start = end;
    words = [];
    last = '';
    beforeLast = '';
  };

  for (const { start: from, end } of tokensOf(script)) {
    const word = script.slice(from, Math.min(end, from + WORD_LENGTH_MAX)).toUpperCase();
    if (word === ';' && (!isTrigger(words) || (last === 'END' && beforeLast === ';'))) {
      finish(end, true);
      continue;
    }
    if (words.length < 6 && /^[A-Z_]/.test(word)) words.push(word);
    beforeLast = last;
    last = word;
  }
  finish(script.length, false);
  return statements;
}

// Longer than any keyword.
const WORD_LENGTH_MAX = 20;

function isTrigger(words: readonly string[]): boolean {
  const rest = words.filter((word) => !['EXPLAIN', 'QUERY', 'PLAN', 'TEMP', 'TEMPORARY'].includes(word));
  return rest[0] === 'CREATE' && rest[1] === 'TRIGGER';
}

export function withoutComments(sql: string): string {
  return sql.replace(/--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g, '');
}

/**
 * Throws `usage` unless there is one value for each `?` of a statement that SQLite has parsed, and no other kind of
 * parameter. node:sqlite would take NULL for what is missing.
 */
export function refuseOtherValues(sql: string, values: readonly unknown[]): void {
  const tokens = Array.from(tokensOf(sql), ({ start, end }) => sql.slice(start, end));
  const parameters = tokens.filter((token) => /^[?:@$]/.test(token));
  const wanted = parameters.filter((token) => token === '?').length;
  const named = parameters.find((token) => token !== '?');
  const wrong =
    values.length > wanted
      ? 'too many parameter values were provided'
      : named !== undefined
        ? `missing named parameter ${named}`
        : values.length < wanted
          ? 'too few parameter values were provided'
          : undefined;
  if (wrong === undefined) return;
  throw new JavumboError('usage', wrong, { try: named === undefined ? 'one value for each ?' : 'a ? for each value' });
}

/** True for a ROLLBACK that goes back to a savepoint. "to" in quotes may be the name of a transaction. */
function rollsBackTo(sql: string): boolean {
  const words = leadingWords(sql, 6).map(({ word }) => word);
  const [next, afterNext] = words.slice(words.indexOf('ROLLBACK') + 1);
  return next === 'TO' || (next === 'TRANSACTION' && afterNext === 'TO');
}

// SQLite takes the name and the mode in any quotes.
const OTHER_JOURNAL_MODE = /\bjournal_mode["'`\]]?\s*[=(](?!\s*["'`[]?delete\b)/i;

const WITHOUT_TRANSACTION = 'the same statements without BEGIN, COMMIT, END and ROLLBACK: they run in one transaction';

/** Throws `usage` for statements that reach outside the user's database, or end the transaction of an edit. */
export function refuseUnsafe(statements: readonly Statement[]): void {
  for (const { verb, sql, line } of statements) {
    if (verb === 'ATTACH' || verb === 'DETACH') {
      throw new JavumboError('usage', `line ${line}: ${verb} reaches outside the user's database`, {
        try: 'javumbo db pull, and work on the file',
      });
    }
    const endsTransaction = ['COMMIT', 'END'].includes(verb) || (verb === 'ROLLBACK' && !rollsBackTo(sql));
    if (endsTransaction || verb === 'BEGIN') {
      throw new JavumboError('usage', `line ${line}: ${verb} would end the transaction, so nothing was stored`, {
        try: WITHOUT_TRANSACTION,
      });
    }
    if (verb === 'VACUUM') {
      throw new JavumboError('usage', `line ${line}: VACUUM cannot run inside a transaction`, {
        try: 'javumbo db pull, VACUUM the file, javumbo db push --if-version',
      });
    }
  }
}

/** Throws `usage` for a change of the journal mode: a copy in memory would ignore it, one on disk refuse it. */
export function refuseJournalMode(statements: readonly Statement[]): void {
  for (const { verb, sql, line } of statements) {
    if (verb !== 'PRAGMA' || !OTHER_JOURNAL_MODE.test(withoutComments(sql))) continue;
    throw new JavumboError(
      'usage',
      `line ${line}: databases are stored in rollback mode, which journal_mode cannot change`,
      {
        try: 'the same without it: each commit is one file, which no journal outlives',
      },
    );
  }
}
