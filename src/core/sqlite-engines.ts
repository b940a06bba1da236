/** The libraries that can open SQLite files, in the order in which they are tried. */
export const SQLITE_ENGINES = ['better-sqlite3', 'node:sqlite'] as const;

export type SqliteEngineName = (typeof SQLITE_ENGINES)[number];
