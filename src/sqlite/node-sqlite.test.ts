import { getBuiltinModule } from 'node:process';
import { describe, test } from 'vitest';
import { describeSqliteEngine } from './engine-contract.ts';

// This file is also run by Node 22 and 24 themselves: src/function/node-versions.engine.ts.
if (getBuiltinModule?.('node:sqlite') === undefined) {
  describe('node:sqlite', () => {
    test.skip(`is not in Node ${process.version}`, () => {});
  });
} else {
  const { nodeSqlite } = await import('./node-sqlite.ts');
  describeSqliteEngine(nodeSqlite);
}
