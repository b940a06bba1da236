import type { SqliteEngine } from '../sqlite/engine.ts';
import { awsTables } from './aws-tables.ts';
import type { OpenBackend } from './backend.ts';
import { openS3Store } from './s3-store.ts';

/** A bucket and tables on AWS or on an engine that stands for it, whose files `sqlite` opens. Makes no request. */
export function awsBackend(sqlite: SqliteEngine): OpenBackend {
  return async (config, context, counters) => {
    const { close, ...s3 } = openS3Store(config, context, counters.onExtraRequest);
    const tables = awsTables(config, context, counters.tables);
    return {
      ...s3,
      tables,
      sqlite,
      close: () => {
        close();
        tables.close();
      },
    };
  };
}
