import type { Command } from 'commander';
import { DAYS } from '../../verify/days.ts';
import type { Execute } from '../execute.ts';
import { registerVerify } from './verify-days.ts';

export function registerVerifyAll(parent: Command, execute: Execute): void {
  registerVerify(parent, execute, 'all', 'the tests of every day, with a summary', DAYS);
}
