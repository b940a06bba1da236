/** The command as the package has it, for scripts in dist/testing: a few files load in half the time of hundreds. */
import { createRequire } from 'node:module';
import type * as bin from '../commands/bin.ts';

export const { main, processContext }: typeof bin = createRequire(import.meta.url)('../bundle/command.cjs');
