import { resolveConfig } from '../config/config.ts';
import { systemClock } from '../core/clock.ts';
import { LocalFunction, type LocalFunctionOptions } from '../function/local-function.ts';
import { SCRIPTS } from './child-process.ts';
import { freshMachine, temporaryDirectory } from './run-command.ts';

/**
 * A local function of a test's own, whoever closes it: scripted unless `program` says otherwise, on the local deployment
 * of the machine that `env` describes.
 */
export function openLocalFunction(options: Partial<LocalFunctionOptions> = {}): LocalFunction {
  const env = { ...freshMachine(), PATH: process.env.PATH, ...options.env };
  return new LocalFunction({
    config: resolveConfig({ deployment: 'local' }, env),
    clock: systemClock,
    version: '1.2.3',
    directory: temporaryDirectory(),
    program: SCRIPTS.scriptedFunction,
    ...options,
    env,
  });
}
