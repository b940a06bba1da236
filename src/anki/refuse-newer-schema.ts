import { JavumboError } from '../core/failure.ts';
import type { SqlDatabase } from '../sqlite/engine.ts';
import { isNewerSchema } from './schema.ts';

/** A collection that a newer Anki upgraded, where it would be changed. */
export class NewerSchemaError extends JavumboError {}

/** Throws `usage` for a collection that a newer Anki upgraded: plain SQLite can neither check nor safely change it. */
export function refuseNewerSchema(database: SqlDatabase, username: string): void {
  if (!isNewerSchema(database)) return;
  throw new NewerSchemaError(
    'usage',
    `database "${username}" has a newer Anki schema than 11, which this tool cannot change safely`,
    {
      try: 'in Anki: File, Export, "Support older Anki versions", and push the collection from that file',
      username,
    },
  );
}
