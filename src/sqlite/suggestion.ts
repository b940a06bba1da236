import { nearest } from '../core/nearest.ts';
import type { SqlDatabase } from './engine.ts';
import { namesOf } from './schema.ts';
import { tokensOf } from './statements.ts';

/** Adds to an error of SQLite over a name or a word that it does not know the one that was probably meant. */
export function withSuggestion(error: unknown, database: SqlDatabase, sql: string): unknown {
  if (!(error instanceof Error)) return error;
  const meant =
    meantName(error.message, database, sql) ??
    meantFunction(error.message, database) ??
    meantKeyword(error.message, database, sql);
  if (meant !== undefined) error.message += `; did you mean ${meant}?`;
  return error;
}

function meantName(message: string, database: SqlDatabase, sql: string): string | undefined {
  const [, kind, wrong] = /no (?:such )?(table|column)(?: named|:) "?([\w.]+)"?/.exec(message) ?? [];
  if (wrong === undefined) return undefined;
  const { tables, columns } = namesOf(database);
  // Of the tables in the statement: others have names that are as near.
  const used = [...columns].filter(([table]) => sql.toLowerCase().includes(table.toLowerCase()));
  const names = kind === 'table' ? tables : [...new Set(used.flatMap(([, its]) => its))];
  return nearest(wrong.split('.').at(-1) ?? wrong, names);
}

/** Of more than a hundred words one is always a little like another, so less is taken for a typing error than among names. */
const farthest = (word: string): number => (word.length < 6 ? 1 : 2);

const SHORTEST = 3;

function meantFunction(message: string, database: SqlDatabase): string | undefined {
  const [, wrong = ''] = /^no such function: (\w+)$/.exec(message) ?? [];
  if (wrong.length < SHORTEST) return undefined;
  const functions = (
    database.prepare('SELECT DISTINCT name FROM pragma_function_list').all() as { name: string }[]
  ).map(({ name }) => name);
  // `len` is rather `length` than `ln`.
  const [begun, ...others] = functions.filter((name) => name.startsWith(wrong.toLowerCase()));
  if (begun !== undefined && others.length === 0) return begun;
  // One wrong letter of three is another word.
  return wrong.length === SHORTEST ? undefined : nearest(wrong, functions, farthest(wrong));
}

/**
 * Returns the keyword with which SQLite parses more of the statement: in the place of the word at which it stopped, or of
 * the one before, which it took for a name (`SELECT 1 FORM notes` stops at `notes`).
 */
function meantKeyword(message: string, database: SqlDatabase, sql: string): string | undefined {
  const [, stop] = /^near "(.+)": syntax error$/s.exec(message) ?? [];
  // Parsing a pragma can already be its effect.
  if (stop === undefined || sql.length > LENGTH_MAX || /\bpragma\b/i.test(sql)) return undefined;
  const words = Array.from(tokensOf(sql), ({ start, end }) => ({ start, end, word: sql.slice(start, end) }));
  const stopsAt = words.filter(({ word }) => word === stop);
  const before = words.filter(({ end }) => sql.slice(end).trimStart().startsWith(stop));
  for (const { start, end, word } of [...stopsAt, ...before].slice(0, PLACES_MAX)) {
    if (!/^[a-z]{3,}$/i.test(word) || KEYWORDS.includes(word.toUpperCase())) continue;
    const parses = (keyword: string): boolean => {
      const [head, tail] = [`${sql.slice(0, start)}${keyword}`, sql.slice(end)];
      try {
        database.prepare(`${head}${tail}`);
        return true;
      } catch (error) {
        const [, next] = /near "(.+)": syntax error$/s.exec((error as Error).message) ?? [];
        return next === undefined
          ? !/incomplete input/.test((error as Error).message)
          : tail.includes(next) && next !== stop;
      }
    };
    const near = KEYWORDS.filter((keyword) => nearest(word, [keyword], farthest(word)) !== undefined);
    const meant = nearest(word, near.filter(parses), farthest(word));
    if (meant !== undefined) return word === stop ? meant : `${meant} instead of ${word}`;
  }
  return undefined;
}

// A longer statement is a program's, and each try parses all of it.
const LENGTH_MAX = 10_000;
const PLACES_MAX = 8;

// SQLite has a list of its own (sqlite3_keyword_name), which neither library passes on. Without those that db commands
// refuse, and those too short to tell what else they may be. (https://sqlite.org/lang_keywords.html)
const KEYWORDS =
  `ABORT ACTION ADD AFTER ALL ALTER ALWAYS ANALYZE AND ASC AUTOINCREMENT BEFORE BETWEEN CASCADE CASE CAST CHECK COLLATE
  COLUMN CONFLICT CONSTRAINT CREATE CROSS CURRENT CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP DEFAULT DEFERRABLE DEFERRED
  DELETE DESC DISTINCT DROP EACH ELSE END ESCAPE EXCEPT EXCLUDE EXISTS EXPLAIN FAIL FILTER FIRST FOLLOWING FOR FOREIGN FROM
  FULL GENERATED GLOB GROUP GROUPS HAVING IGNORE IMMEDIATE INDEX INDEXED INITIALLY INNER INSERT INSTEAD INTERSECT INTO
  ISNULL JOIN KEY LAST LEFT LIKE LIMIT MATCH MATERIALIZED NATURAL NOT NOTHING NOTNULL NULL NULLS OFFSET ORDER OTHERS OUTER
  OVER PARTITION PLAN PRECEDING PRIMARY QUERY RAISE RANGE RECURSIVE REFERENCES REGEXP REINDEX RELEASE RENAME REPLACE
  RESTRICT RETURNING RIGHT ROLLBACK ROW ROWS SAVEPOINT SELECT SET TABLE TEMP TEMPORARY THEN TIES TRIGGER UNBOUNDED UNION
  UNIQUE UPDATE USING VALUES VIEW VIRTUAL WHEN WHERE WINDOW WITH WITHOUT`.split(/\s+/);
