/** A program for containers that does what each event, or else its environment, says: also what no function should. */
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

/** What a container tells of itself when it is told to `identify`. */
export interface Identity {
  readonly pid: number;
  readonly calls: number;
  readonly temporaryDirectory: string;
  /** What earlier calls have left there. */
  readonly files: readonly string[];
  /** How many calls it was working on. */
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
  // As careless as functions are: the event and the environment in the message.
  throw: (event) => {
    throw new TypeError(`${process.env.SECRET_KEY} ${JSON.stringify(event)}`);
  },
  'never-end': () => new Promise(() => {}),
  block: () => {
    for (;;) {
      // Nothing else of this process gets a turn.
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
