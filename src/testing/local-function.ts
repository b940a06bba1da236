import { resolveConfig } from '../config/config.ts';
import { systemClock } from '../core/clock.ts';
import { LocalFunction, type LocalFunctionOptions } from '../function/local-function.ts';
import { SCRIPTS } from './child-process.ts';
import { freshMachine, temporaryDirectory } from './run-command.ts';

/** Opens a local function, scripted by default, on the local deployment of `env`. The caller closes it. */
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
