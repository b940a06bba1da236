import { JavumboError } from '../core/failure.ts';

/** One statement of a script, with its first line (counted from 1). */
export interface Statement {
  readonly sql: string;
  readonly line: number;
  /** Its first word in upper case, skipping comments and `EXPLAIN`. */
  readonly verb: string;
}

// A token that matters for finding a statement's end: a quoted string or name, a comment, a word, a semicolon. An
// unclosed quote or comment runs to the end, where SQLite reports it.
const TOKEN =
  /'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[A-Za-z_\u0080-\ufefe\uff00-\uffff][A-Za-z0-9_$\u0080-\ufefe\uff00-\uffff]*|\?\d*|[:@$][A-Za-z0-9_$\u0080-\ufefe\uff00-\uffff]*|;/g;

/**
 * Splits a script into statements by the rules of sqlite3_complete(): a statement ends at a semicolon outside strings
 * and comments, a CREATE TRIGGER at a semicolon after `; END`. (https://sqlite.org/c3ref/complete.html)
 */
export function splitStatements(script: string): Statement[] {
  const statements: Statement[] = [];
  let start = 0;
  let words: string[] = [];
  let last = '';
  let beforeLast = '';

  const finish = (end: number): void => {
    const sql = script.slice(start, end);
    const verb = words.find((word) => !['EXPLAIN', 'QUERY', 'PLAN'].includes(word));
    if (words.length > 0 || /[^\s;]/.test(withoutComments(sql))) {
      const leading = /^\s*/.exec(sql)?.[0] ?? '';
      const line = script.slice(0, start + leading.length).split('\n').length;
      statements.push({ sql: sql.trim(), line, verb: verb ?? '' });
    }
    start = end;
    words = [];
    last = '';
    beforeLast = '';
  };

  for (const match of script.matchAll(TOKEN)) {
    const token = match[0];
    if (token.startsWith('--') || token.startsWith('/*')) continue;
    if (token === ';') {
      const inTrigger = isTrigger(words);
      if (!inTrigger || (last === 'END' && beforeLast === ';')) {
        finish(match.index + 1);
        continue;
      }
    }
    const word = token.toUpperCase();
    if (words.length < 6 && /^[A-Z_]/.test(word)) words.push(word);
    beforeLast = last;
    last = word;
  }
  finish(script.length);
  return statements;
}

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
  const parameters = [...sql.matchAll(TOKEN)].map(([token]) => token).filter((token) => /^[?:@$]/.test(token));
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

const WITHOUT_TRANSACTION = 'the same statements without BEGIN, COMMIT, END and ROLLBACK: they run in one transaction';

/** Throws `usage` for statements that reach outside the user's database, or end the transaction of an edit. */
export function refuseUnsafe(statements: readonly Statement[]): void {
  for (const { verb, sql, line } of statements) {
    if (verb === 'ATTACH' || verb === 'DETACH') {
      throw new JavumboError('usage', `line ${line}: ${verb} reaches outside the user's database`, {
        try: 'javumbo db pull, and work on the file',
      });
    }
    const endsTransaction =
      ['COMMIT', 'END'].includes(verb) || (verb === 'ROLLBACK' && !/\bTO\b/i.test(withoutComments(sql)));
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
    if (verb !== 'PRAGMA' || !/\bjournal_mode\s*[=(](?!\s*'?delete\b)/i.test(withoutComments(sql))) continue;
    throw new JavumboError(
      'usage',
      `line ${line}: databases are stored in rollback mode, which journal_mode cannot change`,
      {
        try: 'the same statements without it',
      },
    );
  }
}
