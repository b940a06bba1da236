import type { Command } from 'commander';
import type { Execute } from '../execute.ts';
import { registerVerifyDay } from './verify-days.ts';

export function registerVerifyDay3(parent: Command, execute: Execute): void {
  registerVerifyDay(parent, execute, 'day3');
}
