import type { Command } from 'commander';
import type { Execute } from '../../cli/execute.ts';
import { DAYS } from '../../verify/days.ts';
import { registerVerify } from './verify-days.ts';

export function registerVerifyAll(parent: Command, execute: Execute): void {
  registerVerify(parent, execute, 'all', 'the tests of every day, with a summary', DAYS);
}
