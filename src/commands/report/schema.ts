import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import type { Execute } from '../execute.ts';

export function registerReportSchema(parent: Command, execute: Execute): void {
  const command = parent
    .command('schema')
    .description('print the JSON Schema of the reports of bench and verify')
    .addHelpText('after', '\nExample:\n  $ javumbo report schema > report.schema.json');
  command.action(() =>
    execute(command, async () => (await import('../../report/schema.ts')).reportJsonSchema(), schemaView),
  );
}

/** Always JSON: a schema has no other form. */
export const schemaView: View<object> = { text: (schema) => JSON.stringify(schema, null, 2), verbatim: true };
