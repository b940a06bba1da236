import { isBuiltin } from 'node:module';
import { describe, test } from 'vitest';
import { describeSqliteEngine } from './engine-contract.ts';

// This file is also run by Node 22 and 24 themselves: src/sqlite/node-versions.engine.ts.
if (!isBuiltin('node:sqlite')) {
  describe('node:sqlite', () => {
    test.skip(`is not in Node ${process.version}`, () => {});
  });
} else {
  const { loadNodeSqlite } = await import('./node-sqlite.ts');
  describeSqliteEngine(loadNodeSqlite());
}
