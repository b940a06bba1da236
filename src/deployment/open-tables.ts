import type { Config } from '../config/config.ts';
import type { Context } from '../core/context.ts';
import type { TableRequestCounter } from '../core/table-requests.ts';
import { awsTables } from './aws-tables.ts';
import { localTables } from './local-tables.ts';
import type { Tables } from './tables.ts';

/** The tables of the deployment that the configuration names. Makes no request. */
export function openTables(config: Config, context: Context, counter: TableRequestCounter): Tables {
  return config.deployment.value === 'local'
    ? localTables(config, context.clock, counter)
    : awsTables(config, context, counter);
}
