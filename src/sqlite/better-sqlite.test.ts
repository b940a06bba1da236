import { betterSqlite } from './better-sqlite.ts';
import { describeSqliteEngine } from './engine-contract.ts';

describeSqliteEngine(betterSqlite);
