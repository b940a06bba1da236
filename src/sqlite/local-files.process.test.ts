import { describe } from 'vitest';
import { sqliteEngine } from './choose-engine.ts';
import { traitsOf } from './engine-contract.ts';
import { describeLocalFiles } from './local-files-contract.ts';

// Run by Node 22 and 24 too, where better-sqlite3 has no binary: src/sqlite/node-versions.engine.ts.
const engine = await sqliteEngine();
describe(engine.name, () => describeLocalFiles(engine, traitsOf(engine)));
