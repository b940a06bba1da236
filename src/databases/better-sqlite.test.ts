import { betterSqlite } from './better-sqlite.ts';
import { describeSqliteEngine } from './sqlite-engine-contract.ts';

describeSqliteEngine(betterSqlite);
