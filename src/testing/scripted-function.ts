/** A program for containers that behaves as each event or its environment says, even badly. */
import { readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serveCalls } from '../lambda/container-runtime.ts';

export type Behaviour =
  | 'identify'
  | 'throw'
  | 'never-end'
  | 'block'
  | 'exit'
  | 'foreign'
  | 'nothing'
  | 'unserializable';

/** A container's answer to `identify`. */
export interface Identity {
  readonly pid: number;
  readonly calls: number;
  readonly temporaryDirectory: string;
  /** Files left by earlier calls. */
  readonly files: readonly string[];
  /** How many concurrent calls it had. */
  readonly together: number;
}

let calls = 0;
let together = 0;

const BEHAVIOURS: Readonly<Record<Behaviour, (event: object) => unknown>> = {
  identify: async ({ holdMs = 0 }: { holdMs?: number }): Promise<Identity> => {
    together++;
    try {
      const files = readdirSync(tmpdir());
      writeFileSync(join(tmpdir(), `call-${calls}`), '');
      await sleep(holdMs);
      return { pid: process.pid, calls, temporaryDirectory: tmpdir(), files, together };
    } finally {
      together--;
    }
  },
  // Careless like real functions: event and environment are in the message.
  throw: (event) => {
    throw new TypeError(`${process.env.SECRET_KEY} ${JSON.stringify(event)}`);
  },
  'never-end': () => new Promise(() => {}),
  block: () => {
    for (;;) {
      // Blocks the whole process.
    }
  },
  exit: () => process.exit(3),
  foreign: (event) => ({ body: `${process.env.SECRET_KEY} ${JSON.stringify(event)}`, statusCode: 200 }),
  nothing: () => undefined,
  unserializable: () => 1n,
};

serveCalls(() => async (event) => {
  calls++;
  const { behaviour = process.env.BEHAVIOUR ?? 'identify' } = event as { behaviour?: string };
  return BEHAVIOURS[behaviour as Behaviour](event as object);
});
